"""A twin of GTZAN: wav clips of one channel at 22.05 kHz, with lists of the fault-filtered split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from stemwise.data.gtzan import FILTERED, clip_id, numbers
from stemwise.data.tracks import SPLITS, Track
from stemwise.data.twins.encoding import write_wav

SAMPLE_RATE = 22_050
GENRES = {
    "rock": "rock",
    "metal": "metal",
    "country": "country",
    "jazz": "jazz",
    "bossa": "pop",
    "funk": "blues",
    "hiphop": "hiphop",
    "house": "disco",
    "reggae": "reggae",
    "waltz": "classical",
    "soul": "pop",
    "ambient": "classical",
}
"""Rendered music has twelve genres and no blues: funk stands in for it."""


def twin(tracks: Sequence[Track], out: Path) -> None:
    """Write `genres/GENRE/GENRE.00000.wav` and the three lists; ids are of the real split and genre."""
    taken = Counter[tuple[str, str]]()
    lists: dict[str, list[str]] = {split: [] for split in SPLITS}
    for track in tracks:
        genre = GENRES[track.labels["genre"]]
        file = f"{genre}/{_name(track.split, genre, taken[track.split, genre])}.wav"
        write_wav(track, out / "genres" / file, SAMPLE_RATE)
        lists[track.split].append(file)
        taken[track.split, genre] += 1
    for split, files in lists.items():
        (out / f"{split}_filtered.txt").write_text("".join(f"{file}\n" for file in sorted(files)))


def _name(split: str, genre: str, turn: int) -> str:
    """Ids of the split's list, then the whole list a hundred higher, and so on."""
    listed = numbers(FILTERED[split][genre])
    return clip_id(genre, listed[turn % len(listed)] + 100 * (turn // len(listed)))
