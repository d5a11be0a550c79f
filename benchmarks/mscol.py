"""MSCOL: log-mels beside librosa's, a training step of 128 pairs, and the stems of a set in times real time.

`python benchmarks/mscol.py --device cuda` measures the training steps alone, on a GPU. Processor time stands
beside the clock, since other programs on a machine change it little. Weights are random.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from stemwise.interfaces import ALL, Batch

RATE = 16_000
PAIRS, STEPS, LEFT_OUT = 128, {"cpu": 3, "cuda": 60}, {"cpu": 1, "cuda": 20}
"""Steps that are taken, and how many of them are not counted, as memory and kernels are new to them."""

SONGS, SONG_S = 6, 30
SEPARATORS = ("half-multisource", "msspt-multisource")


def run() -> list[dict[str, Any]]:
    """One row per way of making log-mels, per training step, and per separator; all in one thread."""
    torch.set_num_threads(1)
    rows = log_mels()
    rows += steps("cpu", "half-mscol") + steps("cpu", "mscol")
    return rows + [stems(name) for name in SEPARATORS]


def log_mels(seconds: int = 600) -> list[dict[str, Any]]:
    """Return what the log-mels of some minutes take, ours and librosa's."""
    audio = (0.1 * np.random.default_rng(0).standard_normal(seconds * RATE)).astype(np.float32)
    ways = {"log-mels of 10 min, ours, into the cache's form": _ours, "log-mels of 10 min, librosa": _librosa}
    rows = []
    for name, way in ways.items():
        try:
            way(audio[: 5 * RATE])  # compiles, or says that it is not there
        except ImportError:
            continue
        rows.append(_timed(name, partial(way, audio), seconds))
    return rows


def _ours(audio: np.ndarray) -> list[np.ndarray]:
    from stemwise.data.decoding import FULL_SCALE
    from stemwise.models.frontends import ColaLogMel
    from stemwise.recipes.logmels import _frames

    return list(_frames((audio * FULL_SCALE).astype(np.int16)[:, None], ColaLogMel()))


def _librosa(audio: np.ndarray) -> np.ndarray:
    import librosa  # pyright: ignore[reportMissingImports]

    bands = {"n_mels": 64, "fmin": 60, "fmax": 7800, "htk": True, "norm": None}
    frames = {"n_fft": 1024, "win_length": 400, "hop_length": 160, "center": False, "power": 1.0}
    level = audio / np.sqrt(np.square(audio).sum())
    return np.log(librosa.feature.melspectrogram(y=level, sr=RATE, **bands, **frames).clip(1e-5, 1e8))


class OneBatch:
    """The same 128 pairs again and again, which notes when it is asked for them."""

    batch_size = PAIRS

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(0)
        names = ("anchor", "positive")
        self._batch: dict[str, Any] = {name: torch.randn(PAIRS, 64, 98, generator=draw) - 8 for name in names}
        self._batch |= {
            "active": torch.ones(PAIRS, dtype=torch.bool),
            "source": "bass",
            "names": [""] * PAIRS,
        }
        self.asked: list[tuple[float, float]] = []

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return the batch."""
        self.asked.append((time.perf_counter(), time.process_time()))
        return self._batch

    def card(self) -> Mapping[str, Any]:
        """Return what it is."""
        return {"what": "random pictures"}


def steps(device: Literal["cpu", "cuda"], model: str) -> list[dict[str, Any]]:
    """Return a row for a training step in fp32 and in bf16."""
    return [_step(device, model, precision) for precision in ("fp32", "bf16")]


def _step(device: Literal["cpu", "cuda"], model: str, precision: Literal["fp32", "bf16"]) -> dict[str, Any]:
    from stemwise.models import ENCODERS
    from stemwise.objectives.contrastive import SourceContrastPictures
    from stemwise.training import Machine, Optimiser, Run, Schedule, fit

    torch.manual_seed(0)
    data = OneBatch()
    given = Run(
        model=ENCODERS[model].build(),
        objective=SourceContrastPictures(),
        data=data,
        optimiser=Optimiser(name="keras-adam", learning_rate=1e-3),
        schedule=Schedule(),
        steps=STEPS[device] + 1,
        seed=0,
    )
    machine = Machine(
        device=device, precision=precision, threads=1 if device == "cpu" else 0, checkpoint_s=1e9
    )
    with tempfile.TemporaryDirectory() as folder:
        fit(given, Path(folder), machine, progress=False)
    spent = np.diff(np.array(data.asked)[LEFT_OUT[device] :], axis=0)
    seconds, processor = (statistics.median(column) for column in spent.T)
    where = torch.cuda.get_device_name() if device == "cuda" else "one thread"
    return _row(f"step of {model}, 128 pairs, {precision}, {where}", seconds, processor)


def stems(name: str) -> dict[str, Any]:
    """Return what extracting the stems of a set takes, as `stemwise data stems` does it."""
    from stemwise.catalogue.extraction import mixtures, separated
    from stemwise.catalogue.files import FileOptions, FileSink
    from stemwise.catalogue.forms import Form
    from stemwise.catalogue.mixing import mixed, stems_mix
    from stemwise.catalogue.tally import Tally
    from stemwise.catalogue.work import Order, work
    from stemwise.data.folder import audio_tracks
    from stemwise.data.writing import write
    from stemwise.models import SEPARATORS as VARIANTS

    torch.manual_seed(0)
    model, form = VARIANTS[name].build().eval(), Form(RATE)
    mix, options = stems_mix(model), FileOptions(subtype="pcm16", tags=False, form=form)
    with tempfile.TemporaryDirectory() as folder:
        draw = np.random.default_rng(0)
        for song in range(SONGS):
            write(Path(folder) / f"set/{song}.mp3", 0.1 * draw.standard_normal((2, SONG_S * 44_100)), 44_100)
        found = mixtures(audio_tracks(Path(folder) / "set"))
        layout = separated(tuple(mix.results))
        order = Order(inputs=(), out=Path(folder) / "stems", settings={}, layout=layout, found=found)

        def extract() -> None:
            work(
                order,
                lambda info, blocks: mixed(model, mix, info, blocks, form=form),
                lambda book: FileSink(book, options),
                Tally(),
            )

        what = f"stems of {SONGS} stereo songs of {SONG_S} s to 16 kHz flac, {name}"
        return _timed(what, extract, SONGS * SONG_S)


def _timed(what: str, do: Callable[[], Any], audio_s: float) -> dict[str, Any]:
    clock, processor = time.perf_counter(), time.process_time()
    do()
    return _row(what, time.perf_counter() - clock, time.process_time() - processor, audio_s)


def _row(what: str, seconds: float, processor_s: float, audio_s: float | None = None) -> dict[str, Any]:
    speed = f"{audio_s / processor_s:.0f}" if audio_s else ""
    return {
        "what": what,
        "seconds": f"{seconds:.3f}",
        "processor_s": f"{processor_s:.3f}",
        "times_real_time_per_core": speed,
    }


def main() -> None:
    """Print the training steps of a device."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    device = parser.parse_args().device
    for model in ("half-mscol", "mscol"):
        for row in steps(device, model):
            print(f"{row['what']}: {1000 * float(row['seconds']):.1f} ms", flush=True)


if __name__ == "__main__":
    main()
