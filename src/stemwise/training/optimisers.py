"""Optimisers by typed settings, and Adam as Keras computes it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from stemwise.training.lars import LARS
from stemwise.training.per_weight import PerWeight


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """Which optimiser, how large its steps are at most, and what is averaged over them.

    Attributes:
        name: `keras-adam` adds epsilon where Keras does, see `KerasAdam`; `ranger` is rectified Adam with a
            look-ahead, see `ranger`; `lars` is for large batches, see `LARS`.
        learning_rate: at its peak.
        betas: Adam's decays of the first and the second moment; Ranger's are its own, 0.95 and 0.999.
        eps: Adam's epsilon; 0 for its own default, 1e-8, Keras' 1e-7, or Ranger's 1e-5.
        momentum: of SGD and LARS.
        nesterov: whether SGD's momentum looks ahead.
        weight_decay: `adam`, `sgd` and `lars` add it to the gradient, the others shrink the weights.
        clip_norm: largest norm of the gradient; 0 for none.
        accumulate: into how many parts a batch is cut, one after the other, to save memory.
        ema: decay of an exponential moving average of the weights, which then stand for the model;
            0 for none.
    """

    name: Literal["adam", "adamw", "sgd", "keras-adam", "ranger", "lars"] = "adam"
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    accumulate: int = 1
    ema: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate: expected more than 0, got {self.learning_rate}")
        if self.accumulate < 1:
            raise ValueError(f"accumulate: expected at least 1, got {self.accumulate}")
        for name in ("eps", "weight_decay", "clip_norm"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: expected at least 0, got {getattr(self, name)}")
        for name, share in (("betas", max(self.betas)), ("momentum", self.momentum), ("ema", self.ema)):
            if not 0 <= share < 1:
                raise ValueError(f"{name}: expected at least 0 and below 1, got {getattr(self, name)}")
        if self.momentum and self.name not in ("sgd", "lars"):
            raise ValueError(f"momentum: only sgd and lars have it, {self.name} has betas")
        if self.nesterov and not (self.momentum and self.name == "sgd"):
            raise ValueError(
                f"nesterov: expected sgd and a momentum of more than 0 with it, got {self.name} and "
                f"{self.momentum}"
            )

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimiser of these parameters."""
        shared: dict[str, Any] = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        if self.name == "sgd":
            return torch.optim.SGD(parameters, **shared, momentum=self.momentum, nesterov=self.nesterov)
        if self.name == "lars":
            return LARS(parameters, **shared, momentum=self.momentum)
        if self.name == "ranger":
            return ranger(parameters, **shared, eps=self.eps or 1e-5)
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "keras-adam": KerasAdam}
        own = {"eps": self.eps} if self.eps else {}
        return kinds[self.name](parameters, **shared, betas=self.betas, **own)


def ranger(
    parameters: Iterable[nn.Parameter], *, lr: float, weight_decay: float = 0.0, eps: float = 1e-5
) -> torch.optim.Optimizer:
    """Return Ranger as Wright published it in September 2019, which Meta-TasNet was trained with.

    Rectified Adam (Liu et al. 2020, arXiv 1908.03265), whose weights are drawn half way to their former
    place every sixth step (Zhang et al. 2019, arXiv 1907.08610). Before the rectification begins a step is
    plain momentum; later editions skip it, and centre gradients. Weight decay is decoupled.

    Args:
        parameters: of the model.
        lr: learning rate.
        weight_decay: share of a weight that goes in each step, times the rate.
        eps: added to the root of the second moment.
    """
    from pytorch_optimizer import Ranger

    edition = {"betas": (0.95, 0.999), "alpha": 0.5, "k": 6, "degenerated_to_sgd": True, "use_gc": False}
    return Ranger(parameters, lr=lr, weight_decay=weight_decay, eps=eps, **edition)


class KerasAdam(PerWeight):
    """Adam as Keras computes it: epsilon is added outside the correction of the moments' bias.

    Kingma, Ba 2015 (arXiv 1412.6980), the variant at the end of section 2: step t moves a weight by
    `lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)`. Early on, where gradients are small, its steps
    are smaller than those of torch's Adam. Weight decay is decoupled, as Keras' is.

    Args:
        params: parameters, or groups of them.
        lr: learning rate.
        betas: decays of the moments.
        eps: epsilon.
        weight_decay: share of a weight that goes in each step, times the rate.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-7,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _move(self, weight: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["step"] = torch.tensor(0.0)  # a tensor, as the state of torch's own optimisers
            state["mean"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
            state["square"] = torch.zeros_like(weight, memory_format=torch.preserve_format)
        state["step"] += 1
        first, second = group["betas"]
        count = state["step"].item()
        rate = group["lr"] * math.sqrt(1 - second**count) / (1 - first**count)
        if group["weight_decay"]:
            weight.mul_(1 - group["lr"] * group["weight_decay"])
        state["mean"].lerp_(weight.grad, 1 - first)
        state["square"].mul_(second).addcmul_(weight.grad, weight.grad, value=1 - second)
        weight.addcdiv_(state["mean"], state["square"].sqrt().add_(group["eps"]), value=-rate)
