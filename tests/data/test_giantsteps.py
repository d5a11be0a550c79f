"""GiantSteps: splits, keys and clips are the published ones, as far as the published metadata tell."""

import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stemwise.cli import main
from stemwise.data import DATASETS
from stemwise.data.giantsteps import KEY, MTG, previews, tracks
from stemwise.data.tracks import TWIN, Track, stem_folders
from stemwise.data.twins import write_twin
from stemwise.data.verify import verify
from stemwise.tasks import TASKS
from synth import stem_tree

VECTORS = Path(__file__).parents[1] / "vectors" / "metadata" / "giantsteps.json.gz"
PUBLISHED_CLIPS = "0066df8825d434dde31219a3a2050919f20be0ee46c6a368883a6ef5e8101cbd"
"""Of jukemir's metadata: the SHA-256 of its sorted lines `uid split key`."""
ANNOTATIONS = f"{MTG}/annotations/annotations.txt"
LINKED = "Echotek, Quantum"
"""Two artists whose splits follow from songs without a sure key, which the published metadata lack."""


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return json.loads(gzip.decompress(VECTORS.read_bytes()))


@pytest.fixture(scope="module")
def root(published: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Full-size annotations in the published layout, with unsure songs among them; no audio."""
    folder = tmp_path_factory.mktemp("giantsteps")
    for home in (
        folder / f"{MTG}-fd7b8c5" / "annotations",
        folder / f"{KEY}-c8cb8aa" / "annotations" / "key",
    ):
        home.mkdir(parents=True)
    songs = ["ID\tARTIST\tSONG TITLE\tBP GENRE", f"1\t{LINKED}, {_a_valid_artist(published)}\tUnsure\tDub"]
    keys = ["ID\tMANUAL KEY\tC", "1\t-\t0"]
    for uid, (split, _, key, artist, *_) in published.items():
        if split == "test":
            home = folder / f"{KEY}-c8cb8aa" / "annotations" / "key"
            (home / f"{int(uid)}.LOFI.key").write_text(key)
        else:
            songs.append(f"{int(uid)}\t{artist}\tTitle\tDub")
            keys.append(f"{int(uid)}\t{key}\t2")
    home = folder / f"{MTG}-fd7b8c5" / "annotations"
    (home / "beatport_metadata.txt").write_text("\n".join(songs))
    (home / "annotations.txt").write_text("\n".join([*keys, "2\tC major\t1", "3\tC major / A minor\t2"]))
    return folder


@pytest.fixture(scope="module")
def songs(root: Path) -> list[Track]:
    return tracks(root)


def _a_valid_artist(published: dict[str, Any]) -> str:
    return next(row[3] for row in published.values() if row[0] == "valid")


def test_splits_and_keys_equal_the_published_metadata(published: dict[str, Any], songs: list[Track]) -> None:
    dataset = DATASETS["giantsteps"]
    found = {song.name: [song.split, song.labels["key"]] for song in songs}
    assert found == {uid: row[:2] for uid, row in published.items()}
    assert Counter(song.split for song in songs) == dataset.counts
    assert dataset.listing is not None
    assert dataset.listing.of(songs) == dataset.listing.sha256
    assert TASKS["giantsteps"].matrix(songs).sum(1).tolist() == [1] * 1763


def test_clips_of_30_s_equal_the_published_ones(published: dict[str, Any], songs: list[Track]) -> None:
    lines = [
        f"{song.name}-{number} {song.split} {song.labels['key']}\n"
        for song in songs
        for number, _ in enumerate(TASKS["giantsteps"].clips(int(published[song.name][4] * 44_100), 44_100))
    ]
    assert len(lines) == 7_035
    assert hashlib.sha256("".join(sorted(lines)).encode()).hexdigest() == PUBLISHED_CLIPS


def test_songs_without_one_sure_key_take_no_part(songs: list[Track]) -> None:
    assert not {"0000001", "0000002", "0000003"} & {song.name for song in songs}


def test_previews_are_on_the_published_server(root: Path, published: dict[str, Any]) -> None:
    server = "http://www.cp.jku.at/datasets/giantsteps"
    urls = {item.url for item in previews(root)}
    assert f"{server}/mtg_key_backup/5061.LOFI.mp3" in urls
    assert f"{server}/backup/10089.LOFI.mp3" in urls
    assert len(urls) == len(published)


def test_song_that_is_not_the_published_one_is_found(tmp_path: Path, capsys) -> None:
    music = stem_folders(stem_tree(tmp_path / "music", {"train": 1, "valid": 1, "test": 1}))
    twin = write_twin(DATASETS["giantsteps"], music, tmp_path / "twin")
    assert main(["data", "verify", "giantsteps", str(twin)]) == 0
    (twin / TWIN).unlink()
    song = twin / "audio" / "5061.LOFI.mp3"
    song.write_bytes((twin / "audio" / "10089.LOFI.mp3").read_bytes())
    said = [str(finding) for finding in verify(DATASETS["giantsteps"], twin).findings]
    assert said[0] == "train: 1 tracks, published are 923"
    assert said[3].startswith("names, splits, key: not as published, their SHA-256 is ")
    assert any(line.startswith(f"{song}: its md5 is ") for line in said)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (ANNOTATIONS, "ID\tKEY\n", r"expected a column 'MANUAL KEY'"),
        (
            ANNOTATIONS,
            "ID\tMANUAL KEY\tC\n5061\tH major or so\t2\n",
            r"a key such as",
        ),
        (ANNOTATIONS, "ID\tMANUAL KEY\tC\n7\tA major\t2\n", r"has no song 7"),
        (f"{KEY}/annotations/key/x.LOFI.key", "A major", r"expected a song's number, got 'x'"),
    ],
)
def test_annotations_unlike_the_published_ones_are_errors(
    tmp_path: Path, file: str, text: str, message: str
) -> None:
    music = stem_folders(stem_tree(tmp_path / "music", {"train": 1, "test": 1}, samples=4000))
    twin = write_twin(DATASETS["giantsteps"], music, tmp_path / "twin")
    (twin / file).write_text(text)
    with pytest.raises(ValueError, match=message):
        tracks(twin)
