"""The mix: pan, equaliser, compression, reverb and balance, stem by stem, so that stems still add up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from stemwise import STEMS
from stemwise.data.rendered.sampler import SAMPLE_RATE, Audio

LEVELS_DB: Mapping[str, float] = {"drums": -4.2, "bass": -6.0, "other": -5.0, "vocals": -3.8}
"""Share of each stem in the mixture's power, before the song's own deviation."""

LEVEL_DEVIATION_DB = 1.2
REVERB_SEND: Mapping[str, float] = {"drums": 0.12, "bass": 0.03, "other": 0.28, "vocals": 0.25}
LOW_CUT_HZ: Mapping[str, float] = {"drums": 30.0, "bass": 30.0, "other": 110.0, "vocals": 90.0}
TARGET_RMS = 0.12
PEAK = 0.97
BLOCK = 256
FFT_GRAIN = 16_384


def pan(audio: Audio, position: float) -> Audio:
    """Audio of shape (2, samples), balanced to the left (−1) or right (1) at constant power."""
    angle = (position + 1) * np.pi / 4
    gains = np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]])
    return (audio * gains).astype(np.float32)


def mix(stems: Mapping[str, Audio], reverb_s: float, rng: np.random.Generator) -> dict[str, Audio]:
    """Dry stems as they sound in the mixture, their sum.

    Args:
        stems: of shape (2, samples), in the order of `STEMS`; a silent one stays silent.
        reverb_s: time in which the reverb falls by 60 dB.
        rng: of the room, the equalisers and the balance.
    """
    samples = stems["drums"].shape[1]
    # A multiple of a large power of two transforms fast.
    length = -(-(samples + round(reverb_s * SAMPLE_RATE)) // FFT_GRAIN) * FFT_GRAIN
    room = _room(reverb_s, length, rng)
    mixed: dict[str, Audio] = {}
    for name in STEMS:
        equaliser = _equaliser(length, LOW_CUT_HZ[name], rng)
        level_db = LEVELS_DB[name] + float(rng.normal(0, LEVEL_DEVIATION_DB))
        wet = _wet(_compressed(stems[name]), equaliser, REVERB_SEND[name] * room, samples)
        mixed[name] = _limited(_levelled(wet, level_db))
    return _faded(mixed)


def quantised(stems: Mapping[str, Audio]) -> dict[str, npt.NDArray[np.int16]]:
    """Stems and `mixture` in 16 bits under one common gain; the mixture is the exact sum of the stems."""
    mixture = sum(stems.values(), np.zeros((), np.float32))
    loudness = float(np.sqrt(np.mean(mixture**2)))
    peak = max(float(np.abs(audio).max()) for audio in (mixture, *stems.values()))
    gain = min(TARGET_RMS / max(loudness, 1e-9), PEAK / max(peak, 1e-9))
    whole = {name: np.round(audio * (gain * 32767)).astype(np.int16) for name, audio in stems.items()}
    return {"mixture": sum(whole.values(), np.zeros((), np.int16)), **whole}


def _room(reverb_s: float, length: int, rng: np.random.Generator) -> npt.NDArray[np.complex64]:
    """The spectrum of a stereo reverb of unit energy: noise that decays, faster at the top, after 12 ms."""
    count = round(reverb_s * SAMPLE_RATE)
    time_s = np.arange(count) / SAMPLE_RATE
    noise = rng.standard_normal((2, count))
    dull = lfilter([0.25], [1, -0.75], noise)
    tail = dull * 10 ** (-3 * time_s / reverb_s) + 0.3 * noise * 10 ** (-6 * time_s / reverb_s)
    tail[:, : round(0.012 * SAMPLE_RATE)] = 0
    tail /= np.sqrt((tail**2).sum(-1, keepdims=True))
    return np.fft.rfft(tail.astype(np.float32), length).astype(np.complex64)


def _equaliser(length: int, low_cut_hz: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A gain for each frequency: a low cut, a tilt about 1 kHz, and a broad peak or dip."""
    frequency = np.fft.rfftfreq(length, 1 / SAMPLE_RATE).astype(np.float32)
    octave = np.log2(np.maximum(frequency, 1) / 1000).astype(np.float32)
    tilt_db = float(rng.normal(0, 0.6)) * np.clip(octave, -4, 4)
    centre, gain_db = float(rng.uniform(-2, 3)), float(rng.normal(0, 2))
    peak_db = gain_db * np.exp(-((octave - centre) ** 2))
    low_cut = 1 / (1 + (low_cut_hz / np.maximum(frequency, 1)) ** 4)
    return (low_cut * 10 ** ((tilt_db + peak_db) / 20)).astype(np.float32)


def _wet(audio: Audio, equaliser: Audio, room: npt.NDArray[np.complex64], samples: int) -> Audio:
    spectrum = np.fft.rfft(audio, 2 * (len(equaliser) - 1), axis=-1) * equaliser
    spectrum += spectrum.mean(0) * room
    return np.fft.irfft(spectrum, axis=-1)[:, :samples].astype(np.float32)


def _compressed(audio: Audio, ratio: float = 1.6) -> Audio:
    """Audio with its level above the root mean square lowered by a ratio, smoothly over 100 ms."""
    samples = audio.shape[1]
    blocks = -(-samples // BLOCK)
    padded = np.pad(audio, ((0, 0), (0, blocks * BLOCK - samples)))
    power = (padded.reshape(2, blocks, BLOCK) ** 2).mean((0, 2))
    if not power.any():
        return audio
    decay = float(np.exp(-BLOCK / (0.1 * SAMPLE_RATE)))
    level = np.maximum(lfilter([1 - decay], [1, -decay], power), 1e-12)
    gain = np.minimum(1, (level / power.mean()) ** (0.5 * (1 / ratio - 1)))
    curve = np.interp(np.arange(samples), (np.arange(blocks) + 0.5) * BLOCK, gain)
    return audio * curve.astype(np.float32)


def _levelled(audio: Audio, level_db: float) -> Audio:
    loudness = float(np.sqrt(np.mean(audio**2)))
    return audio * np.float32(10 ** (level_db / 20) / loudness) if loudness > 1e-7 else audio


def _limited(audio: Audio) -> Audio:
    """Peaks above six times the root mean square, rounded off."""
    ceiling = np.float32(6 * np.sqrt(np.mean(audio**2)))
    return ceiling * np.tanh(audio / ceiling) if ceiling > 0 else audio


def _faded(stems: dict[str, Audio]) -> dict[str, Audio]:
    """Stems with the last second, or tenth of a short song, faded out."""
    samples = stems["drums"].shape[1]
    count = min(SAMPLE_RATE, samples // 10)
    curve = np.ones(samples, np.float32)
    curve[-count:] = np.cos(np.linspace(0, np.pi / 2, count))
    return {name: audio * curve for name, audio in stems.items()}
