"""Scores of taggers and classifiers, from scikit-learn: targets before scores, items first.

A label for which a score has no meaning (no positives, or for the ROC no negatives) is NaN, and `macro`
leaves it out and says how many labels it averaged. Multi-class targets are class numbers; `one_hot`
makes them multi-label, which gives one-against-the-rest scores.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped


class Macro(NamedTuple):
    """A mean over labels, and the number of labels in it; NaN over none."""

    mean: float
    labels: int


def roc_auc(targets: Shaped[Any, "n k"], scores: Float[Any, "n k"]) -> Float[np.ndarray, "k"]:
    """Area under the ROC curve of each label; NaN where its targets are all positive or all negative.

    Args:
        targets: 0 and 1, or booleans.
        scores: higher for more likely; any scale.

    Raises:
        ValueError: shapes that differ, targets that are not 0 and 1, or no scikit-learn.

    Example:
        >>> roc_auc(np.array([[0, 1], [1, 1]]), np.array([[0.2, 0.5], [0.9, 0.4]]))
        array([ 1., nan])
    """
    return _each_label(_sklearn().roc_auc_score, targets, scores, negatives=True)


def average_precision(targets: Shaped[Any, "n k"], scores: Float[Any, "n k"]) -> Float[np.ndarray, "k"]:
    """Average precision of each label, by steps and not by trapezoids; NaN where nothing is positive.

    Its chance level is the share of positives, not 0.5.

    Raises:
        ValueError: as `roc_auc`.
    """
    return _each_label(_sklearn().average_precision_score, targets, scores, negatives=False)


def macro(values: Float[Any, "k"]) -> Macro:
    """The mean over those labels that have a score.

    Example:
        >>> macro(np.array([0.5, 1.0, np.nan]))
        Macro(mean=0.75, labels=2)
    """
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return Macro(float(known.mean()) if known.size else float("nan"), known.size)


def per_label(
    targets: Shaped[Any, "n k"], scores: Float[Any, "n k"], labels: Sequence[str]
) -> list[dict[str, Any]]:
    """A table with a row per label: `label`, `positives` (a count), `auc` and `ap`.

    Raises:
        ValueError: as `roc_auc`, or another number of names than of labels.
    """
    targets = _binary(targets, scores)
    if len(labels) != targets.shape[1]:
        raise ValueError(f"labels: expected {targets.shape[1]} names, got {len(labels)}")
    counts = targets.sum(0)
    columns = zip(labels, counts, roc_auc(targets, scores), average_precision(targets, scores), strict=True)
    return [
        {"label": name, "positives": int(p), "auc": float(a), "ap": float(b)} for name, p, a, b in columns
    ]


def one_hot(classes: Int[Any, "n"], number: int) -> Int[np.ndarray, "n k"]:
    """Class numbers as multi-label targets of `number` columns.

    Example:
        >>> one_hot(np.array([2, 0]), 3)
        array([[0, 0, 1], [1, 0, 0]])
    """
    return np.eye(number, dtype=np.int64)[_classes(classes, number)]


def accuracy(targets: Int[Any, "n"], scores: Float[Any, "n k"]) -> float:
    """The share of items whose highest score is that of their class; the first one wins a tie.

    Raises:
        ValueError: a class number outside the scores' columns, another number of items, or no scikit-learn.

    Example:
        >>> accuracy(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))
        0.5
    """
    targets, predictions = _predictions(targets, scores)
    return float(_sklearn().accuracy_score(targets, predictions))


def confusion(targets: Int[Any, "n"], scores: Float[Any, "n k"]) -> Int[np.ndarray, "k k"]:
    """Counts of items by class (row) and by the class with the highest score (column).

    Raises:
        ValueError: as `accuracy`.
    """
    targets, predictions = _predictions(targets, scores)
    classes = np.arange(np.shape(scores)[1])
    return _sklearn().confusion_matrix(targets, predictions, labels=classes)


def bootstrap_interval(
    metric: Callable[[np.ndarray, np.ndarray], float],
    targets: Shaped[Any, "n *k"],
    scores: Shaped[Any, "n *j"],
    *,
    seed: int,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """A percentile interval of a metric over items drawn again with replacement (Efron 1979).

    It covers the choice of test items, not that of training seeds; items must be independent, so give
    songs, not clips of the same song. Resamples without a score (NaN) are left out.

    Args:
        metric: of (targets, scores), such as `accuracy` or `lambda t, s: macro(roc_auc(t, s)).mean`.
        targets: of any shape, items first.
        scores: likewise.
        seed: the same seed gives the same interval.
        resamples: how often to draw.
        confidence: the share of resamples that lies inside.

    Raises:
        ValueError: other numbers of items, a confidence outside 0 to 1, or no resamples.
    """
    targets, scores = np.asarray(targets), np.asarray(scores)
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(
            f"expected a confidence between 0 and 1 and a resample or more, got {confidence} and {resamples}"
        )
    if len(targets) != len(scores):
        raise ValueError(f"expected as many targets as scores, got {len(targets)} and {len(scores)}")
    draw = np.random.default_rng(seed)
    picks = (draw.integers(0, len(targets), len(targets)) for _ in range(resamples))
    values = [metric(targets[items], scores[items]) for items in picks]
    low, high = np.nanquantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _each_label(metric: Callable[..., float], targets: Any, scores: Any, negatives: bool) -> np.ndarray:
    targets, scores = _binary(targets, scores), np.asarray(scores)
    known = targets.any(0) & (~targets.all(0) | (not negatives))
    columns = zip(targets.T, scores.T, known, strict=True)
    return np.array([metric(t, s) if ok else np.nan for t, s, ok in columns], np.float64)


def _binary(targets: Any, scores: Any) -> np.ndarray:
    targets = np.asarray(targets)
    if targets.ndim != 2 or targets.shape != np.shape(scores):
        raise ValueError(
            "expected targets and scores of one shape (items, labels), "
            f"got {targets.shape} and {np.shape(scores)}"
        )
    if not np.isin(targets, (0, 1)).all():
        raise ValueError("targets: expected 0 and 1 only; make classes so with `one_hot`")
    return targets.astype(bool)


def _classes(classes: Any, number: int) -> np.ndarray:
    classes = np.asarray(classes)
    if classes.size and (classes.min() < 0 or classes.max() >= number):
        raise ValueError(
            f"expected class numbers from 0 to {number - 1}, got {classes.min()} to {classes.max()}"
        )
    return classes


def _predictions(targets: Any, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    scores = np.asarray(scores)
    targets = _classes(targets, scores.shape[1])
    if len(targets) != len(scores) or not len(targets):
        raise ValueError(
            f"expected as many targets as scores, one or more; got {len(targets)} and {len(scores)}"
        )
    return targets, scores.argmax(1)


def _sklearn() -> Any:
    try:
        from sklearn import metrics
    except ImportError as error:
        raise ValueError("these scores need scikit-learn: pip install 'stemwise[train]'") from error
    return metrics
