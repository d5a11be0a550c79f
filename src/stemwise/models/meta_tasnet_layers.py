"""Meta-TasNet's layers: where each stem's weights come from, and how they are applied.

A layer is a source of weights, with one set for each stem. A generated one makes them from the stems'
embeddings; the other kind simply keeps them.

A group norm and the convolution behind it are one step here. With the statistics known, the norm is a gain
and an offset for each channel, and both go into the convolution's weights: the normalised signal is never
written to memory, nor kept for the gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stemwise.models.meta_tasnet_passes import moments, three_taps

GROUPS, EPS = 8, 1e-8


class GeneratedConv(nn.Module):
    """Makes a convolution's weights from embeddings: a bottleneck, and one output layer; no nonlinearity.

    Each stem's weights are thus a constant plus a linear function, of rank `generator` at most, of its
    embedding.

    Args:
        embedding: features of a stem's embedding.
        generator: features of the bottleneck; None where `embedding` comes out of a shared one.
        shape: of the weights: outputs, inputs, taps.
        bias: whether the convolution has one.
    """

    def __init__(
        self, embedding: int, generator: int | None, shape: tuple[int, int, int], *, bias: bool = False
    ) -> None:
        super().__init__()
        self.shape = shape
        self.bottleneck = nn.Linear(embedding, generator) if generator else nn.Identity()
        self.kernel = nn.Linear(generator or embedding, math.prod(shape))
        self.bias = nn.Linear(generator or embedding, shape[0]) if bias else None

    def forward(
        self, embedding: Float[Tensor, "s e"]
    ) -> tuple[Float[Tensor, "s o i k"], Float[Tensor, "s o"] | None]:
        """Return each stem's weights and biases."""
        code = self.bottleneck(embedding)
        return self.kernel(code).unflatten(-1, self.shape), self.bias(code) if self.bias else None


