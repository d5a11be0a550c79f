"""Log-mels of many tracks, mapped from disk: what the contrast of mixtures and sources is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float16, Float32, Int

from stemwise.data.activity import Segments
from stemwise.data.clips import epoch_rows
from stemwise.data.tracks import Track
from stemwise.interfaces import ALL, Batch


@dataclass(frozen=True, kw_only=True)
class LogMelCache:
    """Log-mels of tracks and their sources.

    Attributes:
        tracks: in order.
        sources: `mixture`, and stems.
        starts: first frame of each track's sources in `frames`: tracks × sources.
        lengths: frames of each track.
        frames: float16, all frames × bands, of these tracks and others.
        about: plain values for a run's card.
    """

    tracks: tuple[Track, ...]
    sources: tuple[str, ...]
    starts: np.ndarray
    lengths: np.ndarray
    frames: np.ndarray
    about: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the tracks."""
        return tuple(track.name for track in self.tracks)

    def excerpt(self, track: int, source: int, start: int, frames: int) -> Float32[np.ndarray, "f n"]:
        """Return so many frames of one source, all of which must be there."""
        assert start + frames <= self.lengths[track], "an excerpt within the track"
        first = int(self.starts[track, source]) + start
        return self.frames[first : first + frames].T.astype(np.float32)

    def excerpts(
        self, tracks: Int[np.ndarray, "b"], source: int, starts: Int[np.ndarray, "b"], frames: int
    ) -> Float16[np.ndarray, "b f n"]:
        """Return so many frames of one source of each of some tracks, as they are stored, at once."""
        assert (starts + frames <= self.lengths[tracks]).all(), "excerpts within their tracks"
        first = self.starts[tracks, source] + starts
        return np.asarray(self.frames[first[:, None] + np.arange(frames)]).transpose(0, 2, 1)

    def card(self) -> dict[str, Any]:
        """Return plain values that say what the log-mels are of."""
        return dict(self.about)


class LogMelCrops:
    """One random crop of each segment per epoch, in an order drawn anew, with its track's labels.

    Batch k is a pure function of (seed, k).

    Args:
        cache: the mixtures' log-mels.
        segments: of the cache's tracks, in frames.
        labels: one row per track, as `Task.matrix` gives them.
        batch_size: crops per batch.
        length: frames of a crop.
        seed: of all that is drawn.
    """

    def __init__(
        self,
        cache: LogMelCache,
        segments: Segments,
        labels: np.ndarray,
        *,
        batch_size: int,
        length: int,
        seed: int,
    ) -> None:
        assert len(labels) == len(cache.tracks), "one row of labels per track"
        if length > segments.length:
            raise ValueError(f"length: expected at most {segments.length}, the segment's, got {length}")
        self.cache, self.segments, self.labels = cache, segments, labels.astype(np.float32)
        self.batch_size, self.length, self.seed = batch_size, length, seed

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: `picture "b f n"` in half precision, `label "b k"`, `names`."""
        picks = epoch_rows(len(self.segments), self.batch_size, self.seed, k)[rows]
        room = max(1, self.segments.length - self.length)
        shifts = np.random.default_rng([self.seed, k, 1]).integers(room, size=self.batch_size)[rows]
        tracks, starts = self.segments.places[picks].T
        starts = starts + shifts
        names = [f"{self.cache.names[track]}@{start}" for track, start in zip(tracks, starts, strict=True)]
        return {
            "picture": torch.from_numpy(self.cache.excerpts(tracks, 0, starts, self.length)),
            "label": torch.from_numpy(self.labels[tracks]),
            "names": names,
        }

    def card(self) -> Mapping[str, Any]:
        """Return what the crops are."""
        return {
            **self.cache.card(),
            "classes": self.labels.shape[1],
            "segments": len(self.segments),
            "crop_frames": self.length,
            "seed": self.seed,
        }
