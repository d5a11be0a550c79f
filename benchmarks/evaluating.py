"""Evaluation of classifiers: tracks of 29 s through the network, and scores and intervals of a test set.

Each row is measured in a process of its own. The tracks are one file of noise read over and over; a set of
four times as many tracks shows whether memory grows with them.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from stemwise.data.tracks import Track
from stemwise.evaluation import Predictions, classification_scores, predict, with_intervals
from stemwise.models import CLASSIFIERS
from stemwise.tasks import TASKS, Task

RATE, SECONDS = 16_000, 29
CLASSES = tuple(f"tag {number}" for number in range(50))
TASK = replace(TASKS["rendered-tags"], name="fifty tags", classes=CLASSES)


def run() -> list[dict[str, Any]]:
    """One row per network and number of tracks, then one per size of a test set."""
    networks = [("half-joint-multisource", 10), ("half-joint-multisource", 40), ("half-tail", 40)]
    rows = [_row("network", name, count, f"{name}, {SECONDS} s a track") for name, count in networks]
    sizes = (1000, 4332)
    what = "scores of 50 tags, intervals of 1000 resamples"
    return [*rows, *(_row("intervals", "50", size, what) for size in sizes)]


def _row(kind: str, name: str, count: int, what: str) -> dict[str, Any]:
    command = [sys.executable, __file__, kind, name, str(count)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, peak = map(float, said.split())
    per_thousand = f"{1000 * seconds / count:.1f}"
    row = {"what": what, "tracks": count, "seconds": f"{seconds:.1f}", "s_per_1000": per_thousand}
    return {**row, "peak_rss_mib": round(peak)}


def network_seconds(name: str, count: int) -> float:
    """Return the seconds that so many tracks take."""
    torch.manual_seed(0)
    model = replace(CLASSIFIERS[name], classes=CLASSES).build().eval()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.wav"
        soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(SECONDS * RATE), RATE)
        labels = {field: [] for field in TASK.fields}
        tracks = [Track(name=str(n), split="test", mixture=path, labels=labels) for n in range(count)]
        began = time.perf_counter()
        predict(model, TASK, tracks)
        return time.perf_counter() - began


def intervals_seconds(count: int, task: Task = TASK) -> float:
    """Return the seconds that scores and intervals of drawn predictions take."""
    rng = np.random.default_rng(0)
    targets = (rng.random((count, len(CLASSES))) < 0.07).astype(np.float32)
    chances = 1 / (1 + np.exp(-targets - rng.standard_normal(targets.shape)))
    names = tuple(map(str, range(count)))
    found = Predictions(names=names, targets=targets, chances=chances, unreadable={})
    began = time.perf_counter()
    with_intervals(classification_scores(task, targets, chances), found, task)
    return time.perf_counter() - began


if __name__ == "__main__":
    kind, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    spent = network_seconds(name, count) if kind == "network" else intervals_seconds(count)
    print(spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
