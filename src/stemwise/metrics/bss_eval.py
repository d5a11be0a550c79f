"""BSSEval version 4, as museval 0.4.1 scores stems: SDR, ISR, SIR and SAR of every second.

Stöter, Liutkus, Ito 2018, "The 2018 signal separation evaluation campaign"; the scores are those of Vincent,
Araki et al. 2012 for images. Of an estimate, what filters of its own stem explain is its image, what
filters of all stems explain is image and interference, and the rest are artifacts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Complex, Float

from stemwise.metrics.distortion_filters import TAPS, correlations, least_squares
from stemwise.metrics.ratios import energy as energies
from stemwise.metrics.ratios import error_energy, floats, nanmedian, paired, ratio_db

SCORES = ("SDR", "ISR", "SIR", "SAR")

_GROUP = 200_000  # samples that are filtered at a time


def bss_eval(
    reference: Float[Any, "s c t"],
    estimate: Float[Any, "s c u"],
    sample_rate: int,
    window_s: float = 1.0,
    hop_s: float = 1.0,
) -> dict[str, Float[np.ndarray, "s frames"]]:
    """Return SDR, ISR, SIR and SAR in dB, per stem and window, as museval 0.4.1 does in its mode v4.

    One set of 512-tap filters is fitted to the whole signal and applied to each window by itself. Which
    windows there are and which are NaN: see `bss_eval_sdr_frames`.

    Deviations: where an energy is rounding noise, as the interference of proportional stems or the
    artifacts of a perfect estimate, museval returns hundreds of dB; so do we, but others. A stem that is
    silent throughout: see `bss_eval_sdr_frames`.

    Raises:
        ValueError: another number of stems or channels, or a window or hop below one sample.
    """
    reference, estimate = paired(reference, _fitted(estimate, np.shape(reference)[-1]))
    windows = _windows(reference.shape[2], int(window_s * sample_rate), int(hop_s * sample_rate))
    scores = {name: np.full((len(reference), len(windows)), np.nan) for name in SCORES}
    heard = [k for k, window in enumerate(windows) if not _void(reference, estimate, window)]
    if not heard:
        return scores
    scores["SDR"][:, heard] = _sdr(reference, estimate, [windows[k] for k in heard])
    length = windows[0].stop
    filters = _filters(reference, estimate, fast_length(length + TAPS - 1))
    group = max(1, _GROUP // length)
    for some in (heard[k : k + group] for k in range(0, len(heard), group)):
        cut = [np.stack([x[:, :, windows[k]] for k in some], axis=2) for x in (reference, estimate)]
        for name, values in _filtered_scores(filters, *cut).items():
            scores[name][:, some] = values
    return scores


def bss_eval_sdr_frames(
    reference: Float[Any, "s c t"],
    estimate: Float[Any, "s c u"],
    sample_rate: int,
    window_s: float = 1.0,
    hop_s: float = 1.0,
) -> Float[np.ndarray, "s frames"]:
    """SDR per window as `bss_eval` gives it, without the other scores, in a fraction of the time.

    Its filters cancel out of the SDR, which is plain `sdr` window by window. As in museval 0.4.1:
    a last window that is not full is left out, a signal shorter than a window is one window; estimates
    are cropped or padded with zeros to the reference; where any reference or any estimate is silent in a
    window (its channels sum to zero at every sample), all stems are NaN there; no error at all gives
    infinity.

    Deviations: museval refuses a track with a stem that is silent throughout; here all its windows are
    NaN, so that it drops out of the medians.

    Raises:
        ValueError: another number of stems or channels, or a window or hop below one sample.
    """
    reference, estimate = paired(reference, _fitted(estimate, np.shape(reference)[-1]))
    windows = _windows(reference.shape[2], int(window_s * sample_rate), int(hop_s * sample_rate))
    scores = np.full((len(reference), len(windows)), np.nan)
    heard = [k for k, window in enumerate(windows) if not _void(reference, estimate, window)]
    scores[:, heard] = _sdr(reference, estimate, [windows[k] for k in heard])
    return scores


def bss_eval_sdr(
    reference: Float[Any, "s c t"],
    estimate: Float[Any, "s c u"],
    sample_rate: int,
    window_s: float = 1.0,
    hop_s: float = 1.0,
) -> Float[np.ndarray, "s"]:
    """A track's SDR per stem: the median of `bss_eval_sdr_frames` over the frames that are not NaN."""
    return nanmedian(bss_eval_sdr_frames(reference, estimate, sample_rate, window_s, hop_s), axis=1)


