"""Decoded audio for training, mapped from disk: each file is decoded once per rate, for all recipes."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, Int16

from stemwise.data.decoding import FULL_SCALE
from stemwise.data.filling import Plan, Progress, Source, fill, measure, source_file, survey
from stemwise.data.material import Material
from stemwise.data.store import Entry
from stemwise.data.tracks import Track
from stemwise.files import expect_room

logger = logging.getLogger(__name__)

_LISTED = 10
_UNLIKE_S = 0.1  # stems of one track that differ more in length are worth a word


@dataclass(frozen=True, kw_only=True)
class AudioCache:
    """Audio of many tracks.

    Attributes:
        tracks: in order.
        material: sources, rate and channels.
        starts: first sample of each track's sources in `audio`: tracks × sources.
        lengths: samples of each track, those of its shortest source.
        audio: int16, all samples × channels, of these tracks and others.
        root: the data set's folder.
        digest: of all samples of these tracks, and of their order.
    """

    tracks: tuple[Track, ...]
    material: Material
    starts: np.ndarray
    lengths: np.ndarray
    audio: np.ndarray
    root: Path = Path()
    digest: str = ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the tracks."""
        return tuple(track.name for track in self.tracks)

    @property
    def sources(self) -> tuple[str, ...]:
        """`("mixture",)`, or stems in order."""
        return self.material.sources

    def samples(self, track: int) -> int:
        """Return the length of a track."""
        return int(self.lengths[track])

    def whole(self, track: int, source: int) -> Int16[np.ndarray, "t c"]:
        """Return all samples of one source as they lie on disk; none is read before it is used."""
        start = int(self.starts[track, source])
        return self.audio[start : start + self.samples(track)]

    def excerpt(self, track: int, source: int, start: int, samples: int) -> Float32[np.ndarray, "c t"]:
        """Return so many samples of one source, with silence behind a track's end."""
        found = self.whole(track, source)[start : start + samples]
        out = np.zeros((self.material.channels, samples), np.float32)
        np.divide(found.T, np.float32(FULL_SCALE), out=out[:, : len(found)])  # (t, c) → (c, t)
        return out

    def excerpts(
        self, tracks: Int[np.ndarray, "b"], source: int, starts: Int[np.ndarray, "b"], samples: int
    ) -> Float32[np.ndarray, "b c t"]:
        """Return so many samples of one source of each of some tracks."""
        places = zip(tracks, starts, strict=True)
        return np.stack([self.excerpt(int(t), source, int(start), samples) for t, start in places])

    def card(self) -> dict[str, Any]:
        """Return plain values that say what the audio is."""
        return {
            "dataset": self.root.resolve().name,
            "tracks": len(self.tracks),
            "hours": round(float(self.lengths.sum()) / self.material.sample_rate / 3600, 4),
            "sources": list(self.sources),
            "sample_rate": self.material.sample_rate,
            "channels": self.material.channels,
            "digest": self.digest,
        }


def prepare(
    tracks: Sequence[Track],
    material: Material,
    root: Path,
    *,
    folder: Path | None = None,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
) -> AudioCache:
    """Return the cache of these tracks: what is not in it yet is decoded, the rest is mapped from disk.

    Args:
        tracks: which tracks.
        material: which sources, at which rate, with how many channels.
        root: the data set's folder; fingerprints hold paths below it.
        folder: where caches lie; `root/cache` where not given.
        skip_unreadable: leave out tracks with files that cannot be read, and say so, instead of an error.
        progress: told (files done, files in all) of those that are decoded.

    Raises:
        ValueError: files cannot be read, a stem is missing, or the disk has too little room.
    """
    plan = survey(tracks, material, root, folder or root / "cache")
    unreadable = dict(plan.unreadable)
    if plan.missing:
        unreadable |= _fill(plan, progress)
        plan = survey(tracks, material, root, folder or root / "cache")
        changed = {path: f"{path}: changed while it was decoded; try again" for path in plan.missing}
        unreadable = changed | unreadable
    if unreadable:
        _complain(list(unreadable.values()), skip_unreadable)
    good = [t for t in tracks if not any(source_file(t, s) in unreadable for s in material.sources)]
    if not good:
        raise ValueError(f"{root}: expected at least one track that can be read, found none in {len(tracks)}")
    return _opened(good, plan, root)


def _fill(plan: Plan, progress: Progress | None) -> dict[Source, str]:
    logger.info("%d files are not in %s yet; reading their headers", len(plan.missing), plan.store.folder)
    size = measure(plan)
    expect_room(plan.store.folder, size.bytes_missing)
    logger.info("decoding them, %.2f h in all: %.1f MB", size.seconds / 3600, size.bytes_missing / 1e6)
    return fill(plan, progress)


def _complain(reasons: list[str], skip: bool) -> None:
    rest = [f"and {len(reasons) - _LISTED} more"] if len(reasons) > _LISTED else []
    listed = "; ".join((*reasons[:_LISTED], *rest))
    if not skip:
        raise ValueError(
            f"{len(reasons)} of the files cannot be read: {listed}. Mend them, or leave their tracks out "
            "with skip_unreadable"
        )
    logger.warning("left out, as %d of the files cannot be read: %s", len(reasons), listed)


def _opened(tracks: Sequence[Track], plan: Plan, root: Path) -> AudioCache:
    entries = [[plan.there[source_file(t, s)] for s in plan.material.sources] for t in tracks]
    rows = np.array([[entry.rows for entry in row] for row in entries])
    apart = np.flatnonzero(np.ptp(rows, axis=1) > _UNLIKE_S * plan.material.sample_rate)
    if len(apart):
        logger.warning(
            "%d tracks have stems that differ by more than %s s in length, %s among them; each is cut to its "
            "shortest",
            *(len(apart), _UNLIKE_S, tracks[apart[0]].name),
        )
    return AudioCache(
        tracks=tuple(tracks),
        material=plan.material,
        starts=np.array([[entry.start for entry in row] for row in entries]),
        lengths=rows.min(axis=1),
        audio=plan.store.rows(),
        root=root,
        digest=_digest(tracks, entries),
    )


def _digest(tracks: Sequence[Track], entries: Sequence[Sequence[Entry]]) -> str:
    facts = [
        [track.name, *(entry.digest for entry in row)] for track, row in zip(tracks, entries, strict=True)
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
