"""Labelled training clips: random crops of audio, or rows of arrays that were computed beforehand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from stemwise.data.cache import AudioCache
from stemwise.interfaces import Batch


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
        assert len(labels) == len(cache.names), "one row of labels per track"
        self.cache, self.labels, self.samples = cache, labels.astype(np.float32), samples
        self.batch_size, self.seed = batch_size, seed

    def batch(self, k: int) -> Batch:
        """Return batch k: `audio "b 1 t"`, `label "b k"`, `names`."""
        rows = epoch_rows(len(self.labels), self.batch_size, self.seed, k)
        rng = np.random.default_rng([self.seed, k, 1])
        crops = [self._crop(int(row), rng) for row in rows]
        return {
            "audio": torch.from_numpy(np.stack(crops))[:, None],
            "label": torch.from_numpy(self.labels[rows]),
            "names": [self.cache.names[row] for row in rows],
        }

    def _crop(self, track: int, rng: np.random.Generator) -> np.ndarray:
        room = max(0, self.cache.samples(track) - self.samples)
        return self.cache.excerpt(track, 0, int(rng.integers(room + 1)), self.samples)


class ArrayBatches:
    """Rows of arrays that lie in memory or on disk, in an order drawn anew each epoch.

    Args:
        arrays: named tensors with as many rows each.
        batch_size: rows per batch.
        seed: of the order.
    """

    def __init__(self, arrays: Mapping[str, Tensor], *, batch_size: int, seed: int) -> None:
        self.arrays, self.batch_size, self.seed = dict(arrays), batch_size, seed
        self.rows = len(next(iter(self.arrays.values())))

    def batch(self, k: int) -> Batch:
        """Return batch k: the arrays' rows by name, and `names`: the row numbers."""
        rows = epoch_rows(self.rows, self.batch_size, self.seed, k)
        picked = {name: array[torch.from_numpy(rows)] for name, array in self.arrays.items()}
        return {**picked, "names": [str(row) for row in rows]}


def epoch_rows(rows: int, batch_size: int, seed: int, k: int) -> np.ndarray:
    """Return the rows of batch k: an endless line of epochs, each a permutation of its own, cut into batches.

    A batch that lies across two epochs takes rows of both, so no row is left out and none is favoured.
    """
    first, last = k * batch_size, (k + 1) * batch_size - 1
    epochs = range(first // rows, last // rows + 1)
    line = np.concatenate([np.random.default_rng([seed, epoch, 0]).permutation(rows) for epoch in epochs])
    offset = first - epochs[0] * rows
    return line[offset : offset + batch_size]
