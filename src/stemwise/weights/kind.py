"""What a published checkpoint holds: our config of it, and our name for each of its variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stemwise.models import Config

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Variable:
    """A published variable: its key, and along which axis of ours its sources are reordered.

    Between the layouts every axis is reversed: kernels are (time, frequency, in, out) there and (out, in,
    frequency, time) here, those of transposed convolutions (time, frequency, out, in) and (in, out,
    frequency, time), dense ones (in, out) and (out, in). Depthwise ones, (time, frequency, channel, 1), are
    (channel, 1, frequency, time) here.

    Attributes:
        key: without `/.ATTRIBUTES/VARIABLE_VALUE`.
        sources: (our axis, published index of each of ours), where an axis holds sources.
        depthwise: whether it is the kernel of a depthwise convolution.
    """

    key: str
    sources: tuple[int, tuple[int, ...]] | None = None
    depthwise: bool = False

    def to_torch(self, value: np.ndarray) -> Tensor:
        """Return the value in our layout."""
        ours = value.T
        if self.depthwise:
            ours = ours.swapaxes(0, 1)
        if self.sources:
            axis, order = self.sources
            ours = ours.take(order, axis)
        return torch.from_numpy(np.array(ours, order="C"))

    def published_shape(self, ours: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the variable whose value is of this shape in our layout."""
        if self.depthwise:
            ours = (ours[1], ours[0], *ours[2:])
        return tuple(ours)[::-1]


NameMap = dict[str, Variable]


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


def dense_names(name: str, key: str, sources: tuple[int, tuple[int, ...]] | None = None) -> NameMap:
    """Return the map of a kernel and its bias."""
    bias = sources if sources and sources[0] == 0 else None  # only an output axis orders the bias too
    return {
        f"{name}.weight": Variable(f"{key}/kernel", sources),
        f"{name}.bias": Variable(f"{key}/bias", bias),
    }


def norm_names(name: str, key: str) -> NameMap:
    """Return the map of a batch normalisation."""
    leaves = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    return {f"{name}.{ours}": Variable(f"{key}/{leaf}") for ours, leaf in leaves.items()}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a checkpoint holds.

    Attributes:
        config: of our network.
        names: our tensors, each with its published variable.
        title: one line for a person.
        data: what the authors trained such networks on.
        citation: of the paper.
        protocol: which edition of the authors' code it belongs to.
    """

    config: Config
    names: NameMap
    title: str
    data: str
    citation: str
    protocol: str
