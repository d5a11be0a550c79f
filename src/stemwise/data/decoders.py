"""What a decoder is: facts of a file, and its samples from front to back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """What a file says of itself.

    Attributes:
        path, sample_rate, channels: of the file, as stored.
        samples: per channel; exact for wav, flac, ogg, opus and mp3 with a length tag. Others, and
            m4a, mp4, webm and mkv, may differ by some frames; None where nothing is declared.
    """

    path: Path
    sample_rate: int
    channels: int
    samples: int | None


class Broken(Exception):
    """A decoder could not go on."""


@dataclass(frozen=True)
class Decoder:
    """One decoder at work: chunks (c, n) from the wanted start on; whether an end comes too early."""

    info: AudioInfo
    chunks: Iterator[np.ndarray]
    ends_early: Callable[[int], bool]
    close: Callable[[], None]


def existing(path: Path) -> Path:
    """Return the path, if a file is there that decoders can open."""
    if path.is_dir():
        got = "a folder; name a file inside it"
    elif not path.exists():
        got = "no such file; check the path"
    elif path.is_file() and path.stat().st_size == 0:
        got = "an empty one (0 bytes); copy it again"
    elif any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        got = "a name that is not UTF-8, which the decoders cannot open; rename it"
    else:
        return path
    raise ValueError(f"{path}: expected an audio file, got {got}")
