"""Meta-TasNet's published names beside ours, and the config that a published namespace stands for.

Ours are the published names, but that independent weights lie stem by stem instead of in one grouped layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stemwise.models.meta_tasnet import MetaTasNet, MetaTasNetConfig
from stemwise.weights.torch_file import plain_arguments, read_torch_file

TITLE = "Meta-TasNet, separator of four stems"
CITATION = (
    "David Samuel, Aditya Ganeshan, Jason Naradowsky: Meta-learning Extractors for Music Source Separation, "
    "ICASSP 2020, arXiv 2002.07016"
)

ARGUMENTS = {
    "sampling_rate": "base_rate",
    "stages_num": "stages",
    "N": "latent",
    "L": "kernel",
    "W": "stride",
    "filters": "filters",
    "num_mels": "bands",
    "B": "width_tcn",
    "H": "hidden",
    "layers": "layers",
    "stack": "stacks",
    "E_1": "embedding",
    "E_2": "generator",
    "residual_bias": "residual_bias",
    "dropout": "dropout",
}
"""The original's arguments that decide the network, and what they are called here."""


def config_of(arguments: Mapping[str, Any]) -> MetaTasNetConfig:
    """Return the config that the original's arguments stand for.

    Raises:
        ValueError: one is missing or of another kind, or the network cannot be built here.
    """
    values: dict[str, Any] = {}
    for theirs, ours in ARGUMENTS.items():
        value, kind = arguments.get(theirs), type(getattr(MetaTasNetConfig(), ours))
        if not isinstance(value, kind) and not (kind is float and isinstance(value, int)):
            raise ValueError(f"its argument {theirs}: expected {kind.__name__}, got {value!r}")
        values[ours] = value
    if arguments.get("kernel", 3) != 3:
        raise ValueError(f"its argument kernel: expected 3, got {arguments['kernel']!r}")
    independent = arguments.get("independent_params", False)
    return MetaTasNetConfig(**values, weights="independent" if independent else "generated")


def published_names(config: MetaTasNetConfig) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return, for each of our tensors, its published name and shape."""
    with torch.device("meta"):
        ours = config.build().state_dict()
    return {name: (_published(name, value), _shape(name, value)) for name, value in ours.items()}


def converted(config: MetaTasNetConfig, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return our state dict from the published one.

    Raises:
        ValueError: a tensor is missing, unknown, or of another shape or type.
    """
    names = published_names(config)
    expected = {theirs for theirs, _ in names.values()}
    for what, keys in (("missing", expected - published.keys()), ("unknown", published.keys() - expected)):
        if keys:
            raise ValueError(f"{what}: {', '.join(sorted(keys)[:3])}, {len(keys)} in all; another network")
    with torch.device("meta"):
        ours = config.build().state_dict()
    state = {}
    for name, (theirs, shape) in names.items():
        value = published[theirs]
        if tuple(value.shape) != shape or value.dtype != torch.float32:
            raise ValueError(f"{theirs}: expected float32 {shape}, got {value.dtype} {tuple(value.shape)}")
        if not torch.isfinite(value).all():
            raise ValueError(f"{theirs}: expected finite numbers, got others; copy the file again")
        state[name] = value.reshape(ours[name].shape)
    return state


def _independent(name: str, value: Tensor) -> str:
    """Return which kind of layer keeps a set of weights for each stem in this tensor; nothing for none."""
    layer, leaf = name.split(".")[-2:]
    if ".mask." not in name or "prelu" in layer or layer in ("bottleneck", "kernel", "affine", "bias"):
        return ""
    assert leaf in ("weight", "bias")
    return "group_norm" if layer.startswith("norm_") else "conv"


def _published(name: str, value: Tensor) -> str:
    kind = _independent(name, value)
    head, _, leaf = name.rpartition(".")
    return f"{head}.{kind}.{leaf}" if kind else name


def _shape(name: str, value: Tensor) -> tuple[int, ...]:
    shape = tuple(value.shape)
    return (shape[0] * shape[1], *shape[2:]) if _independent(name, value) else shape


def network_of(path: Path) -> MetaTasNet:
    """Return the network of a published checkpoint, in evaluation mode.

    Raises:
        ValueError: the file is damaged, holds code, or another network.
    """
    found = read_torch_file(path)
    missing = {"args", "state_dict"} - found.keys()
    if missing:
        raise ValueError(f"{path}: expected args and state_dict, as Meta-TasNet's have, found {_some(found)}")
    try:
        config = config_of(plain_arguments(found["args"]))
        state = converted(config, _tensors(found["state_dict"]))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    model = config.build()
    model.load_state_dict(state)
    return model.eval()


def _tensors(found: Any) -> dict[str, Tensor]:
    """Return a state dict's tensors; a network that trained on several GPUs has `module.` before each."""
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise ValueError("its state_dict: expected tensors by name")
    return {str(name).removeprefix("module."): value for name, value in found.items()}


def _some(found: Mapping[str, Any]) -> str:
    return ", ".join(sorted(found)[:5]) or "nothing"
