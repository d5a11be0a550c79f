"""Cramér's V tells dependent labels from independent ones, however few there are."""

import numpy as np
import pytest

from stemwise.metrics.association import association


def test_independent_labels_look_independent_at_any_size() -> None:
    draw = np.random.default_rng(0)
    found = [
        association(draw.integers(0, 12, n).tolist(), draw.integers(0, 4, n).tolist(), shuffles=200)
        for n in (30, 60, 400)
        for _ in range(20)
    ]
    assert sum(one.dependent for one in found) <= 8  # 3 of 60 are to be expected
    assert np.mean([one.v - one.expected for one in found]) == pytest.approx(0, abs=0.03)
    assert found[0].expected > 0.3 > 0.2 > found[-1].expected


def test_a_label_that_decides_the_other_has_a_v_of_one() -> None:
    first = [k % 6 for k in range(60)]
    found = association(first, [k // 2 for k in first])
    assert found.v == pytest.approx(1)
    assert found.p == pytest.approx(1 / 1001)
    assert found.dependent


def test_v_is_that_of_the_chi_square_statistic() -> None:
    draw = np.random.default_rng(1)
    first = draw.integers(0, 3, 200)
    second = np.where(draw.random(200) < 0.5, first, draw.integers(0, 3, 200))
    contingency = pytest.importorskip("scipy.stats.contingency")
    table = contingency.crosstab(first, second).count
    assert association(first.tolist(), second.tolist()).v == pytest.approx(contingency.association(table))


def test_a_constant_label_has_no_association() -> None:
    found = association(["a", "a", "a"], ["x", "y", "z"])
    assert np.isnan(found.v)
    assert not found.dependent


def test_other_numbers_of_items_are_refused() -> None:
    with pytest.raises(ValueError, match="got 1 and 2"):
        association(["a"], ["x", "y"])
