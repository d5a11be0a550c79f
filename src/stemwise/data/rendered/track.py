"""One rendered track: which song it is, its audio and its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stemwise import STEMS
from stemwise.data.rendered import RenderSettings
from stemwise.data.rendered.compose import compose
from stemwise.data.rendered.genres import GENRES
from stemwise.data.rendered.mix import ducked, mix, pan, quantised
from stemwise.data.rendered.presets import Presets
from stemwise.data.rendered.sampler import SAMPLE_RATE, Audio, play
from stemwise.data.rendered.score import Song
from stemwise.data.rendered.singer import sing
from stemwise.data.rendered.soundfont import SoundFont
from stemwise.data.rendered.voices import VOICES, Voice
from stemwise.data.tracks import SPLITS

# Presets differ in loudness, so each part is brought to this before its own level applies.
PART_RMS = 0.1
SLOW_BELOW_BPM, FAST_FROM_BPM = 92.0, 118.0


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
    plan: Plan, settings: RenderSettings, font: SoundFont, presets: Presets
) -> tuple[dict[str, npt.NDArray[np.int16]], Song, dict[str, Any]]:
    """The stems and `mixture` of a track, each of shape (2, samples) in 16 bits, its score and its labels."""
    rng = np.random.default_rng([settings.seed, SPLITS.index(plan.split), plan.number])
    singer = str(rng.choice([name for name, voice in VOICES.items() if voice.split == plan.split]))
    voice = VOICES[singer] if rng.random() < settings.vocal_share else None

    def players(family: str) -> tuple[str, int]:
        player, programs = presets.chosen[family, plan.split]
        return player, int(rng.choice(programs))

    song = compose(plan.genre, settings.seconds, voice, players, rng)
    samples = round(settings.seconds * SAMPLE_RATE)
    dry = {stem: _played(song, stem, font, samples) for stem in STEMS if stem != "vocals"}
    dry["vocals"] = _sung(song, voice, samples, rng) if voice else np.zeros((2, samples), np.float32)
    reverb_s = GENRES[plan.genre].reverb_s * float(rng.uniform(0.7, 1.4))
    stems = quantised(mix(dry, reverb_s, song.mood.tilt_db, rng))
    return stems, song, labels(plan, settings, song, singer if voice else None)


def _played(song: Song, stem: str, font: SoundFont, samples: int) -> Audio:
    """The parts of a stem, each at its level and place."""
    total = np.zeros((2, samples), np.float32)
    for part in song.parts:
        if part.stem == stem:
            audio = play(font, part.bank, part.program, part.notes, samples)
            loudness = float(np.sqrt(np.mean(np.square(audio))))
            gain = PART_RMS / max(loudness, 1e-6) * 10 ** (part.level_db / 20)
            total += pan(audio, part.pan) * np.float32(gain)
    depth = GENRES[song.genre].pump if stem in ("bass", "other") else 0.0
    return ducked(total, song.kicks_s(), depth, 0.8 * 60 / song.grid.tempo_bpm) if depth else total


def _sung(song: Song, voice: Voice, samples: int, rng: np.random.Generator) -> Audio:
    """All takes of the voice, each at its level and place."""
    total = np.zeros((2, samples), np.float32)
    for take in song.takes:
        audio = sing(voice, take.syllables, samples, rng) * np.float32(10 ** (take.level_db / 20))
        total += pan(np.broadcast_to(audio, (2, samples)), take.pan)
    return total


def labels(plan: Plan, settings: RenderSettings, song: Song, singer: str | None) -> dict[str, Any]:
    """What the score says of a track, as plain JSON values."""
    sung = any(take.syllables for take in song.takes)
    families = {stem: _families(song, stem) for stem in STEMS if stem != "vocals"}
    families["vocals"] = ["voice"] if sung else []
    pitches = [syllable.pitch for take in song.takes for syllable in take.syllables]
    bar_s = song.grid.bar_s
    return {
        "genre": song.genre,
        "key": song.key.name,
        "mode": "minor" if song.key.minor else "major",
        "tempo": song.grid.tempo_bpm,
        "tempo_class": tempo_class(song.grid.tempo_bpm),
        "time_signature": GENRES[song.genre].time_signature,
        "mood": song.mood.name,
        "arousal": round(song.mood.arousal, 3),
        "valence": round(song.mood.valence, 3),
        "vocals": sung,
        "voice": singer if sung else None,
        "voice_range": [min(pitches), max(pitches)] if pitches else None,
        "doubling": song.doubling,
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


def tempo_class(tempo_bpm: float) -> str:
    """Slow, medium or fast: thirds of what the genres play.

    Example:
        >>> tempo_class(84.0), tempo_class(100.0), tempo_class(140.0)
        ('slow', 'medium', 'fast')
    """
    return "slow" if tempo_bpm < SLOW_BELOW_BPM else "fast" if tempo_bpm >= FAST_FROM_BPM else "medium"


def _families(song: Song, stem: str) -> Sequence[str]:
    return ["drums"] if stem == "drums" else sorted({part.family for part in song.parts if part.stem == stem})
