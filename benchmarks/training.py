"""A separator's training step: plain fp32, and what `stemwise train` does unasked."""

from __future__ import annotations

import resource
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
WAYS = (
    "fp32",
    "fp32, channels last",
    "fp32, channels last, freed memory kept",
    "bf16, channels last, freed memory kept",
)


def run() -> list[dict[str, Any]]:
    """One row per network and way, each in a process of its own: allocator settings cannot be undone."""
    rows = []
    for variant in VARIANTS:
        plain = 0.0
        for way in WAYS:
            command = [sys.executable, __file__, variant, way]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            median, peak = map(float, said.split())
            plain = plain or median
            row = {"network": variant, "way": way, "s_per_step": f"{median:.3f}"}
            rows.append({**row, "times_fp32": f"{plain / median:.2f}", "peak_rss_mib": round(peak)})
    return rows


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
    print(step_seconds(*sys.argv[1:]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