class OwnConv(nn.Module):
    """Keeps a convolution's weights, a set for each stem.

    Args:
        stems: how many.
        shape: of the weights: outputs, inputs, taps.
        bias: whether the convolution has one.
    """

    def __init__(self, stems: int, shape: tuple[int, int, int], *, bias: bool = False) -> None:
        super().__init__()
        bound = 1 / math.sqrt(shape[1] * shape[2])
        self.weight = nn.Parameter(torch.empty(stems, *shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(stems, shape[0]).uniform_(-bound, bound)) if bias else None

    def forward(
        self, embedding: Float[Tensor, "s e"] | None
    ) -> tuple[Float[Tensor, "s o i k"], Float[Tensor, "s o"] | None]:
        """Return each stem's weights and biases."""
        return self.weight, self.bias


class GeneratedAffine(nn.Module):
    """Makes a group norm's scales and shifts from embeddings.

    The scales do not start at one: they start as any linear layer's outputs do.

    Args:
        embedding: features of a stem's embedding.
        generator: features of the bottleneck; None where `embedding` comes out of a shared one.
        channels: of the norm.
    """

    def __init__(self, embedding: int, generator: int | None, channels: int) -> None:
        super().__init__()
        self.bottleneck = nn.Linear(embedding, generator) if generator else nn.Identity()
        self.affine = nn.Linear(generator or embedding, 2 * channels)

    def forward(self, embedding: Float[Tensor, "s e"]) -> tuple[Float[Tensor, "s c"], Float[Tensor, "s c"]]:
        """Return each stem's scales and shifts."""
        scale, shift = self.affine(self.bottleneck(embedding)).chunk(2, dim=-1)
        return scale, shift


class OwnAffine(nn.Module):
    """Keeps a group norm's scales and shifts, a set for each stem.

    Args:
        stems: how many.
        channels: of the norm.
    """

    def __init__(self, stems: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(stems, channels))
        self.bias = nn.Parameter(torch.zeros(stems, channels))

    def forward(
        self, embedding: Float[Tensor, "s e"] | None
    ) -> tuple[Float[Tensor, "s c"], Float[Tensor, "s c"]]:
        """Return each stem's scales and shifts."""
        return self.weight, self.bias


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Makes layers of one kind.

    Attributes:
        stems: how many sets of weights.
        generated: whether they are made from embeddings.
        embedding: features of an embedding.
        generator: features of each layer's bottleneck; None where one is shared by all.
    """

    stems: int
    generated: bool
    embedding: int
    generator: int | None

    def conv(self, outputs: int, inputs: int, taps: int = 1, *, bias: bool = False) -> nn.Module:
        """Return a source of a convolution's weights."""
        shape = (outputs, inputs, taps)
        if self.generated:
            return GeneratedConv(self.embedding, self.generator, shape, bias=bias)
        return OwnConv(self.stems, shape, bias=bias)

    def affine(self, channels: int) -> nn.Module:
        """Return a source of a group norm's scales and shifts."""
        if self.generated:
            return GeneratedAffine(self.embedding, self.generator, channels)
        return OwnAffine(self.stems, channels)


def affine_of_moments(
    total: Float[Tensor, "*b c"],
    square: Float[Tensor, "*b c"],
    frames: int,
    affine: tuple[Float[Tensor, "*_ c"], Float[Tensor, "*_ c"]],
    groups: int = GROUPS,
) -> tuple[Float[Tensor, "*b c"], Float[Tensor, "*b c"]]:
    """Return the gain and the offset that a group norm comes to, of sums over each channel's frames.

    Args:
        total: sum of each channel.
        square: sum of its squares.
        frames: that were summed up.
        affine: scales and shifts.
        groups: of channels that are normalised together.
    """
    scale, shift = affine
    each = scale.shape[-1] // groups
    mean, power = (kind.unflatten(-1, (groups, each)).sum(-1) / (each * frames) for kind in (total, square))
    rate = (power - mean.square()).clamp_min(0).add(EPS).rsqrt()
    gain = scale * rate.repeat_interleave(each, dim=-1)
    return gain, shift - gain * mean.repeat_interleave(each, dim=-1)


def norm_as_affine(
    parts: list[Float[Tensor, "b _ _ n"]], affine: tuple[Float[Tensor, "s c"], Float[Tensor, "s c"]]
) -> tuple[Float[Tensor, "b s c"], Float[Tensor, "b s c"]]:
    """Return the gain and the offset that a group norm of eight groups in each stem comes to.

    Args:
        parts: that lie side by side, each with an axis of stems, or of one that all share.
        affine: scales and shifts.
    """
    found = [moments(part) for part in parts]  # of each channel
    total, square = (
        torch.cat([values.expand(-1, len(affine[0]), -1) for values in kind], dim=2)
        for kind in zip(*found, strict=True)
    )
    return affine_of_moments(total, square, parts[0].shape[-1], affine)


def product(
    matrix: Float[Tensor, "_ s o i"], x: Float[Tensor, "b s i n"], onto: Float[Tensor, "b s o _"]
) -> Float[Tensor, "b s o n"]:
    """Return a 1×1 convolution added onto something, each stem with its own weights.

    Args:
        matrix: of each stem, or of each stem and item.
        x: the signal.
        onto: a signal, or a constant for each channel.
    """
    if matrix.shape[2] > matrix.shape[3] and onto.shape[-1] == 1 and not torch.is_grad_enabled():
        # as a further input the constant costs less than being written to every frame of the outputs
        matrix = torch.cat([matrix.expand(len(x), -1, -1, -1), onto], dim=-1)
        x = torch.cat([x, torch.ones_like(x[:, :, :1])], dim=2)
        return torch.bmm(matrix.flatten(0, 1), x.flatten(0, 1)).unflatten(0, x.shape[:2])
    a, b = matrix.expand(len(x), -1, -1, -1).flatten(0, 1), x.flatten(0, 1)
    return torch.baddbmm(onto.flatten(0, 1), a, b).unflatten(0, x.shape[:2])


def normed_depthwise(
    x: Float[Tensor, "b s c n"],
    affine: tuple[Float[Tensor, "s c"], Float[Tensor, "s c"]],
    weight: Float[Tensor, "s c 1 3"],
    dilation: int,
) -> Float[Tensor, "b s c n"]:
    """Return a dilated convolution of three taps of a normalised signal, each channel with its own.

    It is three shifted sums, which a CPU does many times faster than a grouped convolution. The zeros
    beyond the ends are those of the normalised signal: taps that fall there miss their offset, too.
    """
    gain, offset = norm_as_affine([x], affine)
    taps = weight[:, :, 0] * gain[..., None]  # b s c 3
    constant = offset[..., None] * weight[:, :, 0]
    out = three_taps(x, taps, constant.sum(-1), dilation)
    out[..., :dilation].sub_(constant[..., :1])
    out[..., -dilation:].sub_(constant[..., 2:])
    return out


def rectified(x: Float[Tensor, "*b n"], slope: nn.PReLU) -> Float[Tensor, "*b n"]:
    """Return a PReLU with one slope for all channels and stems."""
    return F.prelu(x, slope.weight)
