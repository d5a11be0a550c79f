"""Separation averaged over time shifts: what a network does differently a moment later evens out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import tee

import numpy as np
from jaxtyping import Float32

from stemwise.interfaces import Separator
from stemwise.separation import separate
from stemwise.spans import Resampling

LONGEST_S = 0.5
"""Shifts are spread over this many seconds, as Défossez et al. 2019 (arXiv 1911.13254) spread theirs."""


def separate_shifted(
    model: Separator,
    blocks: Iterable[Float32[np.ndarray, "c n"]],
    sample_rate: int,
    channels: int,
    *,
    shifts: int = 1,
    resampling: Resampling = "soxr",
) -> Iterator[Float32[np.ndarray, "s c n"]]:
    """Yield the stems of a stream, the mean over several delays of it; time and memory grow as they do.

    Each delay's stems sum to the input, and so does their mean. Delays are the same in every run.

    Args:
        model, blocks, sample_rate, channels: as for `stemwise.separation.separate`.
        shifts: how many; 1 is plain separation.
        resampling: as for `stemwise.separation.separate`.

    Raises:
        ValueError: shifts below 1, or as `stemwise.separation.separate`.
    """
    if shifts < 1:
        raise ValueError(f"shifts: expected at least 1, got {shifts}")
    if shifts == 1:
        yield from separate(model, blocks, sample_rate, channels, resampling=resampling)
        return
    delays = [round(LONGEST_S * sample_rate * i / shifts) for i in range(shifts)]
    part = partial(separate, model, sample_rate=sample_rate, channels=channels, resampling=resampling)
    streams = [
        _Stream(part(_led_in(copy, channels, delay)), delay)
        for copy, delay in zip(tee(blocks, shifts), delays, strict=True)
    ]
    # in turn, a block each: what one copy has read and the others have not stays short
    while min(stream.fill() for stream in streams):
        length = min(stream.held.shape[2] for stream in streams)
        yield np.stack([stream.take(length) for stream in streams]).mean(axis=0)


def _led_in(blocks: Iterable[np.ndarray], channels: int, delay: int) -> Iterator[np.ndarray]:
    yield np.zeros((channels, delay), np.float32)
    yield from blocks


class _Stream:
    """Stems of a delayed stream, without the delay."""

    def __init__(self, stems: Iterator[np.ndarray], delay: int) -> None:
        self._stems, self._skip = stems, delay
        self.held = np.zeros((0, 0, 0), np.float32)

    def fill(self) -> bool:
        """Hold something, if there is anything left."""
        while not self.held.size:
            piece = next(self._stems, None)
            if piece is None:
                return False
            self.held, self._skip = piece[:, :, self._skip :], max(0, self._skip - piece.shape[2])
        return True

    def take(self, samples: int) -> np.ndarray:
        """Return the next samples."""
        taken, self.held = self.held[:, :, :samples], self.held[:, :, samples:]
        return taken
