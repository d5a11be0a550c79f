"""Masking, shifting and warping of log-mels: how often and how far; the excerpt itself is left alone."""

from dataclasses import replace

import numpy as np
import pytest

from stemwise.data.masking import Masking, draw, masked

PICTURE = np.random.default_rng(0).standard_normal((98, 64)).astype(np.float32)
DRAWS = [draw(np.random.default_rng([seed])) for seed in range(2000)]


@pytest.mark.parametrize(
    ("field", "nothing", "share"),
    [("times", (), 0.5), ("bands", (), 0.5), ("shift", 0, 0.4), ("middle", None, 0.4)],
)
def test_each_change_happens_as_often_as_published(field: str, nothing: object, share: float) -> None:
    assert np.mean([getattr(how, field) != nothing for how in DRAWS]) == pytest.approx(share, abs=0.04)


def test_changes_are_as_large_as_published() -> None:
    times = [mask for how in DRAWS for mask in how.times]
    bands = [mask for how in DRAWS for mask in how.bands]
    assert {len(how.times) for how in DRAWS} == {*range(10)}
    assert {len(how.bands) for how in DRAWS} == {*range(5)}
    assert {first for first, _ in times} == {*range(87)}
    assert {count for _, count in times} == {*range(1, 10)}
    assert {first for first, _ in bands} == {*range(64)}
    assert {count for _, count in bands} == {*range(1, 12)}
    assert {how.shift for how in DRAWS} == {*range(10)}
    assert {how.middle for how in DRAWS} == {None, *range(38, 58)}


def test_nothing_drawn_is_nothing_done() -> None:
    assert np.array_equal(masked(PICTURE, Masking()), PICTURE)


def test_masks_are_filled_and_the_excerpt_is_left_alone() -> None:
    kept = PICTURE.copy()
    out = masked(PICTURE, Masking(times=((2, 3),), bands=((60, 9),)), fill=-11.5)
    assert np.array_equal(PICTURE, kept)
    assert (out[2:5] == -11.5).all()
    assert (out[:, 60:] == -11.5).all()
    assert np.array_equal(out[5:, :60], PICTURE[5:, :60])


def test_shift_moves_down_and_leaves_the_top_empty() -> None:
    out = masked(PICTURE, Masking(shift=4))
    assert np.array_equal(out[:, :60], PICTURE[:, 4:])
    assert not out[:, 60:].any()


def test_warp_has_the_middle_come_from_elsewhere_and_keeps_both_ends() -> None:
    ramp = np.arange(98, dtype=np.float32)[:, None].repeat(64, 1)
    out = masked(ramp, replace(Masking(), middle=40))
    assert out[[0, 48, 49, 97], 0].tolist() == [0, 40, 41, 97]
    assert (np.diff(out[:, 0]) > 0).all()
