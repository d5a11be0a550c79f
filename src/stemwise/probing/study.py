"""A study: encoders and simple descriptions under one protocol on one task, each probed by the whole grid."""

from __future__ import annotations

import csv
import io
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from stemwise.data.tracks import SPLITS, Track, music_in
from stemwise.metrics.key_songs import Songs, ensembles
from stemwise.probing.extraction import Features, kind_of
from stemwise.probing.grid import ProbeConfig
from stemwise.probing.intervals import interval
from stemwise.probing.items import Items, Split
from stemwise.probing.published import PUBLISHED
from stemwise.probing.scoring import PRIMARY, scores
from stemwise.probing.sources import Extractor
from stemwise.probing.sweep import Outcome, choose
from stemwise.tasks import Task

Sweeper = Callable[[Sequence[ProbeConfig], Items, str], list[Outcome]]
"""Trains a grid of probes; told a name for what it leaves on disk."""


def study(
    made: Extractor, features: Features, task: Task, grid: Sequence[ProbeConfig], sweeper: Sweeper
) -> list[dict[str, Any]]:
    """Return what the probes of each representation of a source found.

    Each representation is probed by the whole grid. The probe with the best score on the valid split is
    chosen, the first of equal ones, and that one alone is scored on the test split.

    Args:
        made: the source.
        features: that it made.
        task: what is asked.
        grid: settings of the probes.
        sweeper: trains them.

    Returns:
        For each representation `name`, `encoder`, `tap`, `size`, `chosen` (the settings of the probe, its
        `best_step` and `steps`), its `valid` and `test` scores, the `interval` of the primary score of the
        test split, `sweep` (all settings with their scores), and `answers`: what was asked and said of the
        test split.
    """
    return [_probed(made, features, tap, task, grid, sweeper) for tap in made.sizes]


def _probed(
    made: Extractor, features: Features, tap: str, task: Task, grid: Sequence[ProbeConfig], sweeper: Sweeper
) -> dict[str, Any]:
    items = features.items(task, tap)
    outcomes = sweeper(grid, items, f"{task.name}-{items.key}")
    best = outcomes[choose(outcomes)]
    valid = scores(items, items.valid, best.logits(items, items.valid))
    said, ensemble = best.logits(items, items.splits["test"]), valid.get("ensemble", "")
    return {
        "name": f"{made.title}, {tap}" if len(made.sizes) > 1 else made.title,
        "encoder": made.title,
        "tap": tap,
        "size": made.sizes[tap],
        "identity": dict(made.identity),
        "chosen": _row(best),
        "valid": valid,
        "test": scores(items, items.splits["test"], said, ensemble),
        "interval": list(interval(items, items.splits["test"], said, ensemble)),
        "sweep": [_row(outcome) for outcome in outcomes],
        "answers": _answers(items, items.splits["test"], said, ensemble),
    }


def _row(outcome: Outcome) -> dict[str, Any]:
    found = {"score": outcome.score, "best_step": outcome.best_step, "steps": outcome.steps}
    return {**asdict(outcome.config), **found}


def _answers(
    items: Items, split: Split, logits: Float[Tensor, "k n"], ensemble: str
) -> dict[str, list[Any]] | None:
    """Return the truth and the answer of each item, or song, of all tasks but tags."""
    if items.kind == "multilabel":
        return None
    if items.kind == "regression":
        names, truth, said = split.names, split.targets, logits.T.numpy()
    elif items.kind == "multiclass":
        names, truth, said = split.names, split.targets, logits.argmax(0).numpy()
    else:
        songs = Songs.of(split.songs or split.names)
        names = tuple(np.asarray(split.songs or split.names)[songs.order][songs.starts].tolist())
        truth, said = songs.classes(split.targets), ensembles(logits.float().numpy(), songs)[ensemble]
    return {"names": list(names), "truth": truth.tolist(), "said": said.tolist()}


def document(
    task: Task,
    root: Path,
    tracks: Sequence[Track],
    rows: Sequence[Mapping[str, Any]],
    grid: Sequence[ProbeConfig],
) -> dict[str, Any]:
    """Return a study as plain values: its protocol, and what was found of each representation."""
    chosen = task.chosen(tracks)
    counts = {split: sum(track.split == split for track in chosen) for split in SPLITS}
    packages = {name: version(name) for name in ("stemwise", "torch", "numpy")}
    kind = kind_of(task)
    return {
        "task": task.name,
        "title": task.title,
        "kind": kind,
        "primary": PRIMARY[kind],
        "classes": list(task.classes),
        "protocol": {
            "after": "jukemir (Castellon, Donahue, Liang, ISMIR 2021)",
            "dataset": task.dataset,
            "music": music_in(root),
            "tracks": counts,
            "filter": task.filter,
            "clip_s": task.clip_s,
            "features": "mean over time and windows, one vector a clip",
            "probes": len(grid),
            "most_steps": max(config.most_steps for config in grid),
            "stopping": f"{grid[0].patience} evaluations without improvement, one each {grid[0].every} steps",
            "selection": f"highest {PRIMARY[kind]} on the valid split, the first of equal ones; tested once",
            "seed": grid[0].seed,
            "versions": {**packages, "python": platform.python_version()},
        },
        "published": PUBLISHED.get(task.name, {}),
        "representations": [dict(row) for row in rows],
    }


def table_csv(results: Mapping[str, Any]) -> str:
    """Return all settings of all representations with their scores of the valid split, a row each."""
    file = io.StringIO(newline="")
    settings = list(results["representations"][0]["sweep"][0])
    writer = csv.DictWriter(file, ["encoder", "tap", "chosen", *settings], lineterminator="\n")
    writer.writeheader()
    for found in results["representations"]:
        for row in found["sweep"]:
            plain = {**row, "hidden": " ".join(map(str, row["hidden"]))}
            about = {"encoder": found["encoder"], "tap": found["tap"], "chosen": int(row == found["chosen"])}
            writer.writerow({**about, **plain})
    return file.getvalue()
