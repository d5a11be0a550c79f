"""A composed song, before it sounds: parts, sections, chords and what is sung; and the same as MIDI."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from stemwise.data.rendered.genres import GENRES
from stemwise.data.rendered.harmony import Chord, Grid, Key
from stemwise.data.rendered.lyrics import Take
from stemwise.data.rendered.mood import Mood
from stemwise.data.rendered.sampler import Note
from stemwise.data.rendered.soundfont import DRUM_BANK

VOICE_PROGRAM = 53  # "Voice Oohs" of General MIDI
DRUM_CHANNEL = 9
TICKS_PER_QUARTER = 480
Event = tuple[float, int, Any]


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
    """Some bars of a song; `energy` scales how hard they are played, `rests` are stems that are silent."""

    kind: str
    bars: range
    energy: float
    rests: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Song:
    """A composed song; the first of the takes is the lead voice's, and an instrumental has none."""

    genre: str
    key: Key
    grid: Grid
    mood: Mood
    parts: tuple[Part, ...]
    takes: tuple[Take, ...]
    doubling: str
    sections: tuple[Section, ...]
    chords: tuple[Chord, ...]

    def until(self, seconds: float) -> Song:
        """The song without what begins behind its end, which falls within its last bar."""
        bars = math.ceil(seconds / self.grid.bar_s)
        parts = (replace(p, notes=tuple(n for n in p.notes if n.start_s < seconds)) for p in self.parts)
        takes = (
            replace(t, syllables=tuple(s for s in t.syllables if s.start_s < seconds)) for t in self.takes
        )
        return replace(
            self,
            parts=tuple(part for part in parts if part.notes),
            takes=tuple(take for take in takes if take.syllables),
            chords=self.chords[:bars],
        )

    def kicks_s(self, pitch: int = 36) -> list[float]:
        """When the bass drum is struck."""
        drums = (part.notes for part in self.parts if part.stem == "drums")
        return [note.start_s for notes in drums for note in notes if note.pitch == pitch]


def midi(song: Song) -> bytes:
    """The song as a standard MIDI file: a track a part, and one for each voice, with its syllables as lyrics.

    Metre, key and sections (as markers) are in it too. Onsets are those that sound, so they lie off the grid
    as players do. In 12/8 the beat is the dotted quarter.
    """
    from mido import MidiFile

    quarters_bpm = song.grid.tempo_bpm * (1.5 if song.grid.steps == 3 else 1.0)
    file = MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER)
    tick_s = 60 / quarters_bpm / TICKS_PER_QUARTER
    channels = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    file.tracks.append(_track(song.genre, _conductor(song, quarters_bpm), tick_s))
    for number, part in enumerate(song.parts):
        channel = DRUM_CHANNEL if part.bank == DRUM_BANK else channels[number % len(channels)]
        file.tracks.append(_track(f"{part.stem}: {part.family}", _played(part, channel), tick_s))
    for number, take in enumerate(song.takes):
        name = "vocals: double" if number else "vocals: lead"
        file.tracks.append(_track(name, _sung(take, channels[-1 - number]), tick_s))
    content = io.BytesIO()
    file.save(file=content)
    return content.getvalue()


def _track(name: str, events: Iterable[Event], tick_s: float) -> Any:
    """A track of (seconds, order within the moment, message)."""
    from mido import MetaMessage, MidiTrack

    track, now = MidiTrack([MetaMessage("track_name", name=name)]), 0
    for time_s, _, message in sorted(events, key=lambda event: event[:2]):
        tick = max(now, round(time_s / tick_s))
        message.time, now = tick - now, tick
        track.append(message)
    return track


def _conductor(song: Song, quarters_bpm: float) -> Iterator[Event]:
    from mido import MetaMessage, bpm2tempo

    numerator, denominator = map(int, GENRES[song.genre].time_signature.split("/"))
    yield 0.0, 0, MetaMessage("set_tempo", tempo=bpm2tempo(quarters_bpm))
    yield 0.0, 1, MetaMessage("time_signature", numerator=numerator, denominator=denominator)
    yield 0.0, 2, MetaMessage("key_signature", key=_signature(song.key))
    for section in song.sections:
        yield section.bars.start * song.grid.bar_s, 3, MetaMessage("marker", text=section.kind)


def _played(part: Part, channel: int) -> Iterator[Event]:
    from mido import Message

    yield 0.0, 0, Message("program_change", channel=channel, program=part.program)
    for note in part.notes:
        on = Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        yield note.start_s, 2, on
        yield note.start_s + note.duration_s, 1, Message("note_off", channel=channel, note=note.pitch)


def _sung(take: Take, channel: int) -> Iterator[Event]:
    from mido import Message, MetaMessage

    yield 0.0, 0, Message("program_change", channel=channel, program=VOICE_PROGRAM)
    for syllable in take.syllables:
        start_s, velocity = max(0.0, syllable.start_s), round(40 + 80 * syllable.loudness)
        yield start_s, 2, MetaMessage("lyrics", text=syllable.consonant + syllable.vowel)
        yield start_s, 3, Message("note_on", channel=channel, note=syllable.pitch, velocity=velocity)
        yield max(start_s, syllable.end_s), 1, Message("note_off", channel=channel, note=syllable.pitch)


def _signature(key: Key) -> str:
    """A key as MIDI spells it: minor keys take sharps where their flats have no signature."""
    tonic = key.name.split()[0]
    sharps = {"Db": "C#", "Gb": "F#", "Ab": "G#"} if key.minor else {}
    return sharps.get(tonic, tonic) + ("m" if key.minor else "")
