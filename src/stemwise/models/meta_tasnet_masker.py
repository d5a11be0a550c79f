"""Meta-TasNet's masking network: temporal convolutions, each stem with weights of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stemwise.models.meta_tasnet_layers import (
    Layers,
    norm_as_affine,
    normed_depthwise,
    normed_pointwise,
    rectified,
)

if TYPE_CHECKING:
    from stemwise.models.meta_tasnet import MetaTasNetConfig

Embedding = Float[Tensor, "s e"] | None


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
        self, x: Float[Tensor, "b s c n"], embedding: Embedding, *, last: bool = False
    ) -> tuple[Float[Tensor, "b s c n"], Float[Tensor, "b s c n"]]:
        """Return what comes behind the block, and what it adds to the skips.

        Args:
            x: what came from the block before.
            embedding: of the stems, if weights are generated.
            last: whether nothing reads the first output; then it is `x`, and `res_out` is idle.
        """
        weight, _ = self.conv1d(embedding)
        inner = rectified(torch.matmul(weight[..., 0], x), self.prelu_1)
        weight, _ = self.dconv1d(embedding)
        inner = normed_depthwise(inner, self.norm_1(embedding), weight, self.dilation)
        inner = rectified(inner, self.prelu_2)
        weight, bias = self.skip_out(embedding)
        if last:
            return x, normed_pointwise(inner, self.norm_2(embedding), weight, bias)
        residual, bias_too = self.res_out(embedding)
        weight = torch.cat([residual, weight], dim=1)  # both heads in one product
        bias = None if bias is None else torch.cat([bias_too, bias], dim=1)
        both = normed_pointwise(inner, self.norm_2(embedding), weight, bias)
        return x + both[:, :, : x.shape[2]], both[:, :, x.shape[2] :]


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
        skips = None
        for number, block in enumerate(self.tcn, 1):
            x, skip = self._kept(block, x, embedding, last=number == len(self.tcn))
            skips = skip if skips is None else skips + skip
        return self._kept(self._exit, skips, embedding)

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
        x = latent[:, None].expand(-1, stems, -1, -1)
        if before is not None:
            x = torch.cat([x, before], dim=2)
        if self.dropout and self.training:
            x = F.dropout2d(x.flatten(1, 2)[..., None], self.dropout).view(x.shape)  # whole channels
        x = rectified(x, self.prelu_1)
        x = normed_pointwise(x, self.norm_1(embedding), self.in_conv(embedding)[0])
        x = rectified(x, self.prelu_2)
        gain, offset = norm_as_affine(x, self.norm_2(embedding))
        return torch.addcmul(offset[..., None], x, gain[..., None])

    def _exit(self, skips: Float[Tensor, "b s c n"], embedding: Embedding) -> Float[Tensor, "b s d n"]:
        x = rectified(skips, self.prelu_3)
        x = normed_pointwise(x, self.norm_3(embedding), self.mask_output(embedding)[0])
        x = rectified(x, self.prelu_4)
        gain, offset = norm_as_affine(x, self.norm_4(embedding))
        return torch.addcmul(offset[..., None], x, gain[..., None]).softmax(1)
