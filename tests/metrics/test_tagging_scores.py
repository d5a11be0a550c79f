"""Tagging scores have the values that their definitions give."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from stemwise.metrics.tagging import (
    accuracy,
    average_precision,
    bootstrap_interval,
    confusion,
    macro,
    one_hot,
    per_label,
    roc_auc,
)

RNG = np.random.default_rng(0)
TARGETS = (RNG.random((200, 5)) < 0.3).astype(np.int64)


def test_perfect_inverted_and_constant_scorers():
    assert np.array_equal(roc_auc(TARGETS, TARGETS.astype(float)), np.ones(5))
    assert np.array_equal(roc_auc(TARGETS, -TARGETS.astype(float)), np.zeros(5))
    assert np.array_equal(roc_auc(TARGETS, np.full((200, 5), 0.3)), np.full(5, 0.5))
    assert np.array_equal(average_precision(TARGETS, TARGETS.astype(float)), np.ones(5))
    assert np.allclose(average_precision(TARGETS, np.zeros((200, 5))), TARGETS.mean(0))


def test_auc_is_the_share_of_pairs_in_order():
    scores = np.round(RNG.random((200, 5)), 1)  # with ties
    for k in range(5):
        positive, negative = scores[TARGETS[:, k] == 1, k], scores[TARGETS[:, k] == 0, k]
        above = (positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean()
        assert roc_auc(TARGETS, scores)[k] == pytest.approx(above, abs=1e-12)


def test_average_precision_is_the_mean_precision_at_the_positives():
    targets, scores = np.array([[1], [0], [1], [0]]), np.array([[0.9], [0.8], [0.7], [0.1]])
    assert average_precision(targets, scores)[0] == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_auc_does_not_depend_on_the_scale_of_the_scores():
    scores = RNG.standard_normal((200, 5))
    assert np.array_equal(roc_auc(TARGETS, scores), roc_auc(TARGETS, 7 * scores - 3))
    assert np.array_equal(roc_auc(TARGETS, scores), roc_auc(torch.tensor(TARGETS), torch.tensor(scores)))
    assert np.array_equal(roc_auc(TARGETS, scores), roc_auc(TARGETS.astype(bool), scores))


def test_labels_without_both_classes_are_left_out_and_counted():
    targets = TARGETS.copy()
    targets[:, 0], targets[:, 1] = 0, 1
    scores = targets + RNG.random((200, 5))
    auc, precision = roc_auc(targets, scores), average_precision(targets, scores)
    assert np.isnan(auc).tolist() == [True, True, False, False, False]
    assert np.isnan(precision).tolist() == [True, False, False, False, False]
    assert macro(auc) == (pytest.approx(1.0), 3)
    assert macro(precision).labels == 4
    nothing = macro(np.array([np.nan]))
    assert np.isnan(nothing.mean)
    assert nothing.labels == 0


def test_the_table_has_a_row_per_label():
    scores = RNG.random((200, 5))
    rows = per_label(TARGETS, scores, list("abcde"))
    assert [row["label"] for row in rows] == list("abcde")
    assert [row["positives"] for row in rows] == TARGETS.sum(0).tolist()
    assert [row["auc"] for row in rows] == roc_auc(TARGETS, scores).tolist()
    assert [row["ap"] for row in rows] == average_precision(TARGETS, scores).tolist()
    with pytest.raises(ValueError, match="labels: expected 5 names, got 4"):
        per_label(TARGETS, scores, list("abcd"))


def test_classes_are_scored_by_the_highest_score():
    targets = np.array([0, 1, 2, 2, 1])
    scores = one_hot(np.array([0, 2, 2, 1, 1]), 4).astype(float)
    assert accuracy(targets, scores) == pytest.approx(3 / 5)
    counts = confusion(targets, scores)
    assert counts.tolist() == [[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert accuracy(targets, np.zeros((5, 4))) == pytest.approx(1 / 5)  # a tie goes to the first class
    assert np.array_equal(roc_auc(one_hot(targets, 3), one_hot(targets, 3).astype(float)), np.ones(3))


@pytest.mark.parametrize("targets", [[0, 3], [-1, 0]])
def test_a_class_without_a_column_is_an_error(targets):
    with pytest.raises(ValueError, match="expected class numbers from 0 to 2"):
        accuracy(np.array(targets), np.zeros((2, 3)))


def test_targets_that_are_no_labels_are_an_error():
    with pytest.raises(ValueError, match="expected 0 and 1 only; make classes so with `one_hot`"):
        roc_auc(2 * TARGETS, np.zeros((200, 5)))


def test_the_interval_is_that_of_the_binomial_and_repeats_with_its_seed():
    targets = np.zeros(400, np.int64)
    scores = one_hot((np.arange(400) % 4 == 0).astype(np.int64), 2).astype(float)  # accuracy 0.75
    low, high = bootstrap_interval(accuracy, targets, scores, seed=1, resamples=400)
    deviation = np.sqrt(0.75 * 0.25 / 400)
    assert low == pytest.approx(0.75 - 1.96 * deviation, abs=0.015)
    assert high == pytest.approx(0.75 + 1.96 * deviation, abs=0.015)
    assert bootstrap_interval(accuracy, targets, scores, seed=1, resamples=400) == (low, high)
    assert bootstrap_interval(accuracy, targets, scores, seed=2, resamples=400) != (low, high)
    narrow = bootstrap_interval(accuracy, targets, scores, seed=1, resamples=400, confidence=0.5)
    assert low < narrow[0] < 0.75 < narrow[1] < high


def test_the_interval_takes_a_multi_label_score():
    scores = TARGETS + RNG.random((200, 5))
    low, high = bootstrap_interval(
        lambda t, s: macro(roc_auc(t, s)).mean, TARGETS, scores - TARGETS * 0.5, seed=0, resamples=30
    )
    assert 0.5 < low < macro(roc_auc(TARGETS, scores - TARGETS * 0.5)).mean < high < 1


@pytest.mark.parametrize("arguments", [{"confidence": 1.0}, {"resamples": 0}])
def test_impossible_intervals_are_errors(arguments):
    with pytest.raises(ValueError, match="expected a confidence between 0 and 1 and a resample or more"):
        bootstrap_interval(accuracy, np.zeros(3, np.int64), np.zeros((3, 2)), seed=0, **arguments)


def test_without_scikit_learn_the_error_says_what_to_install():
    script = """
import sys
sys.modules["sklearn"] = None  # what an import finds where it is not installed
import numpy as np
from stemwise.metrics.tagging import roc_auc
roc_auc(np.array([[0], [1]]), np.array([[0.1], [0.2]]))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "ValueError: these scores need scikit-learn: pip install 'stemwise[train]'" in result.stderr
