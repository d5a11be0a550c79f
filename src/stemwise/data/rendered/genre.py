"""What a genre is: tempo, metre, harmony, grooves and instruments, as values.

A pattern has one character for each step of a bar (or of two): `.` rests and `-` holds the note before.
Otherwise, in drums `X` is an accent, `x` a beat and `o` a ghost note; in a bass `r` is the chord's root, `8`
its octave, `5` its fifth, `w` a walking note and `a` an approach to the next root; in a figure a digit is a
note of the voicing, and in chords `x` and `X` strike all of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A part of the accompaniment: what it plays, on which instruments, from which pitch up.

    `doubled` plays it twice, far left and far right, as rock bands record their guitars.
    """

    style: str
    families: tuple[str, ...]
    patterns: tuple[str, ...] = ("x" + "-" * 15,)
    lowest: int = 55
    level_db: float = 0.0
    chance: float = 1.0
    doubled: bool = False


@dataclass(frozen=True, kw_only=True)
class Tune:
    """How a genre's melodies go.

    Attributes:
        offbeats: how much of them starts off the beat, 0 to 1.
        density: how many of the places where a note may start have one.
        span: semitones between the lowest and the highest note, where the voice has them.
        longest_beats: length of the longest note.
        grain: steps between places where a note may start.
    """

    offbeats: float = 0.4
    density: float = 0.7
    span: int = 16
    longest_beats: float = 3.0
    grain: int = 2


@dataclass(frozen=True, kw_only=True)
class Genre:
    """What the songs of a genre have in common.

    Attributes:
        tempo_bpm: lowest and highest.
        beats: per bar; with `steps` steps to each beat.
        swing: the share of a beat before its second half; 0.5 is straight.
        kit: kind of drum kit.
        grooves: each a line of `drum:pattern` words.
        major, minor: progressions, one chord a bar, as degrees of the major scale with their quality.
        tune: of the voice and of instrumental melodies.
        reverb_s: time in which the reverb falls by 60 dB.
        pump: how far the kick pushes bass and accompaniment down, 0 to 1.
    """

    tempo_bpm: tuple[float, float]
    time_signature: str = "4/4"
    beats: int = 4
    steps: int = 4
    swing: float = 0.5
    kit: str = "acoustic kit"
    grooves: tuple[str, ...]
    bass: tuple[str, ...]
    bass_patterns: tuple[str, ...]
    layers: tuple[Layer, ...]
    major: tuple[str, ...]
    minor: tuple[str, ...]
    tune: Tune = Tune()
    reverb_s: float = 0.8
    pump: float = 0.0


POP_MAJOR = ("1 5 6m 4", "1 6m 4 5", "1 4 1 5", "6m 4 1 5")
POP_MINOR = ("1m b6 b3 b7", "1m b7 b6 b7", "1m 4m b6 5", "1m b3 b7 4m")
JAZZ_MAJOR = ("2m7 57 1M7 67", "1M7 6m7 2m7 57", "3m7 67 2m7 57")
JAZZ_MINOR = ("2o 57 1m7 1m7", "1m7 4m7 2o 57", "1m7 b6M7 2o 57")
