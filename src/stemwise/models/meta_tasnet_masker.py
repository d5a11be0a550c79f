"""Meta-TasNet's masking network: temporal convolutions, each stem with weights of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stemwise.models.meta_tasnet_inference import masks, skip_sum
from stemwise.models.meta_tasnet_layers import (
    Layers,
    norm_as_affine,
    normed_depthwise,
    product,
    rectified,
)

if TYPE_CHECKING:
    from stemwise.models.meta_tasnet import MetaTasNetConfig

Embedding = Float[Tensor, "s e"] | None
Constant = Float[Tensor, "b s c 1"]
Flow = tuple[Float[Tensor, "b s c n"], Float[Tensor, "b s c _"]]


class Block(nn.Module):
    """A dilated depthwise convolution between 1×1 ones, with a residual and a skip output.

    Args:
        config: of the network.
        layers: makes the sources of weights.
        dilation: frames between the taps.
    """

    def __init__(self, config: MetaTasNetConfig, layers: Layers, dilation: int) -> None:
        super().__init__()
        width, hidden = config.width_tcn, config.hidden
        self.dilation = dilation
        self.prelu_1, self.norm_1 = nn.PReLU(), layers.affine(hidden)
        self.conv1d = layers.conv(hidden, width)
        self.prelu_2, self.norm_2 = nn.PReLU(), layers.affine(hidden)
        self.dconv1d = layers.conv(hidden, 1, 3)
        self.res_out = layers.conv(width, hidden, bias=config.residual_bias)
        self.skip_out = layers.conv(width, hidden, bias=config.residual_bias)

    def forward(
        self, flow: Flow, constants: tuple[Constant, Constant], embedding: Embedding, *, last: bool = False
    ) -> tuple[Flow, tuple[Constant, Constant]]:
        """Return what comes behind the block: signals, and constants that are still to be added to them.

        Constants travel apart from their signals, as adding them here would take a pass over each.

        Args:
            flow: the residual signal and the sum of the skips.
            constants: of both.
            embedding: of the stems, if weights are generated.
            last: whether nothing reads the residual signal; then it stays, and `res_out` is idle.
        """
        x, skips = flow
        weight, _ = self.conv1d(embedding)
        inner = product(weight[..., 0][None], x, torch.matmul(weight[..., 0], constants[0]))
        inner = self._inner(inner, embedding)
        gain, offset = norm_as_affine([inner], self.norm_2(embedding))
        skips, constant = _head(inner, gain, offset, self.skip_out(embedding), skips)
        constants = constants[0], constants[1] + constant
        if not last:
            x, constant = _head(inner, gain, offset, self.res_out(embedding), x)
            constants = constants[0] + constant, constants[1]
        return (x, skips), constants

    def _inner(self, inner: Float[Tensor, "b s i n"], embedding: Embedding) -> Float[Tensor, "b s i n"]:
        """Return what the second norm and both outputs read."""
        inner = rectified(inner, self.prelu_1)
        weight, _ = self.dconv1d(embedding)
        inner = normed_depthwise(inner, self.norm_1(embedding), weight, self.dilation)
        return rectified(inner, self.prelu_2)


def _head(
    x: Float[Tensor, "b s i n"],
    gain: Float[Tensor, "b s i"],
    offset: Float[Tensor, "b s i"],
    source: tuple[Float[Tensor, "s o i 1"], Float[Tensor, "s o"] | None],
    onto: Float[Tensor, "b s o _"],
) -> tuple[Float[Tensor, "b s o n"], Constant]:
    """Return a 1×1 convolution of a normalised signal, added onto another, and the constant it lacks."""
    weight, bias = source
    constant = torch.matmul(weight[..., 0], offset[..., None])
    if bias is not None:
        constant = constant + bias[..., None]
    return product(weight[..., 0] * gain[..., None, :], x, onto), constant


class Masker(nn.Module):
    """Latent frames to a mask for each stem; the masks sum to one.

    Args:
        config: of the network.
        stage: which stage; those behind the first also read the masked latents of the one before.
    """

    def __init__(self, config: MetaTasNetConfig, stage: int) -> None:
        super().__init__()
        self.dropout, self.recompute = config.dropout, False
        layers, width = config.layer_kind(), config.width(stage)
        inputs = width + (config.width(stage - 1) if stage else 0)
        inner = config.width_tcn
        self.prelu_1, self.norm_1 = nn.PReLU(), layers.affine(inputs)
        self.in_conv = layers.conv(inner, inputs)
        self.prelu_2, self.norm_2 = nn.PReLU(), layers.affine(inner)
        self.tcn = nn.ModuleList(
            Block(config, layers, 2**layer) for _ in range(config.stacks) for layer in range(config.layers)
        )
        self.prelu_3, self.norm_3 = nn.PReLU(), layers.affine(inner)
        self.mask_output = layers.conv(width, inner)
        self.prelu_4, self.norm_4 = nn.PReLU(), layers.affine(width)

    def forward(
        self,
        latent: Float[Tensor, "b d n"],
        before: Float[Tensor, "b s p n"] | None,
        embedding: Embedding,
        stems: int,
    ) -> Float[Tensor, "b s d n"]:
        """Return the masks.

        Args:
            latent: of the mixture.
            before: masked latents of the stage before.
            embedding: of the stems, if weights are generated.
            stems: how many.
        """
        x = self._kept(self._entrance, latent, before, embedding, stems)
        if not (torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type)):
            return masks(self, skip_sum(self, x, embedding), embedding)
        zeros = x.new_zeros(*x.shape[:3], 1)
        flow, constants = (x, zeros.expand_as(x)), (zeros, zeros)
        for number, block in enumerate(self.tcn, 1):
            flow, constants = self._kept(block, flow, constants, embedding, last=number == len(self.tcn))
        return self._kept(self._exit, flow[1] + constants[1], embedding)

    def _kept(self, function, *inputs, **options):
        """Call a part; where activations are recomputed, only its inputs are kept for the gradient."""
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(function, *inputs, use_reentrant=False, **options)
        return function(*inputs, **options)

    def _entrance(
        self,
        latent: Float[Tensor, "b d n"],
        before: Float[Tensor, "b s p n"] | None,
        embedding: Embedding,
        stems: int,
    ) -> Float[Tensor, "b s c n"]:
        parts = [latent[:, None]] if before is None else [latent[:, None], before]
        if self.dropout and self.training:
            parts = [self._dropped(part.expand(-1, stems, -1, -1)) for part in parts]
        # The norm spans both parts; what the stems share is rectified and measured once for all of them.
        parts = [rectified(part, self.prelu_1) for part in parts]
        gain, offset = norm_as_affine(parts, self.norm_1(embedding))
        weight = self.in_conv(embedding)[0][..., 0]
        x = torch.matmul(weight, offset[..., None])
        for part in parts:
            size = part.shape[2]
            x = product(weight[..., :size] * gain[..., None, :size], part.expand(-1, stems, -1, -1), x)
            weight, gain = weight[..., size:], gain[..., size:]
        x = rectified(x, self.prelu_2)
        gain, offset = norm_as_affine([x], self.norm_2(embedding))
        return torch.addcmul(offset[..., None], x, gain[..., None])

    def _dropped(self, x: Float[Tensor, "b s c n"]) -> Float[Tensor, "b s c n"]:
        """Return the signal without some of its channels."""
        return F.dropout2d(x.flatten(1, 2)[..., None], self.dropout).view(x.shape)

    def _exit(self, skips: Float[Tensor, "b s c n"], embedding: Embedding) -> Float[Tensor, "b s d n"]:
        x = rectified(skips, self.prelu_3)
        gain, offset = norm_as_affine([x], self.norm_3(embedding))
        weight = self.mask_output(embedding)[0][..., 0]
        x = product(weight * gain[..., None, :], x, torch.matmul(weight, offset[..., None]))
        x = rectified(x, self.prelu_4)
        gain, offset = norm_as_affine([x], self.norm_4(embedding))
        return torch.addcmul(offset[..., None], x, gain[..., None]).softmax(1)
