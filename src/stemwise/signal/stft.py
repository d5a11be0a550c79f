"""TensorFlow's short-time Fourier transform and its fixed-window inverse.

`torch.stft` centres and pads; TensorFlow does neither. `torch.istft` divides by the envelope that the
frames at hand really have; TensorFlow multiplies by a fixed synthesis window, so the first and last
`window - hop` samples fade, where fewer frames overlap. A mask that is not one everywhere stays bounded
under the fixed window, and blows up at the edges under the true envelope.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor


def tf_frames(samples: int, window: int, hop: int) -> int:
    """Return how many frames `tf_stft` makes: `1 + (samples - window) // hop`, or 0 if shorter than one.

    >>> tf_frames(61_792, 512, 160)
    384
    """
    return 1 + (samples - window) // hop if samples >= window else 0


def tf_samples(frames: int, window: int, hop: int) -> int:
    """Return the length that `tf_istft` gives for so many frames.

    >>> tf_samples(384, 512, 160)
    61792
    """
    return (frames - 1) * hop + window


def tf_hann(window: int) -> Float[Tensor, "w"]:
    """Return `tf.signal.hann_window`: periodic, float32."""
    return torch.hann_window(window, periodic=True, dtype=torch.float64).float()


def tf_inverse_window(window: int, hop: int) -> Float[Tensor, "w"]:
    """Return `tf.signal.inverse_stft_window_fn(hop)` of a Hann window.

    It is `hann[n] / D[n mod hop]`, where `D[r]` sums `hann[r + j hop]²` over j: the analysis window
    divided by the envelope of an endless signal, hence the same for every frame.
    """
    hann = torch.hann_window(window, periodic=True, dtype=torch.float64)
    repeats = -(-window // hop)
    padded = F.pad(hann.square(), (0, repeats * hop - window))
    envelope = padded.view(repeats, hop).sum(0).repeat(repeats)[:window]
    return (hann / envelope).float()


def tf_stft(audio: Float[Tensor, "*b t"], window: Float[Tensor, "w"], hop: int) -> Complex[Tensor, "*b f n"]:
    """Return `tf.signal.stft` without padding, frequency before time; `f = w // 2 + 1`.

    Args:
        audio: at least one window long.
        window: the analysis window; the transform's size is its length.
        hop: samples between frames.
    """
    size = window.shape[-1]
    assert audio.shape[-1] >= size, f"tf_stft: expected at least {size} samples, got {audio.shape[-1]}"
    flat = audio.reshape(-1, audio.shape[-1])
    spectrum = torch.stft(flat, size, hop, window=window, center=False, return_complex=True)
    return spectrum.reshape(*audio.shape[:-1], *spectrum.shape[-2:])


def tf_istft(
    spectrum: Complex[Tensor, "*b f n"], inverse_window: Float[Tensor, "w"], hop: int
) -> Float[Tensor, "*b t"]:
    """Return `tf.signal.inverse_stft` with a fixed synthesis window; `t = (n - 1) hop + w`.

    Args:
        spectrum: as `tf_stft` gives it.
        inverse_window: as `tf_inverse_window` gives it.
        hop: samples between frames.
    """
    size, frames = inverse_window.shape[-1], spectrum.shape[-1]
    pieces = torch.fft.irfft(spectrum.transpose(-1, -2), n=size) * inverse_window  # *b n w
    return _overlap_add(pieces, hop)[..., : tf_samples(frames, size, hop)]


def _overlap_add(pieces: Float[Tensor, "*b n w"], hop: int) -> Float[Tensor, "*b t"]:
    """Add frames `hop` apart: one shifted addition for each of the few hops that a frame spans."""
    *batch, frames, size = pieces.shape
    spans = -(-size // hop)
    blocks = F.pad(pieces, (0, spans * hop - size)).unflatten(-1, (spans, hop))
    out = pieces.new_zeros(*batch, frames + spans - 1, hop)
    for j in range(spans):
        out[..., j : j + frames, :] += blocks[..., j, :]
    return out.flatten(-2)
