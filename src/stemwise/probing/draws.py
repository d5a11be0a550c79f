"""What the training of probes draws: which items a step sees, and which of their features it drops.

All of it is a function of (seed, step) and of the shapes alone. Probes of one seed and shape therefore share
their draws, as the released code's do, where every run starts with seed 0; so they may be trained together,
and are compared under the same chance.

Deviations:
    released code: draws batches with Python's `random.sample` and dropout with torch's generator. Here both
    come from NumPy's PCG64, the same on every device: equal in distribution, not bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor


@dataclass(frozen=True)
class Drawn:
    """The draws of a step.

    Attributes:
        rows: places of the items in the train split, each at most once.
        noise: uniform bytes for the input (items × features) and each hidden layer (units × items): a
            value is dropped where its byte is below 256 times the rate.
    """

    rows: Int64[Tensor, "b"]
    noise: tuple[UInt8[Tensor, "_ _"], ...]


def draw(
    seed: int, step: int, items: int, batch_size: int, features: int, hidden: tuple[int, ...] = ()
) -> Drawn:
    """Return the draws of a step, on the CPU.

    Args:
        seed: of the probes.
        step: counted from 0.
        items: of the train split.
        batch_size: items that a step sees, or all where there are fewer.
        features: of an item.
        hidden: units of each hidden layer.
    """
    rng, size = np.random.default_rng([seed, step]), min(batch_size, items)
    rows = torch.from_numpy(rng.choice(items, size, replace=False, shuffle=False))
    shapes = [(size, features), *((units, size) for units in hidden)]
    return Drawn(rows, tuple(_bytes(rng, shape) for shape in shapes))


def _bytes(rng: np.random.Generator, shape: tuple[int, int]) -> UInt8[Tensor, "_ _"]:
    count = shape[0] * shape[1]
    words = rng.integers(0, 2**64, -(-count // 8), dtype=np.uint64, endpoint=False)
    return torch.from_numpy(words.view(np.uint8)[:count].reshape(shape))
