"""What Keras does otherwise than torch, where published networks depend on it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
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

    Keras' fused kernel, which pictures go through, stores the unbiased variance as torch does; what follows
    a dense layer goes another way and stores the biased one. In training both normalise alike. Where
    several processes train on GPUs, torch's synchronised layer takes its place, and stores the unbiased one.
    """

    def forward(self, input: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Return the normalised vectors."""
        if not self.training or self.running_mean is None or self.running_var is None:
            return super().forward(input)
        with torch.no_grad():
            variance, mean = torch.var_mean(input, dim=0, correction=0)
            self.running_mean.lerp_(mean.to(self.running_mean), self.momentum or 0.0)
            self.running_var.lerp_(variance.to(self.running_var), self.momentum or 0.0)
        return F.batch_norm(input, None, None, self.weight, self.bias, training=True, eps=self.eps)
