"""What a remix does to stems: gain, polarity and channel swap, stem by stem, on whole batches."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def remixed(
    stems: Float[Tensor, "b s c t"],
    *,
    gains_db: Float[Tensor, "b s"],
    flipped: Bool[Tensor, "b s"],
    swapped: Bool[Tensor, "b s"],
) -> Float[Tensor, "b s c t"]:
    """Return stems, each with a gain, upside down where `flipped`, left for right where `swapped`.

    Mono has nothing to swap.

    >>> left_only = torch.tensor([[[[1.0, 2.0], [0.0, 0.0]]]])
    >>> yes, no = torch.tensor([[True]]), torch.tensor([[False]])
    >>> remixed(left_only, gains_db=torch.zeros(1, 1), flipped=yes, swapped=yes).tolist()
    [[[[-0.0, -0.0], [-1.0, -2.0]]]]
    """
    factors = 10 ** (gains_db / 20) * torch.where(flipped, -1.0, 1.0)
    if stems.shape[2] > 1:
        stems = torch.where(swapped[..., None, None], stems.flip(2), stems)
    return stems * factors[..., None, None]
