"""Stems of a whole data set: what is worked on, what the files are called, and how large they will be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemwise.catalogue.forms import Form
from stemwise.catalogue.inputs import Item
from stemwise.catalogue.planning import Layout, Planned
from stemwise.data.audio import probe
from stemwise.data.extracted import EXTENSION, MARKER, is_home, maker, place
from stemwise.data.tracks import Track
from stemwise.files import write_json

_LOOKED_AT = 400
"""How many files' headers tell the size of all."""

_WIDTH = 2  # bytes of a sample


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """How much is to be done.

    Attributes:
        files: inputs.
        seconds: of audio in them.
        bytes: of the results, if nothing could be compressed.
        exact: whether every input was looked at, and said how long it is.
    """

    files: int
    seconds: float
    bytes: int
    exact: bool


def mixtures(tracks: Iterable[Track]) -> list[Item]:
    """Return the mixtures of tracks as inputs."""
    return [Item(path=track.mixture, folder=place(track.name)) for track in tracks]


def separated(stems: tuple[str, ...]) -> Layout:
    """Return where the stems of `mixtures` go."""
    return Layout(template="{folder}/{stem}", results=stems, extension=EXTENSION)


def ready_made(found: Mapping[str, Mapping[str, Path]]) -> list[Item]:
    """Return stems that are there already, by track and stem, as inputs, each for itself."""
    return [
        Item(path=file, folder=f"{place(name)}/{stem}")
        for name, stems in found.items()
        for stem, file in stems.items()
    ]


TAKEN = Layout(template="{folder}", results=("stem",), extension=EXTENSION)
"""Where `ready_made` stems go."""


def measure(planned: Sequence[Planned], form: Form | None) -> Estimate:
    """Return how much is to be done, by the headers of some hundred inputs at most.

    Inputs that cannot be read count nothing.
    """
    step = max(1, -(-len(planned) // _LOOKED_AT))
    seconds, size, known = 0.0, 0.0, 0
    for one in planned[::step]:
        try:
            info = probe(one.item.path)
        except (ValueError, OSError):
            continue
        if info.samples is not None:
            known += 1
            seconds += info.samples / info.sample_rate
            rate = form.sample_rate if form else info.sample_rate * info.channels
            size += info.samples / info.sample_rate * rate * _WIDTH * len(one.targets)
    share = len(planned) / known if known else 0.0
    return Estimate(
        files=len(planned), seconds=seconds * share, bytes=round(size * share), exact=known == len(planned)
    )


def claim(folder: Path, settings: Mapping[str, Any], anew: bool, **more: Any) -> None:
    """Note beside the stems who makes them.

    Args:
        folder: of the stems.
        settings: plain values that decide what the stems are.
        more: others.
        anew: whether all that is there is made anew.

    Raises:
        ValueError: the folder holds stems of another maker, or anything else.
    """
    if is_home(folder):
        before = maker(folder)
        differing = [key for key, value in settings.items() if before.get(key) != value]
        if differing and not anew:
            raise ValueError(
                f"{folder}: holds stems of another {', '.join(differing)}; choose another folder with --out, "
                "or --existing replace"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise ValueError(
            f"{folder}: expected a new folder, it holds something else; choose another with --out"
        )
    write_json(folder / MARKER, {**settings, **more, "note": "estimates of a separator, not recordings"})
