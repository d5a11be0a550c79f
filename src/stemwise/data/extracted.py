"""Stems that a separator made of a data set's mixtures, beside the set or anywhere else.

A folder of such stems holds `TRACK/STEM.flac`, where `TRACK` is the track's name, and a file that says who
made them. They are estimates: the set's own stems, where it has any, are something else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from stemwise import STEMS
from stemwise.data.tracks import Track

FOLDER = "stems"
"""What the folder is called that lies in a set's own."""

MARKER, EXTENSION = "stemwise-stems.json", ".flac"
_LONGEST = 200  # bytes of a part of a path, below what any file system allows


def is_home(folder: Path) -> bool:
    """Return whether a folder holds extracted stems."""
    return (folder / MARKER).is_file()


def maker(folder: Path) -> Mapping[str, Any]:
    """Return what is known of who made a folder's stems.

    Raises:
        ValueError: it is no such folder.
    """
    try:
        return json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder}: expected a folder of stems, made by `stemwise data stems`; its {MARKER} is missing "
            "or damaged"
        ) from error


def place(name: str) -> str:
    """Return where a track's stems lie below the folder.

    >>> place("rock/one.mp3")
    'rock/one.mp3'
    """
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..")]
    return "/".join(_shortened(part) for part in parts)


def with_stems(tracks: Iterable[Track], folder: Path) -> list[Track]:
    """Return tracks with the stems that a folder has of them, in the place of their own."""
    return [replace(track, stems=_stems(folder / place(track.name))) for track in tracks]


def _stems(folder: Path) -> dict[str, Path]:
    files = {stem: folder / f"{stem}{EXTENSION}" for stem in STEMS}
    return {stem: file for stem, file in files.items() if file.is_file()}


def _shortened(part: str) -> str:
    content = part.encode("utf-8", "surrogateescape")
    if len(content) <= _LONGEST:
        return part
    digits = hashlib.sha256(content).hexdigest()[:8]
    return f"{content[:_LONGEST].decode('utf-8', 'ignore')}-{digits}"
