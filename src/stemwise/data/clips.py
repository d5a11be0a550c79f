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
from stemwise.signal.chunk import window_count


class CropBatches:
    """One random crop of each clip per epoch, in an order drawn anew.

    Batch k is a pure function of (seed, k).

    Args:
        cache: the mixtures.
        labels: one row per track, as `Task.matrix` gives them.
        batch_size: clips per batch.
        samples: length of a crop.
        seed: of all that is drawn.
        grid: crops begin at multiples of so many samples.
        chunk: as in `epoch_rows`.
    """

    def __init__(
        self,
        cache: AudioCache,
        labels: np.ndarray,
        *,
        batch_size: int,
        samples: int,
        seed: int,
        grid: int = 1,
        chunk: int = 0,
    ) -> None:
        assert len(labels) == len(cache.tracks), "one row of labels per track"
        self.cache, self.labels, self.samples = cache, labels.astype(np.float32), samples
        self.batch_size, self.seed, self.grid, self.chunk = batch_size, seed, grid, chunk

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: `audio "b c t"`, `label "b k"`, `names`."""
        tracks = epoch_rows(len(self.labels), self.batch_size, self.seed, k, self.chunk)[rows]
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
            "grid": self.grid,
            "chunk": self.chunk,
            "seed": self.seed,
        }

    def _crop(self, track: int, rng: np.random.Generator) -> np.ndarray:
        room = max(0, self.cache.samples(track) - self.samples) // self.grid
        return self.cache.excerpt(track, 0, self.grid * int(rng.integers(room + 1)), self.samples)


class WindowBatches:
    """Every whole window of every clip, in order: what a classifier's loss is validated on.

    Args:
        cache: the mixtures.
        labels: one row per track.
        batch_size: windows per batch; the last batch holds what is left.
        samples: length of a window; a shorter clip is one window, filled up with silence.
        hop: from one window to the next.
    """

    def __init__(
        self, cache: AudioCache, labels: np.ndarray, *, batch_size: int, samples: int, hop: int
    ) -> None:
        assert len(labels) == len(cache.tracks), "one row of labels per track"
        self.cache, self.labels, self.samples = cache, labels.astype(np.float32), samples
        self.batch_size, self.hop = batch_size, hop
        counts = [window_count(cache.samples(track), samples, hop) for track in range(len(cache.tracks))]
        self.windows = [(track, hop * n) for track, count in enumerate(counts) for n in range(count)]

    @property
    def batches(self) -> int:
        """How many there are."""
        return -(-len(self.windows) // self.batch_size)

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch k: `audio "b c t"`, `label "b k"`, `names`."""
        windows = self.windows[k * self.batch_size : (k + 1) * self.batch_size][rows]
        audio = [self.cache.excerpt(track, 0, start, self.samples) for track, start in windows]
        return {
            "audio": torch.from_numpy(np.stack(audio)),
            "label": torch.from_numpy(self.labels[[track for track, _ in windows]]),
            "names": [f"{self.cache.names[track]}@{start}" for track, start in windows],
        }

    def card(self) -> Mapping[str, Any]:
        """Return what the windows are."""
        facts = {"windows": len(self.windows), "excerpt_samples": self.samples, "hop": self.hop}
        return {**self.cache.card(), **facts}


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


def epoch_size(rows: int, chunk: int = 0) -> int:
    """Return how many of so many rows an epoch holds, see `epoch_rows`.

    >>> epoch_size(15_244), epoch_size(15_244, 1024), epoch_size(2048, 1024), epoch_size(300, 1024)
    (15244, 14336, 1024, 300)
    """
    return len(_chunks(rows, chunk)) * chunk or rows


def _chunks(rows: int, chunk: int) -> range:
    return range(0, rows - chunk, chunk) if chunk else range(0)


def epoch_rows(rows: int, batch_size: int, seed: int, k: int, chunk: int = 0) -> np.ndarray:
    """Return the rows of batch k: an endless line of epochs, each in an order of its own, cut into batches.

    A batch that lies across two epochs takes rows of both, so no row is left out and none is favoured.

    Args:
        rows: how many there are.
        batch_size: of a batch.
        seed: of the orders.
        k: which batch.
        chunk: where given, the chunks of so many rows stay in order, and rows change places inside theirs
            alone. The chunks begin at 0, `chunk`, … below `rows - chunk`, as in the released code of MSSPT:
            the rows behind them, a whole chunk of them at most, take no part. With too few rows for a chunk,
            all take part.
    """
    size = epoch_size(rows, chunk)
    first, last = k * batch_size, (k + 1) * batch_size - 1
    epochs = range(first // size, last // size + 1)
    part = chunk if _chunks(rows, chunk) else size
    line = np.concatenate([_epoch(size, part, np.random.default_rng([seed, epoch, 0])) for epoch in epochs])
    offset = first - epochs[0] * size
    return line[offset : offset + batch_size]


def _epoch(size: int, part: int, rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([start + rng.permutation(part) for start in range(0, size, part)])
