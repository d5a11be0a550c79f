"""What audio files can be written as, and the encoders: libsndfile's, and ffmpeg's for m4a."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

Subtype = Literal["float", "pcm16", "pcm24", "lossy"]
FORMATS: dict[str, tuple[Subtype, ...]] = {
    ".wav": ("float", "pcm24", "pcm16"),
    ".flac": ("pcm24", "pcm16"),
    ".mp3": ("lossy",),
    ".ogg": ("lossy",),
    ".m4a": ("lossy",),
}
"""Extension → what its samples can be, the default first."""

_SUBTYPES = {"float": "FLOAT", "pcm16": "PCM_16", "pcm24": "PCM_24"}
_LOSSY: dict[str, dict[str, Any]] = {
    ".mp3": {"subtype": "MPEG_LAYER_III", "bitrate_mode": "VARIABLE", "compression_level": 0.2},
    ".ogg": {"subtype": "VORBIS", "compression_level": 0.3},
}
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1"}
_FRAME = 1024
_BIT_RATE = 128_000  # per channel


@runtime_checkable
class Encoder(Protocol):
    """An open file: frames (n, c) go in."""

    def write(self, data: np.ndarray, /) -> None:
        """Append frames."""
        ...

    def close(self) -> None:
        """Write what is held, and the file's end."""
        ...


def checked_subtype(path: Path, subtype: Subtype | None) -> Subtype:
    """Return the subtype to write, by default the extension's first.

    Raises:
        ValueError: an extension that cannot be written, or a subtype that it does not know.
    """
    allowed = FORMATS.get(path.suffix.lower())
    if allowed is None:
        *others, last = FORMATS
        raise ValueError(f"{path}: expected a name that ends in {', '.join(others)} or {last}; rename it")
    if subtype is None:
        return allowed[0]
    if subtype not in allowed:
        raise ValueError(
            f"{path}: expected subtype {' or '.join(allowed)} for {path.suffix}, got {subtype!r}; "
            "choose one of them"
        )
    return subtype


def open_encoder(part: Path, extension: str, sample_rate: int, channels: int, subtype: Subtype) -> Encoder:
    """Open a file for writing.

    Args:
        part: where to write, whatever its name.
        extension: of the format, lower case with its dot.
        sample_rate: Hz.
        channels: of every block.
        subtype: of the samples.

    Raises:
        OSError, ValueError, soundfile.SoundFileError: the format knows no such rate or so many channels, or
            the folder cannot be written.
    """
    if extension == ".m4a":
        return _M4a(part, sample_rate, channels)
    import soundfile

    options: Any = _LOSSY[extension] if subtype == "lossy" else {"subtype": _SUBTYPES[subtype]}
    return soundfile.SoundFile(
        os.fspath(part), "w", sample_rate, channels, format=extension[1:].upper(), **options
    )


def frames_written(part: Path, extension: str) -> int | None:
    """Return how many frames a written file holds; None where the encoder itself reports a full disk."""
    if extension == ".m4a":
        return None
    import soundfile

    return soundfile.info(os.fspath(part)).frames


class _M4a:
    """AAC in MPEG-4, through PyAV. Whole frames are stored: decoders that ignore edit lists give a tail."""

    def __init__(self, part: Path, sample_rate: int, channels: int) -> None:
        import av
        from av.error import FFmpegError

        if channels not in _LAYOUTS:
            raise ValueError(f"AAC has 1 to {max(_LAYOUTS)} channels")
        self._rate, self._layout, self._position = sample_rate, _LAYOUTS[channels], 0
        timescale = {"movie_timescale": str(sample_rate)}  # lengths exact to the sample
        self._file = av.open(os.fspath(part), "w", format="ipod", options=timescale)
        try:
            self._stream: Any = self._file.add_stream("aac", rate=sample_rate, layout=self._layout)
            self._stream.bit_rate = _BIT_RATE * channels
            self._stream.codec_context.open()
        except FFmpegError as error:
            self._file.close()
            raise ValueError(f"AAC has rates from 7350 to 96000 Hz: {error}") from error
        self._waiting = av.AudioFifo()

    def write(self, frames: np.ndarray) -> None:
        """Append frames, clipped to ±1 as every decoder would do."""
        import av

        planes = np.ascontiguousarray(frames.T.clip(-1, 1), np.float32)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=self._layout)
        frame.sample_rate, frame.time_base = self._rate, Fraction(1, self._rate)
        frame.pts = None
        self._waiting.write(frame)
        self._encode()

    def close(self) -> None:
        """Write what is held, and the file's end."""
        try:
            self._encode(last=True)
            self._mux(None)
        finally:
            self._file.close()

    def _encode(self, last: bool = False) -> None:
        while (frame := self._waiting.read(_FRAME, last)) is not None:
            frame.pts, frame.time_base = self._position, Fraction(1, self._rate)
            self._position += frame.samples
            self._mux(frame)

    def _mux(self, frame: Any) -> None:
        from av.error import FFmpegError

        try:
            self._file.mux(self._stream.encode(frame))
        except FFmpegError as error:
            raise OSError(str(error)) from error
