"""What a singer sings: syllables on a tune, and the voices that double the choruses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemwise.data.rendered.harmony import Key

VOWELS = ("a", "e", "i", "o", "u", "ae", "uh")
CONSONANTS = ("", "", "m", "n", "l", "r", "w", "y", "s", "sh", "f", "h", "t", "k", "d", "b", "g")
DOUBLINGS = ("none", "unison", "harmony")
UNISON_DB, HARMONY_DB = -8.0, -6.0


@dataclass(frozen=True, kw_only=True)
class Syllable:
    """A sung note: onset of the vowel and end in seconds, MIDI pitch, sounds, and loudness 0 to 1."""

    start_s: float
    end_s: float
    pitch: int
    consonant: str
    vowel: str
    loudness: float


@dataclass(frozen=True, kw_only=True)
class Take:
    """Syllables that a voice sings in one go, and where they sit in the vocals' mix."""

    syllables: tuple[Syllable, ...]
    pan: float = 0.0
    level_db: float = 0.0


def syllables(
    tune: Sequence[tuple[float, float, int, float]], rng: np.random.Generator
) -> Iterator[Syllable]:
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


def doubles(chorus: Sequence[Syllable], doubling: str, key: Key, rng: np.random.Generator) -> Iterator[Take]:
    """The other takes of a chorus: the same line twice at the sides, or a third above it, or none."""
    if not chorus or doubling == "none":
        return
    if doubling == "harmony":
        sung = tuple(replace(s, pitch=_third_above(s.pitch, key)) for s in _again(chorus, rng))
        yield Take(syllables=sung, pan=float(rng.choice((-0.35, 0.35))), level_db=HARMONY_DB)
        return
    for side in (-0.7, 0.7):
        yield Take(syllables=tuple(_again(chorus, rng)), pan=side, level_db=UNISON_DB)


def _again(chorus: Sequence[Syllable], rng: np.random.Generator) -> Iterator[Syllable]:
    """The same line as it comes out at another try."""
    for syllable in chorus:
        late_s = float(rng.normal(0.006, 0.014))
        yield replace(syllable, start_s=syllable.start_s + late_s, end_s=syllable.end_s + late_s)


def _third_above(pitch: int, key: Key) -> int:
    """The note two steps of the scale above a pitch.

    Example:
        >>> [_third_above(p, Key(tonic=0, minor=False)) for p in (60, 62, 61)]
        [64, 65, 64]
    """
    steps = [p for p in range(pitch + 1, pitch + 7) if p % 12 in key.scale]
    return steps[1]
