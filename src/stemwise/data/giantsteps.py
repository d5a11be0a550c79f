"""GiantSteps: electronic dance music with its key, two minutes of each song.

Train and valid are of the MTG key data set, those songs whose one key the annotators were sure of (as in
Korzeniowski and Widmer, ISMIR 2018), parted by artist as jukemir does (Castellon, Donahue, Liang, ISMIR
2021); test is the whole GiantSteps key data set. A track is a song; the task `giantsteps` says that it is
heard in clips of 30 seconds, whose answers are gathered.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stemwise.data.tracks import DatasetInfo, Download, Listing, Track, splits

INFO = DatasetInfo(
    name="giantsteps",
    title="GiantSteps, two minutes of electronic dance songs with their keys",
    licence="none stated of the annotations; the previews are Beatport's; research use",
    source="https://github.com/GiantSteps",
    size="about 2.5 GB; 1 763 songs, 58 hours, mp3; 923 train, 236 valid, 604 test",
    layout="giantsteps-mtg-key-dataset*/, giantsteps-key-dataset*/ (annotations, md5), audio/ID.LOFI.mp3",
    citation="Knees, Faraldo, Herrera, Vogl, Böck, Hörschläger, Le Goff: Two data sets for tempo estimation "
    "and key detection, ISMIR 2015; Faraldo: Tonality estimation in electronic dance music, 2017",
)
MTG, KEY = "giantsteps-mtg-key-dataset", "giantsteps-key-dataset"
_COMMITS = {MTG: "fd7b8c584f7bd6d720d170c325a6d42c9bf75a6b", KEY: "c8cb8aad2cb53f165be51ea099d0dc75c64a844f"}
_SHA256 = {
    MTG: "c754c3fabbc0bf275d399028e212fa2c9c6680084bd003e3a283ae7b3ea22996",
    KEY: "7749bee0f919b0f53db2c540fa6707f322b82a5d140e453f10f9af7875ad5bb8",
}
_AUDIO = "http://www.cp.jku.at/datasets/giantsteps"
_PREVIEWS = {MTG: f"{_AUDIO}/mtg_key_backup", KEY: f"{_AUDIO}/backup"}
PREVIEW_MEGABYTES = 1.4  # 604 of them are said to have 850
DOWNLOADS = tuple(
    Download(
        url=f"https://github.com/GiantSteps/{home}/archive/{commit}.zip",
        megabytes=4,
        checksum=f"sha256:{_SHA256[home]}",
    )
    for home, commit in _COMMITS.items()
)
COUNTS = {"train": 923, "valid": 236, "test": 604}
LISTING = Listing(fields=("key",), sha256="00eac8bf7088224bfae5242c06bc7d123997355a4c75bc1d792677f187f90c56")
"""Of jukemir's metadata (github.com/p-lambda/jukemir, commit 2415556, MIT)."""

ANNOTATIONS, BEATPORT = "annotations.txt", "beatport_metadata.txt"
FLATS = {"C#": "Db", "D#": "Eb", "F#": "Gb", "G#": "Ab", "A#": "Bb"}
_SURE = "2"
_PARTS, _TRAIN = 116, 100  # of 116 artists, 100 are for training


def tracks(root: Path, split: str | None = None) -> list[Track]:
    """Songs by split, sorted by id.

    A song's name is its Beatport id in seven digits. Its labels: `key`, such as `Eb minor`, and in train
    and valid `artist`, `title` and `genre`, as Beatport had them.

    Args:
        root: the folder of both annotation archives, unpacked or cloned, and of `audio`; that may also lie
            in these.
        split: one, or None for all.

    Raises:
        ValueError: annotations are missing or not as published, or an unknown split.
    """
    root, wanted = Path(root), splits(split)
    found = []
    if "train" in wanted or "valid" in wanted:
        found += sorted(_mtg(root), key=lambda track: track.name)
    if "test" in wanted:
        found += sorted(_key(root), key=lambda track: track.name)
    return [track for part in wanted for track in found if track.split == part]


def checksums(root: Path) -> dict[Path, str]:
    """Return the MD5 sums of the songs, as the archives bring them."""
    return _md5_sums(Path(root), tracks(root))


def previews(root: Path) -> tuple[Download, ...]:
    """Return where each song's audio is found, once the annotations are there."""
    songs = tracks(root)
    sums = _md5_sums(Path(root), songs)
    return tuple(
        Download(
            url=f"{_PREVIEWS[_source(song)]}/{int(song.name)}.LOFI.mp3",
            megabytes=PREVIEW_MEGABYTES,
            checksum=sums.get(song.mixture),
            folder="audio",
        )
        for song in songs
    )


def _md5_sums(root: Path, songs: Sequence[Track]) -> dict[Path, str]:
    sums = {home: _sums(_home(root, home)) for home in (MTG, KEY)}
    known = [(song.mixture, sums[_source(song)].get(int(song.name))) for song in songs]
    return {file: f"md5:{digits}" for file, digits in known if digits}


