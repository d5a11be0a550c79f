"""Front-ends: audio to pictures."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stemwise.interfaces import Frontend
from stemwise.signal.mel import log10_offset, tf_mel_matrix
from stemwise.signal.stft import tf_frames, tf_hann, tf_stft

WINDOW, HOP, BINS = 512, 160, 256


class Magnitude(Frontend):
    """MSSPT's input: linear magnitudes without the Nyquist bin, 256 bins every 10 ms at 16 kHz.

    Waveforms are not normalised (Garoufis et al. 2023, released code).
    """

    hann: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("hann", tf_hann(WINDOW), persistent=False)

    def frames(self, samples: int) -> int:
        """Return the exact number of frames of so many samples."""
        return tf_frames(samples, WINDOW, HOP)

    def forward(self, audio: Float[Tensor, "*b t"]) -> Float[Tensor, "*b 256 n"]:
        """Return the magnitudes."""
        return tf_stft(audio.float(), self.hann, HOP)[..., :BINS, :].abs()


class LogMel(nn.Module):
    """Magnitudes to 128 log-mel bands, 100 to 7800 Hz, with the released code's bin spacing."""

    matrix: Tensor

    def __init__(self, log_divisor: float) -> None:
        super().__init__()
        self.log_divisor = log_divisor
        self.register_buffer("matrix", tf_mel_matrix(128, BINS, 16_000, 100.0, 7800.0), persistent=False)

    def mel(self, magnitude: Float[Tensor, "*b 256 n"]) -> Float[Tensor, "*b 128 n"]:
        """Return mel bands without a logarithm."""
        with torch.autocast(magnitude.device.type, enabled=False):
            return self.matrix @ magnitude.float()

    def forward(self, magnitude: Float[Tensor, "*b 256 n"]) -> Float[Tensor, "*b 128 n"]:
        """Return log-mel bands."""
        return log10_offset(self.mel(magnitude), self.log_divisor)
