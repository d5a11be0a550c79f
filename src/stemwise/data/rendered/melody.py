"""Melodies over chords, and the syllables that a singer puts to them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stemwise.data.rendered.harmony import Chord, Grid, Key

PHRASE_BARS = 2
LONGEST_BEATS = 3.0
VOWELS = ("a", "e", "i", "o", "u", "ae", "uh")
CONSONANTS = ("", "", "m", "n", "l", "r", "w", "y", "s", "sh", "f", "h", "t", "k", "d", "b", "g")


@dataclass(frozen=True, kw_only=True)
class Syllable:
    """A sung note: onset of the vowel and end in seconds, MIDI pitch, sounds, and loudness 0 to 1."""

    start_s: float
    end_s: float
    pitch: int
    consonant: str
    vowel: str
    loudness: float


def line(
    bars: range,
    grid: Grid,
    key: Key,
    chords: Sequence[Chord],
    span: tuple[int, int],
    offbeats: float,
    rng: np.random.Generator,
) -> Iterator[tuple[float, float, int]]:
    """Step, length in steps and pitch of the notes of a melody over some bars.

    Phrases of two bars end in a rest; every other one takes up the rhythm of the one before last. Notes on
    the beat are chord tones, those between move by scale steps along an arch.
    """
    pitch = (span[0] + span[1]) // 2
    rhythms: list[list[int]] = []
    for number, first_bar in enumerate(bars[::PHRASE_BARS]):
        length = min(PHRASE_BARS, bars.stop - first_bar) * grid.bar_steps
        again = number >= 2 and rng.random() < 0.7
        rhythm = rhythms[number - 2] if again else _rhythm(length, grid, offbeats, rng)
        rhythms.append(rhythm)
        onsets = [step for step in rhythm if step < length - grid.steps // 2]
        for step, following in zip(onsets, [*onsets[1:], length - 1], strict=True):
            position = first_bar * grid.bar_steps + step
            chord = chords[min(position // grid.bar_steps, len(chords) - 1)]
            strong = step % grid.steps == 0
            pitch = _next_pitch(pitch, step / length, chord if strong else None, key, span, rng)
            steps = min(following - step, round(LONGEST_BEATS * grid.steps))
            yield position, steps, pitch


def _rhythm(length: int, grid: Grid, offbeats: float, rng: np.random.Generator) -> list[int]:
    """Onsets in the first three quarters or more of a phrase."""
    unit = 1 if grid.steps == 3 else 2
    sung = round(length * rng.uniform(0.72, 0.88))
    density = rng.uniform(0.55, 0.85)
    onsets = []
    for step in range(0, sung, unit):
        chance = density if step % grid.steps == 0 else density * offbeats
        if rng.random() < chance:
            onsets.append(step)
    return onsets or [0, grid.steps]


def _next_pitch(
    pitch: int,
    progress: float,
    chord: Chord | None,
    key: Key,
    span: tuple[int, int],
    rng: np.random.Generator,
) -> int:
    classes = set(key.scale) if chord is None else set(chord.pitch_classes)
    arch = span[0] + (span[1] - span[0]) * (0.3 + 0.45 * math.sin(math.pi * progress))
    aim = pitch + 0.3 * (arch - pitch) + rng.normal(0, 2.2)
    allowed = [p for p in range(span[0], span[1] + 1) if p % 12 in classes]
    return min(allowed, key=lambda p: abs(p - aim))


def lyrics(tune: Sequence[tuple[float, float, int, float]], rng: np.random.Generator) -> Iterator[Syllable]:
    """Random syllables on a tune of (start, end, pitch, loudness); a vowel often carries over a step."""
    for index, (start_s, end_s, pitch, loudness) in enumerate(tune):
        slow = 1.0 if end_s - start_s > 0.16 else 0.4
        consonant = str(rng.choice(CONSONANTS)) if index == 0 or rng.random() < 0.85 * slow else ""
        yield Syllable(
            start_s=start_s + float(rng.normal(0, 0.008)) + 0.02,
            end_s=end_s - 0.01,
            pitch=pitch,
            consonant=consonant,
            vowel=str(rng.choice(VOWELS)),
            loudness=float(np.clip(loudness * rng.uniform(0.8, 1.0), 0, 1)),
        )
