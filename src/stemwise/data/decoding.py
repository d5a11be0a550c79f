"""A file as the cache holds it: int16 at the wanted rate with the wanted channels, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int16

from stemwise.data.audio import open_audio
from stemwise.data.material import Material
from stemwise.data.tracks import StemFile
from stemwise.signal.resample import resampled

FULL_SCALE = 32767
DECODER = 1
"""Version of what `decoded` makes of a file; audio that another version made is not used."""

_BLOCK = 2**17  # samples of a file in memory at once


def decoded(path: Path | StemFile, material: Material) -> Iterator[Int16[np.ndarray, "t c"]]:
    """Yield the samples of a file, block by block.

    Raises:
        ValueError: it cannot be read, or has more channels than are wanted.
    """
    rate, channels = material.sample_rate, material.channels
    try:
        with open_audio(path) as audio:
            blocks = (_folded(block, channels, path) for block in audio.blocks(_BLOCK))
            for block in resampled(blocks, audio.sample_rate, rate, channels):
                yield (block.clip(-1, 1) * FULL_SCALE).round().astype("<i2").T  # (c, t) → (t, c)
    except OSError as error:  # of reading: the consumer's errors do not arise in here
        raise ValueError(f"{path}: could not be read ({error.strerror}); copy it again") from error


def _folded(
    block: Float32[np.ndarray, "_ t"], channels: int, path: Path | StemFile
) -> Float32[np.ndarray, "{channels} t"]:
    """Return a block with as many channels as are wanted: the same, their mean, or one of them twice."""
    stored = len(block)
    if stored == channels:
        return block
    if channels == 1:
        return block.mean(axis=0, keepdims=True)
    if stored == 1:
        return np.repeat(block, channels, axis=0)
    raise ValueError(f"{path}: expected 1 or {channels} channels, got {stored}; mix it down")
