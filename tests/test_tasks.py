"""Benchmarks as values: from labels to columns."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemwise.data.tracks import Track
from stemwise.evaluation import classification_scores
from stemwise.tasks import TASKS, Task

TAGS = Task(
    name="tags",
    title="a test",
    dataset="rendered",
    target="multilabel",
    fields=("genre", "instruments", "vocals"),
    classes=("rock", "jazz", "piano", "guitar", "vocals"),
    select="roc_auc",
)
GENRE = Task(
    name="genre",
    title="a test",
    dataset="rendered",
    target="multiclass",
    fields=("genre",),
    classes=("rock", "jazz"),
    select="accuracy",
)


def track(**labels: Any) -> Track:
    return Track(name="a", split="test", mixture=Path("a/mixture.wav"), labels=labels)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ({"genre": "rock", "instruments": [], "vocals": False}, {"rock"}),
        (
            {"genre": "jazz", "instruments": ["piano", "guitar"], "vocals": True},
            {"jazz", "piano", "guitar", "vocals"},
        ),
        ({"genre": "polka", "instruments": ["kazoo"], "vocals": False}, set()),
    ],
    ids=["text", "list and boolean", "unknown values"],
)
def test_labels_become_classes(labels: dict[str, Any], classes: set[str]) -> None:
    assert TAGS.of(labels) == classes


def test_missing_field_is_an_error_that_names_what_there_is() -> None:
    with pytest.raises(ValueError, match="tags: expected the label 'instruments', found genre"):
        TAGS.of({"genre": "rock"})


def test_no_labels_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected the label 'genre', found none"):
        GENRE.of({})


def test_columns_are_in_the_order_of_the_classes() -> None:
    tracks = [
        track(genre="jazz", instruments=["piano"], vocals=True),
        track(genre="rock", instruments=[], vocals=False),
    ]
    expected = np.array([[0, 1, 1, 0, 1], [1, 0, 0, 0, 0]], np.float32)
    assert np.array_equal(TAGS.matrix(tracks), expected)


def test_none_is_no_class() -> None:
    assert GENRE.of({"genre": None}) == set()


def test_task_chooses_its_tracks_by_label_and_by_name() -> None:
    listed, unlabelled, unlisted = track(genre="rock"), track(genre=None), track(genre="jazz")
    tracks = [listed, unlabelled, replace(unlisted, name="b")]
    protocol = replace(GENRE, labelled_only=True, without=("b",))
    assert GENRE.chosen(tracks) == tracks
    assert protocol.chosen(tracks) == [listed]


@pytest.mark.parametrize("genre", ["polka", ["rock", "jazz"], []])
def test_track_without_exactly_one_class_is_an_error_that_names_it(genre: Any) -> None:
    with pytest.raises(ValueError, match=r"mixture\.wav: expected one of \('rock', 'jazz'\), got"):
        GENRE.matrix([track(genre="rock"), track(genre=genre)])


MOOD = Task(
    name="mood",
    title="a test",
    dataset="rendered",
    target="regression",
    fields=("arousal", "valence"),
    classes=("arousal", "valence"),
    select="r2",
)


def test_numbers_are_the_rows_of_a_regression() -> None:
    tracks = [track(valence=0.25, arousal=1, mood="happy"), track(arousal=-2.5, valence=0.0)]
    assert MOOD.matrix(tracks).tolist() == [[1.0, 0.25], [-2.5, 0.0]]


@pytest.mark.parametrize("value", [None, "high", True])
def test_track_without_a_number_is_an_error_that_names_it(value: Any) -> None:
    with pytest.raises(ValueError, match=r"mixture\.wav: expected numbers as arousal, valence, got"):
        MOOD.matrix([track(arousal=0.5, valence=value)])


@pytest.mark.parametrize(
    ("seconds", "clip_s", "expected"),
    [
        (120.06, 30.0, [(0, 30), (30, 60), (60, 90), (90, 120)]),
        (59.9, 30.0, [(0, 30)]),
        (12.0, 30.0, [(0, 12)]),
        (45.0, 0.0, [(0, 45)]),
    ],
)
def test_track_is_cut_into_whole_clips(
    seconds: float, clip_s: float, expected: list[tuple[int, int]]
) -> None:
    found = replace(GENRE, clip_s=clip_s).clips(round(seconds * 100), 100)
    assert found == [(100 * start, 100 * stop) for start, stop in expected]


def test_near_misses_of_a_key_score_in_part() -> None:
    task = TASKS["giantsteps"]
    truth = np.eye(24)[[task.classes.index("C major")] * 4]
    said = np.eye(24)[[task.classes.index(name) for name in ("C major", "G major", "A minor", "F major")]]
    assert task.asks_for_keys
    assert not GENRE.asks_for_keys
    assert classification_scores(task, truth, said)["key_score"] == pytest.approx((1 + 0.5 + 0.3 + 0) / 4)
