"""What contrastive learning puts behind an encoder: a projection, and how two projections are compared.

Saeed, Grangier, Zeghidour 2020 (COLA, arXiv 2010.10915); MSCOL takes it over.

Deviations:
    released code: the temperature divides the dot product alone, the bilinear form has none; layer
    normalisation and tanh belong to the bilinear form alone. So it is here.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Similarity = Literal["bilinear", "dot"]
"""`bilinear` compares by a learned matrix; `dot` by the cosine, divided by the temperature."""


class Projection(nn.Module):
    """Vectors of an encoder to the space in which they are compared.

    Args:
        inputs: features of the encoder.
        size: of the space.
        similarity: how two vectors are compared.
        temperature: of the cosine.
    """

    def __init__(
        self, inputs: int, size: int = 512, similarity: Similarity = "bilinear", temperature: float = 0.2
    ) -> None:
        super().__init__()
        self.similarity, self.temperature = similarity, temperature
        self.dense = nn.Linear(inputs, size)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)
        if similarity == "bilinear":
            self.norm = nn.LayerNorm(size, eps=1e-3)
            self.bilinear = nn.Parameter(0.05 * torch.randn(size, size))  # positive × anchor

    def forward(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b p"]:
        """Return the projected vectors."""
        projected = self.dense(features)
        if self.similarity == "bilinear":
            return torch.tanh(self.norm(projected)).float()
        return F.normalize(projected.float(), dim=-1)

    def query(self, anchors: Float[Tensor, "b p"]) -> Float[Tensor, "b p"]:
        """Return what a projected anchor is multiplied with a projected positive as."""
        if self.similarity == "bilinear":
            return anchors @ self.bilinear.T
        return anchors / self.temperature

    def logits(self, anchors: Float[Tensor, "b p"], rows: Float[Tensor, "c p"]) -> Float[Tensor, "b c"]:
        """Return how alike each anchor and each row are."""
        with torch.autocast(anchors.device.type, enabled=False):
            return self.query(anchors.float()) @ rows.float().T
