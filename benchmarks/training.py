"""A separator's training: plain fp32 in torch's default layout, and what `stemwise train` does unasked.

Seconds are those of a step of eight mixtures of 3.86 s. The loss curves of both ways, over the same batches
of rendered music, are drawn into `loss-curves.png`.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from stemwise.data.rendered import RenderSettings, render
from stemwise.interfaces import ALL, Batch
from stemwise.memory import keep_freed_memory
from stemwise.models import SEPARATORS
from stemwise.objectives.separation import BalancedL1
from stemwise.recipes.rendered import separator
from stemwise.training import Optimiser, Run, Schedule, fit

BATCH, WINDOW, ROUNDS, STEPS = 8, 61_792, 5, 60
VARIANTS = ("half-multisource", "msspt-multisource")
PLAIN, OURS = "fp32", "as `stemwise train` does it"
WAYS = (PLAIN, "fp32, channels last", "fp32, channels last, freed memory kept", OURS)
PICTURE = Path(__file__).with_name("loss-curves.png")


class Noise:
    """One batch of noise for ever: a step without the time that data take."""

    batch_size = BATCH

    def __init__(self, stems: int) -> None:
        audio = 0.1 * torch.randn(BATCH, stems, 1, WINDOW, generator=torch.Generator().manual_seed(0))
        active = torch.ones(BATCH, stems, dtype=torch.bool)
        names = [str(row) for row in range(BATCH)]
        self._batch = {"stems": audio, "mixture": audio.sum(1), "active": active, "names": names}

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return some of its rows."""
        return {name: value[rows] for name, value in self._batch.items()}

    def card(self) -> Mapping[str, Any]:
        """Return what it is."""
        return {"noise": True}


def run() -> list[dict[str, Any]]:
    """One row per network and way, each in a process of its own: allocator settings cannot be undone."""
    rows = []
    for variant in VARIANTS:
        plain = 0.0
        for way in WAYS:
            seconds, peak = _said("steps", way, variant)
            plain = plain or seconds
            row = {"network": variant, "way": way, "s_per_step": f"{seconds:.3f}"}
            rows.append({**row, "times_fp32": f"{plain / seconds:.2f}", "peak_rss_mib": round(peak)})
    curves = _curves()
    for row in rows:
        losses = curves.get(row["way"], []) if row["network"] == VARIANTS[0] else []
        row[f"loss_steps_{STEPS - 9}_to_{STEPS}"] = f"{statistics.mean(losses[-10:]):.4f}" if losses else ""
    return rows


def _curves() -> dict[str, list[float]]:
    """Train the smaller network in both ways on the same rendered music, and draw the losses."""
    with tempfile.TemporaryDirectory() as folder:
        settings = RenderSettings(tracks=16, seconds=12.0, seed=0)
        render(Path(folder), settings)
        curves = {way: _said("curve", way, folder) for way in (PLAIN, OURS)}
    _draw(curves)
    return curves


def _draw(curves: Mapping[str, list[float]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for (way, losses), style in zip(curves.items(), ("-", "--"), strict=True):
        axes.plot(range(1, len(losses) + 1), losses, style, label=way, linewidth=1.3)
    axes.set(
        xlabel=f"step of {BATCH} mixtures", ylabel="loss", title=f"{VARIANTS[0]}, rendered music, one seed"
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(PICTURE, dpi=100)


def _said(*words: str) -> Any:
    command = [sys.executable, __file__, *words]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(said.splitlines()[-1])


def steps(way: str, variant: str) -> tuple[float, float]:
    """Return the median seconds of a step, and the process's largest memory in MiB."""
    torch.manual_seed(0)
    model = SEPARATORS[variant].build()
    training = Run(
        model=model,
        objective=BalancedL1(),
        data=Noise(len(model.stems)),
        optimiser=Optimiser(clip_norm=5.0),
        schedule=Schedule(),
        steps=ROUNDS + 1,
        seed=0,
    )
    seconds = [row["seconds"] for row in _rows(training, way)][1:]
    return statistics.median(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def curve(way: str, root: str) -> list[float]:
    """Return the losses of the recipe's training on rendered music."""
    training = separator(root=Path(root), model=VARIANTS[0], steps=STEPS, batch_size=BATCH)
    return [row["loss"] for row in _rows(training, way)]


def _rows(training: Run, way: str) -> list[dict[str, float]]:
    if way == OURS:
        with tempfile.TemporaryDirectory() as folder:
            return fit(training, Path(folder), progress=False)
    if "kept" in way:
        keep_freed_memory()
    if "channels last" in way:
        training.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return _plain_rows(training)


def _plain_rows(training: Run) -> list[dict[str, float]]:
    """Train as a few lines of torch do."""
    model, rows = training.model.train(), []
    optimiser = training.optimiser.build(model.parameters())
    for k in range(training.steps):
        batch = training.data.batch(k)
        began = time.perf_counter()
        factor = training.schedule.factor(k, training.steps)
        optimiser.param_groups[0]["lr"] = training.optimiser.learning_rate * factor
        loss = training.objective(model, batch).total
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), training.optimiser.clip_norm)
        optimiser.step()
        optimiser.zero_grad()
        rows.append({"loss": loss.item(), "seconds": time.perf_counter() - began})
    return rows


ASKED: dict[str, Callable[[str, str], Any]] = {"steps": steps, "curve": curve}

if __name__ == "__main__":
    print(json.dumps(ASKED[sys.argv[1]](*sys.argv[2:])))
