"""Results in another form than their song: at another rate, in fewer channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32

from stemwise.data.decoders import AudioInfo
from stemwise.interfaces import Separator
from stemwise.signal.resample import Resampler


@dataclass(frozen=True)
class Form:
    """A rate in Hz, in one channel: the mean of a song's channels."""

    sample_rate: int

    def of(self, info: AudioInfo) -> AudioInfo:
        """Return what a song's audio is in this form."""
        rate = self.sample_rate
        samples = None if info.samples is None else -(-info.samples * rate // info.sample_rate)
        return replace(info, sample_rate=rate, channels=1, samples=samples)

    def holds(self, model: Separator) -> bool:
        """Return whether the form has all that a network hears: a song may be brought to it before."""
        return model.sample_rate <= self.sample_rate

    def bring(
        self, info: AudioInfo, pieces: Iterator[Float32[np.ndarray, "r c _"]]
    ) -> Iterator[Float32[np.ndarray, "r 1 _"]]:
        """Yield results in this form, aligned in time."""
        way = None
        for piece in pieces:
            way = way or Resampler(info.sample_rate, self.sample_rate, len(piece))
            yield way.push(np.ascontiguousarray(piece.mean(1)))[:, None]
        if way is not None:
            yield way.finish()[:, None]

    def bring_song(
        self, info: AudioInfo, blocks: Iterator[Float32[np.ndarray, "c _"]]
    ) -> Iterator[Float32[np.ndarray, "1 _"]]:
        """Yield a song in this form."""
        yield from (piece[0] for piece in self.bring(info, (block[None] for block in blocks)))
