"""A sampler: notes played on a soundfont's preset.

It plays keys, velocities, loops, tuning, pan, both envelopes and the low-pass filter of the SoundFont 2.04
specification (section 8.1), without low-frequency oscillators, modulators, chorus and reverb. It exists
because the synthesiser of symusic 0.5.8 plays some presets off key, by amounts that change from key to
key, as if it ignored the root key that a region sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import sosfilt

from stemwise.data.rendered.soundfont import OVERSAMPLING, Region, Sample, SoundFont

SAMPLE_RATE = 44_100
MAX_NOTE_S = 8.0
MAX_RELEASE_S = 0.7
OPEN_FILTER_CENTS = 13_000
FIXED = 1 << 32
NEPER_PER_DB = math.log(10) / 20

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Note:
    """A note of a part: onset and length in seconds, MIDI pitch and velocity."""

    start_s: float
    duration_s: float
    pitch: int
    velocity: int


@dataclass(frozen=True, kw_only=True)
class _Voice:
    """A region's sound at one key, before velocity and release."""

    audio: Audio
    release: Audio
    gains: tuple[float, float]


def play(font: SoundFont, bank: int, program: int, notes: Iterable[Note], samples: int) -> Audio:
    """Notes on one preset, as audio of shape (2, samples) at 44.1 kHz; what lasts longer is cut off.

    Raises:
        ValueError: the soundfont has no such preset.
    """
    regions = font.regions(bank, program)
    out = np.zeros((2, samples), np.float32)
    played = sorted(notes, key=lambda note: (note.start_s, note.pitch))
    longest_s: dict[int, float] = {}
    for note in played:
        longest_s[note.pitch] = max(longest_s.get(note.pitch, 0.0), note.duration_s)
    voices: dict[tuple[int, int], _Voice] = {}
    limits = np.array([(*region.keys, *region.velocities) for region in regions], int).reshape(-1, 4).T
    for note in played:
        low, high, soft, loud = limits
        heard = (low <= note.pitch) & (note.pitch <= high) & (soft <= note.velocity) & (note.velocity <= loud)
        for index in np.flatnonzero(heard).tolist():
            if (index, note.pitch) not in voices:
                length_s = min(longest_s[note.pitch], MAX_NOTE_S)
                voices[index, note.pitch] = _voice(font, regions[index], note.pitch, length_s)
            _add(out, voices[index, note.pitch], note)
    return out


def _add(out: Audio, voice: _Voice, note: Note) -> None:
    start = round(note.start_s * SAMPLE_RATE)
    held = round(min(note.duration_s, MAX_NOTE_S) * SAMPLE_RATE)
    stop = min(held + len(voice.release), len(voice.audio), out.shape[1] - start)
    if start < 0 or stop <= 0:
        return
    sound = voice.audio[:stop] * np.float32((note.velocity / 127) ** 1.6)
    if stop > held:
        sound[held:] *= voice.release[: stop - held]
    for channel, gain in zip(out, voice.gains, strict=True):
        channel[start : start + stop] += np.float32(gain) * sound


def _voice(font: SoundFont, region: Region, key: int, length_s: float) -> _Voice:
    settings = region.settings
    release_s = min(max(_seconds(settings, 38), 0.02), MAX_RELEASE_S)
    count = round((length_s + release_s) * SAMPLE_RATE)
    audio = _resampled(font.sample(region.sample), settings, key, count)
    audio = _filtered(audio, settings) * _volume_envelope(len(audio), settings, key)
    tail = np.arange(round(release_s * SAMPLE_RATE), dtype=np.float32) / (release_s * SAMPLE_RATE)
    # 60 dB, rather than the specification's 100, over the release; the last tenth goes to zero.
    release = 10 ** (-3 * tail) * np.minimum(1, 10 * (1 - tail))
    # E-mu's own synthesisers scale the attenuation by 0.4, and the fonts are voiced for that.
    gain = 10 ** (-0.4 * settings.get(48, 0) / 200)
    angle = (np.clip(settings.get(17, 0) / 1000, -0.5, 0.5) + 0.5) * np.pi / 2
    gains = float(gain * np.cos(angle)), float(gain * np.sin(angle))
    return _Voice(audio=audio.astype(np.float32), release=release.astype(np.float32), gains=gains)


