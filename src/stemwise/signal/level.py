"""The level of a signal as a whole."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def unit_norm(audio: Float[Tensor, "*b t"], least: float = 1e-9) -> Float[Tensor, "*b t"]:
    """Return each signal divided by its Euclidean norm, as `tf.math.l2_normalize` does; silence stays so.

    Args:
        audio: the signals.
        least: the energy that a quieter signal is divided by the root of.

    >>> import torch
    >>> unit_norm(torch.tensor([3.0, 4.0])).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    return audio * audio.square().sum(-1, keepdim=True).clamp_min(least).rsqrt()
