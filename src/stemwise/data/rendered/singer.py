"""A source-filter singer.

A glottal pulse train and noise pass through five formants that follow the syllables, after Fant's acoustic
theory of speech production (1960); the pulse is Rosenberg's (1971, type C). The source is read from
band-limited wave tables, and the formants are applied to overlapping windows of its spectrum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.ndimage import uniform_filter1d

from stemwise.data.rendered.lyrics import Syllable
from stemwise.data.rendered.phonemes import BANDWIDTHS_HZ, CONSONANTS, UPPER_FORMANTS_HZ, VOWELS_HZ, Consonant
from stemwise.data.rendered.sampler import SAMPLE_RATE, Audio
from stemwise.data.rendered.voices import Voice

HOP = 256
FRAME = 4 * HOP
FFT = 2 * FRAME
TABLE = 2048
TABLE_LOWEST_HZ = 55.0
TABLES_PER_OCTAVE = 3
VOWEL_LEVEL = 0.1
BLOCK_HOPS = 512
WINDOWS_AT_ONCE = 256

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _Controls:
    """What the vocal tract does, one row for each hop: all arrays have shape (frames,) but `formants_hz`."""

    pitch: Array
    voice: Array
    breath: Array
    formants_hz: Array
    noise: Array
    noise_hz: Array
    noise_octaves: Array


def sing(voice: Voice, syllables: Sequence[Syllable], samples: int, rng: np.random.Generator) -> Audio:
    """Syllables sung by a voice, as mono audio of shape (samples,) at 44.1 kHz; none are silence."""
    if not syllables:
        return np.zeros(samples, np.float32)
    frames = -(-samples // HOP) + 1
    controls = _controls(voice, syllables, frames, rng)
    source, hiss = (np.zeros(frames * HOP, np.float32) for _ in range(2))
    phase = 0.0
    for start in range(0, frames, BLOCK_HOPS):  # memory, and the processor's cache, stay with one block
        hops = slice(start, min(start + BLOCK_HOPS, frames))
        place = slice(hops.start * HOP, hops.stop * HOP)
        voiced, phases = _glottal_source(voice, controls, hops, phase)
        phase = float(phases[-1])
        noise = rng.standard_normal(len(voiced), np.float32)
        # Breath is loudest while the glottis is open.
        open_glottis = np.float32(0.4) + np.float32(0.6) * np.sin(np.float32(np.pi) * phases) ** 2
        source[place] = voiced + _at_samples(controls.breath, hops) * noise * open_glottis
        hiss[place] = _at_samples(controls.noise, hops) * noise
    return _vocal_tract(voice, controls, source, hiss)[:samples]


def _at_samples(frames: Array, hops: slice) -> Audio:
    """Values at the samples of some hops, on straight lines between the hops' own."""
    here = frames[hops].astype(np.float32)
    following = np.append(frames[hops.start + 1 : hops.stop + 1], frames[-1])[: len(here)]
    ramp = np.arange(HOP, dtype=np.float32) / np.float32(HOP)
    lines = here[:, None] + (following.astype(np.float32) - here)[:, None] * ramp
    return np.asarray(lines.reshape(-1), np.float32)


def _controls(
    voice: Voice, syllables: Sequence[Syllable], frames: int, rng: np.random.Generator
) -> _Controls:
    vowel = np.array([*VOWELS_HZ[syllables[0].vowel], *UPPER_FORMANTS_HZ])
    controls = _Controls(
        pitch=np.full(frames, float(syllables[0].pitch)),
        voice=np.zeros(frames),
        breath=np.zeros(frames),
        formants_hz=np.tile(vowel, (frames, 1)),
        noise=np.zeros(frames),
        noise_hz=np.full(frames, 5000.0),
        noise_octaves=np.full(frames, 0.5),
    )
    vibrato = np.zeros(frames)
    for syllable in syllables:
        _write(controls, syllable)
        _write_vibrato(vibrato, voice, syllable, rng)
    rate = SAMPLE_RATE / HOP
    drift = uniform_filter1d(rng.normal(0, 0.3, frames), round(0.15 * rate))
    pitch = uniform_filter1d(controls.pitch, max(3, round(voice.glide_s * rate))) + vibrato + drift
    formants = uniform_filter1d(controls.formants_hz, round(0.045 * rate), axis=0)
    loudness = uniform_filter1d(controls.voice, round(0.03 * rate))
    return _Controls(
        pitch=pitch,
        voice=loudness * (1 + 0.15 * vibrato),
        breath=uniform_filter1d(controls.breath, round(0.03 * rate)) + voice.breath * loudness,
        formants_hz=formants * voice.formant_scale,
        noise=uniform_filter1d(controls.noise, 3),
        noise_hz=controls.noise_hz,
        noise_octaves=controls.noise_octaves,
    )


