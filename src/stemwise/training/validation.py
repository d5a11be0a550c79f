"""Validation: what is measured while a run goes on, and what follows from it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import nn

from stemwise.interfaces import Batches, Objective


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What is measured during a run, when, and what it decides.

    Attributes:
        measure: takes the model, in evaluation mode and with averaged weights where the run averages them,
            and returns named scores; the first process runs it.
        every: steps between validations; one more follows the last step.
        score: which of them says how good the model is: a plateau and the best weights follow it.
        better: whether a lower or a higher score is the better one.
        weights: those that the model has at the end, the last or the best.
    """

    measure: Callable[[nn.Module], Mapping[str, float]]
    every: int
    score: str = "loss"
    better: Literal["lower", "higher"] = "lower"
    weights: Literal["last", "best"] = "last"

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every: expected at least 1 step between validations, got {self.every}")

    def due(self, step: int, steps: int) -> bool:
        """Return whether the model is measured behind so many steps."""
        return step % self.every == 0 or step == steps

    def describe(self) -> dict[str, Any]:
        """Return all that is plain."""
        return {"every": self.every, "score": self.score, "better": self.better, "weights": self.weights}

    def scores(self, model: nn.Module) -> dict[str, float]:
        """Measure a model; it must be in evaluation mode.

        Raises:
            ValueError: the score to go by is not among those measured.
        """
        found = {name: float(value) for name, value in self.measure(model).items()}
        if self.score not in found:
            raise ValueError(f"score: expected one of {', '.join(found)}; got {self.score!r}")
        return found


@dataclass(frozen=True, kw_only=True)
class ObjectiveLoss:
    """The objective's loss and its parts over fixed batches: something to measure that every run has.

    Attributes:
        objective: as in training.
        data: usually those of the validation split.
        batches: how many, from the first.
    """

    objective: Objective
    data: Batches
    batches: int

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Return the means over the batches."""
        device = next(model.parameters()).device
        sums: dict[str, float] = defaultdict(float)
        for k in range(self.batches):
            batch = self.data.batch(k)
            moved = {n: v.to(device) if isinstance(v, torch.Tensor) else v for n, v in batch.items()}
            loss = self.objective(model, moved)
            for name, value in {"loss": loss.total, **loss.parts}.items():
                sums[name] += value.item() / self.batches
        return dict(sums)


@dataclass
class Standing:
    """How validation went so far; part of a checkpoint.

    Attributes:
        best: the best score.
        step: behind which it was reached; 0 before the first.
        stale: validations since then, or since the last drop of the rate.
        drops: of the rate.
    """

    best: float = math.nan
    step: int = 0
    stale: int = 0
    drops: int = 0

    def take(self, score: float, step: int, higher: bool, patience: int) -> bool:
        """Take note of a score, and return whether it is a new best; one that is not a number never is."""
        better = score > self.best if higher else score < self.best
        if math.isfinite(score) and (not self.step or better):
            self.best, self.step, self.stale = score, step, 0
            return True
        self.stale += 1
        if self.stale >= patience:
            self.stale, self.drops = 0, self.drops + 1
        return False

    def describe(self) -> dict[str, float]:
        """Return it as plain values."""
        return asdict(self)
