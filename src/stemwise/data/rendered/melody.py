"""Melodies over chords."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stemwise.data.rendered.genre import Tune
from stemwise.data.rendered.harmony import Chord, Grid, Key

PHRASE_BARS = 2


@dataclass(frozen=True, kw_only=True)
class Melodist:
    """Who invents a song's melodies: in its key, over its chords, in its genre's manner.

    Attributes:
        density: of the notes, as a factor of the genre's.
        lift: how high within their range the melodies lie, −1 to 1.
    """

    grid: Grid
    key: Key
    chords: Sequence[Chord]
    tune: Tune
    density: float
    lift: float
    rng: np.random.Generator

    def line(self, bars: range, span: tuple[int, int]) -> Iterator[tuple[float, float, int]]:
        """Step, length in steps and pitch of the notes of a melody over some bars.

        Phrases of two bars end in a rest; every other one takes up the rhythm of the one before last. Notes
        on the beat are chord tones, those between move by scale steps along an arch.
        """
        span = self._narrowed(span)
        pitch = (span[0] + span[1]) // 2
        rhythms: list[list[int]] = []
        for number, first_bar in enumerate(bars[::PHRASE_BARS]):
            length = min(PHRASE_BARS, bars.stop - first_bar) * self.grid.bar_steps
            again = number >= 2 and self.rng.random() < 0.7
            rhythm = rhythms[number - 2] if again else self._rhythm(length)
            rhythms.append(rhythm)
            onsets = [step for step in rhythm if step < length - self.grid.steps // 2]
            # A rhythm taken up in a shorter phrase may leave nothing of it.
            for step, following in zip(onsets, [*onsets[1:], length - 1][: len(onsets)], strict=True):
                position = first_bar * self.grid.bar_steps + step
                chord = self.chords[min(position // self.grid.bar_steps, len(self.chords) - 1)]
                strong = step % self.grid.steps == 0
                pitch = self._next_pitch(pitch, step / length, chord if strong else None, span)
                yield position, min(following - step, self.tune.longest_beats * self.grid.steps), pitch

    def _narrowed(self, span: tuple[int, int]) -> tuple[int, int]:
        """The genre's range within a voice's: as high as the mood has it."""
        room = max(0, span[1] - span[0] - max(self.tune.span, 4))
        low = span[0] + round(room * (0.5 + 0.5 * self.lift))
        return low, min(span[1], low + max(self.tune.span, 4))

    def _rhythm(self, length: int) -> list[int]:
        """Onsets in the first three quarters or more of a phrase."""
        unit = 1 if self.grid.steps == 3 else self.tune.grain
        sung = round(length * self.rng.uniform(0.72, 0.88))
        density = self.tune.density * self.density * self.rng.uniform(0.8, 1.2)
        onsets = []
        for step in range(0, sung, unit):
            chance = density if step % self.grid.steps == 0 else density * self.tune.offbeats
            if self.rng.random() < chance:
                onsets.append(step)
        return onsets or [0, self.grid.steps]

    def _next_pitch(self, pitch: int, progress: float, chord: Chord | None, span: tuple[int, int]) -> int:
        classes = set(self.key.scale) if chord is None else set(chord.pitch_classes)
        arch = span[0] + (span[1] - span[0]) * (0.3 + 0.45 * math.sin(math.pi * progress))
        aim = pitch + 0.3 * (arch - pitch) + self.rng.normal(0, 2.2)
        allowed = [p for p in range(span[0], span[1] + 1) if p % 12 in classes]
        allowed = allowed or [p for p in range(span[0], span[1] + 1) if p % 12 in self.key.scale]
        return min(allowed, key=lambda p: abs(p - aim))