def _resampled(sample: Sample, settings: Mapping[int, int], key: int, count: int) -> Audio:
    """The sample at the key's pitch: linear interpolation between its oversampled points."""
    root = settings[58] if settings[58] >= 0 else sample.root
    cents = (key - root) * settings[56] + 100 * settings.get(51, 0) + settings.get(52, 0)
    step = sample.sample_rate / SAMPLE_RATE * 2 ** ((cents + sample.correction_cents) / 1200)
    first = settings.get(0, 0) + 32768 * settings.get(4, 0)
    loop_start = sample.loop_start + settings.get(2, 0) + 32768 * settings.get(45, 0)
    loop_end = sample.loop_end + settings.get(3, 0) + 32768 * settings.get(50, 0)
    points = sample.audio
    # Fixed point, 32 bits behind the binary point: several times faster than floats.
    scale = OVERSAMPLING * FIXED
    position = np.arange(count, dtype=np.int64) * round(step * scale) + round(first * scale)
    if settings.get(54, 0) & 1 and loop_end - loop_start > 1:
        behind = np.searchsorted(position, loop_end * scale)
        loop = (loop_end - loop_start) * scale
        position[behind:] = loop_start * scale + (position[behind:] - loop_start * scale) % loop
    else:
        position = position[: np.searchsorted(position, (len(points) - 1) * FIXED)]
    index = position >> 32
    fraction = (position & (FIXED - 1)).astype(np.float32) * np.float32(1 / FIXED)
    below = points.take(index, mode="clip")
    return np.asarray(below + (points.take(index + 1, mode="clip") - below) * fraction, np.float32)


def _seconds(settings: Mapping[int, int], generator: int) -> float:
    return float(2 ** (settings.get(generator, -12000) / 1200))


def _times(count: int, delay_s: float) -> Audio:
    return np.arange(count, dtype=np.float32) * np.float32(1 / SAMPLE_RATE) - np.float32(delay_s)


def _volume_envelope(count: int, settings: Mapping[int, int], key: int) -> Audio:
    """Linear attack, hold, and a decay that is linear in decibels, as SoundFont 2.04 section 8.1.2 says."""
    time_s = _times(count, _seconds(settings, 33))
    attack_s, hold_s, decay_s = (_seconds(settings, generator) for generator in (34, 35, 36))
    hold_s *= 2 ** (settings.get(39, 0) * (60 - key) / 1200)
    decay_s *= 2 ** (settings.get(40, 0) * (60 - key) / 1200)
    sustain = min(settings.get(37, 0) / 10, 100.0) * NEPER_PER_DB
    loss = (time_s - np.float32(attack_s + hold_s)) * np.float32(100 * NEPER_PER_DB / decay_s)
    envelope = np.exp(-loss.clip(0, sustain, out=loss))
    rising = min(count, 1 + int((attack_s + _seconds(settings, 33)) * SAMPLE_RATE))
    envelope[:rising] *= (time_s[:rising] / np.float32(attack_s)).clip(0, 1)
    return envelope


def _filtered(audio: Audio, settings: Mapping[int, int]) -> Audio:
    """The low-pass filter: a blend of its two extremes, by the modulation envelope."""
    rest_cents, swing_cents = float(settings[8]), float(settings.get(11, 0))
    if min(rest_cents, rest_cents + swing_cents) >= OPEN_FILTER_CENTS or not len(audio):
        return audio
    resonance_db = settings.get(9, 0) / 10
    rest = _low_passed(audio, rest_cents, resonance_db)
    if not swing_cents:
        return rest
    moved = _low_passed(audio, rest_cents + swing_cents, resonance_db)
    return (rest + (moved - rest) * _modulation_envelope(len(audio), settings)).astype(np.float32)


def _modulation_envelope(count: int, settings: Mapping[int, int]) -> Audio:
    time_s = _times(count, _seconds(settings, 25))
    attack_s, hold_s, decay_s = (_seconds(settings, generator) for generator in (26, 27, 28))
    loss = np.clip((time_s - attack_s - hold_s) / decay_s, 0, settings.get(29, 0) / 1000)
    return (np.clip(time_s / attack_s, 0, 1) * (1 - loss)).astype(np.float32)


def _low_passed(audio: Audio, cutoff_cents: float, resonance_db: float) -> Audio:
    """Audio through Bristow-Johnson's second-order section."""
    cutoff_hz = np.clip(8.176 * 2 ** (cutoff_cents / 1200), 20, 0.45 * SAMPLE_RATE)
    omega = 2 * np.pi * cutoff_hz / SAMPLE_RATE
    alpha = np.sin(omega) / (2 * 10 ** ((resonance_db - 3) / 20))
    cosine = np.cos(omega)
    section = np.array([(1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2, 1 + alpha, -2 * cosine, 1 - alpha])
    return np.asarray(sosfilt((section / section[3])[None].astype(np.float32), audio))
