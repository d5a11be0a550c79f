"""Whether two labels depend on each other: Cramér's V beside what independent labels would give."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

SHUFFLES = 1000


class Association(NamedTuple):
    """How strongly two labels go together.

    Attributes:
        v: Cramér's V, from 0 (independent) to 1 (one decides the other); NaN where either is constant.
        expected: its mean where one label is shuffled: of few items, independent labels do not give 0.
        high: the 95th percentile of the same.
        p: the share of shuffles that reach v, counting the labels themselves as one of them.
    """

    v: float
    expected: float
    high: float
    p: float

    @property
    def dependent(self) -> bool:
        """Whether independent labels would rarely look so: p at most 0.05."""
        return self.p <= 0.05


def association(
    first: Sequence[Hashable], second: Sequence[Hashable], seed: int = 0, shuffles: int = SHUFFLES
) -> Association:
    """Return Cramér's V of two labels, and a permutation test of their independence.

    V = √(χ² / (n (min(r, c) - 1))) of the r × c table of counts (Cramér 1946). The test needs no large
    counts, which χ² would.

    Args:
        first: one value an item.
        second: likewise.
        seed: of the shuffles.
        shuffles: how many.

    Raises:
        ValueError: other numbers of items, or none.

    Example:
        >>> association(["a", "b"] * 20, ["x", "y"] * 20).v
        1.0
    """
    if len(first) != len(second) or not first:
        raise ValueError(f"expected two labels of as many items, got {len(first)} and {len(second)}")
    rows, columns = _codes(first), _codes(second)
    v = _cramers_v(rows, columns)
    if np.isnan(v):
        return Association(v, v, v, 1.0)
    draw = np.random.default_rng(seed)
    chance = np.array([_cramers_v(rows, draw.permutation(columns)) for _ in range(shuffles)])
    reached = int((chance >= v - 1e-9).sum())
    return Association(
        v, float(chance.mean()), float(np.quantile(chance, 0.95)), (reached + 1) / (shuffles + 1)
    )


def _codes(values: Sequence[Hashable]) -> Int[np.ndarray, "n"]:
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.array([numbers[value] for value in values])


def _cramers_v(rows: Int[np.ndarray, "n"], columns: Int[np.ndarray, "n"]) -> float:
    height, width = int(rows.max()) + 1, int(columns.max()) + 1
    if min(height, width) < 2:
        return float("nan")
    counts = np.bincount(rows * width + columns, minlength=height * width).reshape(height, width)
    expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / len(rows)
    squares = (np.square(counts - expected) / expected).sum()
    return float(np.sqrt(squares / len(rows) / (min(height, width) - 1)))
