"""A twin of MagnaTagATune: mp3 clips of one channel at 16 kHz, its two tables, real names of clips."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from stemwise.data.magnatagatune import ANNOTATIONS, CLIP_INFO
from stemwise.data.tracks import Track
from stemwise.data.twins.encoding import write_mp3
from stemwise.data.twins.tags import ALL_TAGS, tags_of

SAMPLE_RATE = 16_000


class Song(NamedTuple):
    """A real song: its path without seconds, facts, and the clip id of its first 29 seconds."""

    path: str
    number: str
    title: str
    artist: str
    album: str
    clip_id: int


SONGS = {
    "train": (
        Song("a/dac_crowell-the_mechanism_of_starlight-03-mendota", "3", "Mendota", "DAC Crowell",
             "The Mechanism of Starlight", 13820),
        Song("a/tilopa-by_the_way-05-by_the_ganges", "5", "By The Ganges", "Tilopa", "By The Way", 21604),
        Song("6/stargarden-ambient_excursions-06-chenrezig", "6", "Chenrezig", "Stargarden",
             "Ambient Excursions", 26280),
    ),
    "valid": (
        Song("c/jay_kishor-cd2_the_sowebo_concert-01-raga_malkauns", "1", "Raga Malkauns", "Jay Kishor",
             "CD2 The Sowebo Concert", 3644),
        Song("c/jamie_janover-now_center_of_time-02-playa", "2", "Playa", "Jamie Janover",
             "Now Center of Time", 8927),
    ),
    "test": (
        Song("e/dac_crowell-within_this_space-02-within_this_space", "2", "Within This Space", "DAC Crowell",
             "Within This Space", 11118),
        Song("f/rapoon-tin_of_drum-06-southbound", "6", "Southbound", "Rapoon", "Tin of Drum", 29273),
        Song("d/tim_rayborn-chordae-01-damor_non_jauzi", "1", "D'amor non jauzi", "Tim Rayborn", "Chordae",
             1131),
    ),
}  # fmt: skip


def twin(tracks: Sequence[Track], out: Path) -> None:
    """Write `annotations_final.csv`, `clip_info_final.csv` and the clips."""
    clips = list(_clips(tracks))
    for track, _, _, path in clips:
        write_mp3(track, out / path, SAMPLE_RATE, mono=True)
    clips.sort(key=lambda clip: clip[2])
    tagged = [(number, set(tags_of(track.labels)), path) for track, _, number, path in clips]
    rows = [(number, *(int(tag in tags) for tag in ALL_TAGS), path) for number, tags, path in tagged]
    _table(out / ANNOTATIONS, [("clip_id", *ALL_TAGS, "mp3_path"), *rows])
    _table(out / CLIP_INFO, [_INFO, *(_info(song, number, path) for _, song, number, path in clips)])


_INFO = (
    *("clip_id", "track_number", "title", "artist", "album", "url"),
    *("segmentStart", "segmentEnd", "original_url", "mp3_path"),
)


def _clips(tracks: Sequence[Track]) -> Iterator[tuple[Track, Song, int, str]]:
    """Tracks with a song, a clip id and a path each: one of its songs' pieces of 29 seconds after another."""
    taken = Counter[str]()
    for track in tracks:
        songs, turn = SONGS[track.split], taken[track.split]
        song, piece = songs[turn % len(songs)], turn // len(songs)
        start, end = 29 * piece + (piece > 0), 29 * (piece + 1) + (piece > 0)
        yield track, song, song.clip_id + piece, f"{song.path}-{start}-{end}.mp3"
        taken[track.split] += 1


def _info(song: Song, number: int, path: str) -> tuple[str | int, ...]:
    start, end = path.removesuffix(".mp3").rsplit("-", 2)[1:]
    return (number, song.number, song.title, song.artist, song.album, "", start, end, "", path)


def _table(path: Path, rows: Sequence[Sequence[str | int]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
