"""Training: one loop for any (model, objective, data). The only module that knows Lightning Fabric.

A run is stopped and started with the same command: batch k depends on k alone, the checkpoint holds the
rest, and a finished run returns at once.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal
from zipfile import is_zipfile

import torch
from torch import Tensor, nn

from stemwise.files import write_text
from stemwise.interfaces import Batch, Batches, Loss, Objective
from stemwise.logs import Row, history_log, progress_bar, read_history
from stemwise.memory import lay_out

logger = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """Which optimiser, and how large its steps are at most."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    clip_norm: float = 0.0

    def build(self, parameters: Iterator[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimiser of these parameters."""
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
        return kinds[self.name](parameters, lr=self.learning_rate, weight_decay=self.weight_decay)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The learning rate over the steps, as a share of its peak.

    Attributes:
        warmup: steps of a linear rise.
        flat: share of all steps before the decay begins.
        shape: `constant`, or `cosine` down to zero at the end.
    """

    warmup: int = 0
    flat: float = 0.0
    shape: Literal["constant", "cosine"] = "constant"

    def factor(self, step: int, steps: int) -> float:
        """Return the share of the peak rate at a step.

        >>> [round(Schedule(warmup=2, flat=0.5, shape="cosine").factor(k, 8), 2) for k in (0, 1, 4, 6, 8)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
        """
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.shape == "constant":
            return rise
        start = self.flat * steps
        progress = min(1.0, max(0.0, (step - start) / max(1.0, steps - start)))
        return rise * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True, kw_only=True)
class Run:
    """All that decides a training's outcome. A recipe returns one.

    Attributes:
        model: fresh or pre-trained; trained in place.
        objective: what is minimised.
        data: where batch k comes from.
        optimiser: and its peak rate.
        schedule: of the rate.
        steps: how many batches.
        seed: of dropout and the like; data carry their own.
        config: plain values that describe the run, written beside its results.
    """

    model: nn.Module
    objective: Objective
    data: Batches
    optimiser: Optimiser
    schedule: Schedule
    steps: int
    seed: int
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")
        if not 0 < self.optimiser.learning_rate < math.inf:
            raise ValueError(f"learning_rate: expected more than 0, got {self.optimiser.learning_rate}")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where and how a run is executed; none of it belongs to the method.

    Attributes:
        device: `auto` takes CUDA, then MPS, then the CPU.
        precision: `auto` takes bf16 where the device computes in it, else fp32.
        threads: of the CPU; 0 leaves it to torch.
        checkpoint_s: seconds between checkpoints.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int = 0
    checkpoint_s: float = 60.0

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise ValueError(f"threads: expected at least 0, got {self.threads}")


class _Trainee(nn.Module):
    """Model and objective as one module, so that Fabric wraps both and trains the weights of both."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss: Loss = self.objective(self.model, batch)
        return loss.total, dict(loss.parts)


def fit(run: Run, folder: Path, machine: Machine | None = None, progress: bool = True) -> list[Row]:
    """Train to the end, from the last checkpoint in the folder if there is one.

    Args:
        run: what to train.
        folder: gets `run.json`, `history.csv`, TensorBoard events, and the checkpoint.
        machine: device, precision, threads.
        progress: whether to draw a bar on a terminal.

    Returns:
        One row per step: step, loss, its parts, learning_rate, seconds, data_s, items_per_s.

    Raises:
        ValueError: the folder holds another run, or the loss is not finite.
    """
    machine = machine or Machine()
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, run)
    fabric = _fabric(machine)
    lay_out(run.model)
    trainee = _Trainee(run.model, run.objective)
    optimiser = run.optimiser.build(p for p in trainee.parameters() if p.requires_grad)
    module, optimiser = fabric.setup(trainee, optimiser)
    done = _resume(folder, trainee, optimiser, fabric.device)
    history = read_history(folder, done)
    logger.info("%s", _first_line(run, fabric, done))
    module.train()
    saved = time.monotonic()
    with history_log(folder, history) as log, progress_bar("training", run.steps, done, progress) as move:
        for k in range(done, run.steps):
            history.append(_step(run, k, fabric, module, optimiser, folder))
            log(history[-1])
            move(k + 1, f"loss {history[-1]['loss']:.4f}  {history[-1]['items_per_s']:.1f} items/s")
            if time.monotonic() - saved > machine.checkpoint_s or k + 1 == run.steps:
                _save(folder, trainee, optimiser, k + 1)
                saved = time.monotonic()
    run.model.eval()
    return history


def _step(run: Run, k: int, fabric: Any, module: Any, optimiser: Any, folder: Path) -> Row:
    """Take step k and return its row of the history."""
    began = time.perf_counter()
    torch.manual_seed(run.seed * 1_000_003 + k)  # of dropout, so that step k is the same after a restart
    rate = run.optimiser.learning_rate * run.schedule.factor(k, run.steps)
    for group in optimiser.param_groups:
        group["lr"] = rate
    batch = fabric.to_device(run.data.batch(k))
    waited = time.perf_counter() - began
    total, parts = module(batch)
    if not torch.isfinite(total):
        raise ValueError(_not_finite("loss", k, batch, folder))
    fabric.backward(total)
    largest = run.optimiser.clip_norm or math.inf
    norm = fabric.clip_gradients(module, optimiser, max_norm=largest, error_if_nonfinite=False)
    if not torch.isfinite(norm):
        raise ValueError(_not_finite("gradient", k, batch, folder))
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    seconds = time.perf_counter() - began
    losses = {"loss": total.item(), **{name: part.item() for name, part in parts.items()}}
    times = {"seconds": seconds, "data_s": waited, "items_per_s": len(batch["names"]) / seconds}
    return {"step": k + 1, **losses, "learning_rate": rate, **times}


def _claim(folder: Path, run: Run) -> None:
    """Write what the run is; a folder that holds another run is refused."""
    path = folder / "run.json"
    description = {
        "config": dict(run.config),
        "steps": run.steps,
        "seed": run.seed,
        "optimiser": asdict(run.optimiser),
        "schedule": asdict(run.schedule),
    }
    text = json.dumps(description, indent=1, sort_keys=True, default=str)
    if path.is_file() and path.read_text() != text:
        raise ValueError(f"{folder}: holds a run with other settings (see run.json); choose another folder")
    write_text(path, text)


def _fabric(machine: Machine) -> Any:
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise ValueError("training needs lightning-fabric: pip install 'stemwise[train]'") from error
    if machine.threads:
        torch.set_num_threads(machine.threads)
    device = usable_device(machine.device)
    bf16 = machine.precision == "bf16" or (machine.precision == "auto" and _computes_bf16(device))
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    fabric = Fabric(accelerator=device, devices=1, precision="bf16-mixed" if bf16 else "32-true")
    fabric.launch()
    return fabric


def usable_device(name: str) -> str:
    """Return a device by name; `auto` is the fastest of this machine: CUDA, then MPS, then the CPU.

    Raises:
        ValueError: this machine, or this build of torch, has no such device.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    usable = [device for device, there in present.items() if there]
    if name == "auto":
        return usable[0]
    if name not in usable:
        raise ValueError(f"device: this machine has no {name}; choose auto or {' or '.join(usable)}")
    return name


def _computes_bf16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()


def _first_line(run: Run, fabric: Any, done: int) -> str:
    weights = sum(p.numel() for p in run.model.parameters() if p.requires_grad)
    return (
        f"device {fabric.device}, precision {fabric._precision.precision}, "
        f"{torch.get_num_threads()} threads, {weights:,} trainable parameters, channels last, "
        f"steps {done} to {run.steps}"
    )


def _not_finite(what: str, k: int, batch: Batch, folder: Path) -> str:
    names = ", ".join(map(str, batch["names"]))
    return (
        f"the {what} of batch {k} is not finite; its items: {names}. The last checkpoint in {folder} is "
        "untouched; check these items, lower the learning rate or clip gradients"
    )


def _save(folder: Path, module: nn.Module, optimiser: Any, step: int) -> None:
    """Write a checkpoint aside and rename it: a kill at any moment leaves the old one or the new one."""
    state = {"module": module.state_dict(), "optimiser": optimiser.state_dict(), "step": step}
    aside = folder / f".{CHECKPOINT}.{os.getpid()}"
    torch.save(state, aside)
    aside.replace(folder / CHECKPOINT)


def _resume(folder: Path, module: nn.Module, optimiser: Any, device: torch.device) -> int:
    """Load the checkpoint if there is one, and return how many steps it has behind it."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return 0
    if not is_zipfile(path):
        raise ValueError(f"{path}: is damaged, no whole checkpoint; delete it to start anew")
    state = torch.load(path, map_location=device, weights_only=True)
    module.load_state_dict(state["module"])
    optimiser.load_state_dict(state["optimiser"])
    return state["step"]
