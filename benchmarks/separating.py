"""A three-minute stereo song, mp3 to four flac files, by both U-Nets and by htdemucs: all weights random.

Each in a process of its own; start-up is not counted, and the peak includes the loaded program. Beside the
wall clock stands processor time, which other programs on the machine change little, and where it goes in one
thread. `python benchmarks/separating.py lengths` takes songs of 1, 10 and 120 minutes apart, for the memory.
`STEMWISE_DEMUCS` names a Python that has `demucs`, by default this one; without it that row is left out.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import count, takewhile
from pathlib import Path
from typing import Any

RATE, MINUTES = 44_100, 3
DEMUCS_S = 30  # of audio: it works segment by segment, so that three minutes take six times as long
NETWORKS = ("half-multisource", "msspt-multisource")
PARTS = ("decode", "down-sample", "network", "share out", "up-sample", "band above", "flac", "rest")


def run() -> list[dict[str, Any]]:
    """One row per network."""
    with tempfile.TemporaryDirectory() as folder:
        song = write_song(Path(folder))
        rows = [_row(name, _said(sys.executable, "whole", name, song)) for name in NETWORKS]
        for row, name in zip(rows, NETWORKS, strict=True):
            spent = _said(sys.executable, "parts", name, song)
            row.update({part: f"{spent[part]:.2f}" for part in PARTS})
    peer = os.environ.get("STEMWISE_DEMUCS", sys.executable)
    if not subprocess.run([peer, "-c", "import demucs"], capture_output=True, check=False).returncode:
        rows.append(
            {**_row("htdemucs, the network alone", _said(peer, "demucs")), **dict.fromkeys(PARTS, "")}
        )
    return rows


def lengths() -> list[dict[str, Any]]:
    """Return what songs of 1, 10 and 120 minutes take, and what memory over that of the loaded program."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (1, 10, 120):
            song = write_song(Path(folder), minutes)
            for name in NETWORKS:
                taken = _said(sys.executable, "whole", name, song)
                over = round(taken["peak"] - taken["loaded"])
                row = {"separator": name, "minutes": minutes, "seconds": round(taken["seconds"], 1)}
                rows.append({**row, "loaded_mib": round(taken["loaded"]), "more_mib": over})
                print(rows[-1], file=sys.stderr, flush=True)
    return rows


def write_song(folder: Path, minutes: int = MINUTES) -> Path:
    """Write a song: a chord that swells, and noise."""
    import numpy as np

    from stemwise.data.writing import AudioWriter

    rng, path = np.random.default_rng(0), folder / "song.mp3"
    with AudioWriter(path, RATE, 2) as writer:
        for second in range(60 * minutes):
            time_s = second + np.arange(RATE) / RATE
            chord = sum(np.sin(2 * np.pi * hz * time_s) for hz in (110, 220, 277, 330, 4000))
            audio = 0.08 * chord * np.sin(np.pi * time_s / 4) + 0.02 * rng.standard_normal((2, RATE))
            writer.write(audio.astype(np.float32))
    return path


def whole(name: str, song: str, precision: Any = "fp32") -> dict[str, float]:
    """Return what a song takes with decoding, network and writing at once, as `stemwise separate` does it."""
    from stemwise.processes import wait_asleep

    wait_asleep()
    import torch

    from stemwise.catalogue.files import FileOptions, FileSink
    from stemwise.catalogue.mixing import mixed, stems_mix
    from stemwise.catalogue.planning import Layout
    from stemwise.catalogue.tally import Tally
    from stemwise.catalogue.work import Order, work
    from stemwise.models import SEPARATORS

    torch.manual_seed(0)
    model = SEPARATORS[name].build().eval()
    model.precision = precision
    mix = stems_mix(model)
    layout = Layout(template="{name}/{stem}", results=tuple(mix.results), extension=".flac")
    order = Order(inputs=[song], out=Path(song).parent / name, settings={"model": name}, layout=layout)
    loaded = _resident_mib()
    began = time.perf_counter(), time.process_time()
    work(
        order,
        lambda info, blocks: mixed(model, mix, info, blocks),
        lambda book: FileSink(book, FileOptions()),
        Tally(lambda tally: None),
    )
    return {**_taken(*began), "loaded": loaded}


def parts(name: str, song: str) -> dict[str, float]:
    """Return the seconds of each part, one after the other in one thread."""
    import numpy as np
    import torch

    from stemwise import chunks, separation
    from stemwise.data.audio import open_audio
    from stemwise.data.writing import write
    from stemwise.models import SEPARATORS
    from stemwise.signal.resample import Resampler

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, spent = SEPARATORS[name].build().eval(), defaultdict[str, float](float)

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*args, **options)
            finally:
                spent[part] += time.thread_time() - began

        return call

    made = model.for_inference()
    model.for_inference = lambda: timed("network", made)
    chunks.share_out_inside = timed("share out", chunks.share_out_inside)
    separation._Gains.take = timed("band above", separation._Gains.take)
    push = Resampler.push
    down, up = timed("down-sample", push), timed("up-sample", push)
    Resampler.push = lambda self, block: (down if len(block) == 2 else up)(self, block)
    began = time.process_time()  # the network has threads of its own
    with open_audio(song) as audio:
        source, step = audio.blocks(RATE * 5), timed("decode", next)
        blocks = takewhile(lambda block: block is not None, (step(source, None) for _ in count()))
        stems = np.concatenate(list(separation.separate(model, blocks, RATE, 2)), axis=2)
    spent["rest"] = time.process_time() - began - sum(spent.values())
    for number, stem in enumerate(stems):
        timed("flac", write)(Path(song).with_name(f"{number}.flac"), stem, RATE)
    return dict(spent)


def demucs() -> dict[str, float]:
    """Return what htdemucs takes for a song as `demucs` runs it, without its shifts."""
    import torch
    from demucs.apply import apply_model  # pyright: ignore[reportMissingImports]
    from demucs.htdemucs import HTDemucs  # pyright: ignore[reportMissingImports]

    torch.manual_seed(0)
    model = HTDemucs(sources=["drums", "bass", "other", "vocals"], segment=7.8).eval()
    audio = 0.1 * torch.randn(1, 2, DEMUCS_S * RATE)
    began = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        apply_model(model, audio, shifts=0, split=True, overlap=0.25)
    taken, times = _taken(*began), 60 * MINUTES / DEMUCS_S
    return {**taken, "seconds": taken["seconds"] * times, "processor": taken["processor"] * times}


def _taken(wall: float, processor: float) -> dict[str, float]:
    return {
        "seconds": time.perf_counter() - wall,
        "processor": time.process_time() - processor,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _resident_mib() -> float:
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) / 1024


def _said(python: str, *arguments: str | Path) -> dict[str, float]:
    command = [python, __file__, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _row(name: str, taken: dict[str, float]) -> dict[str, Any]:
    return {
        "separator": name,
        "seconds": f"{taken['seconds']:.1f}",
        "times_real_time": f"{60 * MINUTES / taken['seconds']:.1f}",
        "processor_s": f"{taken['processor']:.1f}",
        "peak_rss_mib": round(taken["peak"]),
    }


if __name__ == "__main__":
    ways: dict[str, Callable[..., Any]] = {
        "whole": whole,
        "parts": parts,
        "demucs": demucs,
        "lengths": lengths,
    }
    print(json.dumps(ways[sys.argv[1]](*sys.argv[2:])))
