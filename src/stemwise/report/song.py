"""A song for the page: mp3 players, and spectrograms with an octave scale."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from stemwise.data.audio import open_audio
from stemwise.data.tracks import StemFile

LONGEST_S = 30  # of what the page plays and shows
LOWEST_HZ, HIGHEST_HZ = 50.0, 12_000.0
_FFT = 4096
_MP3_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@dataclass(frozen=True)
class Sound:
    """A part of a song: channels × samples."""

    audio: Float[np.ndarray, "c t"]
    sample_rate: int


def song_sounds(song: Mapping[str, Any]) -> dict[str, Sound]:
    """Return the sounds of `mixture`, `estimate STEM` and `reference STEM`, at most their first 30 s.

    All are turned down together where one of them would clip.

    Raises:
        ValueError: a file cannot be read.
    """
    paths = {"mixture": song["mixture"]}
    for kind in ("estimate", "reference"):
        paths |= {f"{kind} {stem}": path for stem, path in song[f"{kind}s"].items()}
    sounds = {name: read_sound(Path(path)) for name, path in paths.items()}
    peak = max(float(np.abs(sound.audio).max(initial=0.0)) for sound in sounds.values())
    return {name: Sound(s.audio / max(1.0, peak), s.sample_rate) for name, s in sounds.items()}


def read_sound(path: Path | StemFile) -> Sound:
    """Return the first 30 s of a file or stream, or all of a shorter one."""
    with open_audio(path) as stream:
        audio = next(stream.blocks(LONGEST_S * stream.sample_rate))
    return Sound(audio[:2], stream.sample_rate)


def mp3_uri(sound: Sound) -> str:
    """Return a `data:` address that plays a sound."""
    import soundfile
    import soxr

    audio, rate = sound.audio.T, sound.sample_rate
    if rate not in _MP3_RATES:
        audio, rate = soxr.resample(audio, rate, 44_100), 44_100
    file = io.BytesIO()
    options: dict[str, Any] = {"format": "MP3", "subtype": "MPEG_LAYER_III", "compression_level": 0.5}
    with soundfile.SoundFile(file, "w", rate, audio.shape[1], **options) as writer:
        for at in range(0, len(audio), 2**16):  # its encoder overflows its stack on minutes at once
            writer.write(audio[at : at + 2**16])
    return f"data:audio/mpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def octave_spectrogram(sound: Sound, rows: int = 128, frames: int = 400) -> Float[np.ndarray, "rows frames"]:
    """Return a sound's level in dB, from 50 Hz to 12 kHz in rows that are equally wide in octaves.

    The rows hold mean power densities, so that those with many bins are as bright as those with a part of
    one.
    """
    power = _power(sound.audio, frames)
    edges = np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, sound.sample_rate / 2), rows + 1)
    places = edges * _FFT / sound.sample_rate
    total = np.pad(np.cumsum(power, axis=1), ((0, 0), (1, 0)))  # power below each bin
    below = np.minimum(places.astype(int), power.shape[1] - 1)
    inner = total[:, below] + (places - below) * power[:, below]
    density = np.diff(inner, axis=1) / np.diff(places)
    return 10 * np.log10(density.T + 1e-12)


def _power(audio: Float[np.ndarray, "c t"], count: int) -> Float[np.ndarray, "frames bins"]:
    padded = np.pad(audio, ((0, 0), (_FFT // 2, _FFT // 2)))
    starts = np.linspace(0, audio.shape[1], count).astype(int)
    frames = padded[:, starts[:, None] + np.arange(_FFT)]
    spectrum = np.fft.rfft(frames * np.hanning(_FFT).astype(np.float32))  # c frames bins
    return np.square(np.abs(spectrum)).mean(0, dtype=np.float64) / _FFT
