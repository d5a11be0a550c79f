"""MSSPT's U-Net rearranged for inference: the same masks, for some frames of a picture, with less work.

What is fixed once training ends is worked out once. A normalisation behind a convolution becomes part of its
weights, and the last two convolutions, with nothing between them, become one. A level of the decoder is
computed only as far as the wanted frames look, and every level strip by strip, so that what it holds stays
in the processor's cache. Time lies before frequency here: in channels-last memory some frames of a picture
are then one piece, and nothing is copied to cut them out.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stemwise.models.unet import UNet

STRIP = 256
"""Frames of a level that are computed at a time."""

_SLOPE = 0.01
_HEAD = 3  # frames that the head's three convolutions look to either side
_TOGETHER = 4  # neighbouring bins that one step of the last convolution gives: their masks fill a register

Weights = tuple[Tensor, Tensor]
"""Kernel, time before frequency, and bias of a convolution."""


@dataclass(frozen=True)
class _Level:
    """Frames of a level of the U-Net: `"b c n f"`, the number of the first, and how many there are in all."""

    tensor: Tensor
    begin: int
    total: int

    def around(self, begin: int, end: int, margin: int) -> tuple[Tensor, int]:
        """Return these frames with as many around as there are, up to a margin, and the first's number."""
        low, high = max(0, begin - margin), min(self.total, end + margin)
        return self.tensor[:, :, low - self.begin : high - self.begin], low


