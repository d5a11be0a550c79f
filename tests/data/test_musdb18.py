"""MUSDB18 and MUSDB18-HQ: names, splits, folders."""

from collections import Counter
from pathlib import Path

import pytest

from stemwise import STEMS
from stemwise.data import DATASETS
from stemwise.data.musdb18 import VALIDATION
from stemwise.data.tracks import StemFile


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def full_size(root: Path, name: str) -> Path:
    """150 empty songs with the real validation names."""
    trained = [*VALIDATION, *(f"Artist - Song {number}" for number in range(86))]
    songs = [("train", song) for song in trained] + [("test", f"Band - Song {n}") for n in range(50)]
    for folder, song in songs:
        if name == "musdb18":
            touch(root / folder / f"{song}.stem.mp4")
        else:
            for part in ("mixture", *STEMS):
                touch(root / folder / song / f"{part}.wav")
    return root


both = pytest.mark.parametrize("name", ["musdb18", "musdb18-hq"])


@both
def test_split_is_86_14_50_by_the_names_of_the_validation_songs(tmp_path: Path, name: str) -> None:
    tracks = DATASETS[name].tracks(full_size(tmp_path, name))
    assert Counter(track.split for track in tracks) == DATASETS[name].counts
    assert {track.name for track in tracks if track.split == "valid"} == set(VALIDATION)
    assert [track.name for track in DATASETS[name].tracks(tmp_path, "valid")] == sorted(VALIDATION)


@both
def test_folder_musdb18_inside_of_the_root_is_found(tmp_path: Path, name: str) -> None:
    full_size(tmp_path / "musdb18", name)
    assert len(DATASETS[name].tracks(tmp_path)) == 150


def test_validation_songs_that_were_moved_are_read(tmp_path: Path) -> None:
    touch(tmp_path / "train" / "A - B.stem.mp4")
    touch(tmp_path / "valid" / f"{VALIDATION[0]}.stem.mp4")
    assert [track.split for track in DATASETS["musdb18"].tracks(tmp_path)] == ["train", "valid"]


def test_stems_are_streams_in_musdbs_order(tmp_path: Path) -> None:
    touch(tmp_path / "test" / "A - B.stem.mp4")
    (track,) = DATASETS["musdb18"].tracks(tmp_path)
    assert track.stems == {
        stem: StemFile(track.mixture, stream)
        for stream, stem in enumerate(("drums", "bass", "other", "vocals"), 1)
    }
    assert track.files == (track.mixture,)


@both
def test_other_folder_is_an_error_that_names_the_layout(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"expected \{train,test\}/NAME"):
        DATASETS[name].tracks(tmp_path)


def test_stem_that_is_missing_is_an_error_that_says_how_many(tmp_path: Path) -> None:
    full_size(tmp_path, "musdb18-hq")
    (tmp_path / "test" / "Band - Song 7" / "bass.wav").unlink()
    (tmp_path / "test" / "Band - Song 8" / "bass.wav").unlink()
    with pytest.raises(ValueError, match=r"2 files are missing, the first is .*Song 7/bass\.wav"):
        DATASETS["musdb18-hq"].tracks(tmp_path)
