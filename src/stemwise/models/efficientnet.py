"""EfficientNet-B0 as Keras builds it for a picture whose time axis has no fixed length.

Tan, Le 2019 (arXiv 1905.11946), in the form of `keras.applications`.

Deviations:
    paper: images of three channels, padded evenly. Keras, and so we: every convolution with stride 2 pads by
    one more on the far side than on the near one, whatever the size, since the graph is built for an unknown
    length; the input is divided by 255 and goes through a normalisation that here is never adapted.
    Keras: stochastic depth drops branches of a frozen network, too, where it is called in training mode. Here
    it is at work in the network's own training mode alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

KERNELS = (3, 3, 5, 3, 5, 5, 3)
STRIDES = (1, 2, 2, 2, 1, 2, 1)
STAGES = tuple(f"stage{i + 1}" for i in range(len(KERNELS)))
"""What comes out of each of the seven stages of blocks."""


@dataclass(frozen=True, kw_only=True)
class _Block:
    """One inverted-bottleneck block: channels in and out, and how likely its branch is dropped."""

    inputs: int
    width: int
    expansion: int
    kernel: int
    stride: int
    drop: float


class EfficientNet(nn.Module):
    """A picture to one vector: the global maximum of the last layer.

    Args:
        widths: channels of the stem, of the seven stages, and of the last layer.
        repeats: blocks of each stage.
        expansion: how much wider a block is inside; the first stage does not widen.
        drop: how likely the last block's branch is dropped in training; it rises from 0 at the first.
        divisor: what the picture is divided by.
        momentum: share of a new batch in the running statistics.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        repeats: tuple[int, ...],
        expansion: int,
        drop: float,
        divisor: float,
        momentum: float,
    ) -> None:
        super().__init__()
        if (len(widths), len(repeats)) != (len(STAGES) + 2, len(STAGES)):
            raise ValueError(
                f"widths, repeats: expected {len(STAGES) + 2} and {len(STAGES)} numbers, got "
                f"{len(widths)} and {len(repeats)}"
            )
        self.divisor, self.size = divisor, widths[-1]
        self.normalisation = Standardisation()
        self.stem = _Unit(1, widths[0], 3, stride=2, momentum=momentum)
        plan = _plan(widths[:-1], repeats, expansion, drop)
        self.stages = nn.ModuleList(
            nn.Sequential(*(InvertedBottleneck(block, momentum) for block in stage)) for stage in plan
        )
        self.top = _Unit(widths[-2], widths[-1], 1, momentum=momentum)
        self.apply(_keras_init)

    def forward(self, picture: Float[Tensor, "b 64 n"]) -> Float[Tensor, "b d"]:
        """Return one vector per picture."""
        return self.poolings(picture, ("top",))["top"]

    def poolings(
        self, picture: Float[Tensor, "b 64 n"], names: Iterable[str]
    ) -> Mapping[str, Float[Tensor, "b _"]]:
        """Return the global maxima of some of `STAGES` and of `top`."""
        wanted, found = set(names), {}
        x = self.stem(self.normalisation(picture[:, None] / self.divisor))
        for name, stage in zip(STAGES, self.stages, strict=True):
            x = stage(x)
            if name in wanted:
                found[name] = x.amax((-2, -1)).float()
        if "top" in wanted:
            found["top"] = self.top(x).amax((-2, -1)).float()
        return found


class Standardisation(nn.Module):
    """Keras' `Normalization`: minus a mean, divided by a deviation; 0 and 1 unless they are set."""

    mean: Tensor
    variance: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("variance", torch.ones(1))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, picture: Float[Tensor, "b 1 f n"]) -> Float[Tensor, "b 1 f n"]:
        """Return the standardised picture."""
        return (picture - self.mean) / self.variance.sqrt().clamp_min(1e-7)


class InvertedBottleneck(nn.Module):
    """Widen, filter each channel, weigh the channels, narrow; added to the input where the shapes allow."""

    def __init__(self, block: _Block, momentum: float) -> None:
        super().__init__()
        inner = block.inputs * block.expansion
        self.expand = _Unit(block.inputs, inner, 1, momentum=momentum) if block.expansion > 1 else None
        self.depthwise = _Unit(inner, inner, block.kernel, block.stride, groups=inner, momentum=momentum)
        narrow = max(1, block.inputs // 4)
        self.reduce, self.restore = nn.Conv2d(inner, narrow, 1), nn.Conv2d(narrow, inner, 1)
        self.project = _Unit(inner, block.width, 1, momentum=momentum, swish=False)
        self.residual = block.stride == 1 and block.inputs == block.width
        self.drop = block.drop

    def forward(self, x: Float[Tensor, "b c f n"]) -> Float[Tensor, "b d g m"]:
        """Return the block's output."""
        branch = self.depthwise(self.expand(x) if self.expand else x)
        weights = self.restore(F.silu(self.reduce(branch.mean((-2, -1), keepdim=True))))
        branch = self.project(branch * weights.sigmoid())
        return x + self._sometimes(branch) if self.residual else branch

    def _sometimes(self, branch: Float[Tensor, "b c f n"]) -> Float[Tensor, "b c f n"]:
        """Return the branch, in training without some of its items (stochastic depth)."""
        if not (self.training and self.drop):
            return branch
        return branch * F.dropout(branch.new_ones(len(branch), 1, 1, 1), self.drop)


class _Unit(nn.Module):
    """Convolution without bias, batch normalisation, and mostly a swish."""

    def __init__(
        self,
        inputs: int,
        width: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        *,
        momentum: float,
        swish: bool = True,
    ) -> None:
        super().__init__()
        half = kernel // 2
        even = half if stride == 1 else 0
        self.conv = nn.Conv2d(inputs, width, kernel, stride, even, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(width, eps=1e-3, momentum=momentum)
        # (0, 1) for a kernel of 3, (1, 2) for one of 5, on both axes
        self.uneven = (half - 1, half, half - 1, half) if stride == 2 else None
        self.swish = swish

    def forward(self, x: Float[Tensor, "b c f n"]) -> Float[Tensor, "b d g m"]:
        x = self.norm(self.conv(F.pad(x, self.uneven) if self.uneven else x))
        return F.silu(x) if self.swish else x


def _plan(
    widths: tuple[int, ...], repeats: tuple[int, ...], expansion: int, drop: float
) -> list[list[_Block]]:
    total, number, plan = sum(repeats), 0, []
    for stage, (inputs, width) in enumerate(pairwise(widths)):
        blocks = []
        for turn in range(repeats[stage]):
            block = _Block(
                inputs=width if turn else inputs,
                width=width,
                expansion=expansion if stage else 1,
                kernel=KERNELS[stage],
                stride=1 if turn else STRIDES[stage],
                drop=drop * number / total,
            )
            blocks.append(block)
            number += 1
        plan.append(blocks)
    return plan


def _keras_init(module: nn.Module) -> None:
    """Give a convolution EfficientNet's weights: truncated normal by what a filter gives, zero biases."""
    if isinstance(module, nn.Conv2d):
        _, _, height, width = module.weight.shape
        # a depthwise kernel has one output as Keras counts
        gives = height * width * (1 if module.groups > 1 else module.out_channels)
        deviation = math.sqrt(2 / gives) / 0.87962566103423978  # of a normal before its tails are cut
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
