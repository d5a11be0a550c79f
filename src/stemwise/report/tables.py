"""The report's tables as text, for the terminal and the page alike."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stemwise.report.comparison import PAIRS, Comparison, Results, compare, names, values

DASH, TIMES = "–", "×"  # noqa: RUF001
GOAL_DB = 3.0
_ANSWERS = {"helps": "yes", "hurts": "no", "unclear": "unclear"}


@dataclass(frozen=True)
class Table:
    """Cells as text; the first columns are words, the others numbers.

    Attributes:
        header: one text per column.
        rows: each as long as the header.
        words: how many columns hold words.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


def number(value: float | int | None, digits: int = 1, sign: bool = False) -> str:
    """Return a number as text, a dash where it is undefined.

    >>> number(None), number(-0.12345, 3), number(1234567, 0), number(2.0, sign=True)
    ('–', '-0.123', '1,234,567', '+2.0')
    """
    if value is None or math.isnan(value):
        return DASH
    return f"{value:+z,.{digits}f}" if sign else f"{value:z,.{digits}f}"


def spread(found: list[float], digits: int = 3) -> str:
    """Return a mean with the standard deviation of the runs.

    >>> spread([0.5, 0.7]), spread([0.5]), spread([])
    ('0.600 ± 0.141', '0.500', '–')
    """
    if not found:
        return DASH
    mean = number(statistics.fmean(found), digits)
    return f"{mean} ± {statistics.stdev(found):.{digits}f}" if len(found) > 1 else mean


def arms_table(results: Results, detail: bool = False) -> Table:
    """Return the arms' scores; with `detail` also those of each seed."""
    scores = [("ROC-AUC", "roc_auc"), ("avg. precision", "average_precision")]
    if any(values(arm, "accuracy") for arm in results["arms"]):
        scores.append(("accuracy", "accuracy"))
    titles = tuple(title for title, _ in scores)
    seeds = ("ROC-AUC per seed",) if detail else ()
    header = ("arm", *titles, *seeds, "steps", "seconds", "trainable")
    return Table(header, tuple(_arm_row(arm, [key for _, key in scores], detail) for arm in results["arms"]))


def _arm_row(arm: Mapping[str, Any], scores: list[str], detail: bool) -> tuple[str, ...]:
    seeds = (" · ".join(number(value, 3) for value in values(arm, "roc_auc")) or DASH,) if detail else ()
    return (
        arm["title"],
        *(spread(values(arm, score)) for score in scores),
        *seeds,
        " / ".join(sorted({number(run["steps"], 0) for run in arm["runs"]})) or DASH,
        number(_mean_seconds(arm)),
        number(arm.get("parameters"), 0),
    )


def _mean_seconds(arm: Mapping[str, Any]) -> float | None:
    found = [run["seconds"] for run in arm["runs"] if run.get("seconds") is not None]
    return statistics.fmean(found) if found else None


def comparison_table(results: Results, detail: bool = False) -> Table:
    """Return the paired comparisons between the arms that there are; with `detail` what they answer."""
    header = ("arm - baseline", "difference", "95 % interval", "better in", "per seed", "helps")
    rows = []
    for arm, baseline, question in PAIRS:
        if {arm, baseline} <= set(names(results)):
            row = _comparison_row(f"{arm} - {baseline}", compare(results, arm, baseline))
            rows.append((question, *row) if detail else row)
    return Table(("question", *header), tuple(rows), 2) if detail else Table(header, tuple(rows))


def _comparison_row(title: str, gap: Comparison) -> tuple[str, ...]:
    interval = f"{number(gap.low, 3, True)} to {number(gap.high, 3, True)}"
    return (
        title,
        number(gap.difference, 3, True),
        DASH if math.isnan(gap.low) else interval,
        f"{gap.better} of {gap.pairs}",
        " · ".join(number(value, 3, True) for value in gap.per_seed) or DASH,
        _ANSWERS[gap.effect] if gap.pairs else DASH,
    )


def separation_table(results: Results, detail: bool = False) -> Table:
    """Return the separator's scores by stem, in dB; with `detail` also the mixture's SDR."""
    mixture = ("mixture SDR",) if detail else ()
    measures = ("mixture", "estimate", "gain", "ideal mask", *mixture, "SDR", "leakage")
    rows = []
    for stem, row in results["separator"]["scores"]["stems"].items():
        keys = ["mixture_si_sdr", "si_sdr", "improvement", "oracle_si_sdr"]
        keys += ["mixture_sdr", "sdr", "leakage_db"] if detail else ["sdr", "leakage_db"]
        cells = (number(row.get(key), 1, key == "improvement") for key in keys)
        rows.append((stem, *cells, number(row.get("audible"), 0), "yes" if reaches_goal(row) else "no"))
    return Table(("stem", *measures, "tracks", f"≥ {GOAL_DB:.0f} dB gain"), tuple(rows))


def octave_table(results: Results) -> Table:
    """Return the separator's SDR by stem and octave, in dB."""
    octaves = results["separator"]["scores"].get("sdr_per_octave") or {}
    bands = max(map(len, octaves.values()), default=0)
    titles = tuple(_octave(band, bands) for band in range(bands))
    rows = ((stem, *map(number, row), *[DASH] * (bands - len(row))) for stem, row in octaves.items())
    return Table(("stem", *titles), tuple(rows))


def _octave(band: int, bands: int) -> str:
    low, high = 62.5 * 2**band, 125.0 * 2**band
    last = band == bands - 1
    if low >= 1000:
        return f"from {low / 1000:g} kHz" if last else f"{low / 1000:g}{DASH}{high / 1000:g} kHz"
    return f"from {low:.0f} Hz" if last else f"{math.ceil(low)}{DASH}{high:.0f} Hz"


def reaches_goal(stem: Mapping[str, Any]) -> bool:
    """Return whether a stem's median improvement reaches the goal."""
    gain = stem.get("improvement")
    return gain is not None and gain >= GOAL_DB


def goal_text(results: Results) -> str:
    """Return which stems reach the goal, and whether one went silent."""
    stems = results["separator"]["scores"]["stems"]
    reached = [stem for stem, row in stems.items() if reaches_goal(row)]
    missed = [stem for stem in stems if stem not in reached]
    goal = f"The goal of {GOAL_DB:.0f} dB gain is reached by {', '.join(reached) or 'no stem'}"
    return f"{goal}{', missed by ' + ', '.join(missed) if missed else ''}. {_silence_text(results)}"


def _silence_text(results: Results) -> str:
    scores = results["separator"]["scores"]
    silent = [stem for stem, row in scores["stems"].items() if not _sounds(row)]
    if silent:
        return f"Below the mixture, or gone silent: {', '.join(silent)}."
    heard = sum(row.get("audible") or 0 for row in scores["stems"].values())
    known = sum(map(_finite, (x for row in scores.get("per_track", {}).values() for x in row)))
    if known < heard and "per_track" in scores:
        return f"No stem went silent, but {heard - known} of its {heard} estimates did."
    return "No stem went silent."


def _sounds(stem: Mapping[str, Any]) -> bool:
    """Return whether a stem's estimate scores, and better than the mixture; true where it never sounds."""
    if not stem.get("audible"):
        return True
    mixture = stem.get("mixture_si_sdr")
    return _finite(stem.get("si_sdr")) and (not _finite(mixture) or stem["si_sdr"] > mixture)


def _finite(value: float | int | None) -> bool:
    return value is not None and math.isfinite(value)
