"""Probes that are trained together are those that would be trained alone."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stemwise.probing import GRIDS, Items, ProbeConfig, Split
from stemwise.probing.draws import draw
from stemwise.probing.scoring import Scorer
from stemwise.probing.stack import Stack

KINDS = {"multilabel": ("x", "y", "z"), "multiclass": tuple("abcd"), "regression": ("up", "down")}
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "multilabel": nn.functional.binary_cross_entropy_with_logits,
    "multiclass": nn.functional.cross_entropy,
    "regression": nn.functional.mse_loss,
}


def items(kind: str, sizes: dict[str, int] | None = None, features: int = 6, seed: int = 0) -> Items:
    """Items with something to learn: targets are a noisy linear function of the features."""
    rng, classes = np.random.default_rng(seed), KINDS[kind]
    matrix = rng.standard_normal((features, len(classes)))
    splits = {}
    for name, count in (sizes or {"train": 90, "valid": 40, "test": 30}).items():
        values = (rng.standard_normal((count, features)) * 3 + np.arange(features)).astype(np.float32)
        hints = (values - np.arange(features)) @ matrix + rng.standard_normal((count, len(classes)))
        targets = {"multilabel": hints > 1, "multiclass": hints.argmax(1), "regression": hints}[kind]
        names = tuple(f"{name}{i}" for i in range(count))
        splits[name] = Split(names=names, features=values, targets=targets)
    return Items(kind=kind, classes=classes, splits=splits)


class Dropped(nn.Module):
    """Drops what its bytes say."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate, self.noise = rate, torch.zeros(0)

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(self.noise / 256 < self.rate, 0, x / (1 - self.rate))


def alone(config: ProbeConfig, data: Items, steps: int) -> list[Tensor]:
    """Weights and biases of a probe that is trained by itself, with torch's own layers and optimiser."""
    features = torch.from_numpy(data.train.features.astype(np.float64))
    if config.standardise:
        features = (features - features.mean(0)) / features.std(0, correction=0)
    targets = torch.from_numpy(data.train.targets)
    targets = targets if data.kind == "multiclass" else targets.double()
    torch.manual_seed(config.seed)
    sizes = [features.shape[1], *config.hidden]
    hidden = [
        part for i, o in pairwise(sizes) for part in (nn.Linear(i, o), nn.ReLU(), Dropped(config.dropout))
    ]
    net = nn.Sequential(Dropped(config.dropout), *hidden, nn.Linear(sizes[-1], len(data.classes))).double()
    decay, rate = config.weight_decay or 0.0, config.learning_rate
    optimiser = torch.optim.Adam(net.parameters(), lr=rate, weight_decay=decay)
    for step in range(steps):
        drawn = draw(config.seed, step, len(features), config.batch_size, features.shape[1], config.hidden)
        dropped = [part for part in net if isinstance(part, Dropped)]
        for place, (part, noise) in enumerate(zip(dropped, drawn.noise, strict=True)):
            part.noise = noise.T if place else noise
        loss = LOSSES[data.kind](net(features[drawn.rows]), targets[drawn.rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return [weight.detach() for weight in net.parameters()]


def like(hidden: tuple[int, ...], batch_size: int) -> list[ProbeConfig]:
    """Settings of the paper's grid that are trained together, with other hidden layers: every seventh."""
    wanted = [c for c in GRIDS["full"] if not c.hidden and c.batch_size == 64][::7]
    return [replace(config, hidden=hidden, batch_size=batch_size) for config in wanted]


@pytest.mark.parametrize(
    ("kind", "hidden", "batch_size"),
    [
        ("multilabel", (), 16),
        ("regression", (8,), 256),  # more than there are items
        ("multiclass", (5, 7), 16),
    ],
)
def test_stacked_probes_equal_those_trained_alone(
    kind: str, hidden: tuple[int, ...], batch_size: int
) -> None:
    data, configs = items(kind), like(hidden, batch_size)
    stack = Stack(configs, data, dtype=torch.float64)
    for _ in range(200):
        stack.step()
    for place in range(0, len(configs), 2):
        own = stack.order.index(place)
        for layer, weight in zip(stack.layers, alone(configs[place], data, 200), strict=True):
            weight = weight if weight.ndim == 2 else weight[:, None]
            torch.testing.assert_close(layer[own], weight, rtol=0, atol=1e-9)


def test_probes_that_leave_do_not_change_the_others() -> None:
    data, configs = items("multiclass"), like((8,), 16)
    whole, parted = (Stack(configs, data, dtype=torch.float64) for _ in range(2))
    for step in range(40):
        if step == 20:
            parted.keep([1, 4, 7])
        whole.step()
        parted.step()
    for place, own in enumerate((1, 4, 7)):
        assert parted.order[place] == whole.order[own]
        for a, b in zip(parted.layers, whole.layers, strict=True):
            torch.testing.assert_close(a[place], b[own], rtol=0, atol=1e-12)


def test_rule_for_other_devices_is_that_of_torch() -> None:
    data, configs = items("multilabel"), like((8,), 16)
    fused, plain = (Stack(configs, data, dtype=torch.float64) for _ in range(2))
    plain.adam._fused = plain.adam._rule
    for _ in range(30):
        fused.step()
        plain.step()
    for a, b in zip(fused.layers, plain.layers, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_draws_are_a_function_of_seed_and_step() -> None:
    first, again, other = (draw(0, step, 1000, 64, 32, (16,)) for step in (3, 3, 4))
    assert torch.equal(first.rows, again.rows) and torch.equal(first.noise[1], again.noise[1])
    assert not torch.equal(first.rows, other.rows)
    assert len(set(first.rows.tolist())) == 64
    kept = np.mean([(draw(1, step, 64, 64, 512).noise[0] >= 192).float().mean() for step in range(20)])
    assert kept == pytest.approx(0.25, abs=0.003)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize(("kind", "hidden"), [("multilabel", ()), ("multiclass", (8,))])
def test_probes_on_a_gpu_are_those_of_the_processor(kind: str, hidden: tuple[int, ...]) -> None:
    data, configs = items(kind), like(hidden, 16)
    here, there = (Stack(configs, data, device, torch.float64) for device in ("cpu", "cuda"))
    for _ in range(60):
        here.step()
        there.step()
    for ours, theirs in zip(here.layers, there.layers, strict=True):
        torch.testing.assert_close(theirs.cpu(), ours, rtol=0, atol=1e-9)
    found = Scorer(data, data.valid, torch.device("cuda"))(there.logits(there.inputs(data.valid.features)))
    expected = Scorer(data, data.valid, torch.device("cpu"))(here.logits(here.inputs(data.valid.features)))
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-6)
