"""Intervals equal those of resampling by hand, and cover what they claim to cover."""

import time

import numpy as np
import pytest

from stemwise.metrics.bootstrap import (
    draw_counts,
    macro_mean,
    percentile_interval,
    resampled_accuracy,
    resampled_scores,
)
from stemwise.metrics.tagging import accuracy, average_precision, bootstrap_interval, macro, roc_auc


def data(items: int, labels: int, seed: int = 0, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    targets = (draw.random((items, labels)) < 0.2).astype(np.int64)
    scores = targets + draw.standard_normal((items, labels))
    return targets, np.round(scores) if ties else scores


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("items", [3, 40])
def test_resamples_have_the_scores_of_the_items_drawn_out(items: int, ties: bool) -> None:
    targets, scores = data(items, 4, ties=ties)
    targets[:, 3] = 1
    counts = draw_counts(items, 70, seed=5)  # more than are counted at a time
    found = resampled_scores(targets, scores, counts)
    for column in range(70):
        drawn = np.repeat(np.arange(items), counts[:, column])
        np.testing.assert_allclose(found.roc_auc[column], roc_auc(targets[drawn], scores[drawn]), atol=1e-12)
        precision = average_precision(targets[drawn], scores[drawn])
        np.testing.assert_allclose(found.average_precision[column], precision, atol=1e-12)


def test_intervals_are_those_of_resampling_one_by_one() -> None:
    targets, scores = data(60, 5)
    found = resampled_scores(targets, scores, draw_counts(60, 50, seed=3))
    slow = bootstrap_interval(lambda t, s: macro(roc_auc(t, s)).mean, targets, scores, seed=3, resamples=50)
    assert percentile_interval(macro_mean(found.roc_auc)) == pytest.approx(slow)
    classes = targets.argmax(1)
    fast = resampled_accuracy(scores.argmax(1) == classes, draw_counts(60, 50, seed=3))
    assert percentile_interval(fast) == pytest.approx(
        bootstrap_interval(accuracy, classes, scores, seed=3, resamples=50)
    )


def test_counts_of_every_resample_sum_to_the_items_and_repeat_with_the_seed() -> None:
    counts = draw_counts(17, 9, seed=1)
    assert counts.sum(0).tolist() == [17] * 9
    assert np.array_equal(counts, draw_counts(17, 9, seed=1))
    assert not np.array_equal(counts, draw_counts(17, 9, seed=2))


def test_labels_that_have_no_score_are_left_out_of_a_resamples_mean() -> None:
    targets, scores = data(30, 3)
    targets[:, 0], targets[:, 1] = 0, 1
    found = resampled_scores(targets, scores, draw_counts(30, 20, seed=0))
    assert np.isnan(found.roc_auc[:, :2]).all()
    assert np.isnan(found.average_precision[:, 0]).all()
    assert (found.average_precision[:, 1] == 1).all()
    assert np.array_equal(macro_mean(found.roc_auc), found.roc_auc[:, 2])
    assert np.isnan(percentile_interval(found.roc_auc[:, 0])).all()


def test_a_single_positive_is_missing_from_about_a_third_of_the_resamples() -> None:
    targets = np.zeros((50, 1), np.int64)
    targets[7] = 1
    found = resampled_scores(targets, np.arange(50.0)[:, None], draw_counts(50, 1000, seed=0))
    assert np.isnan(found.roc_auc).mean() == pytest.approx(np.exp(-1), abs=0.05)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """Scores of positives lie one standard deviation higher: the true ROC-AUC is Phi(1 / sqrt 2)."""
    truth, inside = 0.76025, 0
    for seed in range(200):
        targets, scores = data(150, 1, seed=seed)
        found = resampled_scores(targets, scores, draw_counts(150, 200, seed=seed))
        low, high = percentile_interval(found.roc_auc[:, 0])
        inside += low <= truth <= high
    assert 0.89 <= inside / 200 <= 0.985


def test_a_large_test_set_takes_seconds() -> None:
    targets, scores = data(4332, 50)
    counts = draw_counts(4332, 100, seed=0)
    began = time.process_time()
    resampled_scores(targets, scores, counts)
    assert time.process_time() - began < 10  # a tenth of the resamples; about half a second when idle


def test_impossible_requests_are_errors() -> None:
    with pytest.raises(ValueError, match="expected an item and a resample or more"):
        draw_counts(0, 10, seed=0)
    with pytest.raises(ValueError, match="confidence between 0 and 1"):
        percentile_interval(np.zeros(3), 0.0)
    with pytest.raises(ValueError, match="confidence between 0 and 1"):
        percentile_interval(np.zeros(3), 1.0)
