"""Which General MIDI programs each split may use: no program serves two splits."""

from __future__ import annotations

from collections.abc import Mapping

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
    "acoustic": {"train": (0, 32), "valid": (8,), "test": (16, 40)},
    "electronic": {"train": (24,), "valid": (8,), "test": (25,)},
}
"""Kind of drum kit → split → programs of bank 128."""


def programs(font: SoundFont, family: str, split: str) -> tuple[int, ...]:
    """The programs of an instrument family, or kind of drum kit, that the split may use and the font has.

    Raises:
        ValueError: the soundfont has none of them.
    """
    bank = DRUM_BANK if family in KITS else 0
    wanted = (KITS | FAMILIES)[family][split]
    present = tuple(program for program in wanted if (bank, program) in font.presets)
    if not present:
        raise ValueError(
            f"soundfont: {font.path} has none of the presets {wanted} in bank {bank}, which {family} needs "
            f"in the {split} split; use a General MIDI soundfont"
        )
    return present


def check(font: SoundFont) -> None:
    """Makes sure that a soundfont has a preset for every family in every split.

    Raises:
        ValueError: it lacks one.
    """
    for family in FAMILIES | KITS:
        for split in SPLITS:
            programs(font, family, split)
