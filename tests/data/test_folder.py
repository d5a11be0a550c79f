"""One's own data: labelled audio and stems."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwise.data import DATASETS
from stemwise.data.folder import split_by_name, stem_tracks, tracks, write_mixtures
from synth import stem_tree


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def facts(root: Path) -> list[tuple[str, str, list[str]]]:
    return [(track.split, track.name, track.labels["label"]) for track in tracks(root)]


def test_table_gives_labels_and_splits(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,label,split\nb.mp3,rock;loud,test\na.wav,jazz,train\n")
    assert facts(tmp_path) == [("train", "a.wav", ["jazz"]), ("test", "b.mp3", ["rock", "loud"])]
    assert tracks(tmp_path)[0].mixture == tmp_path / "a.wav"


def test_sub_folders_are_labels(tmp_path: Path) -> None:
    touch(tmp_path, "rock/a.mp3", "jazz/live/b.FLAC", "jazz/notes.txt", "jazz/.hidden.mp3")
    assert sorted(fact[1:] for fact in facts(tmp_path)) == [
        ("jazz/live/b.FLAC", ["jazz"]),
        ("rock/a.mp3", ["rock"]),
    ]


def test_folders_of_splits_are_splits(tmp_path: Path) -> None:
    touch(tmp_path, "train/rock/a.mp3", "test/jazz/b.mp3")
    assert facts(tmp_path) == [("train", "train/rock/a.mp3", ["rock"]), ("test", "test/jazz/b.mp3", ["jazz"])]


def test_split_by_name_is_eighty_ten_ten_and_depends_on_nothing_else() -> None:
    drawn = [split_by_name(f"song {number}") for number in range(4000)]
    shares = {split: count / 4000 for split, count in Counter(drawn).items()}
    assert shares == pytest.approx({"train": 0.8, "valid": 0.1, "test": 0.1}, abs=0.02)
    assert [split_by_name(f"song {number}") for number in range(4000)] == drawn
    assert [split_by_name(f"song {number}", seed=1) for number in range(4000)] != drawn


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,tag\n", "expected the columns path and label, found file, tag"),
        ("path,label,split\na.wav,rock,dev\n", "row 2: .*got 'a.wav' and 'dev'"),
        ("path,label\n,rock\n", "row 2"),
    ],
)
def test_bad_table_is_an_error_with_its_row(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        tracks(tmp_path)


def test_folder_without_audio_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found neither"):
        tracks(tmp_path)


def test_stems_of_any_format_with_and_without_splits(tmp_path: Path) -> None:
    touch(tmp_path, *(f"test/song/{name}.flac" for name in ("mixture", "drums", "bass", "other", "vocals")))
    (track,) = stem_tracks(tmp_path)
    assert (track.split, track.name, track.mixture.name) == ("test", "song", "mixture.flac")
    assert all(path.is_file() for path in track.files)


def test_missing_mixture_is_an_error_until_it_is_written(tmp_path: Path) -> None:
    stem_tree(tmp_path, {"train": 1}, samples=2000)
    file = tmp_path / "train" / "track-0" / "mixture.wav"
    before, _ = soundfile.read(file)
    file.unlink()
    with pytest.raises(ValueError, match=r"1 files are missing.*mixture\.wav"):
        DATASETS["stems"].tracks(tmp_path)
    assert write_mixtures(tmp_path) == [file]
    assert np.abs(soundfile.read(file)[0] - before).max() < 1e-3
    assert write_mixtures(tmp_path) == []


def test_two_files_for_one_stem_are_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "song/drums.wav", "song/drums.mp3")
    with pytest.raises(ValueError, match=r"expected one drums, found drums\.mp3, drums\.wav"):
        stem_tracks(tmp_path)


def test_cache_in_the_folder_changes_nothing(tmp_path: Path) -> None:
    stem_tree(tmp_path, samples=100)
    before = stem_tracks(tmp_path)
    (tmp_path / "cache" / "audio-16000hz-mono").mkdir(parents=True)
    assert stem_tracks(tmp_path) == before
    assert {track.split for track in before} == {"train", "valid", "test"}
