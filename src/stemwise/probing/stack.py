"""Probes of one shape, trained as one computation.

Activations lie units × items, so that a layer of all probes that see the same input is one matrix product,
weights (probes · units × features) by inputs (features × items), and no product needs a copy. Gradients are
written out by hand: a probe is a few products, and bookkeeping would cost as much as they do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from stemwise.probing.adam import Adam
from stemwise.probing.draws import Drawn, draw
from stemwise.probing.grid import DROPOUT_STEPS, ProbeConfig
from stemwise.probing.items import Items, scaler

_MOST_LOGITS = 1 << 24
"""Values of a layer that are computed at a time where nothing is learned."""


class Stack:
    """Probes whose hidden layers, batch size and seed are the same.

    Args:
        configs: of the probes; they are put in order by the input they see, see `order`.
        items: what is learned.
        device: where.
        dtype: float32; float64 for tests.
    """

    def __init__(
        self,
        configs: Sequence[ProbeConfig],
        items: Items,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if len({shape_of(config) for config in configs}) != 1:
            raise ValueError("configs: expected probes of one shape, batch size and seed; part them")
        self.kind, self.outputs, self.device = items.kind, len(items.classes), torch.device(device)
        self.order = sorted(range(len(configs)), key=lambda i: _view(configs[i]))
        self.configs = [configs[i] for i in self.order]
        """Of each probe in the stack, its place among the configs that were given."""
        self.shape = self.configs[0]
        self.sizes = (items.train.features.shape[1], *self.shape.hidden, self.outputs)
        self._center, self._scale = scaler(items.train.features)
        self._dtype = dtype
        self.train = self.inputs(items.train.features)
        self.targets = targets_tensor(items, self.device, dtype)
        layers = _first_weights(self.sizes, self.shape.seed, dtype)
        self.layers = [x.to(self.device).repeat(len(configs), 1, 1) for x in layers]
        self.adam = Adam(self.layers, self.configs)
        self.steps = 0
        self._arrange()

    def inputs(self, features: Float[np.ndarray, "n d"]) -> dict[bool, Float[Tensor, "n d"]]:
        """Return features on the device, as they are and standardised, as far as probes want them."""
        wanted = {config.standardise for config in self.configs}
        ways = {False: lambda: features, True: lambda: (features - self._center) / self._scale}
        return {way: torch.from_numpy(ways[way]()).to(self.device, self._dtype) for way in wanted}

    def draw(self) -> Drawn:
        """Return the draws of the next step, on the device."""
        config = self.shape
        count, features = len(self.targets), self.sizes[0]
        drawn = draw(config.seed, self.steps, count, config.batch_size, features, config.hidden)
        return Drawn(drawn.rows.to(self.device), tuple(noise.to(self.device) for noise in drawn.noise))

    @torch.no_grad()
    def step(self) -> None:
        """Train all probes on their next batch."""
        drawn = self.draw()
        seen = {way: values.index_select(0, drawn.rows) for way, values in self.train.items()}
        masks = [self._masks(noise) for noise in drawn.noise]
        inputs = [seen[way] * masks[0][rate] for (way, rate), _ in self._spans]
        values = [self._first_layer(inputs)]
        for layer in range(1, len(self.sizes) - 1):
            hidden = values[-1].relu_()
            for rate, span in self._rates:
                hidden[span] *= masks[layer][rate]
            weights, bias = self.layers[2 * layer : 2 * layer + 2]
            values.append(torch.baddbmm(bias, weights, hidden))
        error = self._error(values.pop(), self.targets.index_select(0, drawn.rows))
        self._gradients(error, values, inputs)
        self.adam.step()
        self.steps += 1

    @torch.no_grad()
    def logits(self, inputs: dict[bool, Float[Tensor, "n d"]]) -> Float[Tensor, "p k n"]:
        """Return what all probes say of some items, by `inputs`."""
        parts, count = [], len(next(iter(inputs.values())))
        at_once = max(1, _MOST_LOGITS // (count * max(self.sizes[1:])))
        for (way, _), span in self._spans:
            for start in range(span.start, span.stop, at_once):
                some = slice(start, min(start + at_once, span.stop))
                parts.append(forward([layer[some] for layer in self.layers], inputs[way]))
        return torch.cat(parts)

    def keep(self, places: Sequence[int]) -> None:
        """Go on with some of the probes only."""
        index = torch.tensor(list(places), dtype=torch.int64, device=self.device)
        self.order = [self.order[i] for i in places]
        self.configs = [self.configs[i] for i in places]
        self.layers = [layer.index_select(0, index) for layer in self.layers]
        self.adam.keep(self.layers, self.configs, index)
        self._arrange()

    def _arrange(self) -> None:
        """Take note of which probes see which input (standardised or not, the rate of dropout)."""
        self._spans = _runs([_view(config) for config in self.configs])
        self._rates = _runs([config.dropout for config in self.configs])
        kept = [1 / (1 - config.dropout) for config in self.configs]
        self._kept = torch.tensor(kept, device=self.device, dtype=self._dtype)[:, None, None]

    def _masks(self, noise: Tensor) -> dict[float, Tensor]:
        """Return for each rate of dropout what a layer is multiplied with."""
        kept = {rate: noise >= round(rate * DROPOUT_STEPS) for rate, _ in self._rates}
        return {rate: mask.to(self._dtype).mul_(1 / (1 - rate)) for rate, mask in kept.items()}

    def _first_layer(self, inputs: Sequence[Float[Tensor, "b d"]]) -> Float[Tensor, "p u b"]:
        weights, bias = self.layers[:2]
        out = weights.new_empty(len(weights), weights.shape[1], len(inputs[0]))
        for (_, span), seen in zip(self._spans, inputs, strict=True):
            torch.mm(weights[span].flatten(0, 1), seen.T, out=out[span].flatten(0, 1))
        return out.add_(bias)

    def _error(self, logits: Float[Tensor, "p k b"], targets: Shaped[Tensor, "b *k"]) -> Tensor:
        """Return the gradient of each probe's loss by its logits."""
        if self.kind == "multilabel":  # the mean over all elements of the binary cross-entropy
            return logits.sigmoid_().sub_(targets.T).div_(targets.numel())
        if self.kind == "regression":  # of the squared error
            return logits.sub_(targets.T).mul_(2 / targets.numel())
        return logits.softmax(1).sub_(one_hot(targets, self.outputs, self._dtype).T).div_(len(targets))

    def _gradients(
        self,
        error: Float[Tensor, "p k b"],
        hidden: Sequence[Float[Tensor, "p _ b"]],
        inputs: Sequence[Float[Tensor, "b d"]],
    ) -> None:
        """Write the gradients of all layers, from the last to the first."""
        for layer in reversed(range(1, len(self.sizes) - 1)):
            weights, below = self.layers[2 * layer], hidden[layer - 1]
            torch.bmm(error, below.mT, out=self.adam.gradients[2 * layer])
            torch.sum(error, 2, keepdim=True, out=self.adam.gradients[2 * layer + 1])
            error = torch.bmm(weights.mT, error * self._kept)
            # what ReLU or dropout made zero passes nothing back, the rest the scale of dropout
            error = torch.ops.aten.threshold_backward(error, below, 0)
        for (_, span), seen in zip(self._spans, inputs, strict=True):
            torch.mm(error[span].flatten(0, 1), seen, out=self.adam.gradients[0][span].flatten(0, 1))
        torch.sum(error, 2, keepdim=True, out=self.adam.gradients[1])


