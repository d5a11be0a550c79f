"""MSSPT's training mixtures: segments of several songs at a time, laid over each other as they are.

Garoufis, Zlatintsi, Maragos 2023 (arXiv 2310.15845), released code. Songs are cut into segments of 6 seconds,
3 seconds apart. A single-source mixture is two segments of the wanted stem over the accompaniment in two
others; a multi-source one is two segments of drums, other and vocals and one of bass. No gains are drawn.

Deviations:
    released code: resamples each segment by itself, so that its first and last samples lack their
    surroundings; here the song was resampled as a whole. All segments of a batch share one offset, which is
    how we read "one common random offset".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from stemwise import STEMS
from stemwise.data.cache import AudioCache
from stemwise.interfaces import ALL, Batch

SEGMENT_S, HOP_S = 6.0, 3.0
TARGETS = ACCOMPANIMENTS = 2
COUNTS = {"drums": 2, "bass": 1, "other": 2, "vocals": 2}
"""Segments of each stem in a multi-source mixture."""


Place = tuple[int, int]
"""A track, and a sample in it."""


def segments(cache: AudioCache) -> list[Place]:
    """Return (track, start) of every segment: `range(0, length - 6 s, 3 s)` in each song.

    Raises:
        ValueError: there is none.
    """
    length, hop = _length(cache), round(HOP_S * cache.material.sample_rate)
    starts = [range(0, cache.samples(track) - length, hop) for track in range(len(cache.tracks))]
    found = [(track, start) for track, own in enumerate(starts) for start in own]
    if not found:
        raise ValueError(f"segments: expected songs longer than {SEGMENT_S} s, found none in {len(starts)}")
    return found


def _length(cache: AudioCache) -> int:
    return round(SEGMENT_S * cache.material.sample_rate)


class SegmentBatches:
    """Mixtures to train on. Batch k is a pure function of (seed, k).

    The segments of a batch are drawn without replacement; one random offset places the excerpts in them.

    Args:
        cache: mixtures and stems, mono.
        batch_size: mixtures per batch.
        samples: length of an excerpt.
        seed: of all that is drawn.
        source: the stem to separate; all of them where not given.

    Raises:
        ValueError: fewer segments than a batch takes.
    """

    def __init__(
        self, cache: AudioCache, *, batch_size: int, samples: int, seed: int, source: str | None = None
    ) -> None:
        self.cache, self.batch_size, self.samples, self.seed = cache, batch_size, samples, seed
        self.source, self.places = source, segments(cache)
        self.per_mixture = TARGETS + ACCOMPANIMENTS if source else sum(COUNTS.values())
        needed = batch_size * self.per_mixture
        if len(self.places) < needed:
            raise ValueError(
                f"batch_size: expected at least {needed} segments of {SEGMENT_S} s for batches of "
                f"{batch_size}, found {len(self.places)} in {len(cache.tracks)} songs; take smaller batches "
                "or more songs"
            )

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: `stems "b s c t"`, `mixture "b c t"`, `active "b s"`, `names`."""
        rng = np.random.default_rng([self.seed, k])
        drawn = rng.permutation(len(self.places))[: self.batch_size * self.per_mixture]
        offset = int(rng.uniform(0, _length(self.cache) - self.samples))
        picks = [[self.places[i] for i in own] for own in drawn.reshape(self.batch_size, -1)[rows]]
        parts = [self._parts(pick, offset) for pick in picks]
        stems, mixture = (torch.from_numpy(np.stack(column)) for column in zip(*parts, strict=True))
        return {
            "stems": stems,
            "mixture": mixture,
            "active": torch.linalg.vector_norm(stems, dim=(-2, -1)) > 0,
            "names": ["+".join(self._name(*place) for place in pick) for pick in picks],
        }

    def card(self) -> Mapping[str, Any]:
        """Return what the mixtures are made of."""
        return {
            **self.cache.card(),
            "mixing": "2 + 2 segments" if self.source else "2 + 2 + 2 + 1 segments",
            "source": self.source,
            "segments": len(self.places),
            "excerpt_samples": self.samples,
            "seed": self.seed,
        }

    def _parts(self, pick: list[Place], offset: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a mixture's stems (s, c, t) and the mixture (c, t)."""

        def heard(source: str, places: list[Place]) -> Float32[np.ndarray, "c t"]:
            column = self.cache.sources.index(source)
            excerpts = [self.cache.excerpt(t, column, s + offset, self.samples) for t, s in places]
            return np.sum(excerpts, axis=0)

        if self.source:
            target, others = heard(self.source, pick[:TARGETS]), pick[TARGETS:]
            return target[None], target + heard("mixture", others) - heard(self.source, others)
        left = iter(pick)
        stems = [heard(stem, [next(left) for _ in range(COUNTS[stem])]) for stem in STEMS]
        return np.stack(stems), np.sum(stems, axis=0)

    def _name(self, track: int, start: int) -> str:
        return f"{self.cache.names[track]}@{start}"


class SongBatches:
    """The segments of the songs as they were mixed, in order: what separators are validated on.

    Args:
        cache: mixtures and stems, mono.
        batch_size: segments per batch; the last batch holds what is left.
        samples: length of the excerpt of each segment.
        seed: of where in its segment the excerpt lies.
        targets: which stems.
    """

    def __init__(
        self, cache: AudioCache, *, batch_size: int, samples: int, seed: int, targets: Sequence[str]
    ) -> None:
        self.cache, self.batch_size, self.samples, self.seed = cache, batch_size, samples, seed
        self.targets, rng = tuple(targets), np.random.default_rng(seed)
        room = _length(cache) - samples
        self.places = [(track, start + int(rng.integers(room + 1))) for track, start in segments(cache)]

    @property
    def batches(self) -> int:
        """How many there are."""
        return -(-len(self.places) // self.batch_size)

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: `stems "b s c t"`, `mixture "b c t"`, `active "b s"`, `names`."""
        places = self.places[k * self.batch_size : (k + 1) * self.batch_size][rows]
        sources = ("mixture", *self.targets)
        columns = [self.cache.sources.index(source) for source in sources]
        audio = torch.from_numpy(
            np.stack([[self.cache.excerpt(t, c, s, self.samples) for c in columns] for t, s in places])
        )
        return {
            "stems": audio[:, 1:],
            "mixture": audio[:, 0],
            "active": torch.linalg.vector_norm(audio[:, 1:], dim=(-2, -1)) > 0,
            "names": [f"{self.cache.names[track]}@{start}" for track, start in places],
        }

    def card(self) -> Mapping[str, Any]:
        """Return what the mixtures are."""
        return {**self.cache.card(), "targets": list(self.targets), "segments": len(self.places)}
