"""Separation of a three-minute stereo song at 44.1 kHz, block by block."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from stemwise.models import SEPARATORS
from stemwise.separation import separate

RATE, MINUTES = 44_100, 3


def run() -> list[dict[str, Any]]:
    """One row per network; the peak includes the loaded program."""
    rows = []
    for variant in ("half-multisource", "msspt-multisource"):
        torch.manual_seed(0)
        model = SEPARATORS[variant].build().eval()
        began = time.perf_counter()
        samples = sum(block.shape[2] for block in separate(model, noise(), RATE, 2))
        seconds = time.perf_counter() - began
        assert samples == RATE * 60 * MINUTES
        speed = f"{60 * MINUTES / seconds:.1f}"
        rows.append({"network": variant, "seconds": f"{seconds:.1f}", "times_real_time": speed})
    return rows


def noise() -> Iterator[np.ndarray]:
    """Yield three minutes of stereo noise in blocks of five seconds."""
    rng = np.random.default_rng(0)
    for _ in range(12 * MINUTES):
        yield (0.1 * rng.standard_normal((2, 5 * RATE))).astype(np.float32)


if __name__ == "__main__":
    print(run())
