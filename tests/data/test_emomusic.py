"""EmoMusic: splits and ratings are the published ones."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemwise.data import DATASETS
from stemwise.data.emomusic import tracks
from stemwise.tasks import TASKS

VECTORS = Path(__file__).parents[1] / "vectors" / "metadata" / "emomusic.json.gz"


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return json.loads(gzip.decompress(VECTORS.read_bytes()))


@pytest.fixture(scope="module")
def root(published: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Full-size tables with the published columns; no audio."""
    folder = tmp_path_factory.mktemp("emomusic")
    with (folder / "songs_info.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["song_id", "file_name", "Artist", "Song title", "Genre", "Mediaeval 2013 set"])
        for uid, (artist, part, *_) in published.items():
            table.writerow([int(uid), f"{int(uid)}.mp3", f"\t{artist}", "\tTitle", "\tRock", part])
    with (folder / "static_annotations.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["song_id", "mean_arousal", "std_arousal", "mean_valence", "std_valence"])
        for uid, (_, _, arousal, valence, *_) in published.items():
            table.writerow([int(uid), arousal, 1, valence, 1])
    return folder


def test_splits_and_ratings_equal_the_published_metadata(published: dict[str, Any], root: Path) -> None:
    clips = tracks(root)
    assert {clip.name: clip.split for clip in clips} == {uid: row[4] for uid, row in published.items()}
    ratings = TASKS["emomusic"].matrix(clips)
    expected = np.array([published[clip.name][5] for clip in clips])
    exact = np.array([[clip.labels["arousal"], clip.labels["valence"]] for clip in clips])
    assert np.abs(exact - expected).max() < 1e-12
    assert np.allclose(ratings, expected, atol=1e-6)
    listing = DATASETS["emomusic"].listing
    assert listing is not None
    assert listing.of(clips) == listing.sha256


def test_counts_are_the_published_ones(root: Path) -> None:
    counts = {split: len(tracks(root, split)) for split in ("train", "valid", "test")}
    assert counts == DATASETS["emomusic"].counts


def test_tables_may_lie_in_a_folder(root: Path, tmp_path: Path) -> None:
    (tmp_path / "annotations").symlink_to(root)
    assert tracks(tmp_path)[0].mixture.parent == tmp_path / "clips_45seconds"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("songs_info.csv", "song_id,Title\n1,a\n", r"songs_info\.csv: expected a column 'Artist'"),
        ("static_annotations.csv", "song_id,mean_arousal,mean_valence\n2,3.1,\n", r"two numbers for song 2"),
    ],
)
def test_table_unlike_the_published_one_is_an_error(
    root: Path, tmp_path: Path, file: str, text: str, message: str
) -> None:
    for path in root.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).write_text(text)
    with pytest.raises(ValueError, match=message):
        tracks(tmp_path)
