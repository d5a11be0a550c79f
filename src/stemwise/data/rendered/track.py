"""One rendered track: which song it is, its audio and its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stemwise import STEMS
from stemwise.data.rendered import RenderSettings
from stemwise.data.rendered.compose import Song, compose
from stemwise.data.rendered.genres import GENRES
from stemwise.data.rendered.mix import mix, pan, quantised
from stemwise.data.rendered.presets import programs
from stemwise.data.rendered.sampler import SAMPLE_RATE, Audio, play
from stemwise.data.rendered.singer import sing
from stemwise.data.rendered.soundfont import SoundFont
from stemwise.data.rendered.voices import VOICES
from stemwise.data.tracks import SPLITS

# Presets differ in loudness, so each part is brought to this before its own level applies.
PART_RMS = 0.1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A track before it is rendered: its place in the whole set and in its split."""

    index: int
    split: str
    number: int
    genre: str

    @property
    def name(self) -> str:
        """For example 'train-0007-house'."""
        return f"{self.split}-{self.number:04d}-{self.genre}"


def plans(settings: RenderSettings) -> list[Plan]:
    """All tracks of a set: genres take turns within each split.

    Validation and test get their shares, but at least one track of each genre, or a third of all tracks where
    there are fewer than three for each genre; training gets the rest.
    """
    least = min(len(GENRES), settings.tracks // 3)
    valid = max(round(settings.valid_share * settings.tracks), least)
    test = max(round(settings.test_share * settings.tracks), least)
    train = settings.tracks - valid - test
    if train < least:
        valid, test = least, settings.tracks - 2 * least
        train = least
    sizes = dict(zip(SPLITS, (train, valid, test), strict=True))
    genres = tuple(GENRES)
    places = [(split, number) for split in SPLITS for number in range(sizes[split])]
    return [
        Plan(index=index, split=split, number=number, genre=genres[number % len(genres)])
        for index, (split, number) in enumerate(places)
    ]


def rendered(
    plan: Plan, settings: RenderSettings, font: SoundFont
) -> tuple[dict[str, npt.NDArray[np.int16]], dict[str, Any]]:
    """The stems and `mixture` of a track, each of shape (2, samples) in 16 bits, and its labels."""
    rng = np.random.default_rng([settings.seed, SPLITS.index(plan.split), plan.number])
    singer = str(rng.choice([name for name, voice in VOICES.items() if voice.split == plan.split]))
    voice = VOICES[singer] if rng.random() < settings.vocal_share else None
    song = compose(
        plan.genre,
        settings.seconds,
        voice,
        lambda family: int(rng.choice(programs(font, family, plan.split))),
        rng,
    )
    samples = round(settings.seconds * SAMPLE_RATE)
    dry = {stem: _played(song, stem, font, samples) for stem in STEMS if stem != "vocals"}
    sung = np.zeros(samples, np.float32) if voice is None else sing(voice, song.syllables, samples, rng)
    dry["vocals"] = np.stack([sung, sung])
    stems = quantised(mix(dry, GENRES[plan.genre].reverb_s * float(rng.uniform(0.7, 1.4)), rng))
    return stems, labels(plan, settings, song, singer if voice else None)


def _played(song: Song, stem: str, font: SoundFont, samples: int) -> Audio:
    """The parts of a stem, each at its level and place."""
    total = np.zeros((2, samples), np.float32)
    for part in song.parts:
        if part.stem == stem:
            audio = play(font, part.bank, part.program, part.notes, samples)
            loudness = float(np.sqrt(np.mean(audio**2)))
            gain = PART_RMS / max(loudness, 1e-6) * 10 ** (part.level_db / 20)
            total += pan(audio, part.pan) * np.float32(gain)
    return total


def labels(plan: Plan, settings: RenderSettings, song: Song, singer: str | None) -> dict[str, Any]:
    """What the score says of a track, as plain JSON values."""
    sung = bool(song.syllables)
    families = {stem: _families(song, stem) for stem in STEMS if stem != "vocals"}
    families["vocals"] = ["voice"] if sung else []
    pitches = [syllable.pitch for syllable in song.syllables]
    bar_s = song.grid.bar_s
    return {
        "genre": song.genre,
        "key": song.key.name,
        "tempo": song.grid.tempo_bpm,
        "time_signature": GENRES[song.genre].time_signature,
        "energy": round(song.energy, 3),
        "vocals": sung,
        "voice": singer if sung else None,
        "voice_range": [min(pitches), max(pitches)] if pitches else None,
        "instruments": sorted({family for found in families.values() for family in found}),
        "instruments_per_stem": families,
        "presets": [
            {"stem": p.stem, "family": p.family, "bank": p.bank, "program": p.program} for p in song.parts
        ],
        "sections": [[round(s.bars.start * bar_s, 3), s.kind] for s in song.sections],
        "chords": [[round(i * bar_s, 3), chord.name] for i, chord in enumerate(song.chords)],
        "split": plan.split,
        "index": plan.index,
        "seed": settings.seed,
    }


def _families(song: Song, stem: str) -> Sequence[str]:
    return ["drums"] if stem == "drums" else sorted({part.family for part in song.parts if part.stem == stem})
