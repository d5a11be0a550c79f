"""The singers: voices as values, and which split may use each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A singer.

    Attributes:
        lowest, highest: MIDI pitches of the comfortable range.
        formant_scale: of all formant frequencies; a shorter vocal tract has a larger one.
        open_quotient: share of each period in which the glottis is open; a small one sounds pressed.
        tilt_db: per octave above 1 kHz, on top of the glottal pulse's own.
        breath: level of the breath in the vowels, relative to the voice.
        ring: how far the third to fifth formants close in on each other, 0 to 1.
        vibrato_hz, vibrato_cents, vibrato_delay_s: rate, depth and onset of the vibrato.
        glide_s: time from one note to the next.
        bandwidth_scale: of all formant bandwidths.
    """

    split: str
    lowest: int
    highest: int
    formant_scale: float
    open_quotient: float
    tilt_db: float
    breath: float
    ring: float
    vibrato_hz: float
    vibrato_cents: float
    vibrato_delay_s: float
    glide_s: float
    bandwidth_scale: float = 1.0


def _voice(split: str, span: tuple[int, int], tract: tuple[float, ...], vibrato: tuple[float, ...]) -> Voice:
    scale, quotient, tilt_db, breath, ring, bandwidth = tract
    rate_hz, depth_cents, delay_s, glide_s = vibrato
    return Voice(
        split=split,
        lowest=span[0],
        highest=span[1],
        formant_scale=scale,
        open_quotient=quotient,
        tilt_db=tilt_db,
        breath=breath,
        ring=ring,
        bandwidth_scale=bandwidth,
        vibrato_hz=rate_hz,
        vibrato_cents=depth_cents,
        vibrato_delay_s=delay_s,
        glide_s=glide_s,
    )


VOICES: Mapping[str, Voice] = {
    "alder": _voice("train", (43, 59), (0.94, 0.55, 0.5, 0.02, 0.5, 1.0), (5.2, 35.0, 0.30, 0.06)),
    "birch": _voice("train", (48, 64), (1.00, 0.60, -0.5, 0.05, 0.2, 1.1), (5.6, 25.0, 0.35, 0.05)),
    "cedar": _voice("train", (50, 66), (1.03, 0.50, 1.5, 0.02, 0.4, 0.9), (5.9, 45.0, 0.25, 0.07)),
    "hazel": _voice("train", (55, 71), (1.13, 0.62, -0.5, 0.06, 0.2, 1.1), (5.5, 22.0, 0.40, 0.05)),
    "juniper": _voice("train", (58, 74), (1.18, 0.55, 1.0, 0.03, 0.4, 1.0), (5.8, 40.0, 0.28, 0.06)),
    "laurel": _voice("train", (60, 77), (1.22, 0.65, -1.5, 0.08, 0.1, 1.2), (6.2, 18.0, 0.45, 0.04)),
    "maple": _voice("train", (46, 62), (0.97, 0.65, -2.0, 0.09, 0.0, 1.2), (4.9, 15.0, 0.50, 0.08)),
    "oak": _voice("valid", (47, 63), (0.98, 0.53, 0.5, 0.03, 0.35, 1.0), (5.4, 30.0, 0.33, 0.06)),
    "rowan": _voice("valid", (57, 73), (1.16, 0.58, 0.0, 0.05, 0.25, 1.05), (5.7, 30.0, 0.30, 0.05)),
    "spruce": _voice("test", (45, 61), (0.95, 0.58, 0.0, 0.04, 0.3, 0.95), (5.1, 28.0, 0.38, 0.07)),
    "tamarisk": _voice("test", (51, 67), (1.05, 0.52, 1.0, 0.03, 0.45, 1.0), (6.0, 38.0, 0.27, 0.05)),
    "willow": _voice("test", (56, 72), (1.15, 0.63, -1.0, 0.07, 0.1, 1.15), (5.3, 20.0, 0.42, 0.06)),
    "yew": _voice("test", (59, 76), (1.20, 0.54, 0.5, 0.03, 0.35, 1.0), (6.1, 35.0, 0.30, 0.04)),
}
"""Seven voices for training, two for validation and four for testing; each split has low and high ones."""
