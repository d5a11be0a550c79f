"""The players of one song: drums, bass and accompaniment, from patterns to notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stemwise.data.rendered.genre import Genre, Layer
from stemwise.data.rendered.harmony import Chord, Grid
from stemwise.data.rendered.melody import Melodist
from stemwise.data.rendered.mood import Mood
from stemwise.data.rendered.patterns import ALIKE, DRUMS, FILLS, PERCUSSION, RINGING, STRENGTHS, events
from stemwise.data.rendered.presets import BASSES, FAMILIES, KITS, bank
from stemwise.data.rendered.sampler import Note
from stemwise.data.rendered.score import Part, Section

Players = Callable[[str], tuple[str, int]]
"""Family of instruments, or kind of drum kit → the family that plays, and its program."""

DOUBLED_PAN = 0.75
USUAL = 0.7
"""How often a song has the instruments that its genre is known for."""

ACCOMPANISTS = tuple(family for family in FAMILIES if not family.endswith("bass"))


@dataclass(frozen=True, kw_only=True)
class Band:
    """The players of one song: they share its form, its chords, its mood and its source of chance."""

    genre: Genre
    grid: Grid
    sections: tuple[Section, ...]
    chords: tuple[Chord, ...]
    mood: Mood
    melodist: Melodist
    rng: np.random.Generator

    def note(
        self, step: int | float, steps: int | float, pitch: int, strength: int | float, late_s: float = 0.0
    ) -> Note:
        """A note on the grid, with a player's small errors of timing and touch."""
        start_s = max(0.0, self.grid.seconds(step) + late_s + self.rng.normal(0, 0.005))
        length_s = max(0.04, self.grid.seconds(step + steps) - self.grid.seconds(step) - 0.01)
        velocity = strength * (0.7 + 0.3 * self.mood.arousal) + self.rng.normal(0, 5)
        return Note(
            start_s=start_s, duration_s=length_s, pitch=pitch, velocity=int(np.clip(velocity, 20, 127))
        )

    def bars(self, stem: str) -> Iterator[tuple[Section, int, int]]:
        """Section, bar, and the bar's first step, for each bar in which a stem does not rest."""
        for section in self.sections:
            if stem not in section.rests:
                for bar in section.bars:
                    yield section, bar, bar * self.grid.bar_steps

    def pick(self, options: Sequence[str]) -> str:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def two(self, options: Sequence[str]) -> dict[bool, str]:
        """An option for the choruses (`True`), and another for the rest where there is one."""
        order = self.rng.permutation(len(options))
        return {False: options[int(order[0])], True: options[int(order[min(1, len(order) - 1)])]}

    def drums(self, players: Players) -> Part:
        """The drum kit: a groove for verses and one for choruses, crashes and fills."""
        grooves = {chorus: self.own_way(groove) for chorus, groove in self.two(self.genre.grooves).items()}
        touch = {drum: float(np.clip(self.rng.normal(1, 0.2), 0.55, 1.4)) for drum in DRUMS}
        notes: list[Note] = []
        for section, bar, first in self.bars("drums"):
            last = bar == section.bars[-1] and bar + 1 < len(self.chords)
            for drum, pattern in grooves[section.kind == "chorus"]:
                if section.kind == "intro" and drum in ("kick", "snare") and not last:
                    continue
                for step, _, symbol in events(pattern):
                    if not (
                        last and step >= self.grid.bar_steps - self.grid.steps and drum in ("snare", "hat")
                    ):
                        strength = STRENGTHS[symbol] * section.energy * touch[drum]
                        notes.append(self.hit(first + step, DRUMS[drum], strength))
            if bar == section.bars[0] and section.kind == "chorus" and self.rng.random() < 0.7:
                notes.append(self.hit(first, DRUMS["crash"], 92))
            if last:
                notes += self.fill(first + self.grid.bar_steps - self.grid.steps)
        return self.part("drums", players(self.usual(self.genre.kit, tuple(KITS))), notes, pan=0.0)

    def usual(self, option: str, others: Sequence[str]) -> str:
        """What the genre has, or sometimes something else: no genre is only one sound."""
        return option if self.rng.random() < USUAL else self.pick(others)

    def own_way(self, groove: str) -> list[tuple[str, str]]:
        """The drums and patterns of a groove as this drummer plays it, with percussion by chance."""
        words = [groove, *([self.pick(PERCUSSION)] if self.rng.random() < 0.35 else [])]
        return [
            (self.replaced(drum), pattern)
            for drum, _, pattern in (w.partition(":") for w in " ".join(words).split())
        ]

    def replaced(self, drum: str) -> str:
        """A drum, or one that may take its place."""
        others = next((group for group in ALIKE if drum in group), (drum,))
        return self.usual(drum, others)

    def hit(self, step: int | float, drum: int, strength: int | float) -> Note:
        """A stroke of a drum."""
        return self.note(step, (2 if drum in RINGING else 1) * self.grid.steps, drum, strength)

    def fill(self, first: int) -> Iterator[Note]:
        """A drum fill over the beat that starts at a step."""
        pitches, quarters = FILLS[int(self.rng.integers(len(FILLS)))]
        for index, (pitch, quarter) in enumerate(zip(pitches, quarters, strict=True)):
            yield self.hit(first + quarter * self.grid.steps / 4, pitch, 84 + 5 * index)

    def bass(self, players: Players) -> Part:
        """The bass line."""
        patterns = self.two(self.genre.bass_patterns)
        notes = []
        for section, bar, first in self.bars("bass"):
            chord, following = self.chords[bar], self.chords[min(bar + 1, len(self.chords) - 1)]
            for step, steps, symbol in events(patterns[section.kind == "chorus"]):
                pitch = self.bass_pitch(symbol, chord, following)
                strength = (100 if step == 0 else 90) * section.energy
                notes.append(self.note(first + step, steps, pitch, strength, late_s=0.004))
        return self.part("bass", players(self.usual(self.pick(self.genre.bass), BASSES)), notes, pan=0.0)

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
            above = 28 + (following.root - 28) % 12 + 1
            return above if above == 29 or self.rng.random() < 0.5 else above - 2
        return root

    def layers(self, players: Players, *, sung: bool) -> Iterator[Part]:
        """The accompaniment: the genre's first layer always, the others by chance."""
        pans = self.rng.permutation([-0.5, 0.45, 0.15])
        for number, (layer, pan) in enumerate(zip(self.genre.layers, pans, strict=True)):
            if self.rng.random() >= layer.chance and not (layer.style == "melody" and not sung):
                continue
            # Some layers wait for the chorus: a song grows.
            waits = number > 0 and self.rng.random() < 0.35
            player = players(self.usual(self.pick(layer.families), ACCOMPANISTS))
            melody = layer.style == "melody"
            notes = list(self.solo(layer, sung=sung) if melody else self.comping(layer, waits=waits))
            if layer.doubled:
                again = [self.note_again(note) for note in notes]
                yield self.part("other", player, notes, -DOUBLED_PAN, layer.level_db - 3)
                yield self.part("other", player, again, DOUBLED_PAN, layer.level_db - 3)
            else:
                yield self.part("other", player, notes, float(pan), layer.level_db)

    def note_again(self, note: Note) -> Note:
        """The same note, played again for the other side."""
        late_s, touch = float(self.rng.normal(0, 0.008)), round(self.rng.normal(0, 6))
        return Note(
            start_s=max(0.0, note.start_s + late_s),
            duration_s=note.duration_s,
            pitch=note.pitch,
            velocity=int(np.clip(note.velocity + touch, 20, 127)),
        )

    def comping(self, layer: Layer, *, waits: bool) -> Iterator[Note]:
        """Chords, power chords or broken chords by pattern; one that waits is silent in the verses."""
        patterns = self.two(layer.patterns)
        for section, bar, first in self.bars("other"):
            if waits and section.kind == "verse":
                continue
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
            if "other" in section.rests or (sung and section.kind not in ("intro", "break")):
                continue
            for step, steps, pitch in self.melodist.line(section.bars, span):
                yield self.note(step, steps, pitch, 96 * section.energy, late_s=0.006)

    def part(
        self,
        stem: str,
        player: tuple[str, int],
        notes: list[Note],
        pan: float,
        level_db: float = 0.0,
    ) -> Part:
        """A part by a player: a family and its program."""
        level_db += float(self.rng.normal(0, 1))
        family, program = player
        return Part(
            stem=stem,
            family=family,
            bank=bank(family),
            program=program,
            notes=tuple(notes),
            pan=pan,
            level_db=level_db,
        )
