"""TensorFlow's mel filterbank, and the logarithms of the MSSPT networks."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def tf_mel_matrix(
    mels: int, bins: int, sample_rate: int, low_hz: float, high_hz: float
) -> Float[Tensor, "m f"]:
    """Return `tf.signal.linear_to_mel_weight_matrix`, transposed: HTK mel, triangles of peak one in mel.

    The bins are taken to span 0 to half the sample rate *inclusive*, so a caller that passes 256 bins of a
    257-bin spectrum (as MSSPT does) has them spread by 8000/255 Hz instead of 31.25. The DC column is zero.

    Args:
        mels: how many filters.
        bins: how many spectrum bins.
        sample_rate: Hz.
        low_hz: lower edge of the first filter.
        high_hz: upper edge of the last filter.
    """
    low, high = (1127.0 * math.log1p(hertz / 700.0) for hertz in (low_hz, high_hz))
    edges = torch.linspace(low, high, mels + 2, dtype=torch.float64)
    hertz = torch.linspace(0.0, sample_rate / 2, bins, dtype=torch.float64)[1:]
    spectrum = 1127.0 * torch.log1p(hertz / 700.0)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (spectrum - left) / (centre - left)
    falling = (right - spectrum) / (right - centre)
    triangles = torch.minimum(rising, falling).clamp_min(0.0)
    return torch.cat([torch.zeros(mels, 1, dtype=torch.float64), triangles], dim=1).float()


def log10_offset(
    magnitude: Float[Tensor, "*shape"], divisor: float = math.log(10), offset: float = 1e-4
) -> Float[Tensor, "*shape"]:
    """Return `ln(magnitude + offset) / divisor`.

    MSSPT writes log10 with the divisor 2.3026 in its separators and 2.3025 in its classifiers, and the
    offset as 10e-5; published checkpoints need each in its place.
    """
    return torch.log(magnitude + offset) / divisor
