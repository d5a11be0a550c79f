"""Stems as arrays, their energies, and ratios of them in dB."""

import warnings
from typing import Any

import numpy as np


def paired(reference: Any, estimate: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return both as arrays of one shape (stem, channel, sample); single precision stays as it is.

    Raises:
        ValueError: shapes that differ.
    """
    reference, estimate = floats(reference), floats(estimate)
    if reference.ndim != 3 or reference.shape != estimate.shape:
        raise ValueError(
            "expected a reference and an estimate of one shape (stems, channels, samples), "
            f"got {reference.shape} and {estimate.shape}; crop or reorder them first"
        )
    return reference, estimate


def floats(values: Any) -> np.ndarray:
    """Return an array of single or double precision: a song in single precision takes half the memory."""
    array = np.asarray(values)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def energy(stems: np.ndarray) -> np.ndarray:
    """Return each stem's sum of squares, in double precision."""
    return np.array([overlap(stem, stem) for stem in stems])


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the inner product of two signals of any shape, in double precision."""
    pair = floats(one).ravel(), floats(other).ravel()
    return float(np.einsum("t,t->", *pair, dtype=np.float64))  # BLAS would wake a second thread for it


def error_energy(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Return each stem's sum of squared differences: a stem at a time, so that a song fits in memory."""
    pairs = zip(reference, estimate, strict=True)
    return np.array([energy(np.subtract(one, other, dtype=np.float64)[None])[0] for one, other in pairs])


def ratio_db(signal: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return 10 log10 (signal / error): NaN without a signal, infinity without an error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(signal > 0, 10 * np.log10(signal / error), np.nan)


def nanmedian(scores: np.ndarray, axis: int) -> np.ndarray:
    """Return the median of what is not NaN; NaN where nothing is."""
    with warnings.catch_warnings():  # NumPy warns of all-NaN slices, which are NaN here as they should be
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(scores, axis=axis)
