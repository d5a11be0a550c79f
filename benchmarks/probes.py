"""Probes trained together beside a plain loop over probes, on two tasks' sizes; and ROC-AUC by sorting.

The loop trains one probe after the other with torch's layers, dropout and Adam, and evaluates every eight
steps as jukemir does, with scikit-learn's scores. Of each kind of probe (linear or hidden, 64 or 256 a batch)
two are measured, and the grid's time is theirs times their number: an extrapolation. The grid together is
measured whole, over as many steps; nothing stops early.

`python benchmarks/probes.py --device cuda` prints the same of a GPU. `--threads 1` counts the processor's
time, for machines that others use, too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from stemwise.memory import keep_freed_memory
from stemwise.metrics.ranking import ranked_roc_auc
from stemwise.probing import GRIDS, Items, ProbeConfig, Split
from stemwise.probing.items import Kind
from stemwise.probing.stack import Stack
from stemwise.probing.sweep import Race, shapes

FEATURES, STEPS, ROUNDS = 512, 16, 3


@dataclass(frozen=True)
class Size:
    """A task's size."""

    name: str
    kind: Kind
    train: int
    valid: int
    outputs: int

    def items(self) -> Items:
        """Return random features with a label signal in them."""
        rng = np.random.default_rng(0)
        matrix = rng.standard_normal((FEATURES, self.outputs)).astype(np.float32)
        splits = {}
        for name, count in (("train", self.train), ("valid", self.valid)):
            seen = rng.standard_normal((count, FEATURES)).astype(np.float32)
            hints = seen @ matrix + 20 * rng.standard_normal((count, self.outputs)).astype(np.float32)
            targets = hints > 50 if self.kind == "multilabel" else hints.argmax(1)
            splits[name] = Split(names=tuple(map(str, range(count))), features=seen, targets=targets)
        return Items(kind=self.kind, classes=tuple(map(str, range(self.outputs))), splits=splits)


SIZES = (
    Size("GTZAN", "multiclass", 443, 197, 10),
    Size("MagnaTagATune", "multilabel", 18_706, 1_825, 50),
)


def run(device: str = "cpu") -> list[dict[str, Any]]:
    """Return a row for each size and each half of the grid, and one for ROC-AUC."""
    keep_freed_memory()
    return [*(row for size in SIZES for row in _rows(size, device)), _ranking(device)]


def _rows(size: Size, device: str) -> Iterator[dict[str, Any]]:
    items, grid = size.items(), GRIDS["full"]
    found = {}
    for places in shapes(grid):
        configs = [grid[place] for place in places]
        found["hidden" if configs[0].hidden else "linear", configs[0].batch_size] = (
            len(configs) * _plain(configs, items, device),
            _together(configs, items, device),
        )
    for half in ("linear", "hidden"):
        pairs = [pair for (name, _), pair in found.items() if name == half]
        yield _row(f"{size.name}, {half} half of 216 probes", pairs)
    yield _row(f"{size.name}, all 216 probes", list(found.values()))


def _row(what: str, pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    loop, ours = map(sum, zip(*pairs, strict=True))
    how = {"loop_ms_per_step": f"{1000 * loop:.1f}", "together_ms_per_step": f"{1000 * ours:.1f}"}
    return {"what": what, **how, "times": f"{loop / ours:.1f}"}


def _together(configs: list[ProbeConfig], items: Items, device: str) -> float:
    """Return seconds a step of all probes, evaluation included."""
    race = Race(Stack(configs, items, device), items)
    return _median(lambda: [race.stretch() for _ in range(STEPS // 8)], device)


def _plain(configs: list[ProbeConfig], items: Items, device: str) -> float:
    """Return seconds a step of one probe, evaluation included, the mean of some."""
    some = configs[13::27]  # not standardised and standardised, the middle of the rest
    return float(np.mean([_median(_loop(config, items, device), device) for config in some]))


def _loop(config: ProbeConfig, items: Items, device: str) -> Callable[[], None]:
    sizes = (FEATURES, *config.hidden)
    hidden = [
        part
        for inputs, outputs in pairwise(sizes)
        for part in (nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(config.dropout))
    ]
    last = nn.Linear(sizes[-1], len(items.classes))
    net = nn.Sequential(nn.Dropout(config.dropout), *hidden, last).to(device)
    decay = config.weight_decay or 0.0
    optimiser = torch.optim.Adam(net.parameters(), lr=config.learning_rate, weight_decay=decay)
    loss = nn.CrossEntropyLoss() if items.kind == "multiclass" else nn.BCEWithLogitsLoss()
    seen, held = (torch.from_numpy(split.features).to(device) for split in (items.train, items.valid))
    targets = torch.from_numpy(items.train.targets).to(device)
    targets = targets if items.kind == "multiclass" else targets.float()
    draws = np.random.default_rng(0)

    def go() -> None:
        for step in range(STEPS):
            if step % config.every == 0:
                net.eval()
                with torch.no_grad():
                    _score(items, net(held))
                net.train()
            size = min(config.batch_size, len(seen))
            rows = torch.from_numpy(draws.choice(len(seen), size, replace=False)).to(device)
            optimiser.zero_grad()
            loss(net(seen[rows]), targets[rows]).backward()
            optimiser.step()

    return go


def _score(items: Items, logits: torch.Tensor) -> float:
    from sklearn.metrics import accuracy_score, roc_auc_score

    if items.kind == "multiclass":
        return float(accuracy_score(items.valid.targets, logits.argmax(1).cpu().numpy()))
    return float(roc_auc_score(items.valid.targets, logits.sigmoid().cpu().numpy(), average="macro"))


def _median(work: Callable[[], Any], device: str) -> float:
    """Return seconds a step; of the processor where there is one thread."""
    clock = time.process_time if device == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    seconds = []
    work()
    for _ in range(ROUNDS):
        _wait(device)
        start = clock()
        work()
        _wait(device)
        seconds.append(clock() - start)
    return float(np.median(seconds)) / STEPS


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def _ranking(device: str) -> dict[str, Any]:
    """Return the time of the valid split's ROC-AUC of 108 probes, and scikit-learn's, from one probe's."""
    from sklearn.metrics import roc_auc_score

    size, probes = SIZES[1], 108
    targets = size.items().valid.targets
    scores = np.random.default_rng(1).random((probes, size.outputs, size.valid), np.float32)
    ours, truth = torch.from_numpy(scores).to(device), torch.from_numpy(targets.T.copy()).to(device)
    theirs = STEPS * _median(lambda: roc_auc_score(targets, scores[0].T, average="macro"), "cpu")
    found = STEPS * _median(lambda: ranked_roc_auc(truth, ours).mean(1).cpu(), device)
    assert abs(float(ranked_roc_auc(truth, ours[:1]).mean()) - roc_auc_score(targets, scores[0].T)) < 1e-9
    row = _row(
        f"ROC-AUC of {probes} probes, {size.outputs} tags of {size.valid} clips", [(theirs * probes, found)]
    )
    return row


def _table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(map(str, row.values())) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    chosen = given.device
    print(torch.cuda.get_device_name() if chosen.startswith("cuda") else f"{torch.get_num_threads()} threads")
    print(_table(run(chosen)))
