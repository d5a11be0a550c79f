"""Meta-TasNet: what training keeps for the gradient. `meta_tasnet_song.py` is about inference."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from stemwise.memory import lay_out
from stemwise.models.meta_tasnet import VARIANTS, MetaTasNet
from stemwise.objectives.meta_tasnet import MetaTasNetLoss

SECONDS = 8.0


def run() -> list[dict[str, Any]]:
    """One row for each way to train on an 8-second item.

    Times are the processor's, as other programs of the machine count in the clock's.
    """
    torch.manual_seed(0)
    model = VARIANTS["meta-tasnet"].build()
    lay_out(model)
    return _training(model)


def _training(model: MetaTasNet) -> list[dict[str, Any]]:
    batch: dict[str, Any] = {"active": torch.ones(1, 3, 4, dtype=torch.bool)}
    for rate in model.rates:
        stems = torch.randn(1, 4, 1, round(rate * SECONDS))
        batch |= {f"stems_{rate}": stems, f"mixture_{rate}": stems.sum(1)}
    rows, first = [], 0.0
    for wanted in (False, True):
        model.recomputing(wanted).zero_grad()
        began = time.process_time()
        kept = Kept()
        with kept:
            loss = MetaTasNetLoss()(model, batch).total
        loss.backward()
        seconds = time.process_time() - began
        first = first or seconds
        what = "a training step of one 8 s item" + (", recomputing" if wanted else "")
        row = {"what": what, "cpu_s": f"{seconds:.1f}", "times_first": f"{seconds / first:.2f}"}
        rows.append({**row, "kept_gib": f"{kept.gib():.2f}"})
    return rows


class Kept(torch.autograd.graph.saved_tensors_hooks):
    """Counts what is kept for the gradient, each storage once; weights are not counted."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        super().__init__(self._note, lambda tensor: tensor)

    def _note(self, tensor: Tensor) -> Tensor:
        if not (tensor.is_leaf and tensor.requires_grad):
            storage = tensor.untyped_storage()
            self._sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    def gib(self) -> float:
        """Return how much it is."""
        return sum(self._sizes.values()) / 2**30
