"""Polarity, noise, gain and delay: augmentations that act on samples as they are."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def inverted(audio: Float[Tensor, "b t"]) -> Float[Tensor, "b t"]:
    """Return audio upside down."""
    return -audio


def noisy(
    audio: Float[Tensor, "b t"], share: Float[Tensor, "b"], noise: Float[Tensor, "b t"]
) -> Float[Tensor, "b t"]:
    """Return audio with noise.

    Args:
        audio: one clip per row.
        share: deviation of the noise, as a share of the clip's own.
        noise: of deviation one.
    """
    return audio + noise * share.to(audio)[:, None] * audio.std(dim=-1, keepdim=True)


def amplified(audio: Float[Tensor, "b t"], gain_db: Float[Tensor, "b"]) -> Float[Tensor, "b t"]:
    """Return audio louder by so many dB, cut off at full scale.

    >>> amplified(torch.tensor([[0.5, -0.9]]), torch.tensor([20.0])).tolist()
    [[1.0, -1.0]]
    """
    return (audio * (10 ** (gain_db / 20)).to(audio)[:, None]).clamp(-1, 1)


def delayed(audio: Float[Tensor, "b t"], samples: Int[Tensor, "b"]) -> Float[Tensor, "b t"]:
    """Return audio with an echo so many samples later at half its level, both halved.

    >>> delayed(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([2])).tolist()
    [[0.5, 0.0, 0.25]]
    """
    place = torch.arange(audio.shape[-1], device=audio.device) - samples.to(audio.device)[:, None]
    echo = torch.where(place >= 0, audio.gather(1, place.clamp_min(0)), 0)
    return (audio + 0.5 * echo) / 2
