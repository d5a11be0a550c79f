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
        patience: validations in a row without a new best that end the training with an optimiser: the next
            one of `Run.then` takes over, or the run is over; 0 for none.
    """

    measure: Callable[[nn.Module], Mapping[str, float]]
    every: int
    score: str = "loss"
    better: Literal["lower", "higher"] = "lower"
    weights: Literal["last", "best"] = "last"
    patience: int = 0

    def __post_init__(self) -> None:
        if self.patience < 0:
            raise ValueError(f"patience: expected 0 or more validations, got {self.patience}")
        if self.every < 1:
            raise ValueError(f"every: expected at least 1 step between validations, got {self.every}")

    def due(self, step: int, steps: int) -> bool:
        """Return whether the model is measured behind so many steps."""
        return step % self.every == 0 or step == steps

    def describe(self) -> dict[str, Any]:
        """Return all that is plain."""
        names = ("every", "score", "better", "weights", "patience")
        return {name: getattr(self, name) for name in names}

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
    """The objective's loss and its parts over fixed batches, each row of which counts as much.

    Attributes:
        objective: as in training.
        data: usually those of the validation split.
        batches: how many, from the first.
    """

    objective: Objective
    data: Batches
    batches: int

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Return the means over the batches' rows."""
        device = next(model.parameters()).device
        sums: dict[str, float] = defaultdict(float)
        rows = 0
        for k in range(self.batches):
            batch = self.data.batch(k)
            moved = {n: v.to(device) if isinstance(v, torch.Tensor) else v for n, v in batch.items()}
            loss = self.objective(model, moved)
            for name, value in {"loss": loss.total, **loss.parts}.items():
                sums[name] += value.item() * len(batch["names"])
            rows += len(batch["names"])
        return {name: value / rows for name, value in sums.items()}


@dataclass
class Standing:
    """How validation went so far; part of a checkpoint.

    Attributes:
        best: the best score.
        step: behind which it was reached; 0 before the first.
        stale: validations since then, or since the last drop of the rate.
        drops: of the rate.
        waited: validations since the best one, or since the phase began.
        phase: how many optimisers are done with; the run is over when it is all of them.
    """

    best: float = math.nan
    step: int = 0
    stale: int = 0
    drops: int = 0
    waited: int = 0
    phase: int = 0

    def take(self, score: float, step: int, validation: Validation, drop_after: int) -> bool:
        """Take note of a score, and return whether it is a new best; one that is not a number never is.

        Args:
            score: behind a step.
            step: that step.
            validation: says which is better, and how patient it is.
            drop_after: validations without a new best that lower the rate.
        """
        better = score > self.best if validation.better == "higher" else score < self.best
        if math.isfinite(score) and (not self.step or better):
            self.best, self.step, self.stale, self.waited = score, step, 0, 0
            return True
        self.stale, self.waited = self.stale + 1, self.waited + 1
        if self.stale >= drop_after:
            self.stale, self.drops = 0, self.drops + 1
        if 0 < validation.patience <= self.waited:
            self.stale = self.drops = self.waited = 0
            self.phase += 1
        return False

    def describe(self) -> dict[str, float]:
        """Return it as plain values."""
        return asdict(self)
