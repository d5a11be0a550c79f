"""Training mixtures: stems of different songs, put together anew in every batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from stemwise.data.cache import FULL_SCALE, AudioCache
from stemwise.interfaces import ALL, Batch

AUDIBLE = 10 ** (-45 / 20)
"""A stem's excerpt below this RMS (-45 dB of full scale) is no material for a mixture."""


class RemixBatches:
    """Batches of random mixtures: each stem from a song, a place, a gain and a sign of its own.

    Batch k is a pure function of (seed, k).

    Args:
        cache: the stems.
        batch_size: mixtures per batch.
        samples: length of an excerpt.
        seed: of all that is drawn.
        gains_db: range of the gains.
        targets: which of the cache's stems a batch holds, in this order; all of them where not given. A
            mixture is always of all.
    """

    def __init__(
        self,
        cache: AudioCache,
        *,
        batch_size: int,
        samples: int,
        seed: int,
        gains_db: tuple[float, float] = (-6.0, 4.0),
        targets: tuple[str, ...] | None = None,
    ) -> None:
        self.cache, self.batch_size, self.samples = cache, batch_size, samples
        self.seed, self.gains_db = seed, gains_db
        self.rows = [cache.sources.index(stem) for stem in targets or cache.sources]
        self.places = [self._audible(source) for source in range(len(cache.sources))]

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: `stems "b s 1 t"`, `mixture "b 1 t"`, `active "b s"`, `names`."""
        places = range(self.batch_size)[rows]
        items = [self._mixture(np.random.default_rng([self.seed, k, place])) for place in places]
        sources = torch.from_numpy(np.stack([stems for stems, _ in items]))[:, :, None]
        stems = sources[:, self.rows]
        active = stems.square().mean((-2, -1)) > 0
        return {
            "stems": stems,
            "mixture": sources.sum(1),
            "active": active,
            "names": [name for _, name in items],
        }

    def card(self) -> Mapping[str, Any]:
        """Return what the mixtures are made of."""
        return {"tracks": len(self.cache.names), "stems": list(self.cache.sources), "remixed": True}

    def _mixture(self, rng: np.random.Generator) -> tuple[np.ndarray, str]:
        rows, names = [], []
        for source, places in enumerate(self.places):
            track, start = map(int, places[rng.integers(len(places))])
            gain = 10 ** (rng.uniform(*self.gains_db) / 20) * rng.choice((-1.0, 1.0))
            rows.append(np.float32(gain) * self.cache.excerpt(track, source, start, self.samples))
            names.append(f"{self.cache.names[track]}@{start}")
        return np.stack(rows), "+".join(names)

    def _audible(self, source: int) -> np.ndarray:
        """Return (track, start) of every audible excerpt, a quarter of an excerpt apart."""
        hop = self.samples // 4
        places = []
        for track in range(len(self.cache.names)):
            last = max(0, self.cache.samples(track) - self.samples)
            begin = int(self.cache.starts[track])
            row = self.cache.audio[source, begin : begin + self.cache.samples(track)].astype(np.float64)
            energy = np.concatenate([[0.0], np.cumsum((row / FULL_SCALE) ** 2)])
            for start in range(0, last + 1, hop):
                end = min(start + self.samples, len(row))
                if energy[end] - energy[start] > AUDIBLE**2 * self.samples:
                    places.append((track, start))
        if not places:
            raise ValueError(
                f"{self.cache.sources[source]}: expected audible excerpts of {self.samples} samples, found "
                f"none in {len(self.cache.names)} tracks; check the stems, or render more and longer tracks"
            )
        return np.array(places)
