"""Twins of MUSDB18 and MUSDB18-HQ, and of a folder of one's own stems."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from stemwise import STEMS
from stemwise.data.musdb18 import STREAMS, VALIDATION
from stemwise.data.tracks import Track
from stemwise.data.twins.encoding import write_stem_file

NAMES = {
    "train": (
        "A Classic Education - NightOwl",
        "Actions - Devil's Words",
        "Actions - South Of The Water",
        "Aimee Norwich - Child",
        "Angela Thomas Wade - Milk Cow Blues",
        "Atlantis Bound - It Was My Fault For Waiting",
        "Auctioneer - Our Future Faces",
        "AvaLuna - Waterduct",
    ),
    "valid": VALIDATION,
    "test": (
        "AM Contra - Heart Peripheral",
        "Al James - Schoolboy Facination",
        "Angels In Amplifiers - I'm Alright",
        "Arise - Run Run Run",
        "BKS - Bulldozer",
        "BKS - Too Much",
        "Bobby Nobody - Stitch Up",
        "Buitraker - Revo X",
    ),
}
"""Real names, to which nothing but names belongs here."""


def twin(tracks: Sequence[Track], out: Path) -> None:
    """Write `{train,test}/NAME.stem.mp4`; validation songs lie in `train`, as in the real set."""
    for track, split, name in _named(tracks):
        write_stem_file(track, STREAMS, out / _folder(split) / f"{name}.stem.mp4")


def hq_twin(tracks: Sequence[Track], out: Path) -> None:
    """Write `{train,test}/NAME/{mixture,drums,bass,other,vocals}.wav`."""
    for track, split, name in _named(tracks):
        _copy(track, out / _folder(split) / name)


def stems_twin(tracks: Sequence[Track], out: Path) -> None:
    """Write `SPLIT/NAME/{mixture,drums,bass,other,vocals}.wav` with labels."""
    for track in tracks:
        folder = out / track.split / track.name
        _copy(track, folder)
        (folder / "labels.json").write_text(json.dumps(dict(track.labels)))


def _named(tracks: Sequence[Track]) -> Iterator[tuple[Track, str, str]]:
    """Tracks with a split and a name each; there are only as many validation songs as names."""
    taken = Counter[str]()
    for track in tracks:
        split = track.split
        if split == "valid" and taken["valid"] >= len(VALIDATION):
            split = "train"
        names, turn = NAMES[split], taken[split]
        again = turn // len(names)
        yield track, split, names[turn % len(names)] + (f" {again + 1}" if again else "")
        taken[split] += 1


def _folder(split: str) -> str:
    return "train" if split == "valid" else split


def _copy(track: Track, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, source in (("mixture", track.mixture), *((stem, track.stems[stem]) for stem in STEMS)):
        assert isinstance(source, Path), "rendered stems are files"
        shutil.copyfile(source, folder / f"{name}.wav")
