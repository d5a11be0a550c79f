"""Checking a data set on disk before anything is trained on it."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from stemwise.data.audio import open_audio, probe
from stemwise.data.tracks import LEFT_OUT, SPLITS, TWIN, Dataset, StemFile, Track, left_out
from stemwise.files import write_text

TOLERANCE = 4 / 32768
"""How far stems may be from their mixture: each of five files is rounded to 16 bits."""

Kind = Literal["missing", "unreadable", "duplicate", "wrong"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong: of which kind, of which track and split, and what, as a line of text."""

    kind: Kind
    text: str
    track: str = ""
    split: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a check found.

    Attributes:
        tracks, seconds: of each split that has any; hours are of what could be decoded.
        findings: in the order of the tracks.
        left_out: track name → reason: known bad ones, and those on the user's list.
    """

    tracks: Mapping[str, int]
    seconds: Mapping[str, float]
    findings: Sequence[Finding]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def row(self, split: str) -> tuple[str, int, int, int, int, int, float]:
        """Return split, tracks, missing, unreadable, duplicate and wrong ones, hours."""
        of = {kind: {f.track for f in self.findings if (f.kind, f.split) == (kind, split)} for kind in KINDS}
        counts = (len(of["missing"]), len(of["unreadable"]), len(of["duplicate"]), len(of["wrong"]))
        return split, self.tracks[split], *counts, self.seconds[split] / 3600


KINDS: tuple[Kind, ...] = ("missing", "unreadable", "duplicate", "wrong")


def verify(
    dataset: Dataset, root: Path, progress: Progress | None = None, tracks: Sequence[Track] | None = None
) -> Verified:
    """Decode every file of a set, and compare what is there with what is published.

    Published counts and checksums are not asked of a synthetic twin.

    Args:
        dataset: which.
        root: its folder.
        progress: told (tracks done, tracks in all).
        tracks: what the set's reader gave, where it was asked already.

    Raises:
        ValueError: there is no such set in the folder.
    """
    tracks = dataset.reader(root, None) if tracks is None else tracks
    out = left_out(root)
    checked = [track for track in tracks if track.name not in out]
    real = not (root / TWIN).is_file()
    sums = dict(dataset.checksums(root)) if real and dataset.checksums else {}
    findings = [*_counts(dataset, tracks)] if real else []
    findings += [f for file in sums if file.parent == root and file.is_file() for f in _sum(file, sums)]
    found, seconds = _verified(checked, sums, progress)
    return Verified(
        tracks=Counter(track.split for track in tracks),
        seconds=seconds,
        findings=findings + found,
        left_out={**dataset.known_bad, **out} if real else out,
    )


def verify_tracks(tracks: Sequence[Track], progress: Progress | None = None) -> list[Finding]:
    """Return what is wrong with tracks: missing and unreadable files, lengths and rates, sums, doubles."""
    return _verified(tracks, {}, progress)[0]


def leave_out(root: Path, findings: Sequence[Finding]) -> int:
    """Add the tracks with missing or unreadable files to the folder's `left_out.txt`; return how many."""
    bad = {
        f.track: f"{f.kind}: {f.text}" for f in findings if f.track and f.kind in ("missing", "unreadable")
    }
    lines = [f"{name}\t{' '.join(reason.split())}" for name, reason in (left_out(root) | bad).items()]
    write_text(root / LEFT_OUT, "# written by `stemwise data verify --leave-out`\n" + "\n".join(lines) + "\n")
    return len(bad)


def _verified(
    tracks: Sequence[Track], sums: Mapping[Path, str], progress: Progress | None
) -> tuple[list[Finding], dict[str, float]]:
    findings = _doubled(tracks)
    seconds: dict[str, float] = dict.fromkeys(SPLITS, 0.0)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checks = pool.map(lambda track: _track(track, sums), tracks)
        for done, (track, (found, length)) in enumerate(zip(tracks, checks, strict=True), 1):
            findings += found
            seconds[track.split] += length
            if progress:
                progress(done, len(tracks))
    return findings, seconds


def _track(track: Track, sums: Mapping[Path, str]) -> tuple[list[Finding], float]:
    lost = [file for file in track.files if not file.is_file()]
    if lost:
        return [_finding("missing", track, f"{file}: no such file") for file in lost], 0.0
    findings = [_finding(f.kind, track, f.text) for file in track.files for f in _sum(file, sums)]
    try:
        seconds, unlike = _stems(track) if track.stems else (_decoded(track.mixture), None)
    except ValueError as error:
        return [*findings, _finding("unreadable", track, str(error))], 0.0
    return [*findings, *([_finding("wrong", track, unlike)] if unlike else [])], seconds


