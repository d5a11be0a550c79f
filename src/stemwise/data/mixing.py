"""Training mixtures: stems of different songs, put together anew in every batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from stemwise.data.audible import audible_places
from stemwise.data.cache import AudioCache
from stemwise.interfaces import ALL, Batch
from stemwise.signal.remix import remixed


@dataclass(frozen=True, kw_only=True)
class _Draw:
    """What is drawn for one mixture, stem by stem."""

    places: list[tuple[int, int]]  # track, start
    gains_db: np.ndarray
    flipped: np.ndarray
    swapped: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Remix:
    """How far stems may be changed before they are mixed.

    Attributes:
        gains_db: range of the gains.
        p_polarity: share of the stems that are turned upside down.
        p_swap: share of the stems whose channels are swapped; in mono there is nothing to swap.
    """

    gains_db: tuple[float, float] = (-6.0, 4.0)
    p_polarity: float = 0.5
    p_swap: float = 0.5

    def __post_init__(self) -> None:
        if self.gains_db[0] > self.gains_db[1]:
            raise ValueError(f"gains_db: expected the lower one first, got {self.gains_db}")
        for name in ("p_polarity", "p_swap"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")


class RemixBatches:
    """Batches of random mixtures: each stem from a song, a place, a gain, a sign and a side of its own.

    Batch k is a pure function of (seed, k).

    Args:
        cache: the stems.
        batch_size: mixtures per batch.
        samples: length of an excerpt.
        seed: of all that is drawn.
        remix: how far stems are changed.
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
        remix: Remix | None = None,
        targets: tuple[str, ...] | None = None,
    ) -> None:
        self.cache, self.batch_size, self.samples = cache, batch_size, samples
        self.seed, self.remix = seed, remix or Remix()
        self.targets = tuple(targets or cache.sources)
        self.places = [audible_places(cache, source, samples) for source in range(len(cache.sources))]

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: `stems "b s c t"`, `mixture "b c t"`, `active "b s"`, `names`."""
        draws = [self._draw(k, row) for row in range(self.batch_size)[rows]]
        sources = remixed(
            self._excerpts(draws),
            gains_db=torch.from_numpy(np.stack([draw.gains_db for draw in draws])),
            flipped=torch.from_numpy(np.stack([draw.flipped for draw in draws])),
            swapped=torch.from_numpy(np.stack([draw.swapped for draw in draws])),
        )
        stems = sources if self.targets == self.cache.sources else sources[:, self._columns()]
        return {
            "stems": stems,
            "mixture": sources.sum(1),
            "active": torch.linalg.vector_norm(stems, dim=(-2, -1)) > 0,
            "names": ["+".join(self._name(*place) for place in draw.places) for draw in draws],
        }

    def card(self) -> Mapping[str, Any]:
        """Return what the mixtures are made of."""
        return {
            **self.cache.card(),
            "targets": list(self.targets),
            "excerpt_samples": self.samples,
            "remix": {**asdict(self.remix), "gains_db": list(self.remix.gains_db)},
            "seed": self.seed,
        }

    def _draw(self, k: int, row: int) -> _Draw:
        rng, stems = np.random.default_rng([self.seed, k, row]), len(self.places)
        picks = [places[rng.integers(len(places))] for places in self.places]
        return _Draw(
            places=[(int(track), int(start)) for track, start in picks],
            gains_db=rng.uniform(*self.remix.gains_db, size=stems).astype(np.float32),
            flipped=rng.random(stems) < self.remix.p_polarity,
            swapped=rng.random(stems) < self.remix.p_swap,
        )

    def _excerpts(self, draws: list[_Draw]) -> torch.Tensor:
        out = np.empty((len(draws), len(self.places), self.cache.material.channels, self.samples), np.float32)
        for row, draw in zip(out, draws, strict=True):
            for source, (track, start) in enumerate(draw.places):
                row[source] = self.cache.excerpt(track, source, start, self.samples)
        return torch.from_numpy(out)

    def _columns(self) -> list[int]:
        return [self.cache.sources.index(stem) for stem in self.targets]

    def _name(self, track: int, start: int) -> str:
        return f"{self.cache.names[track]}@{start}"