def shape_of(config: ProbeConfig) -> tuple[tuple[int, ...], int, int, int]:
    """Return what probes have in common that are trained together."""
    return config.hidden, config.batch_size, config.every, config.seed


def forward(layers: Sequence[Float[Tensor, "p _ _"]], features: Float[Tensor, "n d"]) -> Tensor:
    """Return what probes say of features, without dropout: p k n."""
    weights, bias = layers[:2]
    values = torch.mm(weights.flatten(0, 1), features.T).unflatten(0, weights.shape[:2]).add_(bias)
    for weights, bias in zip(layers[2::2], layers[3::2], strict=True):
        values = torch.baddbmm(bias, weights, values.relu_())
    return values


def one_hot(targets: Tensor, classes: int, dtype: torch.dtype) -> Float[Tensor, "b k"]:
    """Return class numbers as rows of 0 and 1."""
    return torch.nn.functional.one_hot(targets, classes).to(dtype)


def targets_tensor(items: Items, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the train split's targets: numbers of classes, or of the probes' type."""
    integer = items.kind in ("multiclass", "key")
    return torch.from_numpy(items.train.targets).to(device, torch.int64 if integer else dtype)


def _view(config: ProbeConfig) -> tuple[bool, float]:
    return config.standardise, config.dropout


def _runs(values: Sequence) -> list:
    """Return equal neighbours as (value, slice).

    >>> _runs("aab")
    [('a', slice(0, 2, None)), ('b', slice(2, 3, None))]
    """
    found, start = [], 0
    for value, group in groupby(values):
        stop = start + len(list(group))
        found.append((value, slice(start, stop)))
        start = stop
    return found


def _first_weights(sizes: Sequence[int], seed: int, dtype: torch.dtype) -> list[Float[Tensor, "1 _ _"]]:
    """Return weights and bias of each layer as torch draws them for linear layers, from a seed."""
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for inputs, outputs in pairwise(sizes):
        bound = 1 / math.sqrt(inputs)
        for shape in ((1, outputs, inputs), (1, outputs, 1)):
            drawn = torch.empty(shape).uniform_(-bound, bound, generator=generator)
            layers.append(drawn.to(dtype))
    return layers
