"""Training clips in pairs: two crops of each, for contrastive learning."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from stemwise.data.cache import AudioCache
from stemwise.interfaces import ALL, Batch

logger = logging.getLogger(__name__)


class ViewBatches:
    """Two random crops of each clip per epoch, in an order drawn anew; no clip is twice in a batch.

    Batch k is a pure function of (seed, k), and so is each of its rows. The last clips of an epoch, fewer
    than a batch, take no part in it.

    Args:
        cache: the mixtures. Tracks shorter than a crop are left out, and a warning says so.
        batch_size: clips per batch.
        samples: length of a crop.
        seed: of all that is drawn.

    Raises:
        ValueError: fewer tracks than a batch are long enough.
    """

    def __init__(self, cache: AudioCache, *, batch_size: int, samples: int, seed: int) -> None:
        self.cache, self.samples = cache, samples
        self.batch_size, self.seed = batch_size, seed
        self.tracks = np.flatnonzero(np.asarray(cache.lengths) >= samples)
        if short := len(cache.tracks) - len(self.tracks):
            logger.warning("%d of %d tracks are shorter than a crop and left out", short, len(cache.tracks))
        if len(self.tracks) < batch_size:
            raise ValueError(
                f"batch_size: expected at most {len(self.tracks)}, the tracks of {cache.root} with at least "
                f"{samples} samples, got {batch_size}"
            )

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: `views "b v c t"`, 16-bit, `seeds "b v"` of their augmentations, `names`."""
        tracks = self._tracks(k)[rows]
        draws = [np.random.default_rng([self.seed, k, row]) for row in range(self.batch_size)[rows]]
        pairs = [self._pair(int(track), rng) for track, rng in zip(tracks, draws, strict=True)]
        seeds = np.array([rng.integers(2**62, size=2) for rng in draws])
        return {
            "views": torch.from_numpy(np.stack(pairs)),
            "seeds": torch.from_numpy(seeds),
            "names": [self.cache.names[track] for track in tracks],
        }

    def card(self) -> Mapping[str, Any]:
        """Return what the clips are."""
        return {
            **self.cache.card(),
            "long_enough": len(self.tracks),
            "excerpt_samples": self.samples,
            "views": 2,
            "seed": self.seed,
        }

    def _tracks(self, k: int) -> np.ndarray:
        epoch, place = divmod(k, len(self.tracks) // self.batch_size)
        order = np.random.default_rng([self.seed, epoch, 0]).permutation(self.tracks)
        return order[place * self.batch_size : (place + 1) * self.batch_size]

    def _pair(self, track: int, rng: np.random.Generator) -> np.ndarray:
        """Return two crops, each from anywhere."""
        room = self.cache.samples(track) - self.samples
        starts = rng.integers(room + 1, size=2)
        whole = self.cache.whole(track, 0)
        return np.stack([whole[start : start + self.samples].T for start in starts])
