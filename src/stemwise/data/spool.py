"""Audio that waits on disk until all of it has been seen, in a file without a name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32


class Spool:
    """Audio of some channels in a temporary file, which goes with the object.

    Args:
        channels: of the audio.

    Attributes:
        samples: how many lie in it.
    """

    def __init__(self, channels: int) -> None:
        self._file = tempfile.TemporaryFile(prefix="stemwise-")  # noqa: SIM115 (it lives as long as we do)
        self._channels, self.samples = channels, 0

    def append(self, block: Float32[np.ndarray, "c n"]) -> None:
        """Write a block behind the others."""
        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(block.T, np.float32).tobytes())
        self.samples += block.shape[1]

    def read(self, start: int, stop: int) -> Float32[np.ndarray, "c n"]:
        """Return a stretch, cut where the audio ends."""
        start, stop = max(0, start), min(stop, self.samples)
        self._file.seek(4 * self._channels * start)
        data = self._file.read(4 * self._channels * max(0, stop - start))
        return np.frombuffer(data, np.float32).reshape(-1, self._channels).T

    def blocks(self, samples: int) -> Iterator[Float32[np.ndarray, "c n"]]:
        """Yield all of it, so many samples at a time."""
        for start in range(0, self.samples, samples):
            yield self.read(start, start + samples)

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()
