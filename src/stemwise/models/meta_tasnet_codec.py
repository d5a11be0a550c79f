"""Meta-TasNet's encoder and decoder: between a waveform and its latent frames. All stems share them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

if TYPE_CHECKING:
    from stemwise.models.meta_tasnet import MetaTasNetConfig

FLOOR = 1e-8
"""Power that is added before the logarithm."""


class PowerPicture(nn.Module):
    """The spectrogram branch: a normalised log-power spectrogram, seen through a learned matrix of bands.

    `mean` and `std` hold each bin's statistics over training audio. They are at identity until
    `take_statistics` sets them.

    Args:
        size: samples of a frame; frames lie a quarter apart.
        bands: rows of the matrix.
    """

    window: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, size: int, bands: int) -> None:
        super().__init__()
        bins = size // 2 + 1
        self.size = size
        self.register_buffer("window", torch.hann_window(size))
        self.register_buffer("mean", torch.zeros(1, bins, 1))
        self.register_buffer("std", torch.ones(1, bins, 1))
        self.affine_bias = nn.Parameter(torch.zeros(1, bins, 1))
        self.affine_scale = nn.Parameter(torch.ones(1, bins, 1))
        self.mel_transform = nn.Conv1d(bins, bands, 1)

    def log_power(self, audio: Float[Tensor, "b t"]) -> Float[Tensor, "b f n"]:
        """Return the logarithm to base ten of the power, one frame every quarter of a window."""
        spectrum = torch.stft(audio, self.size, self.size // 4, window=self.window, return_complex=True)
        return torch.log10(spectrum.real.square() + spectrum.imag.square() + FLOOR)

    def forward(self, audio: Float[Tensor, "b t"]) -> Float[Tensor, "b m n"]:
        """Return the bands."""
        picture = (self.log_power(audio) - self.mean) / self.std
        return self.mel_transform(picture * self.affine_scale + self.affine_bias)


class Encoder(nn.Module):
    """A waveform to latent frames: filters of several lengths side by side, and the spectrogram's bands.

    The outputs of the filters are interleaved: channel `n * filters + l` is number n of length l.

    Args:
        config: of the network.
        stage: which stage; widths, kernels and stride double from one to the next.
    """

    def __init__(self, config: MetaTasNetConfig, stage: int) -> None:
        super().__init__()
        width = config.width(stage)
        self.stride = config.stride_of(stage)
        kernels = config.kernels(stage)
        self.spectrogram = PowerPicture(config.picture_size(stage), config.bands)
        self.filters = nn.ModuleList(
            nn.Conv1d(1, width // 4, k, self.stride, padding=(k - self.stride) // 2, bias=False)
            for k in kernels
        )
        inputs = len(kernels) * (width // 4) + config.bands
        self.bottleneck = nn.Sequential(
            nn.Conv1d(inputs, width, 1, bias=False), nn.ReLU(), nn.Conv1d(width, width, 1, bias=False)
        )

    def forward(self, audio: Float[Tensor, "b t"]) -> Float[Tensor, "b d n"]:
        """Return the latent frames, one every `stride` samples; they may be negative.

        Args:
            audio: a whole number of strides, longer than half a frame of the spectrogram.
        """
        found = [conv(audio[:, None]) for conv in self.filters]  # each b w n
        waves = F.relu(torch.stack(found, dim=2).flatten(1, 2))  # interleaved
        narrow, rectify, widen = self.bottleneck
        weight = narrow.get_parameter("weight")[..., 0]  # d (waves, bands)
        of_waves, of_bands = weight.split([waves.shape[1], len(weight[0]) - waves.shape[1]], dim=1)
        # Both are linear, so that the bands pass their half of the bottleneck before there are more of them.
        bands = _each(of_bands, self.spectrogram(audio))
        bands = F.interpolate(bands, waves.shape[-1], mode="linear", align_corners=True)
        return _each(widen.get_parameter("weight")[..., 0], rectify(bands + _each(of_waves, waves)))


class Decoder(nn.Module):
    """Latent frames to a waveform: the encoder's filters mirrored, summed up.

    The rectifier between makes the sum of decoded stems another one than the decoded mixture.

    Args:
        config: of the network.
        stage: which stage.
    """

    def __init__(self, config: MetaTasNetConfig, stage: int) -> None:
        super().__init__()
        width = config.width(stage)
        self.stride = config.stride_of(stage)
        self.widths = [width // 2 ** (branch + 1) for branch in range(config.filters)]
        self.bottleneck = nn.Sequential(nn.ConvTranspose1d(width, sum(self.widths), 1, bias=False), nn.ReLU())
        self.filters = nn.ModuleList(
            nn.ConvTranspose1d(w, 1, k, self.stride, padding=(k - self.stride) // 2, bias=False)
            for w, k in zip(self.widths, config.kernels(stage), strict=True)
        )

    def forward(self, latent: Float[Tensor, "b d n"]) -> Float[Tensor, "b t"]:
        """Return the waveform, `stride` samples for each frame."""
        weight = self.bottleneck[0].get_parameter("weight")[..., 0].T  # h d
        hidden = F.relu(_each(weight, latent), inplace=not torch.is_grad_enabled())
        parts, taps = hidden.split(self.widths, dim=1), torch.zeros(())
        for conv, part in zip(reversed(self.filters), reversed(parts), strict=True):  # the longest first
            found = _each(conv.get_parameter("weight")[:, 0].T, part)  # b k n
            edge = (taps.shape[1] - found.shape[1]) // 2 if taps.ndim else 0
            taps = taps + F.pad(found, (0, 0, edge, edge))  # a shorter filter lies in the middle
        return self._overlapped(taps)

    def _overlapped(self, taps: Float[Tensor, "b k n"]) -> Float[Tensor, "b t"]:
        """Add up frames that lie a stride apart, and cut what hangs over on both sides."""
        frames, size = taps.shape[-1], taps.shape[1]
        samples = (frames - 1) * self.stride + size
        out = F.fold(taps, (1, samples), (1, size), stride=(1, self.stride))[:, 0, 0]
        edge = (size - self.stride) // 2
        return out[:, edge : edge + frames * self.stride]


def _each(matrix: Float[Tensor, "o i"], x: Float[Tensor, "b i n"]) -> Float[Tensor, "b o n"]:
    """Return the matrix's product with each item; `torch.matmul` would copy the items side by side."""
    return torch.bmm(matrix.expand(len(x), -1, -1), x)
