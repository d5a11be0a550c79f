"""MSSPT's published variable names, one by one, beside ours.

The released Keras models number their weighted layers: `layer_with_weights-0` to `-58` are the U-Net in
separators and joint classifiers alike, `-59` to `-89` the tail behind it; a stand-alone tail begins at 0.
Each map here says, for every tensor of ours, which variable it comes from and how its axes change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from torch import Tensor

MULTISOURCE_ORDER = ("vocals", "other", "drums", "bass")
"""The order of sources in the released multi-source networks."""


@dataclass(frozen=True)
class Variable:
    """A published variable: its key, and along which axis of ours its sources are reordered.

    Between the layouts every axis is reversed: kernels are (time, frequency, in, out) there and (out, in,
    frequency, time) here, those of transposed convolutions (time, frequency, out, in) and (in, out,
    frequency, time), dense ones (in, out) and (out, in).

    Attributes:
        key: without `/.ATTRIBUTES/VARIABLE_VALUE`.
        sources: (our axis, published index of each of ours), where an axis holds sources.
    """

    key: str
    sources: tuple[int, tuple[int, ...]] | None = None

    def to_torch(self, value: np.ndarray) -> Tensor:
        """Return the value in our layout."""
        ours = value.T
        if self.sources:
            axis, order = self.sources
            ours = ours.take(order, axis)
        return torch.from_numpy(np.ascontiguousarray(ours))


NameMap = dict[str, Variable]


def unet_names(stems: tuple[str, ...], prefix: str = "unet.") -> NameMap:
    """Return the map of a U-Net of depth six: `layer_with_weights-0` to `-58`."""
    layer, names = count(), {}
    for i in range(6):
        names |= _pre_activation(f"{prefix}encoder.{i}", layer)
    for i in range(6):
        names |= _weights(f"{prefix}up.{i}", next(layer))
        names |= _pre_activation(f"{prefix}decoder.{i}", layer)
    names |= _pre_activation(f"{prefix}head", layer)
    names |= _weights(f"{prefix}mask", next(layer), sources=(0, source_order(stems)))
    return names


def tail_names(first_layer: int = 0, stems: tuple[str, ...] = ()) -> NameMap:
    """Return the map of a tail that begins at this layer and reads these sources beside the mixture."""
    layer, names = count(first_layer), {}
    for block in range(7):
        for conv in (0, 3):
            reads_sources = bool(stems) and block == conv == 0
            sources = (1, (*source_order(stems), len(stems))) if reads_sources else None
            names |= _weights(f"tail.blocks.{block}.{conv}", next(layer), sources)
            names |= _norm(f"tail.blocks.{block}.{conv + 1}", next(layer))
    names |= _weights("tail.dense", next(layer))
    names |= _norm("tail.norm", next(layer))
    return names | _weights("tail.output", next(layer))


def joint_names(stems: tuple[str, ...]) -> NameMap:
    """Return the map of a joint classifier."""
    return unet_names(stems) | tail_names(59, stems)


def source_order(stems: tuple[str, ...]) -> tuple[int, ...]:
    """Return the published index of each stem: 0 in a single-source network."""
    return (0,) if len(stems) == 1 else tuple(MULTISOURCE_ORDER.index(stem) for stem in stems)


def convert(names: NameMap, read: Callable[[Variable], np.ndarray]) -> dict[str, Tensor]:
    """Return a state dict of ours from whatever reads a published variable."""
    return {ours: variable.to_torch(read(variable)) for ours, variable in names.items()}


def load_published(module: torch.nn.Module, state: Mapping[str, Tensor]) -> None:
    """Fill a network from a converted state dict: every tensor once, but for torch's batch counters.

    Raises:
        ValueError: a tensor is missing, unknown or of another shape.
    """
    counters = {k: v for k, v in module.state_dict().items() if k.endswith("num_batches_tracked")}
    try:
        module.load_state_dict({**counters, **state}, strict=True)
    except RuntimeError as error:
        raise ValueError(f"published weights do not fit this architecture: {error}") from error


def _key(layer: int, leaf: str) -> str:
    return f"layer_with_weights-{layer}/{leaf}"


def _weights(name: str, layer: int, sources: tuple[int, tuple[int, ...]] | None = None) -> NameMap:
    bias = sources if sources and sources[0] == 0 else None  # only an output axis orders the bias too
    return {
        f"{name}.weight": Variable(_key(layer, "kernel"), sources),
        f"{name}.bias": Variable(_key(layer, "bias"), bias),
    }


def _norm(name: str, layer: int) -> NameMap:
    leaves = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    return {f"{name}.{ours}": Variable(_key(layer, leaf)) for ours, leaf in leaves.items()}


def _pre_activation(name: str, layer: count) -> NameMap:
    names = {}
    for norm, conv in ((0, 2), (3, 5)):  # positions in the block: norm, activation, convolution, twice
        names |= _norm(f"{name}.{norm}", next(layer))
        names |= _weights(f"{name}.{conv}", next(layer))
    return names
