"""Pairs for contrastive learning: an excerpt of a mixture, and one of a source, or of the mixture again.

Garoufis, Zlatintsi, Maragos, SMC 2023 (MSCOL), released code: one source a batch; with silence, a coin
decides between segments where the source sounds, and any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from stemwise.data.activity import Segments
from stemwise.data.cache import AudioCache
from stemwise.data.logmels import LogMelCache
from stemwise.data.masking import draw, masked
from stemwise.interfaces import ALL, Batch

Excerpts = LogMelCache | AudioCache
"""Where excerpts come from; their unit is a frame or a sample."""


class SourcePairs:
    """Batches of anchors and positives, two excerpts of one segment each, at places of their own.

    Batch k is a pure function of (seed, k); no segment is twice in a batch.

    Args:
        excerpts: of audio or log-mels.
        segments: in the same unit.
        sources: what positives may be; none for the mixture itself (COLA).
        silent: whether half of the batches are of segments in which the source may be silent.
        batch_size: pairs.
        length: of an excerpt.
        seed: of all that is drawn.
        masking: whether excerpts are masked, shifted and warped; only without sources.
        silence: what a silent positive is filled with.

    Raises:
        ValueError: there are fewer segments than pairs in a batch, or a setting contradicts another.
    """

    def __init__(
        self,
        excerpts: Excerpts,
        segments: Segments,
        *,
        sources: tuple[str, ...],
        silent: bool = False,
        batch_size: int = 128,
        length: int = 98,
        seed: int = 0,
        masking: bool = False,
        silence: float = 0.0,
    ) -> None:
        if masking and sources:
            raise ValueError("masking: only mixtures are masked; leave the sources out, or the masking")
        if length > segments.length:
            raise ValueError(f"length: expected at most {segments.length}, the segment's, got {length}")
        self.excerpts, self.segments, self.sources = excerpts, segments, sources
        self.silent, self.batch_size, self.length, self.seed = silent, batch_size, length, seed
        self.masking, self.silence = masking, silence
        everywhere = np.arange(len(segments))
        self._pools = {name: np.flatnonzero(segments.active[name]) for name in sources}
        self._everywhere = everywhere
        for name, pool in {**self._pools, "mixture": everywhere}.items():
            if len(pool) < batch_size:
                raise ValueError(
                    f"batch_size: expected at most {len(pool)}, the segments with {name}, got {batch_size}; "
                    "take smaller batches, shorter segments or more tracks"
                )

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: `anchor`, `positive`, `active "b"`, `source`, `names`.

        Log-mels are in half precision, as they are stored, where nothing was masked.
        """
        rng = np.random.default_rng([self.seed, k])
        source = self.sources[rng.integers(len(self.sources))] if self.sources else "mixture"
        sounding = not self.silent or not self.sources or rng.random() < 0.5
        pool = self._pools.get(source, self._everywhere) if sounding else self._everywhere
        picks = rng.choice(pool, self.batch_size, replace=False)[rows]
        active = self.segments.active[source][picks] if self.sources else np.ones(len(picks), bool)
        room = max(1, self.segments.length - self.length)
        shifts = rng.integers(room, size=(2, self.batch_size))[:, rows]
        anchors, positives = (
            self._excerpts(name, picks, shift)
            for name, shift in zip(("mixture", source), shifts, strict=True)
        )
        positives[~active] = self.silence
        if self.masking:
            draws = [np.random.default_rng([self.seed, k, row]) for row in range(self.batch_size)[rows]]
            anchors, positives = (_changed(part, draws) for part in (anchors, positives))
        return {
            "anchor": torch.from_numpy(anchors),
            "positive": torch.from_numpy(positives),
            "active": torch.from_numpy(active),
            "source": source,
            "names": [self._name(int(pick)) for pick in picks],
        }

    def card(self) -> Mapping[str, Any]:
        """Return what the pairs are made of."""
        return {
            **self.excerpts.card(),
            "segments": len(self.segments),
            "segment_length": self.segments.length,
            "with_source": {name: len(pool) for name, pool in self._pools.items()},
            "silent": self.silent,
            "masking": self.masking,
            "silence": self.silence,
            "excerpt_length": self.length,
            "seed": self.seed,
        }

    def _excerpts(self, source: str, picks: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        tracks, starts = self.segments.places[picks].T
        return self.excerpts.excerpts(
            tracks, self.excerpts.sources.index(source), starts + shifts, self.length
        )

    def _name(self, pick: int) -> str:
        track, start = self.segments.places[pick]
        return f"{self.excerpts.names[track]}@{start}"


def _changed(pictures: np.ndarray, draws: Sequence[np.random.Generator]) -> np.ndarray:
    """Return pictures that are masked, shifted and warped, each by draws of its own."""
    rows = zip(pictures.astype(np.float32), draws, strict=True)
    return np.stack([masked(picture.T, draw(rng)).T for picture, rng in rows])