def _frame(time_s: float) -> int:
    return max(0, round(time_s * SAMPLE_RATE / HOP))


def _write(controls: _Controls, syllable: Syllable) -> None:
    """Writes a syllable over what was there: its consonant ends where its note begins."""
    consonant = CONSONANTS.get(syllable.consonant, Consonant(length_s=0.0))
    early, start, end = (
        _frame(t) for t in (syllable.start_s - consonant.length_s, syllable.start_s, syllable.end_s)
    )
    controls.pitch[early:] = syllable.pitch
    controls.formants_hz[early:, :3] = VOWELS_HZ[syllable.vowel]
    if consonant.formants_hz is not None:
        controls.formants_hz[early:start, :3] = consonant.formants_hz
    controls.voice[early:start] = consonant.voice * syllable.loudness
    shape = np.minimum(1, 0.75 + np.arange(max(end - start, 0)) / 60)
    controls.voice[start:end] = (syllable.loudness * shape)[: len(controls.voice[start:end])]
    noisy = slice(max(early, start - 3) if consonant.burst else early, start)
    target = controls.noise if consonant.noise_hz else controls.breath
    target[noisy] = consonant.noise * syllable.loudness
    controls.noise_hz[early:start] = consonant.noise_hz or 5000.0
    controls.noise_octaves[early:start] = consonant.noise_octaves


def _write_vibrato(vibrato: Array, voice: Voice, syllable: Syllable, rng: np.random.Generator) -> None:
    start, end = _frame(syllable.start_s), _frame(syllable.end_s)
    time_s = np.arange(len(vibrato[start:end])) * HOP / SAMPLE_RATE
    depth = np.clip((time_s - voice.vibrato_delay_s) / 0.25, 0, 1) * voice.vibrato_cents / 100
    rate_hz = voice.vibrato_hz * rng.uniform(0.95, 1.05)
    vibrato[start:end] = depth * np.sin(2 * np.pi * rate_hz * time_s)


def _glottal_source(voice: Voice, controls: _Controls, hops: slice, phase: float) -> tuple[Audio, Audio]:
    """The voiced source over some hops, and its phase in periods, which goes on from the one before."""
    octaves = _at_samples(controls.pitch, hops) * np.float32(1 / 12)
    f0_hz = np.exp2(octaves + np.float32(np.log2(440) - 69 / 12))
    phases = np.cumsum(f0_hz, dtype=np.float64)
    phases = phase + phases / SAMPLE_RATE
    phases -= np.floor(phases)
    tables = _wave_tables(voice.open_quotient, voice.tilt_db)
    row = np.ceil((octaves + np.float32(np.log2(440 / TABLE_LOWEST_HZ) - 69 / 12)) * TABLES_PER_OCTAVE)
    row = row.astype(np.int32).clip(0, len(tables) - 1)
    position = (phases * TABLE).astype(np.float32)
    index = position.astype(np.int32)
    flat = row * (TABLE + 1) + index
    points = tables.ravel()
    below = points.take(flat, mode="clip")
    source = below + (points.take(flat + 1, mode="clip") - below) * (position - np.floor(position))
    return np.asarray(source * _at_samples(controls.voice, hops), np.float32), phases.astype(np.float32)


