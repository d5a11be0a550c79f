"""What is trained, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from torch import nn

from stemwise.interfaces import Batches, Objective
from stemwise.training.optimisers import Optimiser
from stemwise.training.schedules import Schedule
from stemwise.training.validation import Validation


@dataclass(frozen=True, kw_only=True)
class Run:
    """All that decides a training's outcome. A recipe returns one.

    Attributes:
        model: fresh or pre-trained; trained in place.
        objective: what is minimised.
        data: where batch k comes from.
        optimiser: and its peak rate.
        then: those that follow, one after the other: each takes over from the best weights so far when
            validation has lost its patience. Behind the last one the run ends.
        schedule: of the rate.
        steps: how many batches at most.
        seed: of dropout and the like; data carry their own.
        validation: what is measured on the way, if anything.
        config: plain values that describe the run, written beside its results.
    """

    model: nn.Module
    objective: Objective
    data: Batches
    optimiser: Optimiser
    schedule: Schedule
    steps: int
    seed: int
    then: tuple[Optimiser, ...] = ()
    validation: Validation | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")
        if self.schedule.shape == "plateau" and self.validation is None:
            raise ValueError("shape: a plateau is one of validation; give the run a validation")
        if self.then:
            self._check_then()

    def _check_then(self) -> None:
        if self.validation is None or not self.validation.patience or self.validation.weights != "best":
            raise ValueError(
                "then: what follows begins from the best weights when validation has lost its patience; "
                'give the run a validation with a patience and weights="best"'
            )
        for name in ("accumulate", "ema", "clip_norm"):
            first, *others = (getattr(optimiser, name) for optimiser in (self.optimiser, *self.then))
            if any(other != first for other in others):
                raise ValueError(f"{name}: expected the same for all optimisers, {first}; got {others}")

    def optimiser_of(self, phase: int) -> Optimiser:
        """Return the optimiser of a phase, counted from 0; the last one's behind the last."""
        return (self.optimiser, *self.then)[min(phase, len(self.then))]

    def describe(self) -> dict[str, Any]:
        """Return what makes this run another one than others, as plain values."""
        return {
            "config": dict(self.config),
            "steps": self.steps,
            "seed": self.seed,
            "optimiser": asdict(self.optimiser),
            "then": [asdict(optimiser) for optimiser in self.then],
            "schedule": asdict(self.schedule),
            "validation": self.validation and self.validation.describe(),
        }


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where and how a run is executed; none of it belongs to the method.

    Attributes:
        device: `auto` takes CUDA, then MPS, then the CPU.
        precision: `auto` takes bf16 where the device computes in it, else fp32.
        threads: of the CPU, for each process; 0 leaves it to torch.
        checkpoint_s: seconds between checkpoints; 0 writes one after every step.
        checkpoint_steps: steps between checkpoints, whatever the time; 0 goes by the time alone.
        keep: how many checkpoints are kept, the best one not counted.
        wandb: a project of Weights & Biases to log to; empty for none.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int = 0
    checkpoint_s: float = 60.0
    checkpoint_steps: int = 0
    keep: int = 2
    wandb: str = ""

    def __post_init__(self) -> None:
        for name, least in (("threads", 0), ("checkpoint_s", 0), ("checkpoint_steps", 0), ("keep", 1)):
            if not getattr(self, name) >= least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")
