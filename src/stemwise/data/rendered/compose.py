"""Songs composed by rule: form, harmony, and the notes of drums, bass and accompaniment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stemwise.data.rendered.genre import Genre, Layer
from stemwise.data.rendered.genres import GENRES
from stemwise.data.rendered.harmony import Chord, Grid, Key
from stemwise.data.rendered.melody import Syllable, line, lyrics
from stemwise.data.rendered.patterns import DRUMS, FILLS, STRENGTHS, events
from stemwise.data.rendered.sampler import Note
from stemwise.data.rendered.soundfont import DRUM_BANK
from stemwise.data.rendered.voices import Voice

Programs = Callable[[str], int]


@dataclass(frozen=True, kw_only=True)
class Part:
    """An instrument's notes, and where it sits in the mix."""

    stem: str
    family: str
    bank: int
    program: int
    notes: tuple[Note, ...]
    pan: float
    level_db: float


@dataclass(frozen=True, kw_only=True)
class Section:
    """Some bars of a song; `energy` scales how hard they are played."""

    kind: str
    bars: range
    energy: float


@dataclass(frozen=True, kw_only=True)
class Song:
    """A composed song."""

    genre: str
    key: Key
    grid: Grid
    energy: float
    parts: tuple[Part, ...]
    syllables: tuple[Syllable, ...]
    sections: tuple[Section, ...]
    chords: tuple[Chord, ...]


def compose(
    name: str, seconds: float, voice: Voice | None, programs: Programs, rng: np.random.Generator
) -> Song:
    """A song of a genre.

    Args:
        name: a key of `GENRES`.
        seconds: its length.
        voice: who sings it, if anyone does.
        programs: chooses a program for a family of instruments or a kind of drum kit.
        rng: the only source of chance.
    """
    genre = GENRES[name]
    energy = float(rng.uniform(0.2, 1.0))
    low, high = genre.tempo_bpm
    tempo_bpm = low + (high - low) * float(np.clip(0.6 * energy + 0.4 * rng.random(), 0, 1))
    grid = Grid(tempo_bpm=round(tempo_bpm, 1), beats=genre.beats, steps=genre.steps, swing=genre.swing)
    key = Key(tonic=int(rng.integers(12)), minor=bool(rng.random() < 0.5))
    sections = tuple(_form(math.ceil(seconds / grid.bar_s), rng))
    chords = _progression(genre, key, sections, rng)
    band = _Band(genre=genre, grid=grid, key=key, sections=sections, chords=chords, energy=energy, rng=rng)
    parts = (band.drums(programs), band.bass(programs), *band.layers(programs, sung=voice is not None))
    return Song(
        genre=name,
        key=key,
        grid=grid,
        energy=energy,
        parts=tuple(part for part in parts if part.notes),
        syllables=() if voice is None else tuple(band.vocals(voice)),
        sections=sections,
        chords=chords,
    )


