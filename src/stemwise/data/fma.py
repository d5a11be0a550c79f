"""FMA, the Free Music Archive data set: clips of 30 seconds with a top genre, in three nested subsets.

Deviations: MSSPT's label matrix has a row less than its folder has files, so that its last track needs a file
beside it that is no track; here each track has its own label.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from stemwise.data.tracks import DatasetInfo, Download, Track, splits

_SIZES = {
    "fma-small": "7.2 GiB; 8 000 clips of 8 genres; 6 400 train, 800 valid, 800 test",
    "fma-medium": "22 GiB; 25 000 clips of 16 genres; 19 922 train, 2 505 valid, 2 573 test",
    "fma-large": "93 GiB; 106 574 clips, about half of them with one of 16 top genres",
    "fma-medium-without-small": "22 GiB; 17 000 clips: those of fma-medium that are not in fma-small",
}
SUBSETS = {
    "fma-small": ("small",),
    "fma-medium": ("small", "medium"),
    "fma-large": ("small", "medium", "large"),
    "fma-medium-without-small": ("medium",),
}
"""Which values of the column `subset` belong to each: it names the smallest subset that a track is in."""

INFOS = {
    name: DatasetInfo(
        name=name,
        title=f"FMA, {name.removeprefix('fma-').replace('-', ' ')}: clips of 30 seconds with genres",
        licence="each track under its artist's Creative Commons licence; metadata CC BY 4.0; research use",
        source="https://github.com/mdeff/fma",
        size=f"{size}; mp3",
        layout="fma_metadata/tracks.csv, fma_SUBSET/000/000123.mp3 or fma_SUBSET/000123.mp3",
        citation="Defferrard, Benzi, Vandergheynst, Bresson: FMA: a dataset for music analysis, ISMIR 2017",
    )
    for name, size in _SIZES.items()
}

_SERVER = "https://os.unil.cloud.switch.ch/fma"
_ARCHIVES = {
    "metadata": (359, "f0df49ffe5f2a6008d7dc83c6915b31835dfe733"),
    "small": (7_680, "ade154f733639d52e35e32f5593efe5be76c6d70"),
    "medium": (23_600, "c67b69ea232021025fca9231fc1c7c1a063ab50b"),
    "large": (99_900, "497109f4dd721066b5ce5e5f250ec604dc78939e"),
}


def downloads(name: str) -> tuple[Download, ...]:
    """Return the archives of a subset: the metadata's and the audio's."""
    return tuple(
        Download(
            url=f"{_SERVER}/fma_{part}.zip",
            megabytes=_ARCHIVES[part][0],
            checksum=f"sha1:{_ARCHIVES[part][1]}",
        )
        for part in ("metadata", SUBSETS[name][-1])
    )


_SHORT_S = {"098565": 1.6, "098566": 6.2, "098567": 0.5, "098568": 6.6, "098569": 1.5, "108924": 27.4}
_SILENT = (
    "001486 005574 065753 080391 098558 098559 098560 098571 099134 105247 108925 126981 127336 133297 143992"
)
KNOWN_BAD = {
    **dict.fromkeys(_SILENT.split(), "no audio: cut outside of the song, whose length was wrong"),
    **{
        name: f"{seconds} seconds instead of 30: the song's length was wrong"
        for name, seconds in _SHORT_S.items()
    },
}
"""The medium subset's 21 tracks without 30 seconds of audio, by the FMA wiki; MSSPT leaves out the same."""

COUNTS = {
    "fma-small": {"all": 8_000 - 6},
    "fma-medium": {"all": 25_000 - 21},
    "fma-large": {"all": 106_574 - 21},
    "fma-medium-without-small": {"all": 17_000 - 15},
}
"""Published numbers of tracks, less the known bad ones."""

_SPLITS = {"training": "train", "validation": "valid", "test": "test"}


def reader(name: str) -> Callable[[Path, str | None], list[Track]]:
    """Return the `reader` of a subset's registry entry."""
    return partial(tracks, name=name)


def tracks(root: Path, split: str | None = None, *, name: str) -> list[Track]:
    """Tracks of a subset by its official split, sorted by id; without the known bad ones.

    A track's name is its id in six digits; its labels are `genre`, the top genre or None, and `subset`.

    Args:
        root: the folder of `fma_metadata` or of `tracks.csv`, and of the audio.
        split: one, or None for all.
        name: of the data set, in `SUBSETS`.

    Raises:
        ValueError: `tracks.csv` is missing or not as published, or an unknown split.
    """
    root, wanted = Path(root), splits(split)
    folder, flat = _audio(root, SUBSETS[name][-1])
    found = []
    for identity, part, subset, genre in _rows(_table(root)):
        if subset in SUBSETS[name] and identity not in KNOWN_BAD:
            file = folder / ("" if flat else identity[:3]) / f"{identity}.mp3"
            labels = {"genre": genre or None, "subset": subset}
            found.append(Track(name=identity, split=_SPLITS[part], mixture=file, labels=labels))
    found.sort(key=lambda track: track.name)
    return [track for part in wanted for track in found if track.split == part]


def checksums(root: Path) -> dict[Path, str]:
    """Return the SHA-1 sums of the tracks, as the archives bring them in a file `checksums`."""
    sums = {}
    for listing in sorted(Path(root).glob("fma_*/checksums")):
        lines = (line.split(maxsplit=1) for line in listing.read_text().splitlines() if line.strip())
        sums |= {listing.parent / name.lstrip("*").strip(): f"sha1:{digits}" for digits, name in lines}
    return {path: digits for path, digits in sums.items() if path.stem not in KNOWN_BAD}


def _table(root: Path) -> Path:
    places = (root / "fma_metadata" / "tracks.csv", root / "tracks.csv")
    for path in places:
        if path.is_file():
            return path
    raise ValueError(
        f"{places[0]}: no such file; give the folder that fma_metadata.zip was unpacked in, or fetch it with "
        "`stemwise data download fma-small ROOT`"
    )


def _audio(root: Path, subset: str) -> tuple[Path, bool]:
    """The folder of the audio, and whether its files lie in it without sub-folders."""
    order = ("small", "medium", "large", "full")
    homes = [root / f"fma_{size}" for size in order[order.index(subset) :]]
    home = next((home for home in homes if home.is_dir()), None)
    if home is None:
        home = root if any(root.glob("[0-9][0-9][0-9]")) or _is_flat(root) else homes[0]
    return home, _is_flat(home)


def _is_flat(home: Path) -> bool:
    return home.is_dir() and any(re.fullmatch(r"\d{6}\.mp3", path.name) for path in home.iterdir())


def _rows(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Id, split, subset and genre of each row behind three rows of header."""
    csv.field_size_limit(max(csv.field_size_limit(), 2**24))  # artists' biographies are long
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.reader(file)
        header = list(zip(next(rows, []), next(rows, []), strict=False))
        try:
            columns = [header.index(c) for c in (("set", "split"), ("set", "subset"), ("track", "genre_top"))]
        except ValueError as error:
            raise ValueError(
                f"{path}: expected a header of two rows with (set, split), (set, subset) and "
                f"(track, genre_top), found {header[:3]}; take the file from fma_metadata.zip"
            ) from error
        for row in rows:
            if row and row[0].isdigit():
                part, subset, genre = (row[column] if column < len(row) else "" for column in columns)
                if part not in _SPLITS:
                    raise ValueError(
                        f"{path}: expected training, validation or test of track {row[0]}, got {part!r}; "
                        "take the file from fma_metadata.zip"
                    )
                yield f"{int(row[0]):06d}", part, subset, genre
