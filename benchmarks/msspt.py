"""MSSPT's trainings from twins of MUSDB18-HQ and MagnaTagATune: what a step waits for data, and the memory
that preparing a set takes.

Each row is measured in a process of its own. Steps are those of the published networks and batches, by the
recipes themselves; the first two are left out.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from stemwise.data import DATASETS
from stemwise.data.cache import prepare
from stemwise.data.twins import render_twin
from stemwise.recipes import MATERIALS, RECIPES
from stemwise.training import Machine, fit

STEPS = 8
SETS = {"musdb18-hq": (36, 20.0), "magnatagatune": (54, 29.1)}
"""Tracks of each twin, and seconds of each track."""

TRAININGS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "separator of vocals, 8 mixtures": (
        "msspt-separator",
        "musdb18-hq",
        {"source": "vocals", "valid_every": 0},
    ),
    "separator of all four, 8 mixtures": (
        "msspt-separator",
        "musdb18-hq",
        {"source": "multisource", "valid_every": 0},
    ),
    "joint classifier from scratch, 16 clips": ("msspt-classifier", "magnatagatune", {"patience": 0}),
    "tail alone, 16 clips": ("msspt-classifier", "magnatagatune", {"patience": 0, "network": "tail"}),
}


def run() -> list[dict[str, Any]]:
    """One row per training, then one per size of a set that is prepared."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, (tracks, seconds) in SETS.items():
            render_twin(DATASETS[name], root / name, tracks=tracks, seconds=seconds, seed=0)
        rows = [_apart("training", name, root) for name in TRAININGS]
        return [*rows, *(_apart("preparing", str(songs), root) for songs in (5, 20))]


def _apart(kind: str, name: str, root: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, kind, name, str(root)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(said.splitlines()[-1])


def training(name: str, root: Path) -> dict[str, Any]:
    """Train some steps, and return the seconds of one and the share that waits for data."""
    recipe, dataset, options = TRAININGS[name]
    run = RECIPES[recipe](root=root / dataset, **options)
    run = replace(run, steps=STEPS, validation=None, then=())
    with tempfile.TemporaryDirectory() as folder:
        rows = fit(run, Path(folder), Machine(device="cpu", checkpoint_s=1e9), progress=False)[2:]
    step, waits = (statistics.median(row[key] for row in rows) for key in ("seconds", "data_s"))
    return {"what": f"step of the {name}", "seconds": f"{step:.2f}", "waits": f"{100 * waits / step:.1f} %"}


def preparing(songs: str, root: Path) -> dict[str, Any]:
    """Decode some songs of MUSDB18-HQ as `data prepare` does, into a cache of their own."""
    material = MATERIALS["msspt-separator"]
    tracks = DATASETS["musdb18-hq"].tracks(root / "musdb18-hq")[: int(songs)]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        prepare(tracks, material, root / "musdb18-hq", folder=Path(folder))
        spent = time.perf_counter() - began
    return {"what": f"prepare {songs} songs of 20 s, five files each", "seconds": f"{spent:.2f}", "waits": ""}


if __name__ == "__main__":
    kind, name, root = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    row = {"training": training, "preparing": preparing}[kind](name, root)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({**row, "peak_rss_mib": peak}))
