"""Resampling a stream of blocks: soxr's high-quality filter, the same answer however the blocks are cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from jaxtyping import Float32


class Resampler:
    """Blocks in at one rate, blocks out at another, aligned in time.

    Args:
        source_rate: Hz.
        target_rate: Hz.
        channels: of every block.
    """

    def __init__(self, source_rate: int, target_rate: int, channels: int) -> None:
        self._stream = None
        if source_rate != target_rate:
            self._stream = soxr.ResampleStream(
                source_rate, target_rate, channels, dtype="float32", quality="HQ"
            )
        self._channels = channels

    def push(self, block: Float32[np.ndarray, "c n"]) -> Float32[np.ndarray, "c m"]:
        """Return what is ready, which may be nothing yet."""
        return self._run(block, last=False)

    def finish(self) -> Float32[np.ndarray, "c m"]:
        """Return the rest; nothing may be pushed afterwards."""
        return self._run(np.zeros((self._channels, 0), np.float32), last=True)

    def _run(self, block: np.ndarray, *, last: bool) -> np.ndarray:
        if self._stream is None:
            return block
        frames = np.ascontiguousarray(block.T)
        return np.ascontiguousarray(
            self._stream.resample_chunk(frames, last=last).reshape(-1, self._channels).T
        )


def resampled(
    blocks: Iterable[Float32[np.ndarray, "c n"]], source_rate: int, target_rate: int, channels: int
) -> Iterator[Float32[np.ndarray, "c m"]]:
    """Yield a stream at another rate."""
    resampler = Resampler(source_rate, target_rate, channels)
    for block in blocks:
        yield resampler.push(block)
    yield resampler.finish()
