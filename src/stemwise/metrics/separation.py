"""Scores of separated stems, in dB: NumPy arrays or CPU tensors in, float64 arrays out.

Stems are (stem, channel, sample), the reference always before the estimate. A score that has no meaning,
such as that of an estimate of silence, is NaN and drops out of medians; it never counts as zero.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from stemwise.metrics.bss_eval import bss_eval, bss_eval_sdr, bss_eval_sdr_frames, fast_length
from stemwise.metrics.ratios import energy, error_energy, floats, nanmedian, overlap, paired, ratio_db

__all__ = [
    "audible",
    "bss_eval",
    "bss_eval_sdr",
    "bss_eval_sdr_frames",
    "ideal_ratio_mask",
    "leakage_db",
    "median_over_tracks",
    "octave_edges",
    "sdr",
    "sdr_per_octave",
    "si_sdr",
]


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
    reference, estimate = paired(reference, estimate)
    return ratio_db(energy(reference), error_energy(reference, estimate))


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
    reference, estimate = paired(reference, estimate)
    return np.array([_si_sdr(*pair) for pair in zip(reference, estimate, strict=True)])


def _si_sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Return the score of one stem, so that only one is in memory in double precision."""
    shared, power = overlap(reference, estimate), overlap(reference, reference)
    if not power:
        return np.nan
    if not shared:
        return -np.inf
    target = shared / power * reference.astype(np.float64)
    return float(ratio_db(energy(target[None]), error_energy(target[None], estimate[None]))[0])


def median_over_tracks(scores: Float[Any, "tracks s"]) -> Float[np.ndarray, "s"]:
    """A dataset's score per stem: the median over tracks, those left out that are NaN (SiSEC 2018).

    Example:
        >>> median_over_tracks(np.array([[1.0, np.nan], [3.0, np.nan], [9.0, np.nan]]))
        array([ 3., nan])
    """
    return nanmedian(np.asarray(scores, np.float64), axis=0)


def audible(reference: Float[Any, "s c t"], threshold_db: float = -60.0) -> Bool[np.ndarray, "s"]:
    """Which stems can be heard: those whose level is above `threshold_db` relative to their mixture's.

    Scores of the others say nothing; report `leakage_db` for them instead. Nothing is audible in silence.
    """
    reference = floats(reference)
    mixture = reference.sum(0, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = 10 * np.log10(energy(reference) / overlap(mixture, mixture))
    return level > threshold_db


def leakage_db(mixture: Float[Any, "c t"], estimate: Float[Any, "s c t"]) -> Float[np.ndarray, "s"]:
    """Level of each estimate relative to the mixture's: what leaks into stems that should be silent.

    -infinity for a silent estimate, NaN for a silent mixture.

    Example:
        >>> leakage_db(np.ones((2, 10)), np.full((1, 2, 10), 0.1)).round(6)
        array([-20.])
    """
    total = overlap(mixture, mixture)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 10 * np.log10(energy(floats(estimate)) / (total if total else np.nan))


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
    reference, estimate = paired(reference, estimate)
    pairs = zip(reference, estimate, strict=True)
    errors = (np.subtract(*pair, dtype=np.float64) for pair in pairs)
    signal, error = (_band_energies(stems, sample_rate, lowest_hz) for stems in (reference, errors))
    floor = 1e-10 * energy(reference)[:, None]
    return ratio_db(np.where(signal > floor, signal, 0), error)


def _band_energies(stems: Iterable[np.ndarray], sample_rate: int, lowest_hz: float) -> np.ndarray:
    return np.array([sum(_bands(channel, sample_rate, lowest_hz) for channel in stem) for stem in stems])


def _bands(channel: np.ndarray, sample_rate: int, lowest_hz: float) -> np.ndarray:
    length = fast_length(len(channel))
    spectrum = np.fft.rfft(channel.astype(np.float64), length)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    power[1 : (length + 1) // 2] *= 2  # the negative frequencies
    edges = octave_edges(sample_rate, lowest_hz)
    bins = np.searchsorted(np.fft.rfftfreq(length, 1 / sample_rate), edges)
    bins[-1] = len(power)  # Nyquist itself belongs to the last band
    return np.array([power[low:high].sum() for low, high in pairwise(bins)]) / length


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
