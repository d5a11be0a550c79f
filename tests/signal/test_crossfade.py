"""Cross-fades and the Kaiser resampler: parts of one signal give it back."""

import numpy as np
import pytest
import torch

from stemwise.signal.crossfade import crossfaded
from stemwise.signal.kaiser import KaiserResampler, kaiser_resampled
from synth import cut, noise, tone


@pytest.mark.parametrize(("chunk", "overlap"), [(100, 10), (64, 32), (500, 1), (2000, 7)])
def test_parts_of_a_signal_give_it_back(chunk: int, overlap: int) -> None:
    audio = noise(2, 1001)
    starts = range(0, max(1, 1001 - overlap), chunk - overlap)
    parts = [audio[:, start : start + chunk] for start in starts]
    np.testing.assert_allclose(np.concatenate(list(crossfaded(parts, overlap)), axis=1), audio, atol=1e-6)


def test_single_part_of_any_length_stays() -> None:
    audio = noise(1, 3)
    assert np.array_equal(np.concatenate(list(crossfaded([audio], 10)), axis=1), audio)


@pytest.mark.parametrize("rates", [(44_100, 8000), (44_100, 32_000), (32_000, 44_100), (32_000, 8000)])
@pytest.mark.parametrize("lengths", [(1000,), (17, 4001, 3), (50_000,)])
def test_blocks_are_resampled_as_the_whole(rates: tuple[int, int], lengths: tuple[int, ...]) -> None:
    audio = noise(2, 20_011)
    resampler = KaiserResampler(*rates, 2)
    parts = [resampler.push(block) for block in cut(audio, lengths)] + [resampler.finish()]
    whole = kaiser_resampled(torch.from_numpy(audio), *rates).numpy()
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-6)


def test_same_rate_is_left_alone() -> None:
    audio, resampler = noise(1, 100), KaiserResampler(8000, 8000, 1)
    assert np.array_equal(resampler.push(audio), audio)
    assert resampler.finish().shape == (1, 0)


def test_tone_below_the_band_edge_passes_and_one_above_dies() -> None:
    for hz, level in ((1000, 1.0), (5000, 0.0)):
        audio = torch.from_numpy(tone(hz, 44_100, 44_100, level=1.0))[None]
        found = kaiser_resampled(audio, 44_100, 8000)[0, 500:-500]
        expected = torch.from_numpy(tone(hz, 8000, 8000, level=level))[500:-500]
        torch.testing.assert_close(found, expected, atol=1e-2, rtol=0)  # its gain is 0.8 % high, as resampy's
