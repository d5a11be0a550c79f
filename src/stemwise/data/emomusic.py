"""EmoMusic: 744 clips of 45 seconds, each with its arousal and valence as listeners rated them.

jukemir (Castellon, Donahue, Liang, ISMIR 2021) brought it into the form that is read here: the clips of
MediaEval 2013's evaluation are the test split, and a hash of the artist parts the others.
"""

from __future__ import annotations

import csv
import hashlib
import statistics
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemwise.data.tracks import DatasetInfo, Download, Listing, Track, splits

INFO = DatasetInfo(
    name="emomusic",
    title="EmoMusic, clips of 45 seconds with arousal and valence",
    licence="annotations for research; the music, from the Free Music Archive, under each artist's licence",
    source="https://cvml.unige.ch/databases/emoMusic/",
    size="0.8 GB; 744 clips, 9.3 hours, mp3; 504 train, 115 valid, 125 test",
    layout="songs_info.csv, static_annotations.csv (or in annotations/), clips_45seconds/2.mp3",
    citation="Soleymani, Caro, Schmidt, Sha, Yang: 1000 songs for emotional analysis of music, CrowdMM 2013",
)
_SERVER = "https://cvml.unige.ch/databases/emoMusic"
DOWNLOADS = (
    Download(
        url=f"{_SERVER}/annotations.tar.gz",
        megabytes=3,
        checksum="sha256:e0cb0b06e1b0ce7f04b1572fc410937699b7fad9dae67ddaa745f06cda4b0b33",
    ),
    Download(
        url=f"{_SERVER}/clips_45sec.tar.gz",
        megabytes=800,
        checksum="sha256:3994a5d5fefc27f9540d1a69cd7f1294c68e6cb311ce49765021e2e9c7a1057b",
    ),
)
COUNTS = {"train": 504, "valid": 115, "test": 125}
LISTING = Listing(
    fields=("arousal", "valence"), sha256="064a672a62598a637908a8450f1cd1a0dcfb432acd68dd79d3be8a78c6c89ab5"
)
"""Of jukemir's metadata (github.com/p-lambda/jukemir, commit 2415556, MIT)."""
SONGS, RATINGS = "songs_info.csv", "static_annotations.csv"
_LETTERS = set(string.ascii_lowercase + string.whitespace)


def tracks(root: Path, split: str | None = None) -> list[Track]:
    """Clips by split, sorted by id.

    A clip's name is its id in four digits. Its labels: `arousal` and `valence`, means of all listeners, less
    the mean over the clips of train and valid and divided by their deviation; `mean_arousal` and
    `mean_valence` as they were rated, 1 to 9; `genre`, `artist`, `title`.

    Args:
        root: the folder of both tables, or of `annotations` with these in it, and of `clips_45seconds`.
        split: one, or None for all.

    Raises:
        ValueError: a table is missing or not as published, or an unknown split.
    """
    root, wanted = Path(root), splits(split)
    tables = root if (root / SONGS).is_file() else root / "annotations"
    columns = ("song_id", "Artist", "Song title", "Genre", "Mediaeval 2013 set")
    songs = _rows(tables / SONGS, columns)
    ratings = _rows(tables / RATINGS, ("song_id", "mean_arousal", "mean_valence"))
    parts = {number: _split(song) for number, song in songs.items()}
    rated = {number: _rated(ratings.get(number, {}), number, tables / RATINGS) for number in songs}
    scales = _scales([rated[number] for number, part in parts.items() if part != "test"])
    found = [_track(root, n, songs[n], parts[n], rated[n], scales) for n in sorted(songs)]
    return [track for part in wanted for track in found if track.split == part]


def artist_split(artist: str) -> str:
    """Return whether an artist's songs are in `train` or `valid`: four fifths and one, by a hash of the name.

    >>> artist_split("Jahzzar"), artist_split("The New Mystikal Troubadours")
    ('train', 'valid')
    """
    letters = "".join(c for c in artist.lower() if c in _LETTERS)
    number = int(hashlib.sha1(" ".join(letters.split()).encode()).hexdigest(), 16)
    return "train" if number % 10 < 8 else "valid"


def _split(song: Mapping[str, str]) -> str:
    return "test" if song["Mediaeval 2013 set"] == "evaluation" else artist_split(song["Artist"])


def _rows(path: Path, columns: tuple[str, ...]) -> dict[int, dict[str, str]]:
    """Rows by the song's number."""
    if not path.is_file():
        raise ValueError(
            f"{path}: no such file; give EmoMusic's folder, or fetch it with `stemwise data download "
            "emomusic ROOT`"
        )
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        table = csv.DictReader(file)
        missing = [column for column in columns if column not in (table.fieldnames or ())]
        if missing:
            found = ", ".join((table.fieldnames or ())[:5])
            raise ValueError(f"{path}: expected a column {missing[0]!r}, found {found}; unpack it again")
        rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in table]
    bad = [row["song_id"] for row in rows if not row["song_id"].isdigit()]
    if bad:
        raise ValueError(f"{path}: expected a number as song_id, got {bad[0]!r}; unpack it again")
    return {int(row["song_id"]): row for row in rows}


def _rated(row: Mapping[str, str], number: int, path: Path) -> tuple[float, float]:
    try:
        return float(row["mean_arousal"]), float(row["mean_valence"])
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: expected two numbers for song {number} ({error!r}); unpack it") from error


def _scales(rated: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Mean and deviation of arousal and of valence; a deviation of 0, in a tiny set, counts as 1."""
    columns = list(zip(*rated, strict=True)) or [(0.0,), (0.0,)]
    return [(statistics.fmean(column), statistics.pstdev(column) or 1.0) for column in columns]


def _track(
    root: Path,
    number: int,
    song: Mapping[str, str],
    split: str,
    rated: tuple[float, float],
    scales: list[tuple[float, float]],
) -> Track:
    arousal, valence = ((value - mean) / spread for value, (mean, spread) in zip(rated, scales, strict=True))
    labels: dict[str, Any] = {"arousal": arousal, "valence": valence}
    labels |= {"mean_arousal": rated[0], "mean_valence": rated[1]}
    labels |= {"genre": song["Genre"], "artist": song["Artist"], "title": song["Song title"]}
    file = root / "clips_45seconds" / f"{number}.mp3"
    return Track(name=f"{number:04d}", split=split, mixture=file, labels=labels)
