"""Scores of separated stems, in dB: NumPy arrays or CPU tensors in, float64 arrays out.

Stems are (stem, channel, sample), the reference always before the estimate. A score that has no meaning,
such as that of an estimate of silence, is NaN and drops out of medians; it never counts as zero.
"""

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Float


def sdr(reference: Float[Any, "s c t"], estimate: Float[Any, "s c t"]) -> Float[np.ndarray, "s"]:
    """Signal-to-distortion ratio of the whole signal, over channels and time ("uSDR").

    10 log10(Σ s² / Σ (s - e)²), the global score of the Music Demixing Challenge (Mitsufuji et al. 2022)
    and, with one window as long as the signal, the SDR of BSSEval v4. NaN where the reference is silent,
    0 dB for a silent estimate, infinity for a perfect one.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> stems = np.ones((1, 2, 100))
        >>> sdr(stems, 0.9 * stems).round(6)
        array([20.])
    """
    reference, estimate = _pair(reference, estimate)
    return _ratio_db(_energy(reference), _energy(reference - estimate))


def si_sdr(reference: Float[Any, "s c t"], estimate: Float[Any, "s c t"]) -> Float[np.ndarray, "s"]:
    """Scale-invariant SDR, the channels of a stem taken as one long signal; means are not removed.

    Le Roux, Wisdom, Erdogan, Hershey 2019, "SDR - half-baked or well done?", equation 2: the reference is
    scaled to the estimate by least squares. NaN where the reference is silent, -infinity where the
    estimate is, or is orthogonal to it. For a score per channel, make each channel a stem.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> stems = np.stack([np.ones(4), [1.0, -1.0, 1.0, -1.0]])[:, None]
        >>> si_sdr(stems[:1], 5 * (stems[:1] + 0.1 * stems[1:])).round(6)
        array([20.])
    """
    reference, estimate = _pair(reference, estimate)
    overlap = (reference * estimate).sum((1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        target = (overlap / _energy(reference))[:, None, None] * reference
    ratio = _ratio_db(_energy(target), _energy(estimate - target))
    ratio[(overlap == 0) & (_energy(reference) > 0)] = -np.inf
    return ratio


def bss_eval_sdr_frames(
    reference: Float[Any, "s c t"],
    estimate: Float[Any, "s c u"],
    sample_rate: int,
    window_s: float = 1.0,
    hop_s: float = 1.0,
) -> Float[np.ndarray, "s frames"]:
    """SDR per window as BSSEval v4 and museval give it (Stöter, Liutkus, Ito 2018).

    Its 512-tap filters cancel out of the SDR, which is plain `sdr` window by window. As in museval 0.4.1:
    a last window that is not full is left out, a signal shorter than a window is one window; estimates
    are cropped or padded with zeros to the reference; where any reference or any estimate is silent in a
    window (its channels sum to zero at every sample), all stems are NaN there; no error at all gives
    infinity.

    Deviations: museval refuses a track with a stem that is silent throughout; here all its windows are
    NaN, so that it drops out of the medians.

    Raises:
        ValueError: another number of stems or channels, or a window or hop below one sample.
    """
    reference, estimate = _pair(reference, _fitted(estimate, np.shape(reference)[-1]))
    scores = []
    for window in _windows(reference.shape[2], int(window_s * sample_rate), int(hop_s * sample_rate)):
        inside, guess = reference[:, :, window], estimate[:, :, window]
        void = _any_silent(inside) or _any_silent(guess)
        scores.append(np.full(len(inside), np.nan) if void else sdr(inside, guess))
    return np.stack(scores, axis=1)


def bss_eval_sdr(
    reference: Float[Any, "s c t"],
    estimate: Float[Any, "s c u"],
    sample_rate: int,
    window_s: float = 1.0,
    hop_s: float = 1.0,
) -> Float[np.ndarray, "s"]:
    """A track's SDR per stem: the median of `bss_eval_sdr_frames` over the frames that are not NaN."""
    return _nanmedian(bss_eval_sdr_frames(reference, estimate, sample_rate, window_s, hop_s), axis=1)


def median_over_tracks(scores: Float[Any, "tracks s"]) -> Float[np.ndarray, "s"]:
    """A dataset's score per stem: the median over tracks, those left out that are NaN (SiSEC 2018).

    Example:
        >>> median_over_tracks(np.array([[1.0, np.nan], [3.0, np.nan], [9.0, np.nan]]))
        array([ 3., nan])
    """
    return _nanmedian(np.asarray(scores, np.float64), axis=0)


def audible(reference: Float[Any, "s c t"], threshold_db: float = -60.0) -> Bool[np.ndarray, "s"]:
    """Which stems can be heard: those whose level is above `threshold_db` relative to their mixture's.

    Scores of the others say nothing; report `leakage_db` for them instead. Nothing is audible in silence.
    """
    reference = np.asarray(reference, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = 10 * np.log10(_energy(reference) / np.square(reference.sum(0)).sum())
    return level > threshold_db


def leakage_db(mixture: Float[Any, "c t"], estimate: Float[Any, "s c t"]) -> Float[np.ndarray, "s"]:
    """Level of each estimate relative to the mixture's: what leaks into stems that should be silent.

    -infinity for a silent estimate, NaN for a silent mixture.

    Example:
        >>> leakage_db(np.ones((2, 10)), np.full((1, 2, 10), 0.1)).round(6)
        array([-20.])
    """
    mixture, estimate = np.asarray(mixture, np.float64), np.asarray(estimate, np.float64)
    total = np.square(mixture).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return 10 * np.log10(_energy(estimate) / (total if total else np.nan))


def octave_edges(sample_rate: int, lowest_hz: float = 62.5) -> Float[np.ndarray, "edges"]:
    """The edges of `sdr_per_octave`'s bands in Hz, ending at the Nyquist frequency.

    Example:
        >>> octave_edges(2000)
        array([  62.5,  125. ,  250. ,  500. , 1000. ])
    """
    if not 0 < lowest_hz < sample_rate / 2:
        raise ValueError(f"lowest_hz: expected between 0 and {sample_rate / 2} Hz, got {lowest_hz}")
    doublings = np.arange(np.ceil(np.log2(sample_rate / 2 / lowest_hz)))
    return np.append(lowest_hz * 2**doublings, sample_rate / 2)


def sdr_per_octave(
    reference: Float[Any, "s c t"],
    estimate: Float[Any, "s c t"],
    sample_rate: int,
    lowest_hz: float = 62.5,
) -> Float[np.ndarray, "s bands"]:
    """SDR of each octave, cut out by ideal filters: band i lies between edges i and i + 1.

    A band that holds less than -100 dB of its stem is NaN: what is there is rounding.

    Raises:
        ValueError: shapes that differ, or a lowest edge that is not below the Nyquist frequency.
    """
    reference, estimate = _pair(reference, estimate)
    signal, error = _band_energies(reference, sample_rate, lowest_hz), reference - estimate
    floor = 1e-10 * _energy(reference)[:, None]
    return _ratio_db(np.where(signal > floor, signal, 0), _band_energies(error, sample_rate, lowest_hz))


def _band_energies(signals: np.ndarray, sample_rate: int, lowest_hz: float) -> np.ndarray:
    samples = signals.shape[2]
    power = np.square(np.abs(np.fft.rfft(signals))).sum(1)  # (s, f)
    power[:, 1 : (samples + 1) // 2] *= 2  # the negative frequencies
    edges = octave_edges(sample_rate, lowest_hz)
    bins = np.searchsorted(np.fft.rfftfreq(samples, 1 / sample_rate), edges)
    bins[-1] = power.shape[1]  # Nyquist itself belongs to the last band
    bands = [power[:, low:high].sum(1) for low, high in pairwise(bins)]
    return np.stack(bands, axis=1) / samples


def ideal_ratio_mask(
    mixture: Float[Any, "c t"],
    reference: Float[Any, "s c t"],
    window: int = 2048,
    hop: int = 512,
    power: float = 1.0,
) -> Float[np.ndarray, "s c t"]:
    """Oracle estimates: the mixture through each stem's share of the magnitudes, |S|ᵖ / Σ |S|ᵖ.

    About what a mask on the mixture's spectrogram can reach at best (Stöter, Liutkus, Ito 2018). Hann
    window; the estimates sum to the mixture.
    """
    import torch

    hann = torch.hann_window(window, dtype=torch.float64)
    options = {"n_fft": window, "hop_length": hop, "window": hann}
    mixed = torch.as_tensor(np.asarray(mixture, np.float64))
    stems = torch.as_tensor(np.asarray(reference, np.float64))
    spectrum = torch.stft(mixed, pad_mode="constant", return_complex=True, **options)  # (c, f, n)
    shares = torch.stft(stems.flatten(0, 1), pad_mode="constant", return_complex=True, **options)
    shares = shares.abs().pow(power).unflatten(0, stems.shape[:2])  # (s, c, f, n)
    total = shares.sum(0)
    masks = torch.where(total > 0, shares / total, 1 / len(stems))
    masked = (masks * spectrum).flatten(0, 1)
    return torch.istft(masked, length=mixed.shape[1], **options).view(stems.shape).numpy()


def _pair(reference: Any, estimate: Any) -> tuple[np.ndarray, np.ndarray]:
    reference, estimate = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    if reference.ndim != 3 or reference.shape != estimate.shape:
        raise ValueError(
            "expected a reference and an estimate of one shape (stems, channels, samples), "
            f"got {reference.shape} and {estimate.shape}; crop or reorder them first"
        )
    return reference, estimate


def _energy(stems: np.ndarray) -> np.ndarray:
    return np.square(stems).sum((1, 2))


def _ratio_db(signal: np.ndarray, error: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(signal > 0, 10 * np.log10(signal / error), np.nan)


def _fitted(estimate: Any, samples: int) -> np.ndarray:
    estimate = np.asarray(estimate, np.float64)[..., :samples]
    missing = samples - estimate.shape[-1]
    return np.pad(estimate, [(0, 0)] * (estimate.ndim - 1) + [(0, missing)])


def _windows(samples: int, window: int, hop: int) -> list[slice]:
    if window < 1 or hop < 1:
        raise ValueError(f"expected a window and a hop of one sample or more, got {window} and {hop}")
    count = (samples - window + hop) // hop if window < samples else 1
    return [slice(k * hop, min(k * hop + window, samples)) for k in range(count)]


def _any_silent(stems: np.ndarray) -> bool:
    return bool((stems.sum(1) == 0).all(1).any())


def _nanmedian(scores: np.ndarray, axis: int) -> np.ndarray:
    with warnings.catch_warnings():  # NumPy warns of all-NaN slices, which are NaN here as they should be
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(scores, axis=axis)
