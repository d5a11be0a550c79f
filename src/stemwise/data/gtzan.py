"""GTZAN: clips of 30 seconds of ten genres, in the fault-filtered split without repeats and shared artists.

Deviations: the published code knows a clip by the SHA-256 of its id; here it is the id itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stemwise.data.classes import GTZAN_GENRES
from stemwise.data.tracks import SPLITS, DatasetInfo, Download, Listing, Track, splits

INFO = DatasetInfo(
    name="gtzan",
    title="GTZAN, clips of 30 seconds of ten genres, fault-filtered",
    licence="none stated, copyrighted music; research use",
    source="https://huggingface.co/datasets/marsyas/gtzan",
    size="1.2 GB; 930 of its 1 000 clips, 7.8 hours, mono wav at 22.05 kHz; 443 train, 197 valid, 290 test",
    layout="genres/GENRE/GENRE.00000.wav (or .au, or genres_original); SPLIT_filtered.txt where it is there",
    citation="Tzanetakis, Cook: Musical genre classification of audio signals, 2002; split: Kereliuk, Sturm, "
    "Larsen: Deep learning and music adversaries, 2015",
)
_LISTS = "https://raw.githubusercontent.com/coreyker/dnn-mgr/bdad579ea6cb37b665ea6019fe1026a6ce20cbc7/gtzan"
_SHA256 = {
    "train_filtered.txt": "2b04966cef1486f1a7767b74271533fa23e220388db804a1937835e1fc4fa3fa",
    "valid_filtered.txt": "f8fbee7c52397a0e0f3a91dc54fedecb2e27f5bdc9a9daeab8cb10d077e26956",
    "test_filtered.txt": "09cafa6a89ce0a27f30ed250d56ecb4d03c22fffb5a693f96c7ae655ee02ac72",
}
DOWNLOADS = (
    Download(
        url="https://huggingface.co/datasets/marsyas/gtzan/resolve/main/data/genres.tar.gz",
        megabytes=1_226,
        checksum="sha256:24347e0223d2ba798e0a558c4c172d9d4a19c00bb7963fe055d183dadb4ef2c6",
    ),
    *(
        Download(url=f"{_LISTS}/{name}", megabytes=1, checksum=f"sha256:{digits}")
        for name, digits in _SHA256.items()
    ),
)
COUNTS = {"train": 443, "valid": 197, "test": 290}
LISTING = Listing(
    fields=("genre",), sha256="a132a2ad9f40ba687d5f466f23b069ca18bcea19541749582b3af0e94f11cfc8"
)
"""Of jukemir's metadata (github.com/p-lambda/jukemir, commit 2415556, MIT)."""

FILTERED = {
    "train": {
        "blues": "29-49 73-97",
        "classical": "30-33 43-48 50-67 80-99",
        "country": "19-26 28-29 65-99",
        "disco": "5 15-20 22-37 39-45 47 49 53-54 56-57 59 61 70 73-74 89",
        "hiphop": "2-25 28-29 31-38 41-42 55-61 77-80",
        "jazz": "0-1 11-24 41 47-72",
        "metal": "2-3 5 21 24 35 46-57 59-66 69 71-72 79-80 84 86 89-99",
        "pop": "2-9 11-12 16-20 23-29 31-36 38-42 44 46 49-50 80 97-99",
        "reggae": "0-2 4 6 9 11-12 14-32 42-45 49-51 54-60 63 69",
        "rock": "0-9 16-26 57-70 91-99",
    },
    "valid": {
        "blues": "0-11 50-60",
        "classical": "0-10 68-76",
        "country": "0-7 9-18 27 41-42 45 49",
        "disco": "0 2-4 6-14 46 48 52 67-68 72 75 90 95",
        "hiphop": "81-98",
        "jazz": "2-10 25-32",
        "metal": "0-1 6-11 16-20 36-37 68 76-77 81-82",
        "pop": "10 53 55 58-62 81 83-86",
        "reggae": "61-62 70 72 74 76-78 85 92-99",
        "rock": "38 49-56 71-85",
    },
    "test": {
        "blues": "12-28 61-72 98-99",
        "classical": "11-29 34-41 49 77-79",
        "country": "30-40 43-44 46-48 50-51 53-64",
        "disco": "1 21 58 62-66 69 76-88 91-94 96-97 99",
        "hiphop": "0 26-27 30 40 43-45 51-54 62-75 99",
        "jazz": "73-99",
        "metal": "12-15 22-23 25-33 38-39 67 70 73-75 78 83 85 87-88",
        "pop": "0-1 13-14 43 63-66 69-79 82 88-96",
        "reggae": "34-40 46-48 52-53 64-68 71 79 82-84 87-90",
        "rock": "10-15 27-37 39-48 86-90",
    },
}
"""Numbers of each split's clips by genre: the lists of Kereliuk, Sturm and Larsen
(github.com/coreyker/dnn-mgr, no licence stated) as jukemir has them (github.com/p-lambda/jukemir, MIT)."""

