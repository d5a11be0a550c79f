"""Training mixtures at several rates, as Meta-TasNet's code draws and collates them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch

from stemwise.data.cache import AudioCache
from stemwise.data.decoding import FULL_SCALE
from stemwise.interfaces import ALL, Batch

_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Crops:
    """How excerpts are drawn and mixed.

    Attributes:
        draws: `once`, each stem's channel and gain for all rates; `published`, anew for each rate, as the
            released code does: its stages then hear different mixtures of one excerpt.
        gains: range of the stems' factors.
        remixed: share of a batch whose stems are of different songs.
    """

    draws: Literal["once", "published"] = "once"
    gains: tuple[float, float] = (0.75, 1.25)
    remixed: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.gains[0] <= self.gains[1]:
            raise ValueError(f"gains: expected the lower one first, above 0, got {self.gains}")
        if not 0 <= self.remixed <= 1:
            raise ValueError(f"remixed: expected 0 to 1, got {self.remixed}")


@dataclass(frozen=True, kw_only=True)
class _Excerpt:
    """What is drawn for one item: a place, and each stem's channel and gain at each rate."""

    track: int
    start: int  # in samples of the lowest rate
    channels: np.ndarray  # rates × stems
    gains: np.ndarray


class MultiRateBatches:
    """Batches of excerpts of songs, each at every rate, and of stems of several such excerpts.

    Items are excerpts of one song each; a first share of them exchange their stems: stem number s of item i
    is that of item i + s. Batch k is a pure function of (seed, k).

    Args:
        caches: stereo stems of the same tracks, at rates that double, from low to high.
        batch_size: items per batch.
        samples: length of an excerpt, at the lowest rate.
        seed: of all that is drawn.
        crops: how it is drawn.

    Raises:
        ValueError: the caches do not fit together, or no track is as long as an excerpt.
    """

    def __init__(
        self,
        caches: Sequence[AudioCache],
        *,
        batch_size: int,
        samples: int,
        seed: int,
        crops: Crops | None = None,
    ) -> None:
        self.caches, self.batch_size, self.samples = tuple(caches), batch_size, samples
        self.seed, self.crops = seed, crops or Crops()
        first = self.caches[0]
        for number, cache in enumerate(self.caches):
            if cache.names != first.names or cache.sources != first.sources:
                raise ValueError("caches: expected the same stems of the same tracks at each rate")
            if cache.material.sample_rate != first.material.sample_rate << number:
                raise ValueError(f"caches: expected rates that double, got {self.rates}")
        self._lengths = np.min([cache.lengths >> n for n, cache in enumerate(self.caches)], axis=0)
        self._tracks = np.flatnonzero(self._lengths >= samples)
        if not len(self._tracks):
            seconds = self._lengths.max() / self.rates[0], samples / self.rates[0]
            raise ValueError(
                f"{first.root}: its longest track has {seconds[0]:.2f} s, an excerpt {seconds[1]:.2f} s; "
                "choose shorter excerpts"
            )

    @property
    def rates(self) -> tuple[int, ...]:
        """Hz, from low to high."""
        return tuple(cache.material.sample_rate for cache in self.caches)

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: `mixture_RATE "b 1 t"` and `stems_RATE "b s 1 t"` for each; `active "b i s"`."""
        items = self._order(k)[rows]
        found: dict[str, Any] = {"names": [self._name(k, item) for item in items]}
        active = []
        for number, rate in enumerate(self.rates):
            stems = torch.from_numpy(np.stack([self._stems(k, item, number) for item in items]))
            found[f"stems_{rate}"], found[f"mixture_{rate}"] = stems[:, :, None], stems.sum(1, keepdim=True)
            active.append(stems.any(-1))
        return {**found, "active": torch.stack(active, dim=1)}

    def card(self) -> Mapping[str, Any]:
        """Return what the mixtures are made of."""
        return {
            **self.caches[-1].card(),
            "sample_rates": list(self.rates),
            "excerpt_samples": self.samples,
            "draws": self.crops.draws,
            "gains": list(self.crops.gains),
            "remixed": self.crops.remixed,
            "seed": self.seed,
        }

    def _order(self, k: int) -> list[int]:
        """Return the items of batch k in their order; neighbours count in the loss."""
        return np.random.default_rng([self.seed, k]).permutation(self.batch_size).tolist()

    def _sources(self, k: int, item: int) -> list[_Excerpt]:
        """Return the excerpt that each of an item's stems comes from."""
        mixed, stems = round(self.crops.remixed * self.batch_size), len(self.caches[0].sources)
        others = [(item + s) % mixed if item < mixed else item for s in range(stems)]
        return [self._excerpt(k, other) for other in others]

    def _excerpt(self, k: int, item: int) -> _Excerpt:
        rng, shape = (
            np.random.default_rng([self.seed, k, item]),
            (len(self.rates), len(self.caches[0].sources)),
        )
        track = int(self._tracks[rng.integers(len(self._tracks))])
        start = int(rng.integers(self._lengths[track] - self.samples + 1))
        channels, gains = rng.integers(2, size=shape), rng.uniform(*self.crops.gains, size=shape)
        if self.crops.draws == "once":
            channels, gains = channels[:1].repeat(shape[0], 0), gains[:1].repeat(shape[0], 0)
        return _Excerpt(track=track, start=start, channels=channels, gains=gains.astype(np.float32))

    def _stems(self, k: int, item: int, number: int) -> np.ndarray:
        """Return an item's stems at one rate (s, t), in units of their songs' deviation."""
        cache, out = self.caches[number], []
        for s, place in enumerate(self._sources(k, item)):
            audio = cache.excerpt(place.track, s, place.start << number, self.samples << number)
            channel = min(int(place.channels[number, s]), len(audio) - 1)
            out.append(audio[channel] * (place.gains[number, s] / self._deviation(number, place.track)))
        return np.stack(out).astype(np.float32)

    def _name(self, k: int, item: int) -> str:
        names = dict.fromkeys(f"{self.caches[0].names[p.track]}@{p.start}" for p in self._sources(k, item))
        return "+".join(names)

    @cached_property
    def _deviations(self) -> dict[tuple[int, int], np.float32]:
        return {}

    def _deviation(self, number: int, track: int) -> np.float32:
        """Return the deviation of a song's mono mixture at one rate; 1 for silence."""
        if (number, track) not in self._deviations:
            cache = self.caches[number]
            sums = np.zeros(3)  # samples, their sum, and that of their squares
            for start in range(0, cache.samples(track), _BLOCK):
                rows = [cache.whole(track, s)[start : start + _BLOCK] for s in range(len(cache.sources))]
                mono = np.sum([row.mean(1, dtype=np.float64) for row in rows], axis=0) / FULL_SCALE
                sums += len(mono), mono.sum(), np.square(mono).sum()
            variance = max(0.0, sums[2] / sums[0] - (sums[1] / sums[0]) ** 2)
            self._deviations[number, track] = np.float32(np.sqrt(variance) or 1.0)
        return self._deviations[number, track]
