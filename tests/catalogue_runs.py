"""Small catalogues to work on: tiny models with random weights, folders of short songs, some broken."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from stemwise.cli import main
from stemwise.models.unet import UNetConfig
from stemwise.weights.store import save
from synth import classifier, noise, scrambled, song

ABOUT = {"title": "random weights", "data": "none", "licence": "MIT"}
ENDINGS = (".wav", ".flac", ".ogg", ".mp3")


def store_models(models: Path) -> None:
    """Save a tiny separator of four stems, one of vocals alone, and a tiny tagger, under the demo's names."""
    tiny = {"widths": (4,) * 3, "head_width": 4}
    save(scrambled(UNetConfig(**tiny).build()), models / "demo-separator", ABOUT)
    save(scrambled(UNetConfig(stems=("vocals",), **tiny).build()), models / "vocals", ABOUT)
    save(classifier("msspt-tail"), models / "demo-tagger", ABOUT)


def write_song(
    path: Path, seconds: float = 0.3, rate: int = 16_000, channels: int = 1, seed: int = 0
) -> Path:
    """Write a short song of four stems."""
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = song(round(seconds * rate), rate, channels, seed).sum(0)
    soundfile.write(path, audio.T, rate)
    return path


def write_songs(folder: Path, count: int, seconds: float = 0.3) -> list[Path]:
    """Write songs of several formats into folders of ten."""
    names = (folder / f"disc {n // 10}" / f"söng {n:03d}{ENDINGS[n % 4]}" for n in range(count))
    return [write_song(name, seconds, seed=n) for n, name in enumerate(names)]


def write_broken(folder: Path) -> list[Path]:
    """Write five files that cannot be separated, each for a reason of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    text, empty, none, nan, bits = (
        folder / name for name in ("text.mp3", "empty.wav", "none.wav", "nan.wav", "bits.flac")
    )
    text.write_text("words, not music\n" * 500)
    empty.touch()
    soundfile.write(none, np.zeros((0, 1)), 16_000)
    broken = noise(1, 9000)
    broken[0, 8000] = np.nan
    soundfile.write(nan, broken.T, 16_000, subtype="FLOAT")
    bits.write_bytes(np.random.default_rng(0).bytes(5000))
    return [text, empty, none, nan, bits]


def forked(*words: str) -> Any:
    """Start a command in a process of its own that has imported everything already."""
    process = multiprocessing.get_context("fork").Process(target=_run, args=(words,))
    process.start()
    return process


def _run(words: tuple[str, ...]) -> None:
    import torch

    torch.set_num_threads(1)
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    os._exit(main(words))


def kill_after(process: Any, happened: Callable[[], bool], wait_s: float = 0.0) -> bool:
    """Kill a process some time after something has happened; return False where it ended before."""
    end = time.monotonic() + 120
    while not happened():
        if not process.is_alive():
            return False
        assert time.monotonic() < end, "the process hangs"
        time.sleep(0.001)
    time.sleep(wait_s)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode == -signal.SIGKILL


def lines(out: Path) -> Iterator[dict[str, Any]]:
    """Yield the journals' lines."""
    for path in sorted((out / ".stemwise").glob("journal*.jsonl")):
        yield from (json.loads(line) for line in path.read_text().splitlines())


def done(out: Path) -> int:
    """How many songs are done, or have their rows in a part."""
    keys = [line["key"] for line in lines(out) if line.get("state") == "done"]
    return len(keys) + sum(len(line["keys"]) for line in lines(out) if "part" in line)


def results(out: Path) -> list[Path]:
    """All files but the hidden ones."""
    found = (path.relative_to(out) for path in out.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.parts[0].startswith("."))
