"""A song of three minutes, in stereo, by Meta-TasNet: ours beside the network written plainly.

`python benchmarks/meta_tasnet_song.py [--chunks 18]`, with `OMP_NUM_THREADS=2` for two cores. Each way is a
process of its own, chunk by chunk in turns, with the chunks, contexts and channels of `stemwise separate`:
`plain` as PyTorch runs it, `plain, memory kept` with the two settings that stemwise makes (freed memory,
channels last), and `ours`. What the ways share, decoding and resampling, is left out.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

SECONDS, CHUNK_S, CHANNELS = 180.0, 10.0, 2
PLAIN, KEPT, OURS = "plain", "plain, memory kept", "ours"
WAYS = (PLAIN, KEPT, OURS)


def run(chunks: int = round(SECONDS / CHUNK_S)) -> list[dict[str, Any]]:
    """One row for each way: seconds of the clock and the processor, and how many times faster than plain.

    Args:
        chunks: of the song, from its first.
    """
    with TemporaryDirectory() as folder:
        workers = {way: _worker(way, Path(folder)) for way in WAYS}
        for worker in workers.values():
            _ask(worker, -1)  # weights are built, memory is taken
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        errors: dict[str, float] = dict.fromkeys(WAYS, 0.0)
        for chunk in range(chunks):
            for way in WAYS[chunk % 3 :] + WAYS[: chunk % 3]:
                found[way].append(_ask(workers[way], chunk))
            for way in WAYS[1:]:
                errors[way] = max(errors[way], _error(Path(folder), way))
        for worker in workers.values():
            worker.communicate()
    return [_row(way, found, errors[way]) for way in WAYS]


def _row(way: str, found: dict[str, list[dict[str, float]]], error: float) -> dict[str, Any]:
    clock, cpu = ([each[key] for each in found[way]] for key in ("clock", "cpu"))
    plain = {key: [each[key] for each in found[PLAIN]] for key in ("clock", "cpu")}
    ratios = [p / s for p, s in zip(plain["cpu"], cpu, strict=True)]
    return {
        "way": way,
        "chunks": len(clock),
        "threads": torch.get_num_threads(),
        "clock_s": f"{sum(clock):.1f}",
        "cpu_s": f"{sum(cpu):.1f}",
        "clock_faster": f"{sum(plain['clock']) / sum(clock):.2f}",
        "cpu_faster": f"{sum(plain['cpu']) / sum(cpu):.2f}",
        "median_faster": f"{statistics.median(ratios):.2f}",
        "error_by_deviation": f"{error:.0e}" if error else "",
    }


def _worker(way: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _ask(worker: subprocess.Popen[str], chunk: int) -> dict[str, float]:
    assert worker.stdin
    assert worker.stdout
    print(chunk, file=worker.stdin, flush=True)
    return json.loads(worker.stdout.readline())


def _error(folder: Path, way: str) -> float:
    """Return the largest difference to the plain network's answer, by that one's deviation."""
    plain, other = (np.load(folder / f"{name}.npy") for name in (PLAIN, way))
    return float(np.abs(plain - other).max() / plain.std())


def _work(way: str, folder: Path) -> None:
    """Answer chunk numbers from standard input, one line each; a negative one starts the work."""
    from plain_meta_tasnet import plain_stems

    from stemwise.memory import lay_out
    from stemwise.models.meta_tasnet import VARIANTS
    from stemwise.spans import CONTEXT_S, FADE_S

    torch.manual_seed(0)
    model = VARIANTS["meta-tasnet"].build().eval()
    if way != PLAIN:
        lay_out(model)
    whole, rate = CHUNK_S + 2 * CONTEXT_S, model.sample_rate
    first, last = (round(s * rate) for s in (CONTEXT_S - FADE_S, whole - CONTEXT_S + FADE_S))
    for line in sys.stdin:
        chunk = int(line)
        draw = torch.Generator().manual_seed(abs(chunk))
        answers, began = [], (time.perf_counter(), time.process_time())
        for _ in range(CHANNELS if chunk >= 0 else 1):
            mixtures = [torch.randn(1, 1, math.ceil(each * whole), generator=draw) for each in model.rates]
            with torch.inference_mode():
                if way == OURS:
                    answers.append(model.from_rates(mixtures, first, last))
                else:
                    answers.append(plain_stems(model, mixtures)[..., first:last])
        spent = {"clock": time.perf_counter() - began[0], "cpu": time.process_time() - began[1]}
        np.save(folder / f"{way}.npy", torch.cat(answers).numpy())
        print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--chunks", type=int, default=round(SECONDS / CHUNK_S))
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        _work(given.way, given.folder)
    else:
        for row in run(given.chunks):
            print(row)
