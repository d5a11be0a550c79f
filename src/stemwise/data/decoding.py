"""A file as the cache holds it: int16 at the wanted rate with the wanted channels, in constant memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float32, Int16

from stemwise.data.audio import open_audio
from stemwise.data.material import Material
from stemwise.data.streams import read_streams
from stemwise.data.tracks import StemFile
from stemwise.signal.resample import Resampler, resampled

FULL_SCALE = 32767
DECODER = 1
"""Version of what `decoded` makes of a file; audio that another version made is not used."""

_BLOCK = 2**17  # samples of a file in memory at once


def decoded(path: Path | StemFile, material: Material) -> Iterator[Int16[np.ndarray, "t c"]]:
    """Yield the samples of a file, block by block.

    Raises:
        ValueError: it cannot be read to its end, or has more channels than are wanted.
    """
    rate, channels = material.sample_rate, material.channels
    try:
        with open_audio(path) as audio:
            blocks = (_folded(block, channels, path) for block in audio.blocks(_BLOCK))
            for block in resampled(blocks, audio.sample_rate, rate, channels):
                yield _whole_numbers(block)
            if audio.damage:  # `data verify` calls it unreadable, too
                raise ValueError(f"{path}: {audio.damage}; copy it again")
    except OSError as error:  # of reading: the consumer's errors do not arise in here
        raise ValueError(f"{path}: could not be read ({error.strerror}); copy it again") from error


@contextmanager
def decoded_together(
    sources: Sequence[StemFile], material: Material
) -> Iterator[list[Iterator[Int16[np.ndarray, "t c"]]]]:
    """Yield, for each of some streams of one file, its samples block by block, as `decoded` gives them.

    The file is read once; what was decoded waits on disk, so that any length takes as much memory.

    Raises:
        ValueError: the file cannot be read, or its streams are unlike each other.
    """
    path, rate, channels = sources[0].path, material.sample_rate, material.channels
    blocks, stored = read_streams(path, [source.stream for source in sources], _BLOCK)
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in sources]
        ways = [Resampler(stored, rate, channels) for _ in sources]
        for block in blocks:
            for audio, way, file in zip(block, ways, files, strict=True):
                file.write(_whole_numbers(way.push(_folded(audio, channels, path))).tobytes())
        for way, file in zip(ways, files, strict=True):
            file.write(_whole_numbers(way.finish()).tobytes())
        yield [_blocks(file, channels) for file in files]


def _blocks(file: IO[bytes], channels: int) -> Iterator[Int16[np.ndarray, "t c"]]:
    file.seek(0)
    while content := file.read(_BLOCK * channels * 2):
        yield np.frombuffer(content, "<i2").reshape(-1, channels)


def _whole_numbers(block: Float32[np.ndarray, "c t"]) -> Int16[np.ndarray, "t c"]:
    return (block.clip(-1, 1) * FULL_SCALE).round().astype("<i2").T


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
