"""Reading a file with ffmpeg's libraries, through PyAV."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from stemwise.data.decoders import AudioInfo, Broken, Decoder


def open_ffmpeg(path: Path, start: int, stream: int) -> Decoder:
    """Open one audio stream of a file.

    Raises:
        ValueError: ffmpeg cannot open the file, or it has no such stream.
    """
    container, audio = opened(path, stream)
    rate, declared, lead = audio.sample_rate, _declared(container, audio), lead_in(container, audio)
    info = AudioInfo(path=path, sample_rate=rate, channels=audio.channels, samples=declared)
    # a tenth of a second of slack: what containers declare is rounded, and padded to frames
    enough = (declared or 0) - rate // 10
    chunks = _frames(container, audio, max(0, start - lead))
    if lead > start:
        chunks = chain([np.zeros((audio.channels, lead - start), np.float32)], chunks)
    return Decoder(info, chunks, lambda end: end < enough, container.close)


def lead_in(container: Any, audio: Any) -> int:
    """How many samples an audio stream begins behind the first of its container."""
    begins = [(other.start_time or 0) * other.time_base for other in container.streams.audio]
    return round(((audio.start_time or 0) * audio.time_base - min(begins)) * audio.sample_rate)


def opened(path: Path, stream: int) -> tuple[Any, Any]:
    """Return a container, and the audio stream of that number; the caller closes it."""
    import av
    from av.error import FFmpegError

    try:
        # absolute: a name such as 'a:b.m4a' would be taken for a protocol
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except FFmpegError as error:
        raise ValueError(
            f"{path}: expected an audio or video file, could not open it ({error.strerror}); "
            "it is damaged, cut short or something else under an audio file's name: replace it"
        ) from error
    tracks = container.streams.audio
    if stream >= len(tracks):
        fault = f"expected audio stream {stream}, found {len(tracks)} of them, counted from 0"
    elif not getattr(tracks[stream], "sample_rate", 0):  # ffmpeg has no decoder for it
        fault = f"expected audio that can be decoded, audio stream {stream} is of an unknown kind"
    else:
        return container, tracks[stream]
    container.close()
    raise ValueError(f"{path}: {fault}; give a file that holds sound")


def _declared(container: Any, audio: Any) -> int | None:
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", audio.metadata.get("DURATION", ""))
    if audio.duration is not None:
        seconds = audio.duration * audio.time_base
    elif tag:  # Matroska and WebM: their streams say it in a tag
        seconds = int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
    elif container.duration is not None and len(container.streams) == 1:
        seconds = Fraction(container.duration, 1_000_000)
    else:
        return None
    return round(seconds * audio.sample_rate)


def _frames(container: Any, audio: Any, start: int) -> Iterator[np.ndarray]:
    import av
    from av.error import FFmpegError

    to_float = av.AudioResampler(format="fltp")
    try:
        frames, skip = _from(container, audio, start)
        for frame in frames:
            for part in to_float.resample(frame):
                samples = part.to_ndarray()
                yield samples[:, skip:]
                skip = max(0, skip - samples.shape[1])
    except (FFmpegError, ValueError) as error:  # ValueError: the format changes on the way
        raise Broken(getattr(error, "strerror", None) or str(error)) from error


def _from(container: Any, audio: Any, start: int) -> tuple[Iterator[Any], int]:
    """Frames that begin at or before `start`, and how many of their samples to skip."""
    origin, preroll = audio.start_time or 0, audio.sample_rate // 2
    # Matroska's milliseconds cannot tell samples apart: such files are decoded from the front
    if audio.time_base == Fraction(1, audio.sample_rate) and start > 2 * preroll:
        container.seek(origin + start - preroll, stream=audio)
        frames = container.decode(audio)
        first = next(frames, None)
        if first is not None and first.pts is not None and first.pts - origin <= start:
            return chain([first], frames), start - (first.pts - origin)
        container.seek(origin, stream=audio)  # no index to seek by
    return container.decode(audio), start
