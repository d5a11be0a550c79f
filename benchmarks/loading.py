"""Training data from a rendered set: decoding it once, batches of remixed stems, what a step waits for."""

from __future__ import annotations

import mmap
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stemwise import STEMS
from stemwise.data.audible import audible_places
from stemwise.data.cache import AudioCache, prepare
from stemwise.data.filling import audio_store
from stemwise.data.material import Material
from stemwise.data.mixing import RemixBatches
from stemwise.data.rendered import RenderSettings, render, tracks
from stemwise.interfaces import ALL, Batch
from stemwise.memory import keep_freed_memory
from stemwise.models import SEPARATORS
from stemwise.objectives.separation import BalancedL1
from stemwise.signal.remix import remixed
from stemwise.training import Machine, Optimiser, Run, Schedule, fit

WINDOW, ROUNDS, STEPS = 61_792, 50, 8
FORMS = {1: (16_000, 8), 2: (44_100, 4)}
"""Channels → rate and mixtures per batch."""


class Cold:
    """Batches whose audio has left the page cache each time: what a set larger than the memory costs."""

    def __init__(self, inner: RemixBatches, data: Path) -> None:
        self.inner, self.batch_size, self.data = inner, inner.batch_size, data

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Forget, then read."""
        self.forget()
        return self.inner.batch(k, rows)

    def card(self) -> Mapping[str, Any]:
        """Return the card of what is inside."""
        return self.inner.card()

    def forget(self) -> None:
        """Take the audio out of this process's map and out of the page cache."""
        mapped: Any = self.inner.cache.audio
        mapped._mmap.madvise(mmap.MADV_DONTNEED)
        with self.data.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run() -> list[dict[str, Any]]:
    """Rows of decoding, of batches and their parts, and of the share of a step that waits for data."""
    keep_freed_memory()  # as training does
    rows = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("STEMWISE_BENCH")) as folder:
        root = Path(folder)
        render(root, RenderSettings(tracks=24, seconds=12.0, workers=2))
        for channels, (rate, size) in FORMS.items():
            material = Material(sources=STEMS, sample_rate=rate, channels=channels)
            seconds, cache = _timed(lambda m=material: prepare(tracks(root, None), m, root))
            rows.append(_row(f"decode 1 h to {material.form}", seconds * 3600 / _file_seconds(cache)))
            batches = RemixBatches(cache, batch_size=size, samples=WINDOW, seed=0)
            cold = Cold(batches, audio_store(material, root / "cache").folder / "data.bin")
            rows += _batch_rows(f"{size} mixtures, {material.form}", batches, cold)
            if channels == 1:
                rows += [_step_row("warm", batches), _step_row("cold", cold)]
    return rows


def _file_seconds(cache: AudioCache) -> float:
    return float(cache.lengths.sum()) * len(STEMS) / cache.material.sample_rate


def _batch_rows(name: str, batches: RemixBatches, cold: Cold) -> list[dict[str, Any]]:
    scan, _ = _timed(lambda: audible_places(batches.cache, 0, WINDOW))
    numbers = count()
    draws = [batches._draw(0, row) for row in range(batches.batch_size)]
    stems = batches._excerpts(draws)
    drawn = {
        part: torch.from_numpy(np.stack([getattr(draw, part) for draw in draws]))
        for part in ("gains_db", "flipped", "swapped")
    }
    times = {
        "whole batch": _median(lambda: batches.batch(next(numbers))),
        "draws": _median(lambda: [batches._draw(next(numbers), row) for row in range(batches.batch_size)]),
        "reading": _median(lambda: batches._excerpts(draws)),
        "gain, polarity, swap": _median(lambda: remixed(stems, **drawn)),
        "whole batch, cold page cache": _median(lambda: batches.batch(next(numbers)), cold.forget),
    }
    rows = [_row(f"{name}: {part}", seconds) for part, seconds in times.items()]
    return [
        _row(
            f"find what is audible in 1 h of a stem, {batches.cache.material.form}", _per_hour(scan, batches)
        ),
        *rows,
    ]


def _per_hour(seconds: float, batches: RemixBatches) -> float:
    return seconds * 3600 * batches.cache.material.sample_rate / float(batches.cache.lengths.sum())


def _step_row(name: str, batches: RemixBatches | Cold) -> dict[str, Any]:
    """Train some steps of the recipe's network and say which share of them waited for data."""
    torch.manual_seed(0)
    run = Run(
        model=SEPARATORS["half-multisource"].build(),
        objective=BalancedL1(),
        data=batches,
        optimiser=Optimiser(learning_rate=1e-3),
        schedule=Schedule(),
        steps=STEPS,
        seed=0,
    )
    with tempfile.TemporaryDirectory() as folder:
        history = fit(run, Path(folder), Machine(device="cpu"), progress=False)[2:]
    seconds = statistics.median(row["seconds"] for row in history)
    share = sum(row["data_s"] for row in history) / sum(row["seconds"] for row in history)
    return _row(f"training step, batch of 8, {name} page cache", seconds, f"{100 * share:.1f} %")


def _row(what: str, seconds: float, waits: str = "") -> dict[str, Any]:
    return {
        "what": what,
        "ms": f"{1e3 * seconds:.2f}" if seconds < 0.1 else f"{1e3 * seconds:.0f}",
        "waits": waits,
    }


def _timed(do: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = do()
    return time.perf_counter() - began, result


def _median(do: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> float:
    """Return the median seconds, without those of what is done before each."""
    seconds = []
    for _ in range(ROUNDS):
        before()
        seconds.append(_timed(do)[0])
    return statistics.median(seconds)


if __name__ == "__main__":
    for line in run():
        print(*line.values(), sep="   ")
