"""Adam for many small networks at once, each with its own rate and decay (Kingma, Ba 2015)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.optim.adam import adam

from stemwise.probing.grid import ProbeConfig

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Adam:
    """Moves the layers of probes, in place, against `gradients`, which others write.

    torch's own fused update passes over memory once, the rule below nine times; but on a GPU a call of it
    for each rate and decay takes longer than the passes.

    Args:
        layers: of all probes, probes first.
        configs: rate and decay of each probe.
    """

    def __init__(self, layers: Sequence[Float[Tensor, "p _ _"]], configs: Sequence[ProbeConfig]) -> None:
        zeros = [torch.zeros_like(layer) for layer in layers]
        self.means, self.squares = zeros, [zero.clone() for zero in zeros]
        self.steps = 0
        self._attach(layers, configs)

    def keep(
        self,
        layers: Sequence[Float[Tensor, "p _ _"]],
        configs: Sequence[ProbeConfig],
        index: Int64[Tensor, "q"],
    ) -> None:
        """Go on with some of the probes: their layers and configs are given, and where they were."""
        self.means = [mean.index_select(0, index) for mean in self.means]
        self.squares = [square.index_select(0, index) for square in self.squares]
        self._attach(layers, configs)

    def step(self) -> None:
        """Move all layers."""
        self.steps += 1
        if self._layers[0].device.type == "cpu":
            self._fused()
        else:
            self._rule()

    def _attach(self, layers: Sequence[Tensor], configs: Sequence[ProbeConfig]) -> None:
        self._layers, self._configs = layers, configs
        self.gradients = [torch.empty_like(layer) for layer in layers]
        like: dict[tuple[float, float], list[int]] = {}
        for place, config in enumerate(configs):
            like.setdefault((config.learning_rate, config.weight_decay or 0.0), []).append(place)
        tensors = (layers, self.gradients, self.means, self.squares)
        self._groups = {
            setting: [[part[place] for part in parts for place in places] for parts in tensors]
            for setting, places in like.items()
        }
        values = [(config.learning_rate, config.weight_decay or 0.0) for config in configs]
        settings = torch.tensor(values, dtype=layers[0].dtype, device=layers[0].device).reshape(-1, 1, 2)
        self._rates, self._decays = settings.split(1, dim=2)  # p 1 1

    def _fused(self) -> None:
        for (rate, decay), (layers, gradients, means, squares) in self._groups.items():
            adam(
                layers,
                gradients,
                means,
                squares,
                max_exp_avg_sqs=[],
                state_steps=list(torch.full((len(layers),), float(self.steps - 1))),
                fused=True,
                amsgrad=False,
                maximize=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=rate,
                weight_decay=decay,
                eps=EPSILON,
            )

    def _rule(self) -> None:
        first, second = (1 - beta**self.steps for beta in BETAS)
        rates = self._rates * (-math.sqrt(second) / first)
        for layer, gradient, mean, square in zip(
            self._layers, self.gradients, self.means, self.squares, strict=True
        ):
            gradient.addcmul_(layer, self._decays)
            mean.lerp_(gradient, 1 - BETAS[0])
            square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            scale = square.sqrt().add_(EPSILON * math.sqrt(second))
            layer.addcmul_(mean / scale, rates)
