"""The best fixed equaliser: perfect on disjoint bands, never below the mixture, useless on one band."""

import numpy as np
import pytest

from stemwise.metrics.equaliser import best_fixed_equaliser
from stemwise.metrics.separation import si_sdr

RATE = 16_000


def band(low: float, high: float, seed: int, samples: int = 2 * RATE) -> np.ndarray:
    """Stereo noise between two frequencies."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=(2, samples)))
    hertz = np.fft.rfftfreq(samples, 1 / RATE)
    return np.fft.irfft(spectrum * ((hertz > low) & (hertz < high)), samples)


def test_disjoint_bands_are_separated() -> None:
    stems = np.stack([band(100, 900, 0), band(1000, 3000, 1), band(3200, 7000, 2)])
    mixture = stems.sum(0)
    reached = si_sdr(stems, best_fixed_equaliser(mixture, stems))
    assert (reached > 20).all()
    assert (reached > si_sdr(stems, np.broadcast_to(mixture, stems.shape)) + 20).all()


@pytest.mark.parametrize("samples", [1, 999, 5000, 20_001])
def test_it_never_falls_below_the_mixture_and_keeps_the_length(samples: int) -> None:
    draw = np.random.default_rng(samples)
    stems = draw.normal(size=(3, 2, samples)) * draw.random((3, 1, samples)) ** 4
    mixture = stems.sum(0)
    estimate = best_fixed_equaliser(mixture, stems)
    assert estimate.shape == stems.shape
    below = si_sdr(stems, np.broadcast_to(mixture, stems.shape))
    assert (si_sdr(stems, estimate) >= below - 1e-3).all()


def test_stems_of_one_spectrum_gain_nothing() -> None:
    stems = np.stack([band(100, 7000, 0, 10 * RATE), band(100, 7000, 1, 10 * RATE)])
    gain = si_sdr(stems, best_fixed_equaliser(stems.sum(0), stems)) - si_sdr(stems, stems[::-1] + stems)
    assert (gain < 0.2).all()


def test_a_mixture_of_one_stem_comes_back_whole() -> None:
    audio = np.random.default_rng(0).normal(size=(1, 2, 5000))
    np.testing.assert_allclose(best_fixed_equaliser(audio[0], audio), audio, atol=1e-5)


def test_silence_stays_silent() -> None:
    assert not best_fixed_equaliser(np.zeros((2, 4000)), np.zeros((2, 2, 4000))).any()
