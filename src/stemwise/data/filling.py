"""Filling the cache: what a set needs of it, how much that is, and decoding what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stemwise.data.audio import probe
from stemwise.data.decoding import DECODER, decoded, decoded_together
from stemwise.data.material import LAYOUTS, Material
from stemwise.data.store import Entry, Fingerprint, Store, Writer
from stemwise.data.tracks import StemFile, Track, file_of

Progress = Callable[[int, int], None]
Source = Path | StemFile
"""What is decoded: a file, or one of its streams."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a set needs of the cache.

    Attributes:
        material: in which form the audio is wanted.
        store: where it lies.
        wanted: the files, with what they are now.
        there: where those lie that are in the store.
        missing: those that are to be decoded.
        unreadable: those that do not exist, each with the reason.
    """

    material: Material
    store: Store
    wanted: Mapping[Source, Fingerprint]
    there: Mapping[Source, Entry]
    missing: tuple[Source, ...]
    unreadable: Mapping[Source, str]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is there, and how much is to be decoded.

    Attributes:
        bytes_there: of the wanted files.
        bytes_missing: of those that say how long they are.
        seconds: of audio, there and missing.
        unknown: how many files do not say how long they are.
        unreadable: how many files are missing or no audio, as far as can be told without decoding.
    """

    bytes_there: int
    bytes_missing: int
    seconds: float
    unknown: int
    unreadable: int


def audio_store(material: Material, folder: Path) -> Store:
    """Return the store of a rate and a number of channels, which all recipes and splits share."""
    layout = LAYOUTS[material.channels]
    about = {"what": "decoded audio, (samples, channels)", "dtype": "int16, little-endian"}
    about |= {"sample_rate": material.sample_rate, "channels": material.channels}
    name = f"audio-{material.sample_rate}hz-{layout}"
    return Store(folder / name, "<i2", (material.channels,), about)


def survey(tracks: Sequence[Track], material: Material, root: Path, folder: Path) -> Plan:
    """Return what these tracks need of the cache; no audio file is opened."""
    store = audio_store(material, folder)
    entries = store.entries()
    wanted: dict[Source, Fingerprint] = {}
    unreadable: dict[Source, str] = {}
    for path in dict.fromkeys(source_file(track, source) for track in tracks for source in material.sources):
        try:
            wanted[path] = fingerprint(path, root, DECODER)
        except OSError as error:
            unreadable[path] = f"{path}: {error.strerror}; copy it again"
    there = {path: entries[found] for path, found in wanted.items() if found in entries}
    missing = tuple(path for path in wanted if path not in there)
    return Plan(
        material=material, store=store, wanted=wanted, there=there, missing=missing, unreadable=unreadable
    )


def source_file(track: Track, source: str) -> Source:
    """Return the file of a track's mixture or stem.

    Raises:
        ValueError: the track has no such stem.
    """
    if source == "mixture":
        return track.mixture
    if source not in track.stems:
        found = ", ".join(track.stems) or "none"
        raise ValueError(
            f"{track.name}: expected a stem {source}, found {found}; choose a data set that has it"
        )
    return track.stems[source]


def fingerprint(source: Source, root: Path, maker: int) -> Fingerprint:
    """Return what a file is now; its path counts below the root, so that the set may be moved."""
    path = file_of(source)
    facts = path.stat()
    below = path.relative_to(root) if path.is_relative_to(root) else path.absolute()
    name = below.as_posix() + (f"#{source.stream}" if isinstance(source, StemFile) else "")
    return Fingerprint(path=name, size=facts.st_size, mtime_ns=facts.st_mtime_ns, maker=maker)


def measure(plan: Plan, progress: Progress | None = None) -> Size:
    """Return how much decoding a plan's missing files takes, by their headers alone."""
    rate, lengths, unreadable = plan.material.sample_rate, [], len(plan.unreadable)
    for done, path in enumerate(plan.missing, 1):
        try:
            info = probe(path)
            lengths.append(None if info.samples is None else -(-info.samples * rate // info.sample_rate))
        except (ValueError, OSError):
            unreadable += 1
        if progress:
            progress(done, len(plan.missing))
    there = sum(entry.rows for entry in plan.there.values())
    missing = sum(length or 0 for length in lengths)
    return Size(
        bytes_there=there * plan.store.row_bytes,
        bytes_missing=missing * plan.store.row_bytes,
        seconds=(there + missing) / rate,
        unknown=lengths.count(None),
        unreadable=unreadable,
    )


def fill(plan: Plan, progress: Progress | None = None) -> dict[Source, str]:
    """Decode what is missing, and return the files that could not be read, each with the reason.

    Where another process fills the same store, this one waits, and then decodes what that one did not.

    Args:
        plan: as `survey` gives it.
        progress: told (files done, files in all).
    """
    unreadable = dict(plan.unreadable)
    if not plan.missing:
        return unreadable
    with plan.store.writing() as writer:
        left = [path for path in plan.missing if plan.wanted[path] not in writer.entries]
        done = len(plan.missing) - len(left)
        for group in _groups(left):
            unreadable |= _add(group, plan, writer)
            done += len(group)
            if progress:
                progress(done, len(plan.missing))
    return unreadable


def _groups(sources: Sequence[Source]) -> list[list[Source]]:
    """Return the sources one by one, but streams of one file together, in the order of the first."""
    groups: dict[Path, list[Source]] = {}
    for source in sources:
        groups.setdefault(file_of(source), []).append(source)
    return list(groups.values())


def _add(group: list[Source], plan: Plan, writer: Writer) -> dict[Source, str]:
    """Decode a file or several streams of one, and return those that could not be read."""
    if len(group) > 1:
        # a file that stands for itself is its first stream
        streams = [source if isinstance(source, StemFile) else StemFile(source, 0) for source in group]
        with suppress(ValueError), decoded_together(streams, plan.material) as parts:
            for source, blocks in zip(group, parts, strict=True):
                writer.add(plan.wanted[source], blocks)
            return {}
    unreadable: dict[Source, str] = {}
    for source in group:  # by itself, each stream says what is wrong with it
        try:
            writer.add(plan.wanted[source], decoded(source, plan.material))
        except ValueError as error:
            unreadable[source] = str(error)
    return unreadable
