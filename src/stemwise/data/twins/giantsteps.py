"""A twin of GiantSteps: mp3 songs of electronic artists, annotations of both data sets, MD5 sums.

`stemwise data twin` makes short songs; give `--seconds 60` for songs of two clips.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from stemwise.data.giantsteps import ANNOTATIONS, BEATPORT, FLATS, KEY, MTG
from stemwise.data.tracks import Track
from stemwise.data.twins.encoding import write_mp3

SAMPLE_RATE = 44_100
SHARPS = {flat: sharp for sharp, flat in FLATS.items()}


class Song(NamedTuple):
    """A real song: its Beatport number, artist, title and genre."""

    number: int
    artist: str = ""
    title: str = ""
    genre: str = ""


POOL = {
    "train": (
        Song(5061, "Philippe Van Mullem", "Canopy", "Trance"),
        Song(11077, "Billy Paul Williams", "Winter Heat", "Chill Out"),
        Song(11194, "Alek Biotic", "Funk Matter", "Techno"),
        Song(17025, "Foxy Push", "Feel Fine", "Electronica"),
    ),
    "valid": (
        Song(33846, "Pole Folder", "London", "Progressive House"),
        Song(37779, "Solid Slide", "Epic Storm", "Trance"),
        Song(174074, "Boards Of Canada", "Satellite Anthem Icarus", "Chill Out"),
    ),
    "test": (Song(10089), Song(61415), Song(74982), Song(101069), Song(190477)),
}
"""Real songs of each split. Keys of the twin are not those of these songs."""

_COLUMNS = ("ID", "ARTIST", "SONG TITLE", "MIX", "LABEL", "BP GENRE", "BP BPM", "BP KEY")


def twin(tracks: Sequence[Track], out: Path) -> None:
    """Write both annotation folders and `audio`. The order of Beatport's columns is of our own."""
    taken = Counter[str]()
    keys: list[Sequence[str]] = [("ID", "MANUAL KEY", "C")]
    songs: list[Sequence[str]] = [_COLUMNS]
    for track in tracks:
        pool, turn = POOL[track.split], taken[track.split]
        song = pool[turn % len(pool)]
        number = song.number + 1_000_000 * (turn // len(pool))
        home = out / (KEY if track.split == "test" else MTG)
        _write_audio(track, out / "audio" / f"{number}.LOFI.mp3", home / "md5" / f"{number}.LOFI.md5")
        tonic, mode = track.labels["key"].split()
        if track.split == "test":
            _write(home / "annotations" / "key" / f"{number}.LOFI.key", f"{tonic} {mode}")
        else:
            name = f"{SHARPS.get(tonic, tonic)} {mode}"
            keys.append((str(number), name, "2"))
            songs.append((str(number), song.artist, song.title, "", "", song.genre, "120", name))
        taken[track.split] += 1
    for folder in (out / MTG / "annotations", out / KEY / "annotations"):
        folder.mkdir(parents=True, exist_ok=True)
    _table(out / MTG / "annotations" / ANNOTATIONS, keys)
    _table(out / MTG / "annotations" / BEATPORT, songs)


def _write_audio(track: Track, path: Path, md5: Path) -> None:
    write_mp3(track, path, SAMPLE_RATE, mono=False)
    _write(md5, f"{hashlib.md5(path.read_bytes()).hexdigest()}\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _table(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows)
