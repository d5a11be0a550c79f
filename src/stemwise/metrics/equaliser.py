"""The best fixed equaliser: how much of a stem filtering alone gives, an upper bound on any equaliser."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float


def best_fixed_equaliser(
    mixture: Float[Any, "c t"], reference: Float[Any, "s c t"], window: int = 2048, hop: int = 512
) -> Float[np.ndarray, "s c t"]:
    """Oracle estimates: the mixture through one fixed equaliser per stem, the best there is for this track.

    Each bin of a Hann-windowed short-time spectrum gets one real gain for the whole track and all
    channels, by least squares against the stem: g = Re Σ X* S / Σ |X|². In SI-SDR it never falls below the
    mixture, whose gain is one everywhere; what it reaches, a stem's place in the spectrum gives away.

    Args:
        mixture: channels × samples.
        reference: the stems.
        window: samples, which is also the transform's size.
        hop: samples between frames; it divides a quarter of the window.
    """
    import torch

    hann = torch.hann_window(window, dtype=torch.float64)
    options = {"n_fft": window, "hop_length": hop, "window": hann, "center": False}
    # a window's length of silence at both ends: all samples are covered alike, so that least squares in
    # the spectrum is least squares in the signal
    samples = np.shape(mixture)[1]
    pad = (window, window + -samples % hop)
    mixed = _spectrum(np.asarray(mixture, np.float64), pad, options)  # c f n
    power = mixed.abs().square().sum((0, 2))
    estimates = []
    for stem in np.asarray(reference, np.float64):
        cross = (mixed.conj() * _spectrum(stem, pad, options)).real.sum((0, 2))
        gains = torch.where(power > 0, cross / power.clamp_min(1e-30), 0.0)
        frames = torch.fft.irfft(gains[:, None] * mixed, n=window, dim=1) * hann[:, None]  # c w n
        estimates.append(_overlapped(frames, hop)[:, window : window + samples])
    return np.stack(estimates)


def _spectrum(audio: np.ndarray, pad: tuple[int, int], options: dict[str, Any]) -> Any:
    import torch

    return torch.stft(torch.as_tensor(np.pad(audio, ((0, 0), pad))), return_complex=True, **options)


def _overlapped(frames: Any, hop: int) -> np.ndarray:
    """Add windowed frames up, over the sum of the squared windows, which is constant away from the ends."""
    import torch.nn.functional as F

    window, count = frames.shape[1:]
    length = (count - 1) * hop + window
    added = F.fold(frames, (1, length), (1, window), stride=(1, hop))[:, 0, 0]
    return (added / (0.375 * window / hop)).numpy()  # a Hann window's mean square is 3/8
