"""Resampling of streams: the same however the blocks are cut, aligned, as long as it should be."""

from collections.abc import Iterable

import numpy as np
import pytest

from stemwise.signal.resample import Resampler, resampled
from synth import cut, noise, tone

RATES = [
    (44_100, 16_000),
    (16_000, 44_100),
    (48_000, 16_000),
    (22_050, 16_000),
    (8_000, 16_000),
    (16_000, 16_000),
]
rates = pytest.mark.parametrize(("source", "target"), RATES)


def run(blocks: Iterable[np.ndarray], source: int, target: int, channels: int) -> np.ndarray:
    return np.concatenate(list(resampled(blocks, source, target, channels)), axis=1)


@rates
@pytest.mark.parametrize("lengths", [(1000,), (1, 7, 4096), (20_000,), (0, 999)])
def test_answer_does_not_depend_on_how_blocks_are_cut(
    source: int, target: int, lengths: tuple[int, ...]
) -> None:
    audio = noise(2, 12_345)
    whole = run([audio], source, target, 2)
    np.testing.assert_allclose(run(cut(audio, lengths), source, target, 2), whole, atol=1e-6)


@rates
@pytest.mark.parametrize("samples", [1, 2, 100, 4411, 12_345])
def test_length_is_right_to_a_sample(source: int, target: int, samples: int) -> None:
    found = run([noise(1, samples)], source, target, 1).shape[1]
    assert abs(found - samples * target / source) <= 1


@rates
def test_tone_is_the_tone_and_in_its_place(source: int, target: int) -> None:
    found = run([tone(440, 12_000, source)[None]], source, target, 1)[0]
    expected = tone(440, len(found), target)
    inside = slice(len(found) // 4, -len(found) // 4)
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-4)


def test_tone_above_the_new_nyquist_frequency_dies() -> None:
    found = run([tone(12_000, 44_100, 44_100)[None]], 44_100, 16_000, 1)[0]
    assert np.abs(found[500:-500]).max() < 1e-5


def test_channels_do_not_leak_into_each_other() -> None:
    audio = np.stack([tone(440, 20_000, 44_100), np.zeros(20_000, np.float32)])
    assert not run([audio], 44_100, 16_000, 2)[1].any()


def test_stream_of_nothing_is_nothing() -> None:
    assert Resampler(44_100, 16_000, 2).finish().shape == (2, 0)
