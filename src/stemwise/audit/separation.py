"""What separating needs: the mixture taken for a stem, the best fixed equaliser, the ideal ratio mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from stemwise.metrics import separation as scores
from stemwise.metrics.equaliser import best_fixed_equaliser

LONGEST_S = 30
"""Of a track; the oracles hold its spectra in memory."""

NEAR_DB, ROOM_DB = 3.0, 6.0
"""A stem is trivial where the equaliser comes this near to the mask, impossible where the mask has not this
much above the mixture."""

MEASURES = ("mixture", "equaliser", "mask")


def stem_scores(
    mixture: Float[np.ndarray, "c t"], stems: Float[np.ndarray, "s c t"], names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return the SI-SDR in dB of each stem that sounds, by `MEASURES`."""
    estimates = {
        "mixture": np.broadcast_to(mixture, stems.shape),
        "equaliser": best_fixed_equaliser(mixture, stems),
        "mask": scores.ideal_ratio_mask(mixture, stems),
    }
    reached = {measure: scores.si_sdr(stems, estimate) for measure, estimate in estimates.items()}
    heard = scores.audible(stems)
    return {
        name: {measure: float(reached[measure][s]) for measure in MEASURES}
        for s, name in enumerate(names)
        if heard[s]
    }


def separation_scores(rows: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, Any]]:
    """Return medians over tracks by stem: `MEASURES`, `audible` (tracks) and a `verdict`."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _summary([row[name] for row in rows if name in row]) for name in names}


def _summary(found: Sequence[dict[str, float]]) -> dict[str, Any]:
    medians = {measure: float(np.median([row[measure] for row in found])) for measure in MEASURES}
    return {**medians, "audible": len(found), "verdict": verdict(**medians)}


def verdict(mixture: float, equaliser: float, mask: float) -> str:
    """Return whether a stem is trivial, impossible or neither.

    >>> verdict(-4.0, 1.0, 12.0), verdict(-4.0, 10.0, 12.0), verdict(-4.0, -3.5, 1.0)
    ('neither', 'trivial', 'impossible')
    """
    if mask < mixture + ROOM_DB:
        return "impossible"
    return "trivial" if equaliser > mask - NEAR_DB else "neither"
