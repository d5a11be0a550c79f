"""Stems that lie as streams in one file, such as a `.stem.mp4`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from stemwise.data.decoders import existing
from stemwise.data.ffmpeg import lead_in, opened


def read_streams(
    path: Path, streams: Sequence[int], block: int = 2**16
) -> tuple[Iterator[Float32[np.ndarray, "s c n"]], int]:
    """Read several audio streams of a file in one pass over it.

    Args:
        path: of the file.
        streams: which, counted from 0.
        block: samples per block.

    Returns:
        The blocks, in the order of the streams and all `block` long but the last, and the sample rate. A
        stream that begins later or ends earlier than others is filled up with silence.

    Raises:
        ValueError: not a media file, no such stream, or streams of several rates or channel counts; from
            the blocks, where one cannot be decoded.
    """
    container, _ = opened(existing(path), max(streams))
    chosen = [container.streams.audio[stream] for stream in streams]
    kinds = {(audio.sample_rate, audio.channels) for audio in chosen}
    if len(kinds) > 1:
        container.close()
        raise ValueError(f"{path}: expected streams of one rate and channel count, got {sorted(kinds)}")
    return _blocks(path, container, chosen, block), chosen[0].sample_rate


def _blocks(path: Path, container: Any, chosen: Sequence[Any], block: int) -> Iterator[np.ndarray]:
    from av.error import FFmpegError

    with container:
        rows = [_Row(container, audio) for audio in chosen]
        row_of = {audio.index: row for audio, row in zip(chosen, rows, strict=True)}
        try:
            for packet in container.demux(*chosen):
                row_of[packet.stream.index].decode(packet)
                while min(row.held for row in rows) >= block:
                    yield np.stack([row.take(block) for row in rows])
        except FFmpegError as error:
            raise ValueError(
                f"{path}: expected audio, could not decode it ({error}); copy it again"
            ) from error
        while longest := max(row.held for row in rows):
            yield np.stack([row.take(min(block, longest)) for row in rows])


class _Row:
    """What of one stream is decoded and not yet taken."""

    def __init__(self, container: Any, audio: Any) -> None:
        import av

        self._to_float = av.AudioResampler(format="fltp")
        lead = lead_in(container, audio)
        self._waiting: list[np.ndarray] = [np.zeros((audio.channels, lead), np.float32)]
        self.held = lead

    def decode(self, packet: Any) -> None:
        """Add a packet's samples."""
        for frame in packet.decode():
            for part in self._to_float.resample(frame):
                self._waiting.append(part.to_ndarray())
                self.held += part.samples

    def take(self, samples: int) -> np.ndarray:
        """Remove so many samples, followed by silence where there are fewer."""
        joined = np.concatenate(self._waiting, axis=1)
        self._waiting, self.held = [joined[:, samples:]], max(0, self.held - samples)
        short = max(0, samples - joined.shape[1])
        return np.pad(joined[:, :samples], ((0, 0), (0, short)))
