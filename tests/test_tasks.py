"""Benchmarks as values: from labels to columns."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemwise.data.tracks import Track
from stemwise.tasks import Task

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
