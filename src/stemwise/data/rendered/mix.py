"""The mix: pan, equaliser, compression, reverb and balance, stem by stem, so that stems still add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.signal import lfilter

from stemwise import STEMS
from stemwise.data.rendered.sampler import SAMPLE_RATE, Audio

LEVELS_DB: Mapping[str, float] = {"drums": -4.2, "bass": -6.0, "other": -5.0, "vocals": -3.8}
"""Share of each stem in the mixture's power, before the song's own deviation."""

LEVEL_DEVIATION_DB = 1.2
REVERB_SEND: Mapping[str, float] = {"drums": 0.12, "bass": 0.0, "other": 0.28, "vocals": 0.25}
LOW_CUT_HZ: Mapping[str, float] = {"drums": 30.0, "bass": 30.0, "other": 110.0, "vocals": 90.0}
TARGET_RMS = 0.12
PEAK = 0.97
BLOCK = 256
EQUALISER_POINTS = 513
FFT = 5 << 16
EARLY = 4096
LONGEST_REVERB_S = 3.0

Spectrum = npt.NDArray[np.complex64]


def pan(audio: Audio, position: float) -> Audio:
    """Audio of shape (2, samples), balanced to the left (−1) or right (1) at constant power."""
    angle = (position + 1) * np.pi / 4
    gains = np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]])
    return audio * gains.astype(np.float32)


def ducked(audio: Audio, kicks_s: Sequence[float], depth: float, recovery_s: float) -> Audio:
    """Audio that gives way to each kick and comes back over a time: the pumping of dance music."""
    gain = np.ones(audio.shape[-1], np.float32)
    count = round(recovery_s * SAMPLE_RATE)
    dip = 1 - depth * np.cos(np.linspace(0, np.pi / 2, count, dtype=np.float32)) ** 2
    for kick_s in kicks_s:
        start = round(kick_s * SAMPLE_RATE)
        part = gain[start : start + count]
        np.minimum(part, dip[: len(part)], out=part)
    return audio * gain


def mix(
    stems: dict[str, Audio], reverb_s: float, tilt_db: float, rng: np.random.Generator
) -> dict[str, Audio]:
    """Dry stems as they sound in the mixture, their sum.

    Args:
        stems: of shape (2, samples); a silent one stays silent. They are taken out of it, to save memory.
        reverb_s: time in which the reverb falls by 60 dB.
        tilt_db: per octave about 1 kHz, of all stems: a dark song falls, a bright one rises.
        rng: of the room, the equalisers and the balance.
    """
    reverb_s = min(reverb_s, LONGEST_REVERB_S)
    room = _room(reverb_s, rng)
    stride = FFT - EARLY - round(reverb_s * SAMPLE_RATE)
    mixed: dict[str, Audio] = {}
    for name in STEMS:
        equaliser = _equaliser(LOW_CUT_HZ[name], tilt_db, rng)
        level_db = LEVELS_DB[name] + float(rng.normal(0, LEVEL_DEVIATION_DB))
        dry = stems.pop(name)
        if dry.any():
            mixed[name] = _limited(
                _levelled(_wet(_compressed(dry), equaliser, REVERB_SEND[name], room, stride), level_db)
            )
        else:
            mixed[name] = dry
    return _faded(mixed)


def quantised(stems: Mapping[str, Audio]) -> dict[str, npt.NDArray[np.int16]]:
    """Stems and `mixture` in 16 bits under one common gain; the mixture is the exact sum of the stems."""
    mixture = sum(stems.values(), np.zeros((), np.float32))
    loudness = float(np.sqrt(np.mean(mixture**2)))
    peak = max(float(np.abs(audio).max()) for audio in (mixture, *stems.values()))
    gain = np.float32(32767 * min(TARGET_RMS / max(loudness, 1e-9), PEAK / max(peak, 1e-9)))
    whole = {name: np.rint(audio * gain).astype(np.int16) for name, audio in stems.items()}
    return {"mixture": sum(whole.values(), np.zeros((), np.int16)), **whole}


def _room(reverb_s: float, rng: np.random.Generator) -> Spectrum:
    """The spectrum of a stereo reverb of unit energy: noise that decays, faster at the top, after 12 ms."""
    count = round(reverb_s * SAMPLE_RATE)
    time_s = np.arange(count, dtype=np.float32) / SAMPLE_RATE
    noise = rng.standard_normal((2, count), np.float32)
    dull = lfilter([0.25], [1, -0.75], noise)
    fall = np.exp(-np.log(1000) / reverb_s * time_s)
    tail = dull * fall + 0.3 * noise * fall**2
    tail[:, : round(0.012 * SAMPLE_RATE)] = 0
    tail /= np.sqrt((tail**2).sum(-1, keepdims=True))
    return np.asarray(fft.rfft(tail.astype(np.float32), FFT))


def _equaliser(low_cut_hz: float, tilt_db: float, rng: np.random.Generator) -> Audio:
    """A gain for each frequency: a low cut, a tilt about 1 kHz, and a broad peak or dip."""
    octave = np.linspace(-6, 5, EQUALISER_POINTS)  # from 16 Hz to 32 kHz
    slope_db = (tilt_db + float(rng.normal(0, 0.6))) * np.clip(octave, -4, 4)
    centre, gain_db = float(rng.uniform(-2, 3)), float(rng.normal(0, 2))
    peak_db = gain_db * np.exp(-((octave - centre) ** 2))
    low_cut = 1 / (1 + (low_cut_hz / (1000 * 2**octave)) ** 4)
    gain = (low_cut * 10 ** ((slope_db + peak_db) / 20)).astype(np.float32)
    return np.interp(_octaves(), octave, gain).astype(np.float32)


@lru_cache(maxsize=1)
def _octaves() -> Audio:
    """Where each frequency of the transform lies, in octaves above 1 kHz."""
    frequency_hz = np.arange(FFT // 2 + 1, dtype=np.float32) * np.float32(SAMPLE_RATE / FFT)
    return np.log2(np.maximum(frequency_hz, 1) / 1000)


def _wet(audio: Audio, equaliser: Audio, send: float, room: Spectrum, stride: int) -> Audio:
    """Both channels through the equaliser, and their mean through the room, so many samples at once.

    The equaliser has no phase, so its response also reaches `EARLY` samples back.
    """
    samples = audio.shape[1]
    alike = bool((audio[0] == audio[1]).all())
    source = audio[:1] if alike else audio
    out = np.zeros((2, EARLY + samples + FFT), np.float32)
    for start in range(0, samples, stride):
        block = np.zeros((len(source), FFT), np.float32)
        part = source[:, start : start + stride]
        block[:, EARLY : EARLY + part.shape[1]] = part
        spectrum = np.asarray(fft.rfft(block)) * equaliser
        if send:
            spectrum = spectrum + spectrum.mean(0) * (np.float32(send) * room)
        out[:, start : start + FFT] += np.asarray(fft.irfft(spectrum))
    return out[:, EARLY : EARLY + samples]


def _compressed(audio: Audio, ratio: float = 1.6) -> Audio:
    """Audio with its level above the root mean square lowered by a ratio, smoothly over 100 ms."""
    samples = audio.shape[1]
    blocks = samples // BLOCK + 1
    padded = np.pad(audio, ((0, 0), (0, blocks * BLOCK - samples)))
    power = np.square(padded).reshape(2, blocks, BLOCK).mean((0, 2))
    decay = float(np.exp(-BLOCK / (0.1 * SAMPLE_RATE)))
    level = np.maximum(lfilter([1 - decay], [1, -decay], power), 1e-12)
    gain = np.minimum(1, (level / power.mean()) ** (0.5 * (1 / ratio - 1))).astype(np.float32)
    ramp = np.arange(BLOCK, dtype=np.float32) / BLOCK
    curve = gain[:, None] + np.diff(gain, append=gain[-1:])[:, None] * ramp
    return audio * curve.reshape(-1)[:samples]


def _levelled(audio: Audio, level_db: float) -> Audio:
    loudness = float(np.sqrt(np.mean(np.square(audio))))
    return audio * np.float32(10 ** (level_db / 20) / loudness) if loudness > 1e-7 else audio


def _limited(audio: Audio) -> Audio:
    """Peaks above six times the root mean square, rounded off."""
    ceiling = np.float32(6 * np.sqrt(np.mean(np.square(audio))))
    return ceiling * np.tanh(audio / ceiling) if ceiling > 0 else audio


def _faded(stems: dict[str, Audio]) -> dict[str, Audio]:
    """Stems with the last second, or tenth of a short song, faded out."""
    count = min(SAMPLE_RATE, stems["drums"].shape[1] // 10)
    curve = np.cos(np.linspace(0, np.pi / 2, count, dtype=np.float32))
    for audio in stems.values():
        audio[:, -count:] *= curve
    return stems
