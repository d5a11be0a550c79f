"""Separation of a three-minute stereo song at 44.1 kHz, block by block."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from stemwise.models import SEPARATORS
from stemwise.separation import separate

RATE, MINUTES = 44_100, 3


def run() -> list[dict[str, Any]]:
    """One row per network, each in a process of its own; the peak includes the loaded program."""
    rows = []
    for variant in ("half-multisource", "msspt-multisource"):
        command = [sys.executable, __file__, variant]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        seconds, peak = map(float, said.split())
        speed = f"{60 * MINUTES / seconds:.1f}"
        row = {"network": variant, "seconds": f"{seconds:.1f}", "times_real_time": speed}
        rows.append({**row, "peak_rss_mib": round(peak)})
    return rows


def song_seconds(variant: str) -> float:
    """Return the seconds that a song takes."""
    torch.manual_seed(0)
    model = SEPARATORS[variant].build().eval()
    began = time.perf_counter()
    samples = sum(block.shape[2] for block in separate(model, noise(), RATE, 2))
    assert samples == RATE * 60 * MINUTES
    return time.perf_counter() - began


def noise() -> Iterator[np.ndarray]:
    """Yield three minutes of stereo noise in blocks of five seconds."""
    rng = np.random.default_rng(0)
    for _ in range(12 * MINUTES):
        yield (0.1 * rng.standard_normal((2, 5 * RATE))).astype(np.float32)


if __name__ == "__main__":
    print(song_seconds(sys.argv[1]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
