"""The intervals of a classifier's scores over the test tracks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stemwise.evaluation.classifiers import Predictions, key_scores
from stemwise.metrics import bootstrap
from stemwise.metrics.regression import resampled_r2
from stemwise.tasks import Task

CONFIDENCE, RESAMPLES, SEED = 0.95, 1000, 0
FEW = 20
"""With fewer tracks a label's interval covers less than it says: of the ROC-AUC 0.83 with 5, 0.52 with 2."""


def with_intervals(
    scores: Mapping[str, Any], found: Predictions, task: Task, *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Any]:
    """Return scores with the interval of each.

    Args:
        scores: of these predictions.
        found: what the classifier said.
        task: what it was asked.
        resamples: how often the tracks are drawn again.
        seed: of the draws; the same seed gives the same intervals.

    Returns:
        The scores, with `auc_interval` and `ap_interval` in every label's row, `intervals` (low and high of
        each score over all labels) and `bootstrap`: how they were drawn, and in how
        many labels (`few_positives`) fewer tracks than `few` make an interval unreliable.
    """
    counts = bootstrap.draw_counts(len(found.names), resamples, seed)
    about = {"over": "tracks", "confidence": CONFIDENCE, "resamples": resamples, "seed": seed, "few": FEW}
    if task.target == "regression":
        columns = resampled_r2(found.targets.astype(np.float64), found.chances, counts)
        each = zip(task.classes, columns.T, strict=True)
        drawn = {"r2": columns.mean(1), **{f"{name}_r2": values for name, values in each}}
        intervals = {name: _pair(values) for name, values in drawn.items()}
        return {**scores, "intervals": intervals, "bootstrap": about}
    by_label = bootstrap.resampled_scores(found.targets, found.chances, counts)
    drawn = {
        "roc_auc": bootstrap.macro_mean(by_label.roc_auc),
        "average_precision": bootstrap.macro_mean(by_label.average_precision),
    }
    if "accuracy" in scores:
        right = found.chances.argmax(1) == found.targets.argmax(1)
        drawn = {"accuracy": bootstrap.resampled_accuracy(right, counts), **drawn}
    if "key_score" in scores:
        each = key_scores(task, found.targets, found.chances)
        drawn = {"key_score": bootstrap.resampled_accuracy(each, counts), **drawn}
    columns = zip(scores["labels"], by_label.roc_auc.T, by_label.average_precision.T, strict=True)
    rows = [{**row, "auc_interval": _pair(a), "ap_interval": _pair(b)} for row, a, b in columns]
    about["few_positives"] = sum(0 < row["positives"] < FEW for row in rows)
    intervals = {name: _pair(values) for name, values in drawn.items()}
    return {**scores, "labels": rows, "intervals": intervals, "bootstrap": about}


def _pair(values: np.ndarray) -> list[float]:
    return list(bootstrap.percentile_interval(values, CONFIDENCE))
