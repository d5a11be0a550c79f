"""Several trainings of one recipe, scored alike: the best of them, their mean and their spread."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stemwise.weights.store import CARD


@dataclass(frozen=True, kw_only=True)
class Run:
    """A model that was scored: the name of its run, and its scores."""

    name: str
    scores: Mapping[str, Any]


def model_folders(name: str) -> dict[str, str]:
    """Return the models that a name stands for: run → name or folder of its model.

    A folder of runs holds `run-SEED/model`; anything else is one model by itself.

    Raises:
        ValueError: a run has no finished model.
    """
    folder = Path(name)
    runs = sorted((path for path in folder.glob("run-*") if path.is_dir()), key=_seed)
    if (folder / CARD).is_file() or not runs:
        return {folder.name: name}
    unfinished = [run for run in runs if not (run / "model" / CARD).is_file()]
    if unfinished:
        raise ValueError(
            f"{unfinished[0]}: expected a finished model in its folder model, found none; "
            "finish the training or move the run away"
        )
    return {run.name: str(run / "model") for run in runs}


def _seed(run: Path) -> tuple[int, str]:
    number = run.name.removeprefix("run-")
    return (int(number), "") if number.isdecimal() else (-1, run.name)


_HEADLINES = ("key_score", "accuracy", "r2", "roc_auc", "average_precision")


def headline(scores: Mapping[str, Any]) -> dict[str, float]:
    """Return the scores that runs are compared by: those over all labels, or means over the stems."""
    if "stems" in scores:
        return {key: _mean_known(scores["stems"], key) for key in ("si_sdr", "improvement", "sdr")}
    return {key: scores[key] for key in _HEADLINES if key in scores}


def _mean_known(stems: Mapping[str, Mapping[str, Any]], key: str) -> float:
    known = [row[key] for row in stems.values() if row[key] is not None]
    return statistics.fmean(known) if known else float("nan")


def summarise(runs: Sequence[Run], select: str) -> dict[str, Any]:
    """Return the best run, and mean and standard deviation of each score over all of them.

    Args:
        runs: one or more.
        select: the score that decides which is the best.

    Returns:
        `select`, `best` (`run` and its scores), `mean`, `std` (of a sample; None for a single run), both NaN
        where a run has no score, and `per_run`: the scores of each.
    """
    rows = {run.name: headline(run.scores) for run in runs}
    known = {name: row for name, row in rows.items() if row[select] == row[select]} or rows  # not NaN
    best = max(known, key=lambda name: known[name][select])
    columns = {key: [row[key] for row in rows.values()] for key in rows[best]}
    return {
        "select": select,
        "best": {"run": best, **rows[best]},
        "mean": {key: statistics.fmean(values) for key, values in columns.items()},
        "std": {key: _deviation(values) for key, values in columns.items()},
        "per_run": rows,
    }


def _deviation(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
