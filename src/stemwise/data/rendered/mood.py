"""The mood of a song: two numbers, drawn apart from its genre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Mood:
    """A point on the plane of valence and arousal, each 0 to 1 (Russell 1980, A Circumplex Model of Affect).

    Arousal is heard in tempo within the genre's range, touch, brightness and the density of the melody;
    valence in how often the song is in a minor key and in how high its melodies lie.
    """

    arousal: float
    valence: float

    @property
    def name(self) -> str:
        """The quadrant.

        Example:
            >>> Mood(arousal=0.8, valence=0.3).name
            'tense'
        """
        if self.valence >= 0.5:
            return "happy" if self.arousal >= 0.5 else "calm"
        return "tense" if self.arousal >= 0.5 else "sad"

    @property
    def minor_chance(self) -> float:
        """How likely the song is in a minor key."""
        return 0.9 - 0.8 * self.valence

    @property
    def tilt_db(self) -> float:
        """How much brighter than others the mix is, per octave."""
        return 3.0 * (self.arousal - 0.5)


def drawn(rng: np.random.Generator) -> Mood:
    """A mood out of nowhere: no genre has one of its own."""
    return Mood(arousal=float(rng.random()), valence=float(rng.random()))