@lru_cache(maxsize=32)
def _wave_tables(open_quotient: float, tilt_db: float) -> Audio:
    """One period of the differentiated glottal flow, band-limited for each third of an octave."""
    time = np.arange(TABLE) / TABLE
    opening, closing = 0.65 * open_quotient, 0.35 * open_quotient
    flow = np.where(time < opening, 0.5 * (1 - np.cos(np.pi * time / opening)), 0.0)
    falling = (time >= opening) & (time < open_quotient)
    flow[falling] = np.cos(0.5 * np.pi * (time[falling] - opening) / closing)
    rows = []
    for number in range(6 * TABLES_PER_OCTAVE):
        highest_hz = TABLE_LOWEST_HZ * 2 ** (number / TABLES_PER_OCTAVE)
        harmonic = np.arange(TABLE // 2 + 1)
        tilt = 10 ** (tilt_db / 20 * np.log2(np.maximum(1, harmonic * highest_hz / 1000)))
        spectrum = np.fft.rfft(flow) * 1j * harmonic * tilt
        spectrum[harmonic * highest_hz > 0.45 * SAMPLE_RATE] = 0
        period = np.fft.irfft(spectrum)
        rows.append(np.append(period, period[0]) / period.std())
    return np.array(rows, np.float32)


def _vocal_tract(voice: Voice, controls: _Controls, source: Audio, hiss: Audio) -> Audio:
    """Formants on the source and a band on the hiss."""
    out = np.zeros(len(source) + 2 * FFT, np.float32)
    for hops in _windows(controls.voice + controls.breath):
        formants = _formant_response(voice, controls.formants_hz[hops], controls.pitch[hops])
        _add_filtered(out, source, hops, formants)
    for hops in _windows(controls.noise):
        band = _noise_response(controls.noise_hz[hops], controls.noise_octaves[hops])
        _add_filtered(out, hiss, hops, band)
    return out[FRAME : FRAME + len(source)]


def _windows(level: Array) -> Iterator[npt.NDArray[np.int64]]:
    """The hops on which windows are centred that are not silent, every half window; some at a time."""
    hops = np.flatnonzero(uniform_filter1d(level, 2 * FRAME // HOP) > 1e-6)
    hops = hops[hops % (FRAME // HOP // 2) == 0]
    for start in range(0, len(hops), WINDOWS_AT_ONCE):
        yield hops[start : start + WINDOWS_AT_ONCE]


def _add_filtered(
    out: Audio, signal: Audio, hops: npt.NDArray[np.int64], response: npt.NDArray[np.complex64]
) -> None:
    """Adds the signal's windows, each through its response of shape (windows, bins), `FRAME` samples late."""
    starts = hops * HOP - FRAME // 2
    window = np.hanning(FRAME + 1)[:-1].astype(np.float32)
    index = starts[:, None] + np.arange(FRAME)
    pieces = np.where((index >= 0) & (index < len(signal)), signal.take(index, mode="clip"), 0) * window
    spectra = np.asarray(fft.rfft(pieces.astype(np.float32), FFT)) * response
    for start, piece in zip(starts + FRAME, np.asarray(fft.irfft(spectra, FFT)), strict=True):
        out[start : start + FFT] += piece


def _formant_response(voice: Voice, formants_hz: Array, pitch: Array) -> npt.NDArray[np.complex64]:
    """The cascade of five resonances, of shape (frames, bins), at equal loudness for all vowels."""
    frequency = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE).astype(np.float32)
    f0_hz = (440 * 2 ** ((pitch - 69) / 12)).astype(np.float32)
    centres = formants_hz.astype(np.float32)
    # High notes raise the jaw's opening: the first formant never lies below the fundamental.
    centres[:, 0] = np.maximum(centres[:, 0], 1.05 * f0_hz)
    ring_hz = np.array([2750, 2950, 3300], np.float32) * voice.formant_scale
    centres[:, 2:] += voice.ring * 0.6 * (ring_hz - centres[:, 2:])
    widths = voice.bandwidth_scale * np.array(BANDWIDTHS_HZ, np.float32)
    denominator = np.ones((len(centres), len(frequency)), np.complex64)
    for centre, width in zip(centres.T, widths, strict=True):
        real = 1 - (frequency / centre[:, None]) ** 2
        denominator *= real + 1j * frequency * (width / centre[:, None] ** 2)
    response = 1 / denominator
    # The tract's higher resonances, which five do not have, keep its mean level from falling.
    response *= (1 + (frequency / 5000) ** 4) ** 1.5
    weight = (f0_hz[:, None] / np.maximum(frequency, f0_hz[:, None])) ** 2
    weight = np.where(frequency < 0.8 * f0_hz[:, None], 0, weight)
    power = (np.abs(response) ** 2 * weight).sum(-1) / weight.sum(-1)
    return (VOWEL_LEVEL * response / np.sqrt(power)[:, None]).astype(np.complex64)


def _noise_response(centre_hz: Array, octaves: Array) -> npt.NDArray[np.complex64]:
    frequency = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)
    distance = np.log2(np.maximum(frequency, 20) / centre_hz[:, None]) / octaves[:, None]
    return (VOWEL_LEVEL * 2.5 * np.exp(-(distance**2))).astype(np.complex64)
