"""Which presets of a soundfont each split may use: found out from the font, and none serves two splits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from stemwise.data.rendered.patterns import DRUMS, FILLS
from stemwise.data.rendered.soundfont import DRUM_BANK, SoundFont
from stemwise.data.tracks import SPLITS

FAMILIES: dict[str, Mapping[str, tuple[int, ...]]] = {
    "acoustic bass": {"train": (32,), "valid": (43,), "test": (45,)},
    "electric bass": {"train": (33, 36), "valid": (35,), "test": (34, 37)},
    "synth bass": {"train": (38,), "valid": (87,), "test": (39,)},
    "piano": {"train": (0, 2), "valid": (3,), "test": (1,)},
    "electric piano": {"train": (4,), "valid": (7,), "test": (5,)},
    "organ": {"train": (16, 19), "valid": (18,), "test": (17, 20)},
    "guitar": {"train": (24, 27), "valid": (26,), "test": (25,)},
    "distorted guitar": {"train": (30,), "valid": (84,), "test": (29,)},
    "strings": {"train": (48, 50), "valid": (51,), "test": (49,)},
    "brass": {"train": (56, 61), "valid": (63,), "test": (57, 62)},
    "reed": {"train": (65, 66), "valid": (64,), "test": (67, 71)},
    "flute": {"train": (73, 75), "valid": (72,), "test": (74, 79)},
    "mallets": {"train": (11, 12), "valid": (13,), "test": (8, 10)},
    "synth lead": {"train": (80, 82), "valid": (83,), "test": (81,)},
    "synth pad": {"train": (88, 89, 95), "valid": (90,), "test": (91, 94)},
}
"""Instrument family → split → programs of bank 0. The 43 and 45 are bowed and plucked double basses here."""

KITS: dict[str, Mapping[str, tuple[int, ...]]] = {
    "acoustic kit": {"train": (0, 1, 2, 3), "valid": (8, 9, 10), "test": (16, 17, 18)},
    "brushed kit": {"train": (32, 33), "valid": (34, 35), "test": (40, 41)},
    "electronic kit": {"train": (24,), "valid": (), "test": (25,)},
}
"""Kind of drum kit → split → programs of bank 128, beyond General MIDI's own where a font has them."""

STAND_INS: Mapping[str, str] = {
    "acoustic bass": "electric bass",
    "electric bass": "acoustic bass",
    "synth bass": "electric bass",
    "piano": "electric piano",
    "electric piano": "piano",
    "organ": "synth pad",
    "guitar": "piano",
    "distorted guitar": "guitar",
    "strings": "synth pad",
    "brass": "reed",
    "reed": "flute",
    "flute": "reed",
    "mallets": "piano",
    "synth lead": "reed",
    "synth pad": "strings",
    "brushed kit": "acoustic kit",
    "electronic kit": "acoustic kit",
}
"""Who plays where a split has no preset of a family; what sounds is what the labels say."""

BASSES = ("acoustic bass", "electric bass", "synth bass")
LOWEST, HIGHEST = 48, 84
BASS_LOWEST, BASS_HIGHEST = 28, 52


@dataclass(frozen=True, kw_only=True)
class Presets:
    """What a soundfont offers.

    Attributes:
        chosen: (family, split) → the family that plays, which may be a stand-in, and its programs.
        missing: what the font lacks, a line each.
    """

    chosen: Mapping[tuple[str, str], tuple[str, tuple[int, ...]]]
    missing: tuple[str, ...] = field(default=())


def bank(family: str) -> int:
    """The bank of a family's presets."""
    return DRUM_BANK if family in KITS else 0


@lru_cache(maxsize=2)
def survey(font: SoundFont) -> Presets:
    """Finds out which presets are there and sound every note that they may be asked for.

    Raises:
        ValueError: neither a family nor its stand-in has a preset for a split.
    """
    table = FAMILIES | KITS
    faults = {(family, p): _fault(font, family, p) for family in table for p in _programs(table[family])}
    sound = {
        (family, split): tuple(p for p in table[family][split] if not faults[family, p])
        for family in table
        for split in SPLITS
    }
    chosen = {(f, s): _chosen(font, sound, f, s) for f, s in sound}
    lines = [f"{family}, {bank(family)}:{p}: {fault}" for (family, p), fault in faults.items() if fault]
    played = [(f, s, by) for (f, s), (by, _) in chosen.items() if by != f]
    lines += [f"{family} in {split}: played by {by}" for family, split, by in played]
    return Presets(chosen=chosen, missing=tuple(lines))


def _programs(by_split: Mapping[str, tuple[int, ...]]) -> Iterable[int]:
    return (program for programs in by_split.values() for program in programs)


def _fault(font: SoundFont, family: str, program: int) -> str:
    """What is wrong with a preset: it is not there, or notes have no sound."""
    if (bank(family), program) not in font.presets:
        return "no such preset"
    if family in KITS:
        wanted = {*DRUMS.values(), *(pitch for pitches, _ in FILLS for pitch in pitches)}
    elif family in BASSES:
        wanted = set(range(BASS_LOWEST, BASS_HIGHEST + 1))
    else:
        wanted = set(range(LOWEST, HIGHEST + 1))
    silent = sorted(pitch for pitch in wanted if not font.sounds(bank(family), program, pitch))
    return f"no sound for the keys {', '.join(map(str, silent))}" if silent else ""


def _chosen(
    font: SoundFont, sound: Mapping[tuple[str, str], tuple[int, ...]], family: str, split: str
) -> tuple[str, tuple[int, ...]]:
    for player in (family, STAND_INS.get(family, family)):
        if sound[player, split]:
            return player, sound[player, split]
    raise ValueError(
        f"soundfont: {font.path} has no preset that can play {family} in the {split} split, none of "
        f"{(FAMILIES | KITS)[family][split]} in bank {bank(family)} nor a stand-in; use a "
        "General MIDI soundfont"
    )