_ENDINGS = (".wav", ".au", ".mp3")


def tracks(root: Path, split: str | None = None) -> list[Track]:
    """Clips of the fault-filtered split, sorted by id.

    A clip's name is its id, such as `jazz.00024`; its label is `genre`. Where `train_filtered.txt` and the
    others lie in the root, they say which clip is in which split; elsewhere `FILTERED` does.

    Args:
        root: the folder around `genres` or `genres_original`, or around the genres themselves.
        split: one, or None for all.

    Raises:
        ValueError: no genre's folder is there, a list is not as published, or an unknown split.
    """
    root, wanted = Path(root), splits(split)
    home, ending = _audio(root)
    return [_track(name, part, home, ending) for part in wanted for name in sorted(_listed(root, part))]


def checksums(root: Path) -> dict[Path, str]:
    """Return the published checksums of the lists."""
    return {Path(root) / name: f"sha256:{digits}" for name, digits in _SHA256.items()}


def clip_id(genre: str, number: int) -> str:
    """Return a clip's id.

    >>> clip_id("jazz", 24)
    'jazz.00024'
    """
    return f"{genre}.{number:05d}"


def numbers(ranges: str) -> list[int]:
    """Return the numbers that a text of `FILTERED` stands for.

    >>> numbers("3 7-9")
    [3, 7, 8, 9]
    """
    ends = [tuple(map(int, part.split("-"))) for part in ranges.split()]
    return [number for pair in ends for number in range(pair[0], pair[-1] + 1)]


def _listed(root: Path, split: str) -> Iterator[str]:
    if all((root / f"{part}_filtered.txt").is_file() for part in SPLITS):
        path = root / f"{split}_filtered.txt"
        for line in path.read_text(encoding="utf-8").split():
            name = line.replace("\\", "/").rsplit("/", 1)[-1].rpartition(".")[0]
            if name.partition(".")[0] not in GTZAN_GENRES:
                raise ValueError(f"{path}: expected lines as blues/blues.00000.wav, got {line!r}")
            yield name
        return
    for genre, ranges in FILTERED[split].items():
        yield from (clip_id(genre, number) for number in numbers(ranges))


def _audio(root: Path) -> tuple[Path, str]:
    """The folder of the genres, and how its files end."""
    homes = [root / "genres", root / "genres_original", root / "Data" / "genres_original", root]
    for home in homes:
        for genre in GTZAN_GENRES:
            if (home / genre).is_dir():
                found = {path.suffix for path in (home / genre).iterdir()}
                return home, next((ending for ending in _ENDINGS if ending in found), _ENDINGS[0])
    raise ValueError(
        f"{homes[0]}: no such folder; give the folder that genres.tar.gz was unpacked in, or fetch it with "
        "`stemwise data download gtzan ROOT`"
    )


def _track(name: str, split: str, home: Path, ending: str) -> Track:
    genre = name.partition(".")[0]
    return Track(name=name, split=split, mixture=home / genre / f"{name}{ending}", labels={"genre": genre})