def _finding(kind: Kind, track: Track, text: str) -> Finding:
    return Finding(kind=kind, text=text, track=track.name, split=track.split)


def _decoded(source: Path | StemFile) -> float:
    """Decode a file to its end and return its length in seconds.

    Raises:
        ValueError: it cannot be decoded, or ends early.
    """
    samples = 0
    with open_audio(source) as audio:
        for block in audio.blocks(audio.sample_rate * 10):
            samples += block.shape[1]
    if audio.damage:
        raise ValueError(f"{source}: {audio.damage}")
    return samples / audio.sample_rate


def _stems(track: Track) -> tuple[float, str | None]:
    """Decode a track with stems; return its length in seconds, and how the stems are unlike their mixture."""
    whole = probe(track.mixture)
    seconds = (whole.samples or 0) / whole.sample_rate
    for stem, source in track.stems.items():
        part = probe(source)
        for fact in ("sample_rate", "channels", "samples"):
            expected, got = getattr(whole, fact), getattr(part, fact)
            if expected != got:
                return seconds, f"{source}: {fact} is {got}, the mixture's is {expected} ({stem})"
    if any(isinstance(source, StemFile) for source in track.stems.values()):  # lossy: no exact sum
        return max(_decoded(source) for source in (track.mixture, *track.stems.values())), None
    worst = _largest_difference(track, whole.sample_rate * 10)
    unlike = f"{track.mixture}: stems differ from it by up to {worst:.4f}" if worst > TOLERANCE else None
    return seconds, unlike


def _largest_difference(track: Track, samples: int) -> float:
    with ExitStack() as stack:
        files = [stack.enter_context(open_audio(p)) for p in (track.mixture, *track.stems.values())]
        blocks = zip(*(file.blocks(samples) for file in files), strict=True)
        worst = max(float(np.abs(mixture - sum(stems)).max()) for mixture, *stems in blocks)
    for file in files:
        if file.damage:
            raise ValueError(f"{file.info.path}: {file.damage}")
    return worst


def _counts(dataset: Dataset, tracks: Sequence[Track]) -> Iterator[Finding]:
    found = Counter(track.split for track in tracks)
    found["all"] = len(tracks)
    for split, expected in dataset.counts.items():
        if found[split] != expected:
            text = f"{split}: {found[split]} tracks, published are {expected}"
            yield Finding(kind="wrong", text=text, split=split)
    if dataset.listing and (got := dataset.listing.of(tracks)) != dataset.listing.sha256:
        what = ", ".join(("names", "splits", *dataset.listing.fields))
        yield Finding(kind="wrong", text=f"{what}: not as published, their SHA-256 is {got}")


def _doubled(tracks: Sequence[Track]) -> list[Finding]:
    """Names that occur twice, and mixtures with the same bytes."""
    seen: dict[str, Track] = {}
    findings = []
    for track in tracks:
        if track.name in seen:
            text = f"{track.mixture}: the name {track.name} occurs twice, also as {seen[track.name].mixture}"
            findings.append(_finding("duplicate", track, text))
        seen[track.name] = track
    return findings + _same_bytes(tracks)


def _same_bytes(tracks: Sequence[Track]) -> list[Finding]:
    sizes: dict[int, list[Track]] = defaultdict(list)
    for track in tracks:
        if track.mixture.is_file() and (size := track.mixture.stat().st_size):
            sizes[size].append(track)
    findings, seen = [], dict[str, Track]()
    for track in (track for same in sizes.values() if len(same) > 1 for track in same):
        first = seen.setdefault(digest(track.mixture, "sha1"), track)
        if first is not track and first.mixture != track.mixture:
            also = "" if first.split == track.split else f", which is in {first.split}"
            text = f"{track.mixture}: the same bytes as {first.mixture}{also}"
            findings.append(_finding("duplicate", track, text))
    return findings


def _sum(file: Path, sums: Mapping[Path, str]) -> Iterator[Finding]:
    if file in sums:
        kind, _, expected = sums[file].partition(":")
        if (got := digest(file, kind)) != expected:
            yield Finding(kind="wrong", text=f"{file}: its {kind} is {got}, published is {expected}")


def digest(file: Path, kind: str) -> str:
    """Return a file's checksum: `md5`, `sha1` or `sha256`, in hexadecimal digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, kind).hexdigest()
