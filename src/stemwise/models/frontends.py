"""Front-ends: audio to pictures."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stemwise.interfaces import Frontend
from stemwise.signal.mel import log10_offset, tf_mel_matrix
from stemwise.signal.stft import tf_frames, tf_hann, tf_stft

WINDOW, HOP, BINS = 512, 160, 256
COLA_WINDOW, COLA_SIZE, COLA_BANDS = 400, 1024, 64


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
            return self.matrix @ magnitude.to(self.matrix.dtype)

    def forward(self, magnitude: Float[Tensor, "*b 256 n"]) -> Float[Tensor, "*b 128 n"]:
        """Return log-mel bands."""
        return log10_offset(self.mel(magnitude), self.log_divisor)


class ColaLogMel(Frontend):
    """COLA's input: 64 natural-log mel bands, 60 to 7800 Hz, every 10 ms at 16 kHz.

    Saeed, Grangier, Zeghidour 2020 (arXiv 2010.10915), released code: windows of 400 samples, filled up with
    zeros on the right to 1024, without centring; mel magnitudes are limited to 1e-5 … 1e8. What level the
    audio has is the caller's choice: COLA brings each clip as a whole to norm one before.
    """

    hann: Tensor
    matrix: Tensor

    def __init__(self) -> None:
        super().__init__()
        bins = COLA_SIZE // 2 + 1
        self.register_buffer("hann", tf_hann(COLA_WINDOW), persistent=False)
        matrix = tf_mel_matrix(COLA_BANDS, bins, 16_000, 60.0, 7800.0)
        self.register_buffer("matrix", matrix, persistent=False)

    def frames(self, samples: int) -> int:
        """Return the exact number of frames of so many samples."""
        return tf_frames(samples, COLA_WINDOW, HOP)

    def forward(self, audio: Float[Tensor, "*b t"]) -> Float[Tensor, "*b 64 n"]:
        """Return the log-mel bands of audio that is at least one window long."""
        with torch.autocast(audio.device.type, enabled=False):
            # torch.stft would centre a window that is shorter than its transform: frames are cut by hand
            frames = audio.float().unfold(-1, COLA_WINDOW, HOP) * self.hann
            magnitude = torch.fft.rfft(frames, n=COLA_SIZE).abs().transpose(-1, -2)  # *b f n
            return (self.matrix @ magnitude).clamp(1e-5, 1e8).log()
