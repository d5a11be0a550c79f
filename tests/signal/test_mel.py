"""The mel filterbank and the logarithm."""

import math

import pytest
import torch

from stemwise.signal.mel import log10_offset, tf_mel_matrix

MSSPT = (128, 256, 16_000, 100.0, 7800.0)


@pytest.mark.parametrize("case", [MSSPT, (40, 513, 44_100, 20.0, 16_000.0)])
def test_filters_are_never_negative_and_at_most_one(case: tuple[int, int, int, float, float]) -> None:
    matrix = tf_mel_matrix(*case)
    assert matrix.shape == case[:2]
    assert matrix.min() == 0
    assert matrix.max() <= 1


def test_constant_offset_is_not_heard() -> None:
    assert not tf_mel_matrix(*MSSPT)[:, 0].any()


def test_nothing_beyond_the_edges_is_heard() -> None:
    hertz = torch.linspace(0, 8000, 256)
    assert not tf_mel_matrix(*MSSPT)[:, (hertz <= 100) | (hertz >= 7800)].any()


def test_centres_rise() -> None:
    matrix = tf_mel_matrix(20, 1025, 16_000, 100.0, 7800.0)
    centres = (matrix * torch.arange(1025)).sum(1) / matrix.sum(1)
    assert (centres.diff() > 0).all()


def test_between_the_outer_centres_filters_sum_to_one() -> None:
    matrix = tf_mel_matrix(20, 1025, 16_000, 100.0, 7800.0)
    first, last = matrix.argmax(1)[[0, -1]]
    torch.testing.assert_close(matrix.sum(0)[first + 1 : last], torch.ones(int(last - first) - 1))


def test_log_of_silence_is_that_of_the_offset() -> None:
    torch.testing.assert_close(log10_offset(torch.zeros(3)), torch.full((3,), -4.0))


def test_log_is_to_base_ten_by_default() -> None:
    torch.testing.assert_close(log10_offset(torch.tensor([10.0 - 1e-4])), torch.ones(1))


def test_published_divisor_replaces_that_of_base_ten() -> None:
    magnitude = torch.tensor([0.5, 2.0])
    expected = log10_offset(magnitude) * math.log(10) / 2.3026
    torch.testing.assert_close(log10_offset(magnitude, 2.3026), expected)
