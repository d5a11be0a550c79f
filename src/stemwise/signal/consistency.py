"""Stems that sum to their mixture.

Wisdom et al. 2019, "Differentiable consistency constraints for improved deep speech enhancement": what the
estimates leave over of the mixture is shared out among them, here in proportion to their magnitudes in
each time-frequency bin. For masks this is the same as normalising them.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

SIZE, HOP = 1024, 256
FLOOR = 1e-4
"""128 dB below a full-scale sine: bins with nothing to go by are shared out equally, not by rounding."""


STRIP = 128 * HOP
"""Samples that are shared out at a time within longer ones: what they need stays in the processor's cache."""


def share_out(
    mixture: Float[Tensor, "b t"], stems: Float[Tensor, "b s t"]
) -> tuple[Float[Tensor, "b s t"], Float[Tensor, "b s n"]]:
    """Return the stems, made to sum to the mixture, and each one's share of the mixture's top octave.

    Shares are means over the upper half of the bins, weighted by the mixture's magnitude, every `HOP`
    samples; they sum to one, and are equal where there is nothing to go by.

    Args:
        mixture: what the stems have to sum to.
        stems: estimates.
    """
    window = torch.hann_window(SIZE, device=mixture.device)
    whole = torch.stft(mixture, SIZE, HOP, window=window, return_complex=True)[:, None]
    parts = torch.stft(stems.flatten(0, 1), SIZE, HOP, window=window, return_complex=True)
    parts = parts.unflatten(0, stems.shape[:2])  # b s f n
    magnitude = parts.abs() + FLOOR
    share = magnitude / magnitude.sum(1, keepdim=True)
    parts = parts + share * (whole - parts.sum(1, keepdim=True))
    audio = torch.istft(parts.flatten(0, 1), SIZE, HOP, window=window, length=mixture.shape[-1])
    weight = whole[:, :, SIZE // 4 :].abs() + FLOOR
    top = (share[:, :, SIZE // 4 :] * weight).sum(2) / weight.sum(2)
    return audio.unflatten(0, stems.shape[:2]), top


def share_out_inside(
    mixture: Float[Tensor, "b t"], stems: Float[Tensor, "b s t"]
) -> tuple[Float[Tensor, "b s n"], Float[Tensor, "b s m"]]:
    """Return what `share_out` gives of all but the first and last `SIZE` samples, a strip at a time.

    Args:
        mixture: a whole number of `HOP` samples, more than two `SIZE`.
        stems: estimates.
    """
    inner, edge = mixture.shape[-1] - 2 * SIZE, SIZE // HOP
    audio, shares = [], []
    for at in range(0, inner, STRIP):
        samples = min(STRIP, inner - at)
        around = slice(at, at + samples + 2 * SIZE)
        part, top = share_out(mixture[..., around], stems[..., around])
        audio.append(part[..., SIZE : SIZE + samples])
        frames = samples // HOP + int(at + samples == inner)  # the frame between two strips is in both
        shares.append(top[..., edge : edge + frames])
    return torch.cat(audio, dim=-1), torch.cat(shares, dim=-1)