def _form(bars: int, rng: np.random.Generator) -> Iterator[Section]:
    """Short songs are a verse and a chorus; long ones repeat them, with an introduction and breaks."""
    unit = 8 if bars >= 32 else 4 if bars >= 12 else max(2, (bars + 1) // 2)
    start = 0
    if bars >= 6 and rng.random() < 0.6:
        start = 1 if bars < 12 else 4
        yield Section(kind="intro", bars=range(start), energy=0.8)
    cycle = ("verse", "chorus", "verse", "chorus", "break", "chorus")
    for turn in range(bars):
        if start >= bars:
            return
        kind = cycle[turn % len(cycle)]
        count = unit // 2 if kind == "break" else unit
        energy = {"verse": 0.9, "chorus": 1.0, "break": 0.75}[kind]
        yield Section(kind=kind, bars=range(start, min(start + count, bars)), energy=energy)
        start += count


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


@dataclass(frozen=True, kw_only=True)
class _Band:
    """The players of one song: they share its form, its chords and its source of chance."""

    genre: Genre
    grid: Grid
    key: Key
    sections: tuple[Section, ...]
    chords: tuple[Chord, ...]
    energy: float
    rng: np.random.Generator

    def note(
        self, step: int | float, steps: int | float, pitch: int, strength: int | float, late_s: float = 0.0
    ) -> Note:
        """A note on the grid, with a player's small errors of timing and touch."""
        start_s = max(0.0, self.grid.seconds(step) + late_s + self.rng.normal(0, 0.005))
        length_s = max(0.04, self.grid.seconds(step + steps) - self.grid.seconds(step) - 0.01)
        velocity = strength * (0.75 + 0.25 * self.energy) + self.rng.normal(0, 5)
        return Note(
            start_s=start_s, duration_s=length_s, pitch=pitch, velocity=int(np.clip(velocity, 20, 127))
        )

    def bars(self) -> Iterator[tuple[Section, int, int]]:
        """Section, bar, and the bar's first step, for each bar."""
        for section in self.sections:
            for bar in section.bars:
                yield section, bar, bar * self.grid.bar_steps

    def pick(self, options: Sequence[str]) -> str:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def two(self, options: Sequence[str]) -> dict[bool, str]:
        """An option for the choruses (`True`), and another for the rest where there is one."""
        order = self.rng.permutation(len(options))
        return {False: options[int(order[0])], True: options[int(order[min(1, len(order) - 1)])]}

    def drums(self, programs: Programs) -> Part:
        """The drum kit: a groove for verses and one for choruses, crashes and fills."""
        grooves = self.two(self.genre.grooves)
        notes: list[Note] = []
        for section, bar, first in self.bars():
            last = bar == section.bars[-1] and bar + 1 < len(self.chords)
            for word in grooves[section.kind == "chorus"].split():
                drum, pattern = word.split(":")
                if section.kind == "intro" and drum in ("kick", "snare") and not last:
                    continue
                for step, _, symbol in events(pattern):
                    if not (
                        last and step >= self.grid.bar_steps - self.grid.steps and drum in ("snare", "hat")
                    ):
                        notes.append(self.hit(first + step, DRUMS[drum], STRENGTHS[symbol] * section.energy))
            if bar == section.bars[0] and section.kind == "chorus" and self.rng.random() < 0.7:
                notes.append(self.hit(first, DRUMS["crash"], 92))
            if last:
                notes += self.fill(first + self.grid.bar_steps - self.grid.steps)
        return self.part("drums", self.genre.kit, DRUM_BANK, programs, notes, pan=0.0)

    def hit(self, step: int | float, drum: int, strength: int | float) -> Note:
        """A stroke of a drum."""
        return self.note(step, 2 * self.grid.steps, drum, strength)

    def fill(self, first: int) -> Iterator[Note]:
        """A drum fill over the beat that starts at a step."""
        pitches, quarters = FILLS[int(self.rng.integers(len(FILLS)))]
        for index, (pitch, quarter) in enumerate(zip(pitches, quarters, strict=True)):
            yield self.hit(first + quarter * self.grid.steps / 4, pitch, 84 + 5 * index)

    def bass(self, programs: Programs) -> Part:
        """The bass line."""
        patterns = self.two(self.genre.bass_patterns)
        notes = []
        for section, bar, first in self.bars():
            chord, following = self.chords[bar], self.chords[min(bar + 1, len(self.chords) - 1)]
            for step, steps, symbol in events(patterns[section.kind == "chorus"]):
                pitch = self.bass_pitch(symbol, chord, following)
                strength = (100 if step == 0 else 90) * section.energy
                notes.append(self.note(first + step, steps, pitch, strength, late_s=0.004))
        return self.part("bass", self.pick(self.genre.bass), 0, programs, notes, pan=0.0)

    def bass_pitch(self, symbol: str, chord: Chord, following: Chord) -> int:
        """The pitch of a symbol of a bass pattern, from E1 up."""
        root = 28 + (chord.root - 28) % 12
        if symbol == "8":
            return root + 12
        if symbol == "5":
            return root + (chord.pitch_classes[2] - chord.root) % 12
        if symbol == "w":
            choice = chord.pitch_classes[1 + int(self.rng.integers(len(chord.pitch_classes) - 1))]
            return root + (choice - chord.root) % 12
        if symbol == "a":
            return 28 + (following.root - 28) % 12 + (1 if self.rng.random() < 0.5 else -1)
        return root

    def layers(self, programs: Programs, *, sung: bool) -> Iterator[Part]:
        """The accompaniment: the genre's first layer always, the others by chance."""
        pans = self.rng.permutation([-0.5, 0.45, 0.15])
        for layer, pan in zip(self.genre.layers, pans, strict=True):
            present = self.rng.random() < layer.chance or (layer.style == "melody" and not sung)
            if present:
                notes = self.solo(layer, sung=sung) if layer.style == "melody" else self.comping(layer)
                family = self.pick(layer.families)
                yield self.part("other", family, 0, programs, list(notes), float(pan), layer.level_db)

    def comping(self, layer: Layer) -> Iterator[Note]:
        """Chords, power chords or broken chords by pattern."""
        patterns = self.two(layer.patterns)
        for section, bar, first in self.bars():
            chord = self.chords[bar]
            pitches = chord.power(layer.lowest) if layer.style == "power" else chord.voicing(layer.lowest)
            ladder = [*pitches, pitches[0] + 12]
            for step, steps, symbol in events(self.fitted(patterns[section.kind == "chorus"])):
                struck = [ladder[(int(symbol) - 1) % len(ladder)]] if symbol.isdigit() else pitches
                late_s = float(self.rng.uniform(0, 0.008))
                for index, pitch in enumerate(struck):
                    strength = (94 if symbol == "X" else 84) * section.energy
                    yield self.note(first + step, steps, pitch, strength, late_s + 0.003 * index)

    def fitted(self, pattern: str) -> str:
        """A pattern cut to the length of a bar."""
        return pattern[: self.grid.bar_steps]

    def solo(self, layer: Layer, *, sung: bool) -> Iterator[Note]:
        """An instrumental melody: throughout where nobody sings, else where the voice rests."""
        span = (layer.lowest, layer.lowest + 14)
        for section in self.sections:
            if sung and section.kind not in ("intro", "break"):
                continue
            for step, steps, pitch in line(
                section.bars, self.grid, self.key, self.chords, span, self.genre.sung_offbeats, self.rng
            ):
                yield self.note(step, steps, pitch, 96 * section.energy, late_s=0.006)

    def vocals(self, voice: Voice) -> Iterator[Syllable]:
        """The sung line."""
        span = (voice.lowest, voice.highest)
        tune: list[tuple[float, float, int, float]] = []
        for section in self.sections:
            if section.kind in ("verse", "chorus"):
                top = span if section.kind == "chorus" else (span[0], span[1] - 3)
                sung = line(
                    section.bars, self.grid, self.key, self.chords, top, self.genre.sung_offbeats, self.rng
                )
                tune += [
                    (self.grid.seconds(a), self.grid.seconds(a + n), pitch, section.energy)
                    for a, n, pitch in sung
                ]
        return lyrics(tune, self.rng)

    def part(
        self,
        stem: str,
        family: str,
        bank: int,
        programs: Programs,
        notes: list[Note],
        pan: float,
        level_db: float = 0.0,
    ) -> Part:
        """A part with a program of the family."""
        level_db += float(self.rng.normal(0, 1))
        program = programs(family)
        return Part(
            stem=stem,
            family=family,
            bank=bank,
            program=program,
            notes=tuple(notes),
            pan=pan,
            level_db=level_db,
        )
