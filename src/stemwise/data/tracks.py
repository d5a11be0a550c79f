"""A dataset is a list of tracks: what lies on disk, and what is known about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemwise import STEMS

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Track:
    """One piece of music on disk: a mixture, its stems where they are known, and its labels.

    Attributes:
        name: unique within its dataset.
        split: one of `SPLITS`.
        mixture: the audio file of the whole.
        stems: stem name → audio file, sample-aligned with the mixture; empty where there are none.
        labels: label name → plain JSON value.
    """

    name: str
    split: str
    mixture: Path
    stems: Mapping[str, Path] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """What a person should know of a dataset before using it."""

    name: str
    title: str
    licence: str
    source: str
    size: str
    layout: str
    citation: str = ""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A registry entry: the facts, and `tracks(root, split)`; `split=None` gives all of them."""

    info: DatasetInfo
    tracks: Callable[[Path, str | None], list[Track]]


def stem_folders(root: Path, split: str | None = None) -> list[Track]:
    """Tracks of a folder in MUSDB18-HQ's layout, sorted by split and name.

    The layout is `root/SPLIT/NAME/{mixture,drums,bass,other,vocals}.wav`, with an optional
    `labels.json` beside the audio. A folder without `mixture.wav` is no track.

    Raises:
        ValueError: the root holds no such folder, the split is unknown, or a stem is missing.
    """
    root = Path(root)
    if split is not None and split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}; got {split!r}")
    wanted = SPLITS if split is None else (split,)
    folders = [(s, d) for s in wanted if (root / s).is_dir() for d in sorted((root / s).iterdir())]
    tracks = [_stem_folder(s, d) for s, d in folders if (d / "mixture.wav").is_file()]
    if not tracks:
        raise ValueError(
            f"{root}: expected {{{','.join(wanted)}}}/NAME/mixture.wav, found no such file; "
            "render a set with `stemwise data render OUT`"
        )
    return tracks


def _stem_folder(split: str, folder: Path) -> Track:
    stems = {stem: folder / f"{stem}.wav" for stem in STEMS}
    missing = [path.name for path in stems.values() if not path.is_file()]
    if missing:
        raise ValueError(
            f"{folder}: {', '.join(missing)} missing beside mixture.wav; render or copy it again"
        )
    labels = folder / "labels.json"
    return Track(
        name=folder.name,
        split=split,
        mixture=folder / "mixture.wav",
        stems=stems,
        labels=_labels(labels) if labels.is_file() else {},
    )


def _labels(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: expected a JSON object ({error}); render or copy the track again"
        ) from error
