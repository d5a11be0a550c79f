"""Keys, chords and the beat grid."""

from __future__ import annotations

import re
from dataclasses import dataclass

PITCH_CLASSES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10)
QUALITIES = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "M7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "o": (0, 3, 6, 10),
}


@dataclass(frozen=True, kw_only=True)
class Chord:
    """A chord: its name, the pitch class of its root, and all its pitch classes from the root up."""

    name: str
    root: int
    pitch_classes: tuple[int, ...]

    def voicing(self, lowest: int) -> list[int]:
        """The chord in close position, from `lowest` up."""
        return sorted(lowest + (pitch_class - lowest) % 12 for pitch_class in self.pitch_classes)

    def power(self, lowest: int) -> list[int]:
        """Root, fifth and octave, from `lowest` up."""
        root = lowest + (self.root - lowest) % 12
        return [root, root + 7, root + 12]


@dataclass(frozen=True, kw_only=True)
class Key:
    """A tonic, as a pitch class, and a mode."""

    tonic: int
    minor: bool

    @property
    def name(self) -> str:
        """For example 'A minor'."""
        return f"{PITCH_CLASSES[self.tonic]} {'minor' if self.minor else 'major'}"

    @property
    def scale(self) -> tuple[int, ...]:
        """Its seven pitch classes, from the tonic up."""
        steps = MINOR_SCALE if self.minor else MAJOR_SCALE
        return tuple((self.tonic + step) % 12 for step in steps)

    def chord(self, degree: str) -> Chord:
        """The chord of a degree of the major scale with an accidental and a quality.

        Example:
            >>> Key(tonic=9, minor=True).chord("b6M7").name
            'FM7'
        """
        match = re.fullmatch(r"(b?)([1-7])(\w*)", degree)
        assert match is not None and match[3] in QUALITIES, degree
        root = (self.tonic + MAJOR_SCALE[int(match[2]) - 1] - len(match[1])) % 12
        classes = tuple((root + interval) % 12 for interval in QUALITIES[match[3]])
        return Chord(name=PITCH_CLASSES[root] + match[3], root=root, pitch_classes=classes)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The steps of a song in time.

    Attributes:
        beats: per bar.
        steps: per beat.
        swing: share of the beat before its second half.
    """

    tempo_bpm: float
    beats: int
    steps: int
    swing: float

    @property
    def bar_steps(self) -> int:
        """Steps in a bar."""
        return self.beats * self.steps

    @property
    def bar_s(self) -> float:
        """Length of a bar."""
        return self.beats * 60 / self.tempo_bpm

    def seconds(self, step: int | float) -> float:
        """The time of a step, counted from the start of the song."""
        beat, part = divmod(step / self.steps, 1)
        late = 2 * part * self.swing if part < 0.5 else self.swing + (2 * part - 1) * (1 - self.swing)
        return (beat + late) * 60 / self.tempo_bpm