def _source(track: Track) -> str:
    return KEY if track.split == "test" else MTG


def artist_splits(credits: list[list[str]]) -> dict[str, str]:
    """Return artist → `train` or `valid`, by a hash of the name; whoever plays with a valid one is valid.

    Args:
        credits: the artists of each song, of all that Beatport's table has: those without a sure key part
            artists too. In that table's order, on which it depends how far the second rule reaches.

    >>> artist_splits([["Echotek", "La Baaz"]])["Echotek"]
    'train'
    """
    found = {}
    for name in (name for names in credits for name in names):
        number = int(hashlib.sha1(name.lower().encode()).hexdigest(), 16)
        found[name] = "train" if number % _PARTS < _TRAIN else "valid"
    for _ in range(2):
        for names in credits:
            if any(found[name] == "valid" for name in names):
                found |= dict.fromkeys(names, "valid")
    return found


def _home(root: Path, name: str) -> Path:
    homes = sorted(path for path in root.glob(f"{name}*") if (path / "annotations").is_dir())
    if not homes:
        raise ValueError(
            f"{root / name}: no such folder with annotations in it; clone "
            f"https://github.com/GiantSteps/{name} there, or fetch it with "
            "`stemwise data download giantsteps ROOT`"
        )
    return homes[0]


def _mtg(root: Path) -> Iterator[Track]:
    home = _home(root, MTG)
    about = dict(_rows(home / "annotations" / BEATPORT, ("ARTIST", "SONG TITLE", "BP GENRE")))
    artists = artist_splits([_artists(row) for row in about.values()])
    for number, row in _rows(home / "annotations" / ANNOTATIONS, ("MANUAL KEY", "C")):
        if row["C"].strip() != _SURE or "/" in row["MANUAL KEY"]:
            continue
        if number not in about:
            raise ValueError(f"{home / 'annotations' / BEATPORT}: has no song {number}; unpack it again")
        song = about[number]
        labels = {"key": _named(row["MANUAL KEY"], home / "annotations" / ANNOTATIONS)}
        labels |= {"artist": song["ARTIST"].strip(), "title": song["SONG TITLE"].strip()}
        labels |= {"genre": song["BP GENRE"].strip()}
        yield _track(number, artists[_artists(song)[0]], _file(root, home, number), labels)


def _key(root: Path) -> Iterator[Track]:
    home = _home(root, KEY)
    files = sorted((home / "annotations" / "key").glob("*.LOFI.key"))
    if not files:
        raise ValueError(f"{home / 'annotations' / 'key'}: expected ID.LOFI.key files, found none; unpack it")
    for path in files:
        number = _number(path.name.partition(".")[0], path)
        labels = {"key": _named(path.read_text(encoding="utf-8"), path)}
        yield _track(number, "test", _file(root, home, number), labels)


def _track(number: int, split: str, file: Path, labels: Mapping[str, str]) -> Track:
    return Track(name=f"{number:07d}", split=split, mixture=file, labels=labels)


def _artists(row: Mapping[str, str]) -> list[str]:
    return [name.strip() for name in row["ARTIST"].strip().split(",")]


def _named(key: str, path: Path) -> str:
    words = key.split()
    if len(words) != 2 or words[1] not in ("major", "minor"):
        raise ValueError(f"{path}: expected a key such as 'D# minor', got {key!r}; unpack it again")
    return f"{FLATS.get(words[0], words[0])} {words[1]}"


def _number(text: str, path: Path) -> int:
    if not text.isdigit():
        raise ValueError(f"{path}: expected a song's number, got {text!r}; unpack it again")
    return int(text)


def _file(root: Path, home: Path, number: int) -> Path:
    """Where a song's audio lies; older copies fill its number up with zeros."""
    names = dict.fromkeys([f"{number}.LOFI.mp3", f"{number:07d}.LOFI.mp3"])
    places = [folder / name for folder in (root / "audio", home / "audio") for name in names]
    return next((place for place in places if place.is_file()), places[0])


def _sums(home: Path) -> dict[int, str]:
    files = sorted((home / "md5").glob("*.LOFI.md5"))
    found = {_number(path.name.partition(".")[0], path): path.read_text().split() for path in files}
    return {number: words[0] for number, words in found.items() if words}


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a tab-separated table by the song's number."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; unpack the archive of the annotations again")
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        table = csv.DictReader(file, delimiter="\t")
        missing = [column for column in ("ID", *columns) if column not in (table.fieldnames or ())]
        if missing:
            raise ValueError(f"{path}: expected a column {missing[0]!r}, tab-separated; unpack it again")
        for row in table:
            yield _number(row["ID"].strip(), path), {column: row[column] or "" for column in columns}
