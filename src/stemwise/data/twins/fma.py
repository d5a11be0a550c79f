"""Twins of FMA's subsets: stereo mp3, `tracks.csv` with its header of two rows, real track ids."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from stemwise.data.fma import SUBSETS
from stemwise.data.tracks import Track
from stemwise.data.twins.encoding import write_mp3

SAMPLE_RATE = 44_100
IDS = (
    *(
        2,
        5,
        10,
        140,
        141,
        148,
        182,
        190,
        193,
        194,
        197,
        200,
        203,
        204,
        207,
        210,
        211,
        212,
        213,
        255,
        256,
        368,
    ),
    *(
        424,
        459,
        534,
        540,
        546,
        574,
        602,
        615,
        620,
        621,
        625,
        666,
        667,
        676,
        690,
        694,
        695,
        704,
        706,
        709,
        714,
    ),
)
"""Real ids. Genres, splits and subsets of the twin are not those of these tracks."""

GENRES = {
    "rock": "Rock",
    "metal": "Rock",
    "country": "Country",
    "jazz": "Jazz",
    "bossa": "Easy Listening",
    "funk": "Pop",
    "hiphop": "Hip-Hop",
    "house": "Electronic",
    "reggae": "International",
    "waltz": "Classical",
    "soul": "Soul-RnB",
    "ambient": "Instrumental",
}
MINOR_GENRES = {
    "metal": "Experimental",
    "country": "Folk",
    "jazz": "Blues",
    "hiphop": "Spoken",
    "waltz": "Old-Time / Historic",
}
"""Rendered music has twelve genres: of these five, the songs in minor stand in for others."""

SMALL_GENRES = {
    **GENRES,
    "country": "Folk",
    "jazz": "Instrumental",
    "bossa": "International",
    "waltz": "Folk",
    "soul": "Pop",
    "ambient": "Experimental",
}
"""In the small subset there are eight."""

_COLUMNS = {
    "album": "comments date_created date_released engineer favorites id information listens producer tags "
    "title tracks type",
    "artist": "active_year_begin active_year_end associated_labels bio comments date_created favorites id "
    "latitude location longitude members name related_projects tags website wikipedia_page",
    "set": "split subset",
    "track": "bit_rate comments composer date_created date_recorded duration favorites genre_top genres "
    "genres_all information interest language_code license listens lyricist number publisher tags title",
}
COLUMNS = [(group, column) for group, columns in _COLUMNS.items() for column in columns.split()]
"""The 52 columns of `tracks.csv` behind its index."""

_SPLITS = {"train": "training", "valid": "validation", "test": "test"}


def writer(name: str) -> Callable[[Sequence[Track], Path], None]:
    """Return the `twin` of a subset's registry entry."""
    return partial(twin, name=name)


def twin(tracks: Sequence[Track], out: Path, *, name: str) -> None:
    """Write `fma_metadata/tracks.csv` and `fma_SUBSET/000/000002.mp3`; the subset's parts take turns."""
    parts, home = SUBSETS[name], out / f"fma_{SUBSETS[name][-1]}"
    rows = []
    for turn, track in enumerate(tracks):
        identity, subset = _identity(turn), parts[turn % len(parts)]
        write_mp3(track, home / f"{identity:06d}"[:3] / f"{identity:06d}.mp3", SAMPLE_RATE, mono=False)
        cells = {
            ("set", "split"): _SPLITS[track.split],
            ("set", "subset"): subset,
            ("track", "genre_top"): _genre(track, subset),
            ("track", "title"): track.name,
            ("artist", "bio"): 'rendered, "not" the artist,\nbut a synthetic twin',
        }
        rows.append([identity, *(cells.get(column, "") for column in COLUMNS)])
    _table(out / "fma_metadata" / "tracks.csv", rows)


def _identity(turn: int) -> int:
    """Ids of the list, then the whole list a thousand higher, and so on."""
    return IDS[turn % len(IDS)] + 1000 * (turn // len(IDS))


def _genre(track: Track, subset: str) -> str:
    genre = track.labels["genre"]
    if subset == "small":
        return SMALL_GENRES[genre]
    minor = str(track.labels.get("key", "")).endswith("minor")
    return MINOR_GENRES.get(genre, GENRES[genre]) if minor else GENRES[genre]


def _table(path: Path, rows: Sequence[Sequence[str | int]]) -> None:
    path.parent.mkdir(parents=True)
    header = [["", *(group for group, _ in COLUMNS)], ["", *(column for _, column in COLUMNS)]]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([*header, ["track_id", *[""] * len(COLUMNS)], *rows])
