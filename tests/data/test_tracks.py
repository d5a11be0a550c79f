"""Folders of stems in MUSDB18-HQ's layout."""

import shutil
from pathlib import Path

import pytest

from stemwise import STEMS
from stemwise.data.tracks import stem_folders
from synth import labels, stem_tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return stem_tree(tmp_path, {"train": 2, "valid": 1, "test": 1}, samples=100)


def test_tracks_are_sorted_by_split_and_name(root: Path) -> None:
    found = [(track.split, track.name) for track in stem_folders(root)]
    assert found == [("train", "track-0"), ("train", "track-1"), ("valid", "track-2"), ("test", "track-3")]


def test_split_gives_its_tracks_alone(root: Path) -> None:
    assert [track.name for track in stem_folders(root, "test")] == ["track-3"]


def test_stems_are_in_the_packages_order(root: Path) -> None:
    assert tuple(stem_folders(root)[0].stems) == STEMS


def test_labels_are_read_from_beside_the_audio(root: Path) -> None:
    assert stem_folders(root)[1].labels == labels(1)


def test_track_without_labels_has_none(root: Path) -> None:
    (root / "train" / "track-0" / "labels.json").unlink()
    assert stem_folders(root)[0].labels == {}


def test_folder_without_a_mixture_is_no_track(root: Path) -> None:
    (root / "train" / "track-0" / "mixture.wav").unlink()
    assert [track.name for track in stem_folders(root, "train")] == ["track-1"]


def test_missing_stem_is_an_error_that_names_it(root: Path) -> None:
    (root / "train" / "track-1" / "bass.wav").unlink()
    with pytest.raises(ValueError, match=r"track-1: bass\.wav missing"):
        stem_folders(root)


def test_split_without_tracks_is_an_error(root: Path) -> None:
    shutil.rmtree(root / "valid")
    with pytest.raises(ValueError, match=r"expected \{valid\}/NAME/mixture\.wav"):
        stem_folders(root, "valid")
