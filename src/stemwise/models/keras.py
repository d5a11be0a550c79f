"""What Keras does otherwise than torch, where published networks depend on it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


def keras_init(module: nn.Module) -> None:
    """Give a layer Keras' default weights: Glorot-uniform kernels, zero biases."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class KerasBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation of vectors whose running variance is the batches' biased one.

    Keras' fused kernel, which pictures go through, stores the unbiased variance n / (n - 1) as torch does; what
    follows a dense layer goes another way and stores the biased one. In training both normalise alike. Where
    several processes train on GPUs, torch's synchronised layer takes its place, and stores the unbiased one.
    """

    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Return the normalised vectors."""
        if not self.training or self.running_var is None or self.momentum is None:
            return super().forward(x)
        kept = (1 - self.momentum) * self.running_var
        out = super().forward(x)
        with torch.no_grad():
            self.running_var.sub_(kept).mul_(1 - 1 / len(x)).add_(kept)
        return out
