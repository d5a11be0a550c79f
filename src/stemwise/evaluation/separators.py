"""Scores of a separator, stem by stem, beside those of the mixture and of an ideal mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stemwise.data.audio import read
from stemwise.data.tracks import Track
from stemwise.interfaces import Separator
from stemwise.metrics import separation as scores
from stemwise.separation import separate

Progress = Callable[[int, int], None]
SEPARATION_PROTOCOL = (
    "all channels at the file's rate; SI-SDR over the whole track, of stems above -60 dB, leakage into the "
    "others reported beside; SDR as BSSEval v4: median over 1 s windows in which no stem is silent; medians "
    "over tracks"
)


def evaluate_separator(
    model: Separator,
    tracks: Sequence[Track],
    progress: Progress | None = None,
    unreadable: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return medians per stem of SI-SDR and SDR, beside the mixture's and an ideal ratio mask's.

    Args:
        model: on its device, in evaluation mode.
        tracks: with the model's stems.
        progress: told (tracks done, tracks in all).
        unreadable: takes the tracks that cannot be read, name → reason, and they are left out; where it is
            not given, they are errors.

    Returns:
        `protocol`, `tracks`, `per_track` (SI-SDR), `sdr_per_octave`, and in `stems`, each by name:
        `si_sdr`, `sdr`, `mixture_si_sdr`, `mixture_sdr`, `oracle_si_sdr`, `improvement` (median of the
        paired SI-SDR differences), `audible` (tracks) and `leakage_db` (median level in tracks where the
        stem is silent; None where there are none).

    Raises:
        ValueError: a track lacks a stem or cannot be read, or none can.
    """
    for track in tracks:
        missing = [stem for stem in model.stems if stem not in track.stems]
        if missing:
            raise ValueError(f"{track.mixture}: expected the stem {missing[0]} beside it, found none")
    found = {}
    for done, track in enumerate(tracks, 1):
        try:
            found[track.name] = _separation_row(model, track)
        except (ValueError, OSError) as error:
            if unreadable is None:
                raise
            unreadable[track.name] = str(error)
        if progress:
            progress(done, len(tracks))
    if not found:
        first = next(iter((unreadable or {}).values()), "there are none")
        raise ValueError(f"separation: none of {len(tracks)} tracks could be read: {first}")
    rows = list(found.values())
    octaves = [row.pop("octaves") for row in rows]  # stems × bands
    table = {key: np.array([row[key] for row in rows]) for key in rows[0]}  # tracks × stems
    return {
        "protocol": SEPARATION_PROTOCOL,
        "tracks": len(rows),
        "stems": {stem: _column(table, s) for s, stem in enumerate(model.stems)},
        "sdr_per_octave": {stem: _bands([o[s] for o in octaves]) for s, stem in enumerate(model.stems)},
        "per_track": {name: row["si_sdr"].tolist() for name, row in found.items()},
    }


def _separation_row(model: Separator, track: Track) -> dict[str, np.ndarray]:
    """Return one track's scores of the model's stems.

    What the model does not separate is one further stem, the rest, on both sides: the oracle's masks, what
    counts as audible, and BSSEval's windows look at the whole mixture.
    """
    mixture, rate = read(track.mixture)
    count, others = len(model.stems), [stem for stem in track.stems if stem not in model.stems]
    true = [read(track.stems[stem])[0].astype(np.float64) for stem in (*model.stems, *others)]
    reference = np.stack([*true[:count], *([np.sum(true[count:], axis=0)] if others else [])])
    stream = separate(model, [mixture], rate, len(mixture), chunk_s=20.0)  # a file is in memory anyway
    estimate = np.concatenate(list(stream), axis=2)[: len(reference)]
    repeated = np.broadcast_to(mixture, reference.shape).astype(np.float64)
    heard = scores.audible(reference)
    row = {
        "si_sdr": np.where(heard, scores.si_sdr(reference, estimate), np.nan),
        "mixture_si_sdr": np.where(heard, scores.si_sdr(reference, repeated), np.nan),
        "oracle_si_sdr": np.where(
            heard, scores.si_sdr(reference, scores.ideal_ratio_mask(mixture, reference)), np.nan
        ),
        "sdr": scores.bss_eval_sdr(reference, estimate, rate),
        "mixture_sdr": scores.bss_eval_sdr(reference, repeated, rate),
        "octaves": scores.sdr_per_octave(reference, estimate, rate),
        "leakage_db": np.where(heard, np.nan, scores.leakage_db(mixture, estimate)),
    }
    return {name: values[:count] for name, values in row.items()}


def _column(table: dict[str, np.ndarray], stem: int) -> dict[str, Any]:
    column = {key: _median(values[:, stem]) for key, values in table.items()}
    column["improvement"] = _median(table["si_sdr"][:, stem] - table["mixture_si_sdr"][:, stem])
    column["audible"] = int(np.isfinite(table["mixture_si_sdr"][:, stem]).sum())
    return column


def _bands(rows: list[np.ndarray]) -> list[float | None]:
    """Return the median of each octave, from 62.5 Hz up, over the tracks that reach so high."""
    width = max(map(len, rows))
    padded = np.array([np.pad(row, (0, width - len(row)), constant_values=np.nan) for row in rows])
    return [_median(padded[:, band]) for band in range(width)]


def _median(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else None
