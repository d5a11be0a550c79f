"""Low- and high-pass filters: windowed-sinc kernels as julius 0.2.8 makes them, one cutoff per clip."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stemwise.signal.augment.lengths import fast_length

ZEROS = 8
"""Zero crossings of the sinc to either side, halved: what julius' default gives."""


def low_passed(
    audio: Float[Tensor, "b t"], cutoff_hz: Float[Tensor, "b"], sample_rate: int
) -> Float[Tensor, "b t"]:
    """Return audio without what lies above a cutoff.

    The kernel is `2c hann sinc(2c pi t)`, 2 floor(4 / c) + 1 taps for a cutoff of c cycles per sample, and
    sums to one. Clips are continued by their first and last sample.

    Args:
        audio: one clip per row.
        cutoff_hz: of each clip, in double precision on the CPU, so that kernels are everywhere as long.
        sample_rate: Hz.
    """
    kernels = _kernels(cutoff_hz.double() / sample_rate)
    reach = kernels.shape[1] // 2
    padded = F.pad(audio[:, None], (reach, reach), mode="replicate")[:, 0]
    size = fast_length(padded.shape[-1])  # what wraps around falls on the padding
    product = torch.fft.rfft(padded, size) * torch.fft.rfft(kernels.to(audio), size)
    return torch.fft.irfft(product, size)[:, 2 * reach : 2 * reach + audio.shape[-1]]


def high_passed(
    audio: Float[Tensor, "b t"], cutoff_hz: Float[Tensor, "b"], sample_rate: int
) -> Float[Tensor, "b t"]:
    """Return audio without what lies below a cutoff: all that `low_passed` does not pass."""
    return audio - low_passed(audio, cutoff_hz, sample_rate)


def _kernels(cycles: Float[Tensor, "b"]) -> Float[Tensor, "b k"]:
    """Return kernels of one length; shorter ones lie in their middle."""
    half = (ZEROS / cycles / 2).floor()
    reach = int(half.max())
    t = torch.arange(-reach, reach + 1, dtype=cycles.dtype)
    hann = 0.5 * (1 + torch.cos(torch.pi * t / half[:, None])) * (t.abs() <= half[:, None])
    kernels = 2 * cycles[:, None] * hann * torch.sinc(2 * cycles[:, None] * t)
    return kernels / kernels.sum(dim=1, keepdim=True)
