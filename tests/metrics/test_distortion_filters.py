"""BSSEval's filters solve the normal equations, and their fast solution knows when it does not."""

import numpy as np
import pytest

from stemwise.metrics.bss_eval import bss_eval, fast_length
from stemwise.metrics.distortion_filters import TAPS, correlations, least_squares, levinson

RNG = np.random.default_rng(0)


def spectrum_of_blocks(count: int, size: int) -> np.ndarray:
    """The blocks of a positive definite block Toeplitz matrix: correlations of noise."""
    noise = RNG.standard_normal((size, 20 * count))
    full = np.fft.rfft(noise, 40 * count)
    return np.fft.irfft(full[:, None].conj() * full[None]).transpose(2, 0, 1)[:count]


def dense(blocks: np.ndarray) -> np.ndarray:
    rows = [
        [blocks[i - j] if i >= j else blocks[j - i].T for j in range(len(blocks))] for i in range(len(blocks))
    ]
    return np.block(rows)


@pytest.mark.parametrize(("count", "size", "columns"), [(1, 3, 2), (2, 1, 1), (17, 3, 2)])
def test_levinson_solves_block_toeplitz_equations(count, size, columns):
    blocks, rhs = spectrum_of_blocks(count, size), RNG.standard_normal((count, size, columns))
    expected = np.linalg.solve(dense(blocks), rhs.reshape(-1, columns))
    np.testing.assert_allclose(levinson(blocks, rhs).reshape(-1, columns), expected, rtol=1e-9)


def test_levinson_refuses_what_is_not_positive_definite():
    blocks = spectrum_of_blocks(8, 2)
    blocks[0] -= 0.99 * np.diag(np.diag(blocks[0]))
    with pytest.raises(np.linalg.LinAlgError):
        levinson(blocks, np.ones((8, 2, 1)))


@pytest.mark.parametrize("samples", [100, TAPS, 40_001, 300_000])
def test_correlations_are_sums_over_the_whole_signal(samples):
    references, signals = RNG.standard_normal((2, samples)), RNG.standard_normal((3, samples))
    found = correlations(references, signals)
    assert found.shape == (TAPS, 2, 3)
    for tap in (0, 1, TAPS - 1):
        expected = references[:, : max(0, samples - tap)] @ signals[:, tap:].T
        np.testing.assert_allclose(found[tap], expected, atol=1e-9 * samples)


def test_filtered_references_are_found_again():
    references = RNG.standard_normal((2, 5000))
    taps = RNG.standard_normal((3, 2))
    signal = sum(np.convolve(references[b], taps[:, b])[:5000] for b in range(2))[None]
    lags, rhs = correlations(references, references), correlations(references, signal)
    found = least_squares(references, signal, lags, rhs, channels=1)
    np.testing.assert_allclose(found[:3, :, 0], taps, atol=1e-3)  # the signal's end is cut
    assert np.abs(found[3:]).max() < 0.05


@pytest.mark.parametrize("samples", [1, 7, 511, 44_611, 10_584_000, 10_584_001])
def test_fast_length_is_the_next_without_large_factors(samples):
    def smooth(number: int) -> bool:
        for factor in (2, 3, 5):
            while number % factor == 0:
                number //= factor
        return number == 1

    found = fast_length(samples)
    assert found >= samples
    assert smooth(found)
    if samples < 100_000:
        assert not any(map(smooth, range(samples, found)))


def test_stem_that_is_silent_throughout_has_no_score():
    stems = RNG.standard_normal((2, 2, 3000))
    stems[1] = 0
    assert all(np.isnan(score).all() for score in bss_eval(stems, stems + 1, 1000).values())


def test_filter_of_an_estimate_is_forgiven_by_all_but_sdr_and_isr():
    """A short filter is spatial distortion: neither interference nor an artifact."""
    stems = RNG.standard_normal((2, 1, 24_000))
    estimate = stems.copy()
    estimate[0, 0, 5:] += 0.5 * stems[0, 0, :-5]
    scores = bss_eval(stems, estimate, 8000)
    assert np.allclose(scores["ISR"][0], 10 * np.log10(1 / 0.25), atol=0.2)
    assert scores["SIR"][0].min() > 20
    assert scores["SAR"][0].min() > 20
