"""Which arm is better, and how sure that is: paired differences of per-label ROC-AUC."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

Results = Mapping[str, Any]
RESAMPLES = 10_000

PAIRS = (
    ("pretrained", "scratch", "Does pre-training help the whole network?"),
    ("pretrained", "tail", "Does it beat the tail alone?"),
    ("frozen", "tail", "Do the frozen sources help the tail?"),
    ("scratch", "tail", "Does the whole network help without pre-training?"),
    ("pretrained", "frozen", "Does fine-tuning help beyond the frozen sources?"),
)
"""Arm, baseline, and what their comparison answers."""


@dataclass(frozen=True)
class Comparison:
    """Two arms, paired by seed and label.

    Attributes:
        difference: mean of arm minus baseline; NaN without pairs.
        low: lower end of its 95 % interval; NaN where fewer than two labels are paired.
        high: upper end.
        better: pairs in which the arm is above the baseline.
        pairs: in all.
        per_seed: the mean difference of each seed.
    """

    difference: float
    low: float
    high: float
    better: int
    pairs: int
    per_seed: tuple[float, ...] = ()

    @property
    def effect(self) -> Literal["helps", "hurts", "unclear"]:
        """Helps or hurts where the whole interval and every seed say so."""
        if self.low > 0 and all(value > 0 for value in self.per_seed):
            return "helps"
        if self.high < 0 and all(value < 0 for value in self.per_seed):
            return "hurts"
        return "unclear"


def compare(results: Results, arm: str, baseline: str) -> Comparison:
    """Return the mean difference of two arms' per-label ROC-AUC, with its 95 % bootstrap interval.

    The interval is over labels drawn again with replacement, with a fixed seed (Efron 1979): it covers which
    labels were asked for, not the training's chance, of which the seeds' own differences tell.

    Args:
        results: of the demo.
        arm: name of an arm.
        baseline: name of the arm to subtract.

    Raises:
        ValueError: there is no such arm.
    """
    ours, theirs = _areas(results, arm), _areas(results, baseline)
    keys = sorted(ours.keys() & theirs.keys())
    if not keys:
        return Comparison(math.nan, math.nan, math.nan, 0, 0)
    gaps = {key: ours[key] - theirs[key] for key in keys}
    seeds, labels = sorted({seed for seed, _ in keys}), sorted({label for _, label in keys})
    table = np.array([[gaps.get((seed, label), math.nan) for label in labels] for seed in seeds])
    low, high = _interval(table)
    better = sum(bool(gap > 0) for gap in gaps.values())
    per_seed = tuple(float(value) for value in np.nanmean(table, axis=1))
    return Comparison(float(np.nanmean(table)), low, high, better, len(keys), per_seed)


def find_arm(results: Results, name: str) -> Mapping[str, Any]:
    """Return an arm by its name.

    Raises:
        ValueError: there is none.
    """
    for arm in results["arms"]:
        if arm["name"] == name:
            return arm
    raise ValueError(f"expected an arm of {', '.join(names(results)) or 'the results'}, got {name!r}")


def names(results: Results) -> list[str]:
    """Return the names of the arms."""
    return [arm["name"] for arm in results["arms"]]


def values(arm: Mapping[str, Any], score: str) -> list[float]:
    """Return a score of each run that has it."""
    found = (run["scores"].get(score) for run in arm["runs"])
    return [float(value) for value in found if value is not None and math.isfinite(value)]


def verdict(results: Results) -> str:
    """Return in one or two sentences whether learning to separate helped to understand, with the numbers."""
    missing = {"tail", "scratch", "pretrained"} - set(names(results))
    if missing:
        return f"Whether pre-training helps stays open: the results lack {', '.join(sorted(missing))}."
    sentences = [_pretraining(results)]
    if "frozen" in names(results):
        sentences.append(_frozen(results))
    return " ".join(sentences)


def _pretraining(results: Results) -> str:
    scratch, tail = compare(results, "pretrained", "scratch"), compare(results, "pretrained", "tail")
    if not (scratch.pairs and tail.pairs):
        return "Whether pre-training helps stays open: no label has a ROC-AUC in every arm."
    return (
        f"{_headline(scratch, tail)}: the mean ROC-AUC{_seeds(scratch)} is "
        f"{_mean(results, 'pretrained')} from the pre-trained separator, "
        f"{_mean(results, 'scratch')} from scratch ({_gap(scratch, named=True)}) and "
        f"{_mean(results, 'tail')} for the tail alone ({_gap(tail)})."
    )


def _headline(scratch: Comparison, tail: Comparison) -> str:
    if scratch.effect == "hurts":
        return "Pre-training does not help at this size, it hurts"
    if scratch.effect == "unclear":
        return "Pre-training does not help measurably at this size"
    if tail.effect != "helps":
        return "At this size pre-training helps the whole network, but does not help to beat the tail alone"
    return "Pre-training helps at this size"


def _seeds(gap: Comparison) -> str:
    return f" over {len(gap.per_seed)} seeds" if len(gap.per_seed) > 1 else ""


def _frozen(results: Results) -> str:
    gap = compare(results, "frozen", "tail")
    effect = {"helps": "help", "hurts": "hurt", "unclear": "do not measurably help"}[gap.effect]
    return (
        f"The frozen separator's sources {effect} the tail: {_mean(results, 'frozen')} against "
        f"{_mean(results, 'tail')} ({_gap(gap)})."
    )


def _mean(results: Results, arm: str) -> str:
    found = values(find_arm(results, arm), "roc_auc")
    return f"{sum(found) / len(found):.3f}" if found else "undefined"


def _gap(gap: Comparison, named: bool = False) -> str:
    words = ("difference ", "95 % interval ") if named else ("", "")
    return f"{words[0]}{gap.difference:+z.3f}, {words[1]}{gap.low:+z.3f} to {gap.high:+z.3f}"


def _areas(results: Results, name: str) -> dict[tuple[int, str], float]:
    """Return the ROC-AUC by (seed, label), of the labels that have one."""
    rows = (
        (run["seed"], row["label"], row["auc"])
        for run in find_arm(results, name)["runs"]
        for row in run["scores"]["labels"]
    )
    return {(seed, label): area for seed, label, area in rows if area is not None and math.isfinite(area)}


def _interval(table: Float[np.ndarray, "seeds labels"]) -> tuple[float, float]:
    known = ~np.isnan(table)
    sums, counts = np.where(known, table, 0).sum(0), known.sum(0)
    if len(counts) < 2:
        return math.nan, math.nan
    picks = np.random.default_rng(0).integers(0, len(counts), (RESAMPLES, len(counts)))
    means = sums[picks].sum(1) / counts[picks].sum(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
