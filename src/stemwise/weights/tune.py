"""TUNe's and CLMR's published tensor names, beside ours: both are PyTorch, so only names change."""

from __future__ import annotations

from torch import nn

from stemwise.models.sample_cnn import SampleCNN
from stemwise.models.tune import TuneEncoder

SHALLOW = 5
"""Levels that every network of the family has; deeper ones have names of their own there."""


def published_names(model: TuneEncoder | SampleCNN) -> dict[str, str]:
    """Return our tensors' names → those of the released code, without a checkpoint's prefix."""
    modules = _sample_cnn(model) if isinstance(model, SampleCNN) else _tune(model)
    ours = {module: name for name, module in model.named_modules()}
    names = {}
    for module, theirs in modules.items():
        names |= {f"{ours[module]}.{leaf}": f"{theirs}.{leaf}" for leaf in module.state_dict()}
    return names


def _tune(model: TuneEncoder) -> dict[nn.Module, str]:
    """Return modules with their published names."""
    modules: dict[nn.Module, str] = {}
    for level, block in enumerate(model.down):
        name = f"conv{level + 1}" if level < SHALLOW else f"deeperDown{level - 4}"
        modules |= _block(block, f"{name}.layers")
    for level, unpool, block in zip(model.rising, model.unpool, model.up, strict=True):
        shallow = level < SHALLOW - 1
        modules[unpool] = f"transposedConv{9 - level}" if shallow else f"transposedDeeper{level - 3}"
        modules |= _block(block, f"conv{9 - level}.layers" if shallow else f"deeperUp{level - 3}.layers")
    for level, block in enumerate(model.tail, model.config.finest + 1):
        modules |= _block(block, f"convDown{level}.layers")
    return modules | (_sample_cnn(model.sample_cnn, "model_down.") if model.sample_cnn else {})


def _sample_cnn(model: SampleCNN, prefix: str = "") -> dict[nn.Module, str]:
    modules: dict[nn.Module, str] = {}
    for i, block in enumerate(model.blocks):
        modules |= _block(block, f"{prefix}sequential.{i}")
    return modules


def _block(block: nn.Module, name: str) -> dict[nn.Module, str]:
    """Return a block's convolution and normalisation."""
    conv, norm, _ = block.children()
    return {conv: f"{name}.0", norm: f"{name}.1"}
