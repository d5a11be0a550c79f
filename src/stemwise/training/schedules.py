"""The learning rate over the steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The learning rate over the steps, as a share of its peak.

    Attributes:
        warmup: steps of a linear rise.
        flat: share of all steps before a cosine or the first drop begins.
        shape: `constant`; `cosine` down to `least` at the end; `restarts`, a cosine every so many steps, each
            from a drop lower (Loshchilov, Hutter 2017, arXiv 1608.03983); `step`, a drop every so many steps;
            `plateau`, a drop when validation has not improved for a while.
        every: steps from one drop to the next, for `step` and `restarts`.
        patience: validations in a row without a new best that bring a drop, for `plateau`.
        drop: what the rate is multiplied by at each drop.
        least: the smallest share.
    """

    warmup: int = 0
    flat: float = 0.0
    shape: Literal["constant", "cosine", "restarts", "step", "plateau"] = "constant"
    every: int = 0
    patience: int = 3
    drop: float = 0.5
    least: float = 0.0

    def __post_init__(self) -> None:
        for name, low in (
            ("warmup", 0),
            ("every", 1 if self.shape in ("step", "restarts") else 0),
            ("patience", 1),
        ):
            if getattr(self, name) < low:
                raise ValueError(f"{name}: expected at least {low}, got {getattr(self, name)}")
        for name in ("flat", "drop", "least"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")

    def factor(self, step: int, steps: int, drops: int = 0) -> float:
        """Return the share of the peak rate at a step; `drops` counts those of a plateau so far.

        >>> [round(Schedule(warmup=2, flat=0.5, shape="cosine").factor(k, 8), 2) for k in (0, 1, 4, 6, 8)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
        >>> [Schedule(shape="step", every=2, least=0.2).factor(k, 8) for k in range(8)]
        [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2]
        >>> [round(Schedule(shape="restarts", every=4).factor(k, 8), 2) for k in range(8)]
        [0.85, 0.5, 0.15, 0.5, 0.43, 0.25, 0.07, 0.25]
        """
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return rise * self._shape(max(0.0, step - self.flat * steps), (1 - self.flat) * steps, drops)

    def _shape(self, behind: float, decay: float, drops: int) -> float:
        """Return the share so many steps behind the flat part, where the decay lasts so many."""
        if self.shape == "constant":
            return 1.0
        if self.shape == "cosine":
            progress = min(1.0, behind / max(1.0, decay))
            return self.least + (1 - self.least) * 0.5 * (1 + math.cos(math.pi * progress))
        if self.shape == "restarts":  # steps count from one: the first is not at the peak
            count, place = divmod(behind + 1, self.every)
            cosine = 0.5 * (1 + math.cos(math.pi * place / self.every))
            return max(self.least, self.drop**count * cosine)
        count = int(behind // self.every) if self.shape == "step" else drops
        return max(self.least, self.drop**count)
