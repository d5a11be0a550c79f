"""BSSEval v4 beside museval, on 30 s of four stereo stems at 44.1 kHz, in one process with two threads.

museval's file of metrics is read alone: its package imports stempeg, which wants an ffmpeg program.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

from stemwise.metrics.separation import bss_eval, bss_eval_sdr_frames

RATE, SECONDS, STEMS = 44_100, 30, 4


def run() -> list[dict[str, Any]]:
    """One row per way, the best of several rounds, and how far the scores are apart."""
    reference, estimate = _signals()
    theirs, museval_s = _timed(lambda: _museval(reference, estimate), 1)
    ours, all_s = _timed(lambda: bss_eval(reference, estimate, RATE), 3)
    sdr, sdr_s = _timed(lambda: bss_eval_sdr_frames(reference, estimate, RATE), 5)
    apart = max(np.abs(ours[name] - theirs[name]).max() for name in ours)
    return [
        _row("museval 0.4.1, all four scores", museval_s, museval_s, 0),
        _row("bss_eval, all four scores", all_s, museval_s, apart),
        _row("bss_eval_sdr_frames, SDR alone", sdr_s, museval_s, np.abs(sdr - theirs["SDR"]).max()),
    ]


def _signals() -> tuple[np.ndarray, np.ndarray]:
    """References of noise, each darker than the last, and estimates with leakage, noise and a filter."""
    rng = np.random.default_rng(0)
    reference = rng.standard_normal((STEMS, 2, RATE * SECONDS))
    for stem in range(1, STEMS):
        for channel in reference[stem]:
            channel[:] = np.convolve(channel, np.ones(4 * stem) / (4 * stem), "same")
    leak = 0.1 * (reference.sum(0) - reference)
    return reference, 0.9 * np.roll(reference, 3, axis=2) + leak + 0.05 * rng.standard_normal(reference.shape)


def _museval(reference: np.ndarray, estimate: np.ndarray) -> dict[str, np.ndarray]:
    package = find_spec("museval")
    if package is None or package.origin is None:
        raise ValueError("museval is not installed: pip install 'stemwise[dev]'")
    spec = spec_from_file_location("museval_metrics", Path(package.origin).with_name("metrics.py"))
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    pair = (np.ascontiguousarray(x.swapaxes(1, 2)) for x in (reference, estimate))
    found = module.bss_eval(*pair, window=RATE, hop=RATE)
    return dict(zip(("SDR", "ISR", "SIR", "SAR"), found, strict=False))


def _timed(work: Callable[[], Any], rounds: int) -> tuple[Any, float]:
    seconds, found = [], None
    for _ in range(rounds):
        began = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - began)
    return found, min(seconds)


def _row(what: str, seconds: float, museval_s: float, apart: float) -> dict[str, Any]:
    times = f"{museval_s / seconds:.1f}"
    return {
        "what": what,
        "seconds": f"{seconds:.3f}",
        "times_museval": times,
        "largest_difference_db": f"{apart:.1e}",
    }
