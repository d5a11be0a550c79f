"""Meta-TasNet: what training keeps for the gradient, and inference beside the network written plainly."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from plain_meta_tasnet import plain_stems
from torch import Tensor

from stemwise.memory import lay_out
from stemwise.models.meta_tasnet import VARIANTS, MetaTasNet
from stemwise.objectives.meta_tasnet import MetaTasNetLoss
from stemwise.spans import CONTEXT_S, FADE_S

SECONDS, CHUNK_S, ROUNDS = 8.0, 10.0, 3


def run() -> list[dict[str, Any]]:
    """One row for each way to train on an 8-second item, then one for each way to separate a chunk.

    A song is a row of such chunks, channel by channel, so the ratio of a chunk is that of a song. Times are
    the processor's, as other programs of the machine count in the clock's.
    """
    torch.manual_seed(0)
    model = VARIANTS["meta-tasnet"].build()
    lay_out(model)
    return [*_training(model), *_separating(model.eval())]


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
        rows.append({**row, "kept_gib": f"{kept.gib():.2f}", "worst_error": ""})
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


def _separating(model: MetaTasNet) -> list[dict[str, Any]]:
    whole = CHUNK_S + 2 * CONTEXT_S
    first = round((CONTEXT_S - FADE_S) * model.sample_rate)
    last = round((whole - CONTEXT_S + FADE_S) * model.sample_rate)
    mixtures = [torch.randn(1, 1, round(rate * whole)) for rate in model.rates]
    times: dict[str, list[float]] = {"plain": [], "ours": []}
    plain = ours = torch.zeros(())
    with torch.inference_mode():
        for _ in range(ROUNDS):
            began = time.process_time()
            plain = plain_stems(model, mixtures)[..., first:last]
            times["plain"].append(time.process_time() - began)
            began = time.process_time()
            ours = model.from_rates(mixtures, first, last)
            times["ours"].append(time.process_time() - began)
    error = ((ours - plain).abs().max() / plain.std()).item()
    rows = []
    for name, seconds in times.items():
        ratio = statistics.median(p / s for p, s in zip(times["plain"], seconds, strict=True))
        row = {"what": f"a chunk of {whole:.0f} s, {name}", "cpu_s": f"{statistics.median(seconds):.1f}"}
        row |= {"times_first": f"{1 / ratio:.2f}", "kept_gib": ""}
        rows.append({**row, "worst_error": f"{error:.1e}" if name == "ours" else ""})
    return rows
