"""LARS, an optimiser for large batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from stemwise.training.per_weight import PerWeight


class LARS(PerWeight):
    """Layer-wise adaptive rates: each tensor's step is a share of its own norm.

    You, Gitman, Ginsburg 2017 (arXiv 1708.03888). With weight decay added to the gradient g of a tensor w,
    momentum m becomes `momentum * m + lr * trust * |w| / |g| * g`, and w loses m.

    Deviations:
        released code (of SimCLR's PyTorch port, which CLMR and TUNe use): takes lists of names without decay
        and adaptation, and ignores them. So here: all tensors have both.

    Args:
        params: parameters, or groups of them.
        lr: learning rate.
        momentum: of the steps.
        weight_decay: share of a weight that is added to its gradient.
        trust: share of its norm that a tensor moves by, per unit of the rate.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 1e-6,
        trust: float = 1e-3,
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust}
        super().__init__(params, settings)

    def _move(self, weight: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        gradient = weight.grad + group["weight_decay"] * weight
        norm, slope = weight.norm(), gradient.norm()
        adapted = torch.where((norm > 0) & (slope > 0), group["trust"] * norm / slope, 1.0)
        state["momentum"].mul_(group["momentum"]).add_(group["lr"] * adapted * gradient)
        weight.sub_(state["momentum"])
