"""Intervals of scores over items drawn again with replacement (Efron 1979), fast enough for whole test sets.

A resample is a count per item. Counts move no score, so each label is sorted once, and all its resamples are
sums of counts over that order: they equal scores of the items drawn out one by one.

An interval covers the choice of test items, not that of training seeds. Items must be independent: clips of
one song are not, and an interval over clips is then too narrow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

_COLUMNS = 64
"""Resamples that are counted at a time: those of a thousand items stay in the processor's cache."""


class Resampled(NamedTuple):
    """Scores of each resample and label, r × k; NaN where a resample gives a label no meaning."""

    roc_auc: Float[np.ndarray, "r k"]
    average_precision: Float[np.ndarray, "r k"]


def draw_counts(items: int, resamples: int, seed: int) -> Int[np.ndarray, "n r"]:
    """Return how often each item is in each resample.

    They are the draws of `tagging.bootstrap_interval` with this seed.

    Raises:
        ValueError: no items or no resamples.
    """
    if items < 1 or resamples < 1:
        raise ValueError(f"expected an item and a resample or more, got {items} and {resamples}")
    draw = np.random.default_rng(seed)
    counts = np.empty((items, resamples), np.int32)
    for column in range(resamples):
        counts[:, column] = np.bincount(draw.integers(0, items, items), minlength=items)
    return counts


def resampled_scores(
    targets: Shaped[Any, "n k"], scores: Float[Any, "n k"], counts: Int[np.ndarray, "n r"]
) -> Resampled:
    """Return ROC-AUC and average precision of each label in every resample.

    A resample without a positive of a label has neither, one without a negative has no ROC-AUC.

    Args:
        targets: 0 and 1, or booleans.
        scores: higher for more likely; any scale.
        counts: of each item in each resample, as `draw_counts` gives them.

    Raises:
        ValueError: other shapes.
    """
    truth, scores = np.asarray(targets).astype(bool), np.asarray(scores)
    if truth.ndim != 2 or truth.shape != scores.shape or len(truth) != len(counts):
        raise ValueError(
            "expected targets and scores of one shape (items, labels) and counts of as many items, "
            f"got {truth.shape}, {scores.shape} and {counts.shape}"
        )
    found = np.full((2, counts.shape[1], truth.shape[1]), np.nan)
    for start in range(0, counts.shape[1], _COLUMNS):
        part = np.ascontiguousarray(counts[:, start : start + _COLUMNS])
        for label in range(truth.shape[1]):
            found[:, start : start + _COLUMNS, label] = _one_label(truth[:, label], scores[:, label], part)
    return Resampled(*found)


def _one_label(truth: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ROC-AUC and average precision of one label in some resamples."""
    if not truth.any():
        return np.full(counts.shape[1], np.nan), np.full(counts.shape[1], np.nan)
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.flatnonzero(truth[order])
    # Items of one score are one step of both curves. Only steps with a positive add to either area.
    starts = np.unique(np.searchsorted(-ranked, -ranked[hits], side="left"))
    ends = np.searchsorted(-ranked, -ranked[starts], side="right")
    # What lies above and in each step: sums between the bounds, far fewer than items, then their running sum.
    bounds = np.unique(np.concatenate([[0], starts, ends]))
    inside = np.add.reduceat(counts[order], bounds[bounds < len(order)], axis=0)
    seen = np.concatenate([np.zeros_like(inside[:1]), np.cumsum(inside, axis=0, dtype=np.int32)])
    before, behind = (seen[np.searchsorted(bounds, at)].astype(np.int64) for at in (starts, ends))
    positives = np.add.reduceat(counts[order[hits]], np.searchsorted(hits, starts), axis=0, dtype=np.int64)
    reached = np.cumsum(positives, axis=0)
    return _areas(positives, reached, before, behind, seen[-1] - reached[-1])


def _areas(
    positives: np.ndarray, reached: np.ndarray, before: np.ndarray, behind: np.ndarray, negatives: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return both areas.

    Args:
        positives: in each step, by resample.
        reached: positives up to and with each step.
        before: items above each step.
        behind: items up to and with each step.
        negatives: in all, by resample.
    """
    false_before, false_behind = before - (reached - positives), behind - reached
    total = reached[-1].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        wrong = (positives * (false_before + false_behind)).sum(0) / 2  # half of the pairs that tie
        area = np.where((total > 0) & (negatives > 0), 1 - wrong / (total * negatives), np.nan)
        precision = np.where(behind > 0, reached / behind, 0)
        average = np.where(total > 0, (positives * precision).sum(0) / total, np.nan)
    return area, average


def resampled_accuracy(correct: Shaped[Any, "n"], counts: Int[np.ndarray, "n r"]) -> Float[np.ndarray, "r"]:
    """Return the share of items that are right in every resample.

    Args:
        correct: of each item, whether it is.
        counts: of each item in each resample.
    """
    return np.asarray(correct, np.float64) @ counts / counts.sum(0)


def macro_mean(values: Float[np.ndarray, "r k"]) -> Float[np.ndarray, "r"]:
    """Return each resample's mean over the labels that have a score in it; NaN over none."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(1) / np.where(known.any(1), known.sum(1), np.nan)


def percentile_interval(values: Float[np.ndarray, "r"], confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval that holds this share of the resamples; those without a score are left out.

    NaN where none has one.

    Raises:
        ValueError: a confidence outside 0 to 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, got {confidence}")
    known = values[~np.isnan(values)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
