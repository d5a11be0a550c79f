"""FMA: two rows of header, subsets, splits, layouts, known bad tracks."""

import csv
import time
from pathlib import Path

import pytest

from stemwise.data import DATASETS, fma
from stemwise.data.classes import FMA_GENRES
from stemwise.data.tracks import Track
from stemwise.tasks import TASKS

HEADER = [
    ["", "album", "artist", "set", "set", "track", "track"],
    ["", "comments", "bio", "split", "subset", "duration", "genre_top"],
    ["track_id", "", "", "", "", "", ""],
]
ROWS = [
    ("2", "training", "small", "Hip-Hop"),
    ("3", "validation", "medium", "Rock"),
    ("5", "test", "large", ""),
    ("10", "training", "medium", "Old-Time / Historic"),
    ("98565", "training", "small", "Rock"),
    ("155320", "test", "small", "Pop"),
]


def table(root: Path, rows: list[tuple[str, ...]] = ROWS) -> Path:
    (root / "fma_metadata").mkdir(exist_ok=True)
    with (root / "fma_metadata" / "tracks.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows(HEADER)
        for identity, split, subset, genre in rows:
            writer.writerow([identity, "0", 'a "bio",\nof two lines', split, subset, "30", genre])
    return root


def names(tracks: list[Track]) -> list[str]:
    return [track.name for track in tracks]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fma-small", ["000002", "155320"]),
        ("fma-medium", ["000002", "000010", "000003", "155320"]),
        ("fma-large", ["000002", "000010", "000003", "000005", "155320"]),
        ("fma-medium-without-small", ["000010", "000003"]),
    ],
)
def test_subsets_nest_and_are_sorted_by_split_and_id(tmp_path: Path, name: str, expected: list[str]) -> None:
    assert names(DATASETS[name].reader(table(tmp_path), None)) == expected


def test_official_split_is_kept(tmp_path: Path) -> None:
    assert names(DATASETS["fma-medium"].reader(table(tmp_path), "valid")) == ["000003"]


@pytest.mark.parametrize(
    ("audio", "file"),
    [
        ("fma_medium/000/000002.mp3", "fma_medium/000/000010.mp3"),
        ("fma_medium/000002.mp3", "fma_medium/000010.mp3"),
        ("fma_large/000/000002.mp3", "fma_large/000/000010.mp3"),
        ("000/000002.mp3", "000/000010.mp3"),
        ("000002.mp3", "000010.mp3"),
    ],
    ids=["published", "flat", "in a larger subset", "without a folder", "flat without a folder"],
)
def test_every_layout_is_found(tmp_path: Path, audio: str, file: str) -> None:
    (tmp_path / audio).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / audio).write_bytes(b"")
    tracks = DATASETS["fma-medium"].reader(table(tmp_path), "train")
    assert tracks[1].mixture == tmp_path / file


def test_known_bad_tracks_are_left_out_each_with_its_reason(tmp_path: Path) -> None:
    bad = DATASETS["fma-medium"].known_bad
    assert len(bad) == 21
    assert bad["098565"].startswith("1.6 seconds")
    assert "098565" not in names(DATASETS["fma-small"].reader(table(tmp_path), None))


def test_track_without_a_top_genre_takes_no_part_in_the_task(tmp_path: Path) -> None:
    tracks = DATASETS["fma-large"].reader(table(tmp_path), "test")
    assert [track.labels["genre"] for track in tracks] == [None, "Pop"]
    assert names(TASKS["fma-large"].chosen(tracks)) == ["155320"]


def test_classes_of_the_small_subset_are_eight_of_the_sixteen() -> None:
    assert set(TASKS["fma-small"].classes) < set(FMA_GENRES)
    assert len(TASKS["fma-small"].classes) == 8


def test_checksums_come_from_the_archives_own_list(tmp_path: Path) -> None:
    (tmp_path / "fma_small").mkdir()
    (tmp_path / "fma_small" / "checksums").write_text("abc  000/000002.mp3\ndef  098/098565.mp3\n")
    assert fma.checksums(tmp_path) == {tmp_path / "fma_small/000/000002.mp3": "sha1:abc"}


def test_file_of_another_kind_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "tracks.csv").write_text("id,genre\n1,Rock\n")
    with pytest.raises(ValueError, match=r"tracks\.csv: expected a header of two rows"):
        DATASETS["fma-small"].reader(tmp_path, None)


def test_row_without_a_split_is_an_error_that_names_its_track(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="test of track 7, got 'dev'"):
        DATASETS["fma-small"].reader(table(tmp_path, [("7", "dev", "small", "Rock")]), None)


def test_full_size_table_is_read_in_seconds(tmp_path: Path) -> None:
    (tmp_path / "fma_metadata").mkdir()
    row = [*["some text"] * 30, "training", "large", *["more"] * 18, "Rock", "x"]
    header = [*["artist"] * 30, "set", "set", *["track"] * 20]
    second = [*["bio"] * 30, "split", "subset", *["tags"] * 18, "genre_top", "title"]
    lines = [",".join(cells) for cells in (["", *header], ["", *second], ["track_id", *[""] * 52])]
    lines += [f"{identity},{','.join(row)}" for identity in range(200_000, 306_574)]
    (tmp_path / "fma_metadata" / "tracks.csv").write_text("\n".join(lines))
    start = time.perf_counter()
    tracks = DATASETS["fma-large"].reader(tmp_path, None)
    assert time.perf_counter() - start < 20
    assert len(tracks) == 106_574
