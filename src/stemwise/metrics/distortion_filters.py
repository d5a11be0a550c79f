"""The least-squares filters of BSSEval: what of an estimate can be made of delayed references.

Vincent, Gribonval, Févotte 2006, "Performance measurement in blind audio source separation", section III-B.
The normal equations are block Toeplitz, one block of channels per lag, so that the recursion of Levinson and
Whittle solves them in the square of the number of taps, where elimination takes its cube.
"""

import logging
from typing import Any

import numpy as np
from jaxtyping import Complex, Float

TAPS = 512
"""Delays of 0 to 511 samples, as in museval."""

_BLOCK = 4096  # samples a transform: a compromise between its cost and the 512 that overlap
_BLOCKS = 64  # at a time
_DEPENDENT = 1e-10  # of the energy: two channels so alike may be one times a number
_ROUGH = 1e-5  # of the filters: a second pass that changes more is refused; see `least_squares`

logger = logging.getLogger(__name__)


def correlations(references: Float[Any, "b t"], signals: Float[Any, "k t"]) -> Float[np.ndarray, "tap b k"]:
    """Return Σ_t reference(t - tap) signal(t), by transforms of short blocks and one inverse at the end."""
    hop, samples = _BLOCK - TAPS, references.shape[1]
    spectra = np.zeros((_BLOCK // 2 + 1, len(references), len(signals)), complex)
    for start in range(0, samples, hop * _BLOCKS):
        starts = range(start, min(start + hop * _BLOCKS, samples), hop)
        delayed = _transformed(references, starts, hop)  # (f, b, blocks)
        spectra += delayed.conj() @ _transformed(signals, starts, _BLOCK).swapaxes(1, 2)
    return np.fft.irfft(spectra, axis=0)[:TAPS]


def _transformed(signals: np.ndarray, starts: range, length: int) -> Complex[np.ndarray, "f b n"]:
    blocks = np.zeros((len(signals), len(starts), _BLOCK))
    for place, start in enumerate(starts):
        part = signals[:, start : start + length]
        blocks[:, place, : part.shape[1]] = part
    return np.ascontiguousarray(np.fft.rfft(blocks).transpose(2, 0, 1))


def least_squares(
    references: Float[Any, "b t"],
    signals: Float[Any, "k t"],
    lags: Float[np.ndarray, "tap b b"],
    rhs: Float[np.ndarray, "tap b k"],
    channels: int,
) -> Float[np.ndarray, "tap b k"]:
    """Return the filters whose sum over references and taps comes nearest to each signal.

    The recursion is run twice, the second time on what the first has left. How much that changes says
    how far rounding reaches into the filters. Where it reaches too far, as with references that have
    nothing at all in a part of the spectrum, the filters of museval are rounding noise themselves; then
    they are computed as museval does it, operation by operation, which takes as long as there.

    Args:
        references: the channels that are filtered.
        signals: the channels of the estimates.
        lags: `correlations` of the references.
        rhs: `correlations` of references and signals.
        channels: of a stem.
    """
    kept = _independent(references, lags[0])
    filters = np.zeros_like(rhs)
    found = _refined(lags[:, kept][:, :, kept], rhs[:, kept]) if kept else rhs[:, kept]
    if found is None:
        logger.warning(
            "the references are dependent to the last bit, as after a steep low-pass: "
            "ISR, SIR and SAR hang on rounding, and take as long as in museval"
        )
        return _eliminated(references, signals, channels)
    filters[:, kept] = found
    return filters


def _independent(references: np.ndarray, products: np.ndarray) -> list[int]:
    """Return the channels that are neither silent nor another one times a number: they span all."""
    kept: list[int] = []
    for new in range(len(references)):
        likely = (
            old
            for old in kept
            if products[old, new] ** 2 >= (1 - _DEPENDENT) * products[old, old] * products[new, new]
        )
        if products[new, new] > 0 and not any(_multiple(references[old], references[new]) for old in likely):
            kept.append(new)
    return kept


def _multiple(one: np.ndarray, other: np.ndarray) -> bool:
    one, other = one.astype(np.float64), other.astype(np.float64)
    peak = np.abs(one).argmax()
    tolerance = 4 * np.finfo(np.float64).eps * np.abs(other)
    return bool((np.abs(other - other[peak] / one[peak] * one) <= tolerance).all())


def _refined(lags: np.ndarray, rhs: np.ndarray) -> np.ndarray | None:
    """Return the solution, in references of equal level; None where it cannot be trusted."""
    scale = 1 / np.sqrt(np.diagonal(lags[0]))
    matrix, wanted = lags * scale[:, None] * scale, rhs * scale[:, None]
    try:
        found = levinson(matrix, wanted)
        change = levinson(matrix, wanted - _product(matrix, found))
    except np.linalg.LinAlgError:
        return None
    trusted = np.abs(change).max() <= _ROUGH * np.abs(found).max()  # false of NaN
    return (found + change) * scale[:, None] if trusted else None


def levinson(
    matrix: Float[np.ndarray, "n b b"], rhs: Float[np.ndarray, "n b k"]
) -> Float[np.ndarray, "n b k"]:
    """Solve Σ_j T[i - j] x[j] = rhs[i], where T[-k] is T[k] transposed and the whole is positive definite.

    Whittle 1963; Wiggins and Robinson 1965. `ahead` and `back` are the predictors of a block from those
    that follow and precede it; the solution for one more block is the old one plus a multiple of `back`.

    Raises:
        numpy.linalg.LinAlgError: the matrix is not positive definite to within rounding.
    """
    count, size, _ = matrix.shape
    row = matrix[::-1].transpose(1, 0, 2).reshape(size, -1)  # T[n-1] … T[0]
    ahead, back = np.zeros((2, count * size, size))
    found = np.zeros((count * size, rhs.shape[2]))
    ahead[:size] = back[:size] = np.eye(size)
    ahead_error = back_error = matrix[0]
    found[:size] = np.linalg.solve(back_error, rhs[0])
    for step in range(1, count):
        old, new = step * size, (step + 1) * size
        seen = row[:, -new:-size]  # T[step] … T[1]
        miss = seen @ ahead[:old]
        to_back, to_ahead = np.linalg.solve(back_error, miss), np.linalg.solve(ahead_error, miss.T)
        late = np.concatenate([np.zeros((size, size)), back[:old]])
        back[:new] = late - ahead[:new] @ to_ahead
        ahead[:new] -= late @ to_back
        ahead_error = _symmetric(ahead_error - miss.T @ to_back)
        back_error = _symmetric(back_error - miss @ to_ahead)
        np.linalg.cholesky(back_error)  # a singular or negative error ends it here
        found[:new] += back[:new] @ np.linalg.solve(back_error, rhs[step] - seen @ found[:old])
    return found.reshape(count, size, -1)


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    return (matrix + matrix.T) / 2


def _product(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Return the block Toeplitz matrix times a vector, as a cyclic convolution of twice the length."""
    count, size, _ = matrix.shape
    wrapped = np.concatenate([matrix, np.zeros((1, size, size)), matrix[:0:-1].swapaxes(1, 2)])
    spectrum = np.fft.rfft(wrapped, axis=0) @ np.fft.rfft(vector, 2 * count, axis=0)
    return np.fft.irfft(spectrum, 2 * count, axis=0)[:count]


def _eliminated(references: np.ndarray, signals: np.ndarray, channels: int) -> np.ndarray:
    """Return the filters as museval 0.4.1 computes them: its transforms, its order, its solver."""
    size = len(references)
    lags, rhs = _whole_correlations(references, signals)
    place = TAPS - 1 + np.arange(TAPS)[:, None] - np.arange(TAPS)
    dense = lags[:, :, place].transpose(0, 2, 1, 3).reshape(size * TAPS, -1)
    columns = rhs.transpose(0, 2, 1).reshape(size * TAPS, -1)
    stems = np.split(columns, range(channels, len(signals), channels), axis=1)  # LAPACK rounds by their width
    found = np.concatenate([_solved(dense, np.ascontiguousarray(stem)) for stem in stems], axis=1)
    return found.reshape(size, TAPS, -1).swapaxes(0, 1)


def _whole_correlations(references: np.ndarray, signals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return correlations of references (b, b, lag), from -511 to 511, and with signals (b, k, tap)."""
    length = 2 ** int(np.ceil(np.log2(references.shape[1] + TAPS - 1.0)))
    heard = [_spectrum(channel, length) for channel in references]
    lags = np.empty((len(heard), len(heard), 2 * TAPS - 1))
    for i, one in enumerate(heard):
        for j, other in enumerate(heard[i:], i):
            cyclic = np.fft.ifft(other * np.conj(one)).real
            lags[j, i, ::-1] = lags[i, j] = np.concatenate([cyclic[1 - TAPS :], cyclic[:TAPS]])
    rhs = np.empty((len(heard), len(signals), TAPS))
    for k, channel in enumerate(signals):
        spectrum = _spectrum(channel, length)
        for i, one in enumerate(heard):
            cyclic = np.fft.ifft(one * np.conj(spectrum)).real  # conjugated elsewhere, it rounds otherwise
            rhs[i, k] = np.concatenate([cyclic[:1], cyclic[:-TAPS:-1]])
    return lags, rhs


def _spectrum(signal: np.ndarray, length: int) -> np.ndarray:
    half = np.fft.rfft(signal.astype(np.float64), length)
    return np.concatenate([half, half[-2:0:-1].conj()])


def _solved(dense: np.ndarray, columns: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(dense + np.finfo(np.float64).eps * np.eye(len(dense)), columns)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(dense, columns)[0]
