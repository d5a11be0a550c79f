"""Labelled training clips: random crops of audio, or rows of arrays that were computed beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stemwise.data.cache import AudioCache
from stemwise.interfaces import ALL, Batch


class CropBatches:
    """One random crop of each clip per epoch, in an order drawn anew.

    Batch k is a pure function of (seed, k).

    Args:
        cache: the mixtures.
        labels: one row per track, as `Task.matrix` gives them.
        batch_size: clips per batch.
        samples: length of a crop.
        seed: of all that is drawn.
    """

    def __init__(
        self, cache: AudioCache, labels: np.ndarray, *, batch_size: int, samples: int, seed: int
    ) -> None:
        assert len(labels) == len(cache.tracks), "one row of labels per track"
        self.cache, self.labels, self.samples = cache, labels.astype(np.float32), samples
        self.batch_size, self.seed = batch_size, seed

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: `audio "b c t"`, `label "b k"`, `names`."""
        tracks = epoch_rows(len(self.labels), self.batch_size, self.seed, k)[rows]
        places = range(self.batch_size)[rows]
        draws = (np.random.default_rng([self.seed, k, place]) for place in places)
        crops = [self._crop(int(track), rng) for track, rng in zip(tracks, draws, strict=True)]
        return {
            "audio": torch.from_numpy(np.stack(crops)),
            "label": torch.from_numpy(self.labels[tracks]),
            "names": [self.cache.names[track] for track in tracks],
        }

    def card(self) -> Mapping[str, Any]:
        """Return what the clips are."""
        return {
            **self.cache.card(),
            "classes": self.labels.shape[1],
            "excerpt_samples": self.samples,
            "seed": self.seed,
        }

    def _crop(self, track: int, rng: np.random.Generator) -> np.ndarray:
        room = max(0, self.cache.samples(track) - self.samples)
        return self.cache.excerpt(track, 0, int(rng.integers(room + 1)), self.samples)


@dataclass(frozen=True)
class Picked:
    """Some rows of an array, which is mapped from disk and read row by row when they are asked for.

    Attributes:
        array: of all rows.
        picks: which of them, in order.
    """

    array: np.ndarray
    picks: np.ndarray

    def __len__(self) -> int:
        return len(self.picks)

    def __getitem__(self, rows: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(self.array[self.picks[rows.numpy()]]))


class ArrayBatches:
    """Rows of arrays that lie in memory or on disk, in an order drawn anew each epoch.

    Args:
        arrays: named tensors or `Picked` rows, as many of each.
        batch_size: rows per batch.
        seed: of the order.
        about: plain values for the card: what the rows were made of.
    """

    def __init__(
        self,
        arrays: Mapping[str, Tensor | Picked],
        *,
        batch_size: int,
        seed: int,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.arrays, self.batch_size, self.seed = dict(arrays), batch_size, seed
        self.rows, self.about = len(next(iter(self.arrays.values()))), dict(about or {})

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: the arrays' rows by name, and `names`: the row numbers."""
        picks = epoch_rows(self.rows, self.batch_size, self.seed, k)[rows]
        picked = {name: array[torch.from_numpy(picks)] for name, array in self.arrays.items()}
        return {**picked, "names": [str(row) for row in picks]}

    def card(self) -> Mapping[str, Any]:
        """Return what the rows are."""
        return {**self.about, "rows": self.rows, "arrays": list(self.arrays), "seed": self.seed}


def epoch_rows(rows: int, batch_size: int, seed: int, k: int) -> np.ndarray:
    """Return the rows of batch k: an endless line of epochs, each a permutation of its own, cut into batches.

    A batch that lies across two epochs takes rows of both, so no row is left out and none is favoured.
    """
    first, last = k * batch_size, (k + 1) * batch_size - 1
    epochs = range(first // rows, last // rows + 1)
    line = np.concatenate([np.random.default_rng([seed, epoch, 0]).permutation(rows) for epoch in epochs])
    offset = first - epochs[0] * rows
    return line[offset : offset + batch_size]
