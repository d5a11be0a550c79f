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
        hop: samples between frames.
    """
    import torch

    hann = torch.hann_window(window)
    options = {"n_fft": window, "hop_length": hop, "window": hann}
    # a window's length of silence at both ends: all samples are covered alike, so that least squares in
    # the spectrum is least squares in the signal
    samples = np.shape(mixture)[1]
    mixed = _spectrum(mixture, window, options)  # c f n
    power = mixed.abs().square().sum((0, 2))
    estimates = np.empty(np.shape(reference), np.float32)
    for estimate, stem in zip(estimates, reference, strict=True):
        cross = (mixed.conj() * _spectrum(stem, window, options)).real.sum((0, 2))
        gains = torch.where(power > 0, cross / power.clamp_min(1e-30), 0.0)
        whole = torch.istft(gains[:, None] * mixed, length=samples + 2 * window, **options)
        estimate[:] = whole[:, window : window + samples].numpy()
    return estimates


def _spectrum(audio: Any, window: int, options: dict[str, Any]) -> Any:
    import torch

    padded = np.pad(np.asarray(audio, np.float32), ((0, 0), (window, window)))
    return torch.stft(torch.from_numpy(padded), pad_mode="constant", return_complex=True, **options)
