"""Scores of estimated numbers: references before estimates, items first."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int


def r2(references: Float[Any, "n k"], estimates: Float[Any, "n k"]) -> Float[np.ndarray, "k"]:
    """Return each column's coefficient of determination, as scikit-learn has it; 0 for naming the mean.

    NaN where the references of a column are all alike.

    Raises:
        ValueError: other shapes, or no items.

    Example:
        >>> r2(np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[1.5, 5.0], [3.0, 5.0]]))
        array([0.875,   nan])
    """
    return resampled_r2(references, estimates, np.ones((len(references), 1), np.int64))[0]


def resampled_r2(
    references: Float[Any, "n k"], estimates: Float[Any, "n k"], counts: Int[np.ndarray, "n r"]
) -> Float[np.ndarray, "r k"]:
    """Return the same of resamples, given how often each item is in each of them.

    Raises:
        ValueError: as `r2`.
    """
    truth, guess = np.asarray(references, np.float64), np.asarray(estimates, np.float64)
    if truth.ndim != 2 or truth.shape != guess.shape or not len(truth) or len(truth) != len(counts):
        raise ValueError(
            "expected references and estimates of one shape (items, columns), one item or more, and as many "
            f"counts, got {truth.shape}, {guess.shape} and {counts.shape}"
        )
    weights = counts.T.astype(np.float64)  # r n
    centred = truth - truth.mean(0)  # sums of squares of what is near zero lose no digits
    total = weights.sum(1, keepdims=True)
    spread = weights @ centred**2 - (weights @ centred) ** 2 / total
    error = weights @ (truth - guess) ** 2
    known = spread > 1e-12 * total
    return np.where(known, 1 - error / np.where(known, spread, 1.0), np.nan)