class FoldedUNet:
    """The masks of a U-Net, from a copy of its weights as they are now.

    Args:
        unet: where the weights come from; its running statistics count, whatever its mode.
    """

    @torch.no_grad()
    def __init__(self, unet: UNet) -> None:
        self._softmax = unet.config.mask == "softmax"
        self._halve = F.max_pool2d if unet.config.pool == "max" else F.avg_pool2d
        encoder, decoder, head = (_modules(part) for part in (unet.encoder, unet.decoder, [unet.head]))
        self._norms = [copy.deepcopy(block[0]).eval() for block in encoder]
        self._encoder = [_pair(block) for block in encoder]
        self._decoder = [_pair(block) for block in decoder]
        self._up = [_up(up, block[0]) for up, block in zip(unet.up, decoder, strict=True)]
        scale, shift = _affine(head[0][0])  # of the finest block's outputs, and last of the picture
        self._decoder[-1] = self._decoder[-1][0], _scaled(self._decoder[-1][1], scale[:-1], shift[:-1])
        self._of_picture = scale[-1].to(unet.mask.weight), shift[-1].to(unet.mask.weight)
        self._head, self._last = _pair(head[0])
        self._mask = _kernel(unet.mask)
        self._both = _side_by_side(_in_a_row(self._last, self._mask))

    def __call__(
        self, picture: Float[Tensor, "b 1 n f"], first: int, last: int
    ) -> Iterator[Float[Tensor, "b s m f"]]:
        """Yield the masks of the frames from `first` to before `last`, some frames at a time.

        Args:
            picture: log-magnitudes, time before frequency; both are multiples of 2 to the U-Net's depth.
            first: frame.
            last: frame.
        """
        levels = [_Level(picture, 0, picture.shape[2])]
        for i in range(len(self._encoder)):
            total = levels[-1].total // 2
            levels.append(_Level(_joined(_strips(0, total, partial(self._down, i, levels[-1]))), 0, total))
        wanted = _wanted(first, last, [level.total for level in levels[:-1]])
        sources = [levels.pop()]
        for i in range(len(self._up) - 1):
            begin, end = wanted.pop()
            made = _joined(_strips(begin, end, partial(self._decoded, i, sources)))
            sources = [_Level(made, begin, levels[-1].total), levels.pop()]
        yield from _strips(first, last, partial(self._masks, sources, levels.pop()))

    def _down(self, i: int, level: _Level, begin: int, end: int) -> Tensor:
        """Return frames of the level below."""
        source, low = level.around(2 * begin, 2 * end, 2)
        x = _convolved(F.leaky_relu(self._norms[i](source), _SLOPE), self._encoder[i])
        return self._halve(x[:, :, 2 * begin - low : 2 * end - low], 2)

    def _decoded(self, i: int, sources: list[_Level], begin: int, end: int) -> Tensor:
        """Return frames of the level above: of the decoder's block there."""
        parts = [level.around(begin // 2, -(-end // 2), 1) for level in sources]
        x = torch.cat([part for part, _ in parts], dim=1)
        x = F.leaky_relu_(F.conv_transpose2d(x, *self._up[i], stride=2), _SLOPE)
        low = 2 * parts[0][1]
        return _convolved(x, self._decoder[i])[:, :, begin - low : end - low]

    def _masks(self, sources: list[_Level], picture: _Level, begin: int, end: int) -> Tensor:
        """Return frames of the masks, with the finest block's on the way: it is the largest by far."""
        scale, shift = self._of_picture
        seen, low = picture.around(begin, end, _HEAD)
        finest = self._decoded(len(self._up) - 1, sources, low, low + seen.shape[2])
        inputs = torch.cat([finest, torch.addcmul(shift, seen, scale)], dim=1)
        hidden = F.leaky_relu_(_conv(F.leaky_relu_(inputs, _SLOPE), self._head), _SLOPE)
        logits = self._last_two(hidden, at_start=low == 0, at_end=low + hidden.shape[2] == picture.total)
        # one plane for each stem: a softmax over four neighbours in memory takes several times as long
        planes = logits[:, begin - low : end - low].permute(0, 3, 1, 2).contiguous().float()
        return planes.softmax(1) if self._softmax else planes.sigmoid()

    def _last_two(
        self, x: Float[Tensor, "b c n f"], *, at_start: bool, at_end: bool
    ) -> Float[Tensor, "b n f s"]:
        """Return the head's last convolution and the mask's behind it, both as one.

        They differ from it at the picture's edges, where the second sees zeros: there they run in a row.
        """
        both = _conv(x, self._both, stride=(1, _TOGETHER)).permute(0, 2, 3, 1)  # b n f/4 4s
        found = both.reshape(*both.shape[:2], x.shape[3], -1)
        found[:, :, :1] = self._in_turn(x[..., :3])[:, :, :1]
        found[:, :, -1:] = self._in_turn(x[..., -3:])[:, :, -1:]
        if at_start:
            found[:, :1] = self._in_turn(x[:, :, :3])[:, :1]
        if at_end:
            found[:, -1:] = self._in_turn(x[:, :, -3:])[:, -1:]
        return found

    def _in_turn(self, x: Tensor) -> Tensor:
        return _conv(_conv(x, self._last), self._mask).permute(0, 2, 3, 1)


def _wanted(first: int, last: int, totals: list[int]) -> list[tuple[int, int]]:
    """Return which frames of each level, from fine to coarse, the wanted masks look at."""
    ranges, margin = [], _HEAD
    for total in totals:
        first, last = max(0, first - margin), min(total, last + margin)
        ranges.append((first, last))
        first, last, margin = first // 2, -(-last // 2), 1  # a block's two are one frame of the level below
    return ranges


def _strips(begin: int, end: int, compute: Callable[[int, int], Tensor]) -> Iterator[Tensor]:
    """Yield frames, strip by strip."""
    edges = [*range(begin, end, STRIP), end]
    return (compute(*strip) for strip in itertools.pairwise(edges))


def _joined(strips: Iterator[Tensor]) -> Tensor:
    return torch.cat(list(strips), dim=2)


def _conv(x: Tensor, weights: Weights, stride: tuple[int, int] = (1, 1)) -> Tensor:
    """Return a convolution that leaves as many frames and, but for its stride, bins as there are."""
    kernel, bias = weights
    rows = kernel.shape[2]
    return F.conv2d(x, kernel, bias, stride, (rows // 2, rows // 2))


def _convolved(x: Tensor, pair: tuple[Weights, Weights]) -> Tensor:
    first, second = pair
    return _conv(F.leaky_relu_(_conv(x, first), _SLOPE), second)


def _modules(blocks: Any) -> list[list[Any]]:
    return [list(block) for block in blocks]


def _kernel(layer: Any) -> Weights:
    """Return a layer's weights, time before frequency."""
    return _laid_out(layer.weight.transpose(2, 3), layer.bias)


def _laid_out(kernel: Tensor, bias: Tensor) -> Weights:
    return kernel.clone(memory_format=torch.channels_last), bias.clone()


def _pair(block: list[Any]) -> tuple[Weights, Weights]:
    """Return both convolutions of a block, its second normalisation in the first of them."""
    _, _, first, norm, _, second = block
    return _scaled(_kernel(first), *_affine(norm)), _kernel(second)


def _up(layer: Any, norm: Any) -> Weights:
    """Return a transposed convolution and the normalisation behind it; its outputs are its second axis."""
    kernel, bias = _kernel(layer)
    kernel, bias = _scaled((kernel.transpose(0, 1), bias), *_affine(norm))
    return _laid_out(kernel.transpose(0, 1), bias)


def _affine(norm: Any) -> tuple[Float[Tensor, "c"], Float[Tensor, "c"]]:
    """Return what a normalisation multiplies by and adds, in float64."""
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    return scale, norm.bias.double() - norm.running_mean.double() * scale


def _scaled(weights: Weights, scale: Tensor, shift: Tensor) -> Weights:
    """Return a convolution whose outputs are multiplied and added to."""
    kernel, bias = weights
    return _laid_out((kernel * scale[:, None, None, None]).to(kernel), (bias * scale + shift).to(bias))


def _in_a_row(first: Weights, second: Weights) -> Weights:
    """Return the 5×5 convolution that two of 3×3 make: a convolution of their kernels."""
    (a, a_bias), (b, b_bias) = ((kernel.double(), bias.double()) for kernel, bias in (first, second))
    # convolution in torch is correlation: turned around, a's kernels are what b's are laid over
    kernel = F.conv2d(a.transpose(0, 1), b.flip(2, 3), padding=2).transpose(0, 1)
    bias = b_bias + (b.sum((2, 3)) @ a_bias)
    return _laid_out(kernel.to(first[0]), bias.to(first[1]))


def _side_by_side(weights: Weights) -> Weights:
    """Return a convolution that gives several neighbouring bins at once: output channels bin by bin."""
    kernel, bias = weights
    wide = [F.pad(kernel, (j, _TOGETHER - 1 - j)) for j in range(_TOGETHER)]
    return _laid_out(torch.cat(wide), bias.repeat(_TOGETHER))