def fast_length(samples: int) -> int:
    """Return the next length that has no prime factor above 5, of which transforms are fast.

    Example:
        >>> fast_length(44100 + 511)
        45000
    """
    exponents = range(samples.bit_length() + 1)
    tails = (3**three * 5**five for three, five in product(exponents, exponents))
    return min(tail << max(0, (-(-samples // tail) - 1).bit_length()) for tail in tails)


def _sdr(reference: np.ndarray, estimate: np.ndarray, windows: list[slice]) -> np.ndarray:
    pairs = [(reference[:, :, window], estimate[:, :, window]) for window in windows]
    rows = [ratio_db(energies(one), error_energy(one, other)) for one, other in pairs]
    return np.array(rows).reshape(len(rows), len(reference)).T


@dataclass(frozen=True, kw_only=True)
class _Filters:
    """Transforms of the filters: of a stem's own channels to its estimate, and of all stems' channels."""

    own: Complex[np.ndarray, "f s c c"]
    all: Complex[np.ndarray, "f sc sc"]
    length: int


def _filters(reference: np.ndarray, estimate: np.ndarray, length: int) -> _Filters:
    stems, channels, samples = reference.shape
    references, signals = reference.reshape(-1, samples), estimate.reshape(-1, samples)
    found = correlations(references, np.concatenate([references, signals]))
    lags, rhs = np.split(found, 2, axis=2)
    spans = [slice(s * channels, (s + 1) * channels) for s in range(stems)]
    own = [least_squares(references[a], signals[a], lags[:, a, a], rhs[:, a, a], channels) for a in spans]
    everything = least_squares(references, signals, lags, rhs, channels)

    def spectra(taps: np.ndarray) -> np.ndarray:  # (tap, …, in, out) → (f, …, out, in)
        return np.ascontiguousarray(np.fft.rfft(taps.swapaxes(-1, -2), length, axis=0))

    return _Filters(own=spectra(np.stack(own, axis=1)), all=spectra(everything), length=length)


def _filtered_scores(filters: _Filters, reference: np.ndarray, estimate: np.ndarray) -> dict[str, np.ndarray]:
    """Return ISR, SIR and SAR of windows (s, c, w, t): by Parseval, energies need no inverse transform."""
    true, guess = _spectra(reference, filters.length), _spectra(estimate, filters.length)  # (f, s, c, w)
    image = filters.own @ true
    bins, stems, channels, count = true.shape
    mixed = (filters.all @ true.reshape(bins, stems * channels, count)).reshape(true.shape)
    return {
        "ISR": _safe_db(_power(true), _power(true - image)),
        "SIR": _safe_db(_power(image), _power(mixed - image)),
        "SAR": _safe_db(_power(mixed), _power(guess - mixed)),
    }


def _spectra(windows: np.ndarray, length: int) -> np.ndarray:
    spectra = np.fft.rfft(windows.astype(np.float64, copy=False), length)
    spectra[..., 1 : (length + 1) // 2] *= np.sqrt(2)  # the negative frequencies' energy
    return np.ascontiguousarray(spectra.transpose(3, 0, 1, 2))


def _power(spectra: np.ndarray) -> np.ndarray:
    parts = spectra.view(np.float64).reshape(len(spectra), -1)
    sums = np.einsum("fx,fx->x", parts, parts)
    return sums.reshape(*spectra.shape[1:], 2).sum((1, 3))


def _safe_db(signal: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return the ratio as museval does: infinity without an error, whatever the signal."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(error == 0, np.inf, 10 * np.log10(signal / error))


def _fitted(estimate: Any, samples: int) -> np.ndarray:
    estimate = floats(estimate)[..., :samples]
    missing = samples - estimate.shape[-1]
    return np.pad(estimate, [(0, 0)] * (estimate.ndim - 1) + [(0, missing)]) if missing else estimate


def _windows(samples: int, window: int, hop: int) -> list[slice]:
    if window < 1 or hop < 1:
        raise ValueError(f"expected a window and a hop of one sample or more, got {window} and {hop}")
    count = (samples - window + hop) // hop if window < samples else 1
    return [slice(k * hop, min(k * hop + window, samples)) for k in range(count)]


def _void(reference: np.ndarray, estimate: np.ndarray, window: slice) -> bool:
    return any(_silent(stem[:, window]) for stem in _stems(reference, estimate))


def _stems(*signals: np.ndarray) -> Iterator[np.ndarray]:
    return (stem for stems in signals for stem in stems)


def _silent(stem: np.ndarray) -> bool:
    """Whether channels sum to zero at every sample; the first of them mostly tell."""
    return not any(part.sum(0, dtype=np.float64).any() for part in (stem[:, :64], stem))
