"""Contrastive pre-training on two threads: which share of a step augments, and what each step of it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from stemwise.memory import lay_out
from stemwise.models import WAVEFORM_ENCODERS
from stemwise.objectives.simclr import SimCLR
from stemwise.signal.augment.chain import STEPS, Augmentation, drawn
from stemwise.training import Optimiser

CLIPS, SAMPLES, SAMPLE_RATE, ROUNDS = 8, 59_049, 22_050, 4


def run() -> list[dict[str, Any]]:
    """Rows of whole steps with the share that augments, and of each augmentation over all clips of a view."""
    torch.set_num_threads(2)
    rows = [_step_row(name) for name in ("tune-5tail-32", "tune-5tail", "sample-cnn")]
    audio = 0.1 * torch.randn(2 * CLIPS, SAMPLES)
    for step in STEPS:
        chances: Any = {f"p_{name}": float(name == step) for name in STEPS}
        chain = Augmentation(**chances)
        draws = drawn(2 * CLIPS, torch.Generator().manual_seed(0))
        seconds = _best(lambda c=chain, d=draws: c(audio, d, SAMPLE_RATE))
        rows.append({"what": f"{step}, {2 * CLIPS} clips", "seconds": f"{seconds:.3f}", "augments": ""})
    return rows


def _step_row(name: str) -> dict[str, Any]:
    torch.manual_seed(0)
    model: Any = WAVEFORM_ENCODERS[name].build().train()
    lay_out(model)
    objective = SimCLR(model.taps["embedding"].size, SAMPLE_RATE, Augmentation())
    optimiser = Optimiser(learning_rate=3e-4).build([*model.parameters(), *objective.parameters()])
    views = 0.1 * torch.randn(CLIPS, 2, 1, SAMPLES)
    seeds = torch.arange(2 * CLIPS).view(CLIPS, 2)

    def step() -> None:
        objective(model, {"views": views, "seeds": seeds}).total.backward()
        optimiser.step()
        optimiser.zero_grad()

    whole = _best(step)
    augmenting = _best(lambda: [objective.augmented(views[:, i], seeds[:, i]) for i in (0, 1)])
    return {
        "what": f"step of {name}, {CLIPS} clips in two views",
        "seconds": f"{whole:.2f}",
        "augments": f"{100 * augmenting / whole:.0f} %",
    }


def _best(do: Callable[[], Any]) -> float:
    """Return the seconds of the fastest round: small operations on two threads wait for a busy machine."""
    do()
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


if __name__ == "__main__":
    for line in run():
        print(*line.values(), sep="   ")
