"""One step of training: gradients of this process's share of a batch, agreed upon by all, and the update."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from stemwise.interfaces import Batch, Loss, Objective
from stemwise.logs import Row
from stemwise.training.averaging import Average
from stemwise.training.processes import Share, gathered
from stemwise.training.settings import Run


class Sealed:
    """A batch that Fabric does not look into: in mixed precision it would round audio and targets alike."""

    def __init__(self, content: Batch) -> None:
        self.content = content


class Trainee(nn.Module):
    """Model and objective as one module, so that Fabric wraps both and trains the weights of both."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, batch: Sealed) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one batch, and its parts."""
        loss: Loss = self.objective(self.model, batch.content)
        return loss.total, dict(loss.parts)


@dataclass
class Learner:
    """What a step takes and changes.

    Attributes:
        fabric: of the processes.
        trainee: the bare module.
        module: the same, as Fabric wraps it.
        optimiser: as Fabric wraps it.
        share: of this process in every batch.
        average: of the weights, if the run averages them.
    """

    fabric: Any
    trainee: Trainee
    module: Any
    optimiser: Any
    share: Share
    average: Average | None


@dataclass
class _Sums:
    """What the parts of a batch add up to: mean losses, the items so far, seconds spent on data."""

    losses: dict[str, Tensor] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    waited: float = 0.0

    def add(self, losses: dict[str, Tensor], share: float) -> None:
        for name, value in losses.items():
            self.losses[name] = self.losses.get(name, 0.0) + value.detach() * share


def take_step(run: Run, k: int, rate: float, learner: Learner) -> Row:
    """Take step k at a learning rate and return its row of the history.

    Raises:
        ValueError: the loss or its gradient is not finite in some process; nothing was changed.
    """
    began = time.perf_counter()
    for group in learner.optimiser.param_groups:
        group["lr"] = rate
    sums = _Sums()
    losses = _gradients(run, k, learner, sums)
    largest = run.optimiser.clip_norm or math.inf
    norm = learner.fabric.clip_gradients(
        learner.module, learner.optimiser, max_norm=largest, error_if_nonfinite=False
    )
    if not torch.isfinite(norm):
        raise ValueError(_not_finite("gradient", k, gathered(learner.fabric, sums.names)))
    learner.optimiser.step()
    learner.optimiser.zero_grad(set_to_none=True)
    if learner.average:
        learner.average.update(learner.trainee, k + 1)
    seconds = time.perf_counter() - began
    times = {"seconds": seconds, "data_s": sums.waited, "items_per_s": run.data.batch_size / seconds}
    return {"step": k + 1, **losses, "learning_rate": rate, **times}


def _gradients(run: Run, k: int, learner: Learner, sums: _Sums) -> dict[str, float]:
    """Leave the gradients of the whole batch in the weights, and return its losses.

    All processes meet once before the last part's gradients are exchanged, so that one whose loss is not
    finite stops them all instead of letting them wait.
    """
    fabric, module, parts = learner.fabric, learner.module, learner.share.parts
    losses: dict[str, float] = {}
    for left, (number, rows) in zip(range(parts)[::-1], learner.share.slices().items(), strict=True):
        batch = _part(run, k, number, rows, fabric, sums)
        with fabric.no_backward_sync(module, enabled=left > 0):
            total, pieces = module(Sealed(batch))
            sums.add({"loss": total, **pieces}, 1 / parts)
            bad = not torch.isfinite(total)
            if bad or not left:
                losses = _agreed(k, sums, list(batch["names"]) if bad else [], fabric)
            fabric.backward(total / parts)
    return losses


def _part(run: Run, k: int, number: int, rows: slice, fabric: Any, sums: _Sums) -> Batch:
    """Return a part of batch k on the device, with the random numbers of its own for dropout."""
    began = time.perf_counter()
    # The CPU's generator looks at 32 bits of a seed alone: parts lie far apart in them, steps side by side.
    torch.manual_seed((run.seed * 1_000_003 + k + number * 0x9E37_79B1) % 2**32)
    batch = fabric.to_device(run.data.batch(k, rows))
    sums.names += batch["names"]
    sums.waited += time.perf_counter() - began
    return batch


def _agreed(k: int, sums: _Sums, bad: list[str], fabric: Any) -> dict[str, float]:
    """Return the losses' means over all processes; raise in all where one is not finite."""
    values = torch.stack([value.float() for value in sums.losses.values()])
    if fabric.world_size > 1:
        values = fabric.all_reduce(values, reduce_op="mean")
    losses = dict(zip(sums.losses, values.tolist(), strict=True))
    if not math.isfinite(losses["loss"]):
        raise ValueError(_not_finite("loss", k, gathered(fabric, bad)))
    return losses


def _not_finite(what: str, k: int, names: list[list[str]]) -> str:
    items = ", ".join(str(name) for part in names for name in part)
    return (
        f"the {what} of batch {k} is not finite; its items: {items}. The checkpoints are untouched; check "
        "these items, lower the learning rate or clip gradients"
    )
