"""A separator's training step: plain fp32, and what `stemwise train` does unasked."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any

import torch

from stemwise.memory import keep_freed_memory
from stemwise.models import SEPARATORS
from stemwise.objectives.separation import BalancedL1

BATCH, WINDOW, ROUNDS = 4, 61_792, 5
VARIANTS = ("half-multisource", "msspt-multisource")
WAYS = ("fp32", "fp32, channels last", "bf16, channels last, freed memory kept")


def run() -> list[dict[str, Any]]:
    """One row per network and way, each in a process of its own: allocator settings cannot be undone."""
    rows = []
    for variant in VARIANTS:
        seconds = [_measured(variant, way) for way in WAYS]
        for way, median in zip(WAYS, seconds, strict=True):
            speed = f"{seconds[0] / median:.2f}"
            rows.append({"network": variant, "way": way, "s_per_step": f"{median:.3f}", "times_fp32": speed})
    return rows


def _measured(variant: str, way: str) -> float:
    command = [sys.executable, __file__, variant, way]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def step_seconds(variant: str, way: str) -> float:
    """Return the median seconds of a training step of four mixtures of 3.86 s."""
    if "kept" in way:
        keep_freed_memory()
    torch.manual_seed(0)
    model, objective = SEPARATORS[variant].build(), BalancedL1()
    if "channels last" in way:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(model.parameters())
    stems = 0.1 * torch.randn(BATCH, len(model.stems), 1, WINDOW)
    active = torch.ones(stems.shape[:2], dtype=torch.bool)
    batch = {"stems": stems, "mixture": stems.sum(1), "active": active}
    seconds = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in way):
            loss = objective(model, batch).total
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    print(step_seconds(*sys.argv[1:]))
