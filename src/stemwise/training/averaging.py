"""An exponential moving average of a network's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The moving average of all weights and running statistics of a module.

    After step t (from 1) it is `d * average + (1 - d) * weight` with `d = min(decay, (1 + t) / (10 + t))`:
    the ramp lets it leave the initial weights, as in TensorFlow's ExponentialMovingAverage. Counters are
    copied.

    Args:
        module: its weights at this moment are where the average starts.
        decay: of the average.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the weights behind a step."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor, 1 - decay)
            else:
                self.tensors[name].copy_(tensor)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the average from a checkpoint."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])


@contextmanager
def evaluating(module: nn.Module, average: Average | None) -> Iterator[None]:
    """Put a module into evaluation mode with its averaged weights, and back into training afterwards."""
    kept = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()} if average else {}
    module.eval()
    try:
        if average:
            module.load_state_dict(average.tensors)
        yield
    finally:
        if average:
            module.load_state_dict(kept)
        module.train()
