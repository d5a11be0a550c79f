"""Songs composed by rule: form, harmony, and who plays what."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from stemwise.data.rendered.band import Band, Players
from stemwise.data.rendered.genre import Genre
from stemwise.data.rendered.genres import GENRES
from stemwise.data.rendered.harmony import Chord, Grid, Key
from stemwise.data.rendered.lyrics import DOUBLINGS, Take, doubles, syllables
from stemwise.data.rendered.melody import Melodist
from stemwise.data.rendered.mood import drawn
from stemwise.data.rendered.score import Section, Song
from stemwise.data.rendered.voices import Voice

CYCLE = ("verse", "chorus", "verse", "chorus", "break", "chorus")
ENERGY = {"intro": 0.8, "verse": 0.9, "chorus": 1.0, "break": 0.75}
BREAKS = (frozenset({"drums"}), frozenset({"bass"}), frozenset({"drums", "bass"}), frozenset({"other"}))
"""Which stems rest in a break; one kind for each song."""


def compose(
    name: str, seconds: float, voice: Voice | None, players: Players, rng: np.random.Generator
) -> Song:
    """A song of a genre.

    Args:
        name: a key of `GENRES`.
        seconds: its length.
        voice: who sings it, if anyone does.
        players: chooses who plays a family of instruments or a kind of drum kit.
        rng: the only source of chance.
    """
    genre, mood = GENRES[name], drawn(rng)
    low, high = genre.tempo_bpm
    tempo_bpm = low + (high - low) * float(np.clip(0.7 * mood.arousal + 0.3 * rng.random(), 0, 1))
    grid = Grid(tempo_bpm=round(tempo_bpm, 1), beats=genre.beats, steps=genre.steps, swing=genre.swing)
    key = Key(tonic=int(rng.integers(12)), minor=bool(rng.random() < mood.minor_chance))
    sections = tuple(_form(math.ceil(seconds / grid.bar_s), rng))
    chords = _progression(genre, key, sections, rng)
    melodist = Melodist(
        grid=grid,
        key=key,
        chords=chords,
        tune=genre.tune,
        density=0.75 + 0.5 * mood.arousal,
        lift=2 * mood.valence - 1,
        rng=rng,
    )
    band = Band(
        genre=genre, grid=grid, sections=sections, chords=chords, mood=mood, melodist=melodist, rng=rng
    )
    parts = (band.drums(players), band.bass(players), *band.layers(players, sung=voice is not None))
    doubling = str(rng.choice(DOUBLINGS)) if voice else "none"
    return Song(
        genre=name,
        key=key,
        grid=grid,
        mood=mood,
        parts=tuple(part for part in parts if part.notes),
        takes=tuple(_sung(voice, sections, melodist, doubling)) if voice else (),
        doubling=doubling,
        sections=sections,
        chords=chords,
    ).until(seconds)


def _form(bars: int, rng: np.random.Generator) -> Iterator[Section]:
    """Short songs are a verse and a chorus; long ones repeat them, with an introduction and breaks."""
    unit = 8 if bars >= 32 else 4 if bars >= 12 else max(2, (bars + 1) // 2)
    rests = BREAKS[int(rng.integers(len(BREAKS)))]
    start = 0
    if bars >= 6 and rng.random() < 0.6:
        start = 1 if bars < 12 else 4
        yield Section(kind="intro", bars=range(start), energy=ENERGY["intro"])
    for turn in range(bars):
        if start >= bars:
            return
        kind = CYCLE[turn % len(CYCLE)]
        stop = min(start + (unit // 2 if kind == "break" else unit), bars)
        yield Section(
            kind=kind,
            bars=range(start, stop),
            energy=ENERGY[kind],
            rests=rests if kind == "break" else frozenset(),
        )
        start = stop


def _progression(
    genre: Genre, key: Key, sections: Sequence[Section], rng: np.random.Generator
) -> tuple[Chord, ...]:
    """One chord a bar: a progression for the choruses and one for the rest."""
    pool = genre.minor if key.minor else genre.major
    first, second = (pool[int(i)].split() for i in rng.permutation(len(pool))[:2])
    chords = []
    for section in sections:
        degrees = second if section.kind == "chorus" else first
        chords += [key.chord(degrees[i % len(degrees)]) for i in range(len(section.bars))]
    return tuple(chords)


def _sung(voice: Voice, sections: Sequence[Section], melodist: Melodist, doubling: str) -> Iterator[Take]:
    """The lead voice's take, and those that double it in the choruses, which lie higher than the verses."""
    grid, rng = melodist.grid, melodist.rng
    lead, chorus = [], []
    for section in sections:
        if section.kind in ("verse", "chorus"):
            top = voice.highest - (0 if section.kind == "chorus" else 3)
            tune = [
                (grid.seconds(step), grid.seconds(step + steps), pitch, section.energy)
                for step, steps, pitch in melodist.line(section.bars, (voice.lowest, top))
            ]
            sung = list(syllables(tune, rng))
            lead += sung
            chorus += sung if section.kind == "chorus" else []
    yield Take(syllables=tuple(lead))
    yield from doubles(chorus, doubling, melodist.key, rng)
