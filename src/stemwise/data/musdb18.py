"""MUSDB18, five streams in a `.stem.mp4` a song, and MUSDB18-HQ, five wav files a song."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stemwise.data.tracks import DatasetInfo, Download, StemFile, Track, splits, stem_track, subfolders

LICENCE = (
    "non-commercial, educational use only; DSD100's songs under the terms of their sources, "
    "MedleyDB's under CC BY-NC-SA 4.0"
)
INFO = DatasetInfo(
    name="musdb18",
    title="MUSDB18, 150 songs with four stems, AAC",
    licence=LICENCE,
    source="https://zenodo.org/records/1117372",
    size="4.7 GB; 150 songs, 10 hours, 44.1 kHz stereo; 86 train, 14 valid, 50 test",
    layout="{train,test}/ARTIST - TITLE.stem.mp4, streams mixture, drums, bass, other, vocals",
    citation="Rafii, Liutkus, Stöter, Mimilakis, Bittner: The MUSDB18 corpus for music separation, 2017, "
    "doi:10.5281/zenodo.1117372",
)
HQ_INFO = DatasetInfo(
    name="musdb18-hq",
    title="MUSDB18-HQ, 150 songs with four stems, uncompressed",
    licence=LICENCE,
    source="https://zenodo.org/records/3338373",
    size="22.7 GB; 150 songs, 10 hours, 44.1 kHz stereo; 86 train, 14 valid, 50 test",
    layout="{train,test}/ARTIST - TITLE/{mixture,drums,bass,other,vocals}.wav",
    citation="Rafii, Liutkus, Stöter, Mimilakis, Bittner: MUSDB18-HQ, an uncompressed version of MUSDB18, "
    "2019, doi:10.5281/zenodo.3338373",
)
DOWNLOADS = (
    Download(
        url="https://zenodo.org/records/1117372/files/musdb18.zip",
        megabytes=4684,
        checksum="md5:af06762477334799bfc5abf237648207",
    ),
)
HQ_DOWNLOADS = (
    Download(
        url="https://zenodo.org/records/3338373/files/musdb18hq.zip",
        megabytes=22657,
        checksum="md5:12d4f2ecd55245a4688754dd76363103",
    ),
)
COUNTS = {"train": 86, "valid": 14, "test": 50}

STREAMS = ("mixture", "drums", "bass", "other", "vocals")
"""What a `.stem.mp4` holds, in order."""

VALIDATION = (
    "ANiMAL - Rockshow",
    "Actions - One Minute Smile",
    "Alexander Ross - Goodbye Bolero",
    "Clara Berry And Wooldog - Waltz For My Victims",
    "Fergessen - Nos Palpitants",
    "James May - On The Line",
    "Johnny Lokke - Promises & Lies",
    "Leaf - Summerghost",
    "Meaxic - Take A Step",
    "Patrick Talbot - A Reason To Leave",
    "Skelpolu - Human Mistakes",
    "Traffic Experiment - Sirens",
    "Triviul - Angelsaint",
    "Young Griffo - Pennies",
)
"""The training songs that are kept for validation, by the `musdb` package, 0.4.3, configs/mus.yaml (MIT)."""

_SUFFIX = ".stem.mp4"


def tracks(root: Path, split: str | None = None) -> list[Track]:
    """Songs of MUSDB18, sorted by split and name.

    The validation songs are found by their names in `train`; a folder `valid` is read too, where someone
    has moved them.

    Raises:
        ValueError: no `.stem.mp4` in the folder, or an unknown split.
    """
    return _tracks(Path(root), split, _stem_files, _mp4_track, f"{{train,test}}/NAME{_SUFFIX}")


def hq_tracks(root: Path, split: str | None = None) -> list[Track]:
    """Songs of MUSDB18-HQ, sorted by split and name; as `tracks`."""
    return _tracks(Path(root), split, subfolders, stem_track, "{train,test}/NAME/mixture.wav")


def _tracks(
    root: Path,
    split: str | None,
    songs: Callable[[Path], list[Path]],
    track: Callable[[Path, str], Track],
    layout: str,
) -> list[Track]:
    wanted = splits(split)
    home = root / "musdb18" if (root / "musdb18" / "train").is_dir() else root
    found = [
        track(song, _split(song, folder))
        for folder in ("train", "valid", "test")
        for song in songs(home / folder)
    ]
    if not found:
        raise ValueError(f"{root}: expected {layout}, found no such file; give the folder above train")
    return [song for name in wanted for song in found if song.split == name]


def _split(song: Path, folder: str) -> str:
    return "valid" if folder == "train" and song.name.removesuffix(_SUFFIX) in VALIDATION else folder


def _stem_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"*{_SUFFIX}") if not path.name.startswith("."))


def _mp4_track(file: Path, split: str) -> Track:
    stems = {stem: StemFile(file, stream) for stream, stem in enumerate(STREAMS) if stream}
    return Track(name=file.name.removesuffix(_SUFFIX), split=split, mixture=file, stems=stems)
