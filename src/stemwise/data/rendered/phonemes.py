"""The sounds of the singer: formants of vowels and sonorants, noise of fricatives and stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BANDWIDTHS_HZ = (70.0, 90.0, 130.0, 180.0, 220.0)
UPPER_FORMANTS_HZ = (3400.0, 4500.0)

VOWELS_HZ: Mapping[str, tuple[float, float, float]] = {
    "a": (730, 1090, 2440),
    "ae": (660, 1720, 2410),
    "e": (530, 1840, 2480),
    "i": (290, 2290, 3010),
    "o": (520, 860, 2410),
    "u": (320, 870, 2240),
    "uh": (630, 1190, 2390),
}
"""The first three formants of men's vowels, after Peterson and Barney (1952), Table II."""


@dataclass(frozen=True, kw_only=True)
class Consonant:
    """A consonant before a vowel.

    Attributes:
        length_s: from its start to the vowel's.
        voice: level of the voice in it, relative to a vowel.
        formants_hz: where the voice passes through, or none to take the vowel's.
        noise: level of its noise, relative to a vowel.
        noise_hz: centre of that noise; 0 sends it through the vowel's formants.
        noise_octaves: its width.
        burst: whether the noise sounds only in the last 15 ms, after silence.
    """

    length_s: float
    voice: float = 0.0
    formants_hz: tuple[float, float, float] | None = None
    noise: float = 0.0
    noise_hz: float = 0.0
    noise_octaves: float = 0.5
    burst: bool = False


CONSONANTS: Mapping[str, Consonant] = {
    "m": Consonant(length_s=0.07, voice=0.45, formants_hz=(260.0, 1100.0, 2200.0)),
    "n": Consonant(length_s=0.06, voice=0.45, formants_hz=(260.0, 1600.0, 2500.0)),
    "l": Consonant(length_s=0.06, voice=0.6, formants_hz=(360.0, 1150.0, 2700.0)),
    "r": Consonant(length_s=0.06, voice=0.6, formants_hz=(420.0, 1250.0, 1650.0)),
    "w": Consonant(length_s=0.06, voice=0.6, formants_hz=(300.0, 620.0, 2150.0)),
    "y": Consonant(length_s=0.06, voice=0.6, formants_hz=(280.0, 2250.0, 3000.0)),
    "s": Consonant(length_s=0.09, noise=0.35, noise_hz=7000.0),
    "sh": Consonant(length_s=0.09, noise=0.4, noise_hz=3600.0),
    "f": Consonant(length_s=0.08, noise=0.12, noise_hz=5000.0, noise_octaves=1.5),
    "h": Consonant(length_s=0.06, noise=0.3),
    "t": Consonant(length_s=0.06, noise=0.5, noise_hz=4500.0, noise_octaves=0.8, burst=True),
    "k": Consonant(length_s=0.06, noise=0.5, noise_hz=2200.0, noise_octaves=0.5, burst=True),
    "d": Consonant(length_s=0.05, voice=0.15, noise=0.3, noise_hz=4000.0, noise_octaves=0.8, burst=True),
    "b": Consonant(length_s=0.05, voice=0.15, noise=0.2, noise_hz=900.0, noise_octaves=0.8, burst=True),
    "g": Consonant(length_s=0.05, voice=0.15, noise=0.3, noise_hz=1900.0, noise_octaves=0.6, burst=True),
}
