"""MagnaTagATune: the reader's labels, splits and lists are those that others published."""

import csv
import gzip
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemwise.data import DATASETS
from stemwise.data.classes import MTAT_TAGS
from stemwise.data.magnatagatune import CORRUPT, MSSPT_COLUMNS, UNLISTED, tracks
from stemwise.data.tracks import SPLITS, Track
from stemwise.tasks import TASKS

METADATA = Path(__file__).parents[1] / "vectors" / "metadata"
FILTERED, UNFILTERED = TASKS["magnatagatune"], TASKS["magnatagatune-unfiltered"]


@cache
def published() -> dict[str, Any]:
    return json.loads(gzip.decompress((METADATA / "magnatagatune.json.gz").read_bytes()))


@cache
def listed(split: str) -> list[str]:
    return gzip.decompress((METADATA / f"mtat_{split}.txt.gz").read_bytes()).decode().split()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Full-size tables in the published layout: tab-separated, quoted, 188 tags; no audio."""
    folder, known = tmp_path_factory.mktemp("mtat"), published()
    with (folder / "annotations_final.csv").open("w", newline="") as file:
        table = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL)
        table.writerow(["clip_id", *known["tags"], "mp3_path"])
        for uid, (path, _, tags) in known["clips"].items():
            has = set(tags)
            table.writerow([int(uid), *(int(tag in has) for tag in range(len(known["tags"]))), path])
    with (folder / "clip_info_final.csv").open("w", newline="") as file:
        table = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL)
        table.writerow(["clip_id", "track_number", "title", "artist", "album", "mp3_path"])
        for uid, (path, _, _) in known["clips"].items():
            table.writerow([int(uid), 1, "Song", "Artist", "Album", path])
    return folder


@pytest.fixture(scope="module")
def clips(root: Path) -> list[Track]:
    return tracks(root)


def split_of(clips: list[Track], split: str) -> list[Track]:
    return [clip for clip in clips if clip.split == split]


def test_clips_paths_splits_and_tags_equal_the_published_metadata(clips: list[Track]) -> None:
    known = published()
    expected = {
        uid: (path.removesuffix(".mp3"), split, {known["tags"][tag] for tag in tags})
        for uid, (path, split, tags) in known["clips"].items()
        if split is not None
    }
    assert {c.name: (c.labels["path"], c.split, set(c.labels["tags"])) for c in clips} == expected
    assert len(clips) == 25_860


def test_clips_without_a_published_split_are_the_corrupt_three(clips: list[Track]) -> None:
    lost = {uid: path for uid, (path, split, _) in published()["clips"].items() if split is None}
    assert lost == CORRUPT == {name: CORRUPT[name] for name in DATASETS["magnatagatune"].known_bad}


def test_unfiltered_protocol_has_the_published_counts(clips: list[Track]) -> None:
    counts = [len(UNFILTERED.chosen(split_of(clips, split))) for split in SPLITS]
    assert counts == [18_706, 1_825, 5_329] == list(DATASETS["magnatagatune"].counts.values())


@pytest.mark.parametrize(("split", "count"), [("train", 15_244), ("valid", 1_529), ("test", 4_332)])
def test_filtered_protocol_is_the_published_list_in_its_order(
    clips: list[Track], split: str, count: int
) -> None:
    chosen = [clip.labels["path"] for clip in FILTERED.chosen(split_of(clips, split))]
    assert chosen == listed(split)
    assert len(chosen) == count


def test_published_training_list_lacks_its_first_three_clips(clips: list[Track]) -> None:
    tagged = [clip for clip in split_of(clips, "train") if FILTERED.of(clip.labels)]
    assert tuple(sorted(clip.name for clip in tagged[:3])) == UNLISTED
    assert [clip.labels["path"] for clip in tagged[3:]] == listed("train")


@pytest.mark.parametrize("split", ["valid", "test"])
def test_label_matrix_equals_the_published_one_in_its_order_of_columns(
    clips: list[Track], split: str
) -> None:
    stored = np.load(METADATA / f"mtat_{split}_labels.npz")
    expected = np.unpackbits(stored["labels"], axis=1)[:, : len(MTAT_TAGS)]
    published_order = replace(FILTERED, classes=MSSPT_COLUMNS)
    chosen = FILTERED.chosen(split_of(clips, split))
    assert np.array_equal(published_order.matrix(chosen), expected)
    assert sorted(MSSPT_COLUMNS) == sorted(MTAT_TAGS)


def test_title_comes_from_the_second_table(clips: list[Track]) -> None:
    assert clips[0].labels["title"] == "Song"


@pytest.mark.parametrize("home", ["mp3", "Audio", "."])
def test_audio_lies_beside_the_tables_or_in_a_folder(root: Path, tmp_path: Path, home: str) -> None:
    (tmp_path / "annotations_final.csv").write_text(
        '"clip_id"\t"rock"\t"mp3_path"\n"7"\t"1"\t"c/a-0-29.mp3"\n'
    )
    (tmp_path / home).mkdir(exist_ok=True)
    (clip,) = tracks(tmp_path)
    assert (clip.name, clip.split, clip.labels["tags"]) == ("00007", "valid", ["rock"])
    assert clip.mixture == tmp_path / home / "c" / "a-0-29.mp3"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('"clip_id","rock","mp3_path"\n', "expected tab-separated columns"),
        ('"clip_id"\t"mp3_path"\n"7"\t"x/a.mp3"\n', "got '7' and 'x/a.mp3'"),
    ],
)
def test_table_unlike_the_published_one_is_an_error(tmp_path: Path, table: str, message: str) -> None:
    (tmp_path / "annotations_final.csv").write_text(table)
    with pytest.raises(ValueError, match=message):
        tracks(tmp_path)


def test_missing_audio_is_an_error_before_training(root: Path) -> None:
    with pytest.raises(ValueError, match="25860 files are missing, the first is"):
        DATASETS["magnatagatune"].tracks(root)
