"""Audio as real sets distribute it: mp3 of one channel or two, wav, and five AAC streams in one file.

The registry of data sets imports this: what is heavy is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from stemwise.data.tracks import Track

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float32

MUSDB_RATE = 44_100


def write_mp3(track: Track, path: Path, sample_rate: int, mono: bool) -> None:
    """Encode a track's mixture."""
    import soundfile

    from stemwise.data.audio import read_resampled

    path.parent.mkdir(parents=True, exist_ok=True)
    audio = read_resampled(track.mixture, sample_rate, mono)
    soundfile.write(path, audio.T.clip(-1, 1), sample_rate, format="MP3")


def write_wav(track: Track, path: Path, sample_rate: int) -> None:
    """Write a track's mixture as one channel of 16 bits."""
    import soundfile

    from stemwise.data.audio import read_resampled

    path.parent.mkdir(parents=True, exist_ok=True)
    audio = read_resampled(track.mixture, sample_rate, True)
    soundfile.write(path, audio[0].clip(-1, 1), sample_rate, subtype="PCM_16")


def write_stem_file(track: Track, names: Sequence[str], path: Path) -> None:
    """Encode a track as a `.stem.mp4`: one stereo AAC stream for each name, `mixture` among them."""
    from stemwise.data.audio import read

    path.parent.mkdir(parents=True, exist_ok=True)
    sources = [track.mixture if name == "mixture" else track.stems[name] for name in names]
    write_aac([_stereo(read(source)[0]) for source in sources], read(track.mixture)[1], path)


def write_aac(parts: Sequence[Float32[np.ndarray, "2 t"]], sample_rate: int, path: Path) -> None:
    """Encode stereo signals of one length, each as an AAC stream of one mp4 file."""
    import av
    import numpy as np

    # NI's stem files are mp4 by another name; the container is told since av goes by the last suffix
    with av.open(str(path.absolute()), "w", format="mp4") as container:
        streams = [container.add_stream("aac", rate=sample_rate, layout="stereo") for _ in parts]
        for stream in streams:
            stream.bit_rate = 256_000
            stream.codec_context.options = {"aac_coder": "fast"}  # several times as fast as the default
        size = 1024  # an AAC frame
        for start in range(0, parts[0].shape[1], size):  # interleaved, so that one pass reads all
            for stream, audio in zip(streams, parts, strict=True):
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(audio[:, start : start + size]), format="fltp", layout="stereo"
                )
                frame.sample_rate, frame.pts, frame.time_base = sample_rate, start, Fraction(1, sample_rate)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))


def _stereo(audio: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.ascontiguousarray(np.broadcast_to(audio, (2, audio.shape[1])) if len(audio) == 1 else audio[:2])
