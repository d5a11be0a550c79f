"""A twin of EmoMusic: stereo mp3 at 44.1 kHz, and its tables of songs and of ratings."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from stemwise.data.emomusic import RATINGS, SONGS
from stemwise.data.tracks import Track
from stemwise.data.twins.encoding import write_mp3

SAMPLE_RATE = 44_100


class Song(NamedTuple):
    """A real song: its number, artist, title and genre."""

    number: int
    artist: str
    title: str
    genre: str


POOL = {
    "train": (
        Song(5, "My Bubba & Mi", "Nothing Much", "Blues"),
        Song(10, "Arne Bang Huseby", "Stormy Blues", "Blues"),
        Song(21, "Cian Nugent", "My War Blues", "Blues"),
        Song(999, "Jahzzar", "So Easy", "Rock"),
    ),
    "valid": (
        Song(2, "The New Mystikal Troubadours", "Tonight  A Lonely Century", "Blues"),
        Song(55, "Big Bill Broonzy", "Baby Please Don't Go", "Blues"),
        Song(91, "Sim Cain", "One", "Blues"),
    ),
    "test": (
        Song(12, "Sul Rebel", "Rebel Blues", "Blues"),
        Song(44, "Digital Primitives", "Walkabout", "Blues"),
        Song(49, "The Agrarians", "Our Nights on the Turnpike", "Blues"),
        Song(1000, "Republic Of Lights-Got You Surrounded", "Single", "Rock"),
    ),
}
"""Real songs of each split. Ratings of the twin are not those of these songs."""

_COLUMNS = (
    *("song_id", "file_name", "Artist", "Song title", "start of the segment (min.sec)"),
    *("end of the segment (min.sec)", "Genre", "Mediaeval 2013 set"),
)
_RATED = ("song_id", "mean_arousal", "std_arousal", "mean_valence", "std_valence")
_SETS = {"train": "development", "valid": "development", "test": "evaluation"}


def twin(tracks: Sequence[Track], out: Path) -> None:
    """Write `songs_info.csv`, `static_annotations.csv` and `clips_45seconds`."""
    taken = Counter[str]()
    songs, ratings = [], []
    for track in tracks:
        pool, turn = POOL[track.split], taken[track.split]
        song = pool[turn % len(pool)]
        number = song.number + 1000 * (turn // len(pool))
        write_mp3(track, out / "clips_45seconds" / f"{number}.mp3", SAMPLE_RATE, mono=False)
        facts = (song.artist, song.title, "0.15", "1", song.genre, _SETS[track.split])
        songs.append((number, f"{number}.mp3", *facts))
        arousal, valence = (1 + 8 * float(track.labels[name]) for name in ("arousal", "valence"))
        ratings.append((number, round(arousal, 4), 1.5, round(valence, 4), 1.5))
        taken[track.split] += 1
    _table(out / SONGS, [_COLUMNS, *sorted(songs)])
    _table(out / RATINGS, [_RATED, *sorted(ratings)])


def _table(path: Path, rows: Sequence[Sequence[str | int | float]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
