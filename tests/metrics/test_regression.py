"""R² against scikit-learn, and of resamples against items that are drawn one by one."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from stemwise.metrics.bootstrap import draw_counts
from stemwise.metrics.regression import r2, resampled_r2

DRAW = np.random.default_rng(0)
REFERENCES = 1000 + DRAW.normal(size=(40, 2))
ESTIMATES = REFERENCES + DRAW.normal(size=(40, 2)) * [0.3, 2.0]


def test_each_column_equals_scikit_learns() -> None:
    expected = r2_score(REFERENCES, ESTIMATES, multioutput="raw_values")
    np.testing.assert_allclose(r2(REFERENCES, ESTIMATES), expected, atol=1e-9)


def test_resamples_equal_items_drawn_out() -> None:
    counts = draw_counts(40, 5, seed=1)
    found = resampled_r2(REFERENCES, ESTIMATES, counts)
    for row, count in zip(found, counts.T, strict=True):
        items = np.repeat(np.arange(40), count)
        expected = r2_score(REFERENCES[items], ESTIMATES[items], multioutput="raw_values")
        np.testing.assert_allclose(row, expected, atol=1e-8)


def test_mean_scores_zero_and_a_column_that_never_differs_has_no_score() -> None:
    references = np.array([[1.0, 3.0], [2.0, 3.0], [6.0, 3.0]])
    found = r2(references, np.full((3, 2), 3.0))
    assert found[0] == pytest.approx(0)
    assert np.isnan(found[1])


def test_no_items_are_refused() -> None:
    with pytest.raises(ValueError, match="expected references and estimates of one shape"):
        r2(REFERENCES[:0], ESTIMATES[:0])
