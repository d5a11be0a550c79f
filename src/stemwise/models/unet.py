"""MSSPT's U-Net and the separator around it.

Garoufis, Zlatintsi, Maragos 2023 (arXiv 2310.15845). A pre-activation U-Net looks at the log-magnitude
spectrogram of 16 kHz mono audio and draws one mask per stem.

Deviations:
    paper and released code agree, and the default follows them: skips are taken behind the pools and
    concatenated before the up-convolutions; multi-source separators pool by average, all others by
    maximum; the mixture's Nyquist bin passes unmasked; stems need not sum to the mixture.
    ours: the order of stems is a field (the original's is vocals, other, drums, bass); `mask="softmax"`
    makes the masks sum to one; `batchnorm_momentum` can be raised for short trainings, where Keras' 0.01
    leaves the running statistics behind.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stemwise import STEMS
from stemwise.interfaces import Estimate, Separator
from stemwise.models.frontends import BINS, HOP, WINDOW
from stemwise.models.keras import keras_init
from stemwise.signal.mel import log10_offset
from stemwise.signal.stft import tf_hann, tf_inverse_window, tf_istft, tf_samples, tf_stft

Pool = Literal["max", "average"]


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Values of a U-Net separator.

    Attributes:
        stems: what the masks are for.
        widths: channels of the encoder blocks, from fine to coarse; the decoder mirrors them.
        head_width: channels of the two convolutions before the mask.
        pool: how the encoder halves its resolution.
        mask: `sigmoid` for independent masks, `softmax` for masks that sum to one over the stems.
        batchnorm_momentum: share of a new batch in the running statistics.
        log_divisor: the released separators' ln(10).
    """

    stems: tuple[str, ...] = STEMS
    widths: tuple[int, ...] = (16, 32, 64, 128, 192, 192)
    head_width: int = 32
    pool: Pool = "average"
    mask: Literal["sigmoid", "softmax"] = "sigmoid"
    batchnorm_momentum: float = 0.01
    log_divisor: float = 2.3026

    def build(self) -> UNetSeparator:
        """Return a separator with fresh weights."""
        return UNetSeparator(self)


def _unit(inputs: int, width: int, momentum: float) -> list[nn.Module]:
    norm = nn.BatchNorm2d(inputs, eps=1e-3, momentum=momentum)
    return [norm, nn.LeakyReLU(0.01), nn.Conv2d(inputs, width, 3, padding=1)]


def _pair(inputs: int, width: int, momentum: float) -> nn.Sequential:
    """Two pre-activation convolutions."""
    return nn.Sequential(*_unit(inputs, width, momentum), *_unit(width, width, momentum))


class UNet(nn.Module):
    """Log-magnitudes to one mask per stem; its decoder's outputs serve as links into a classifier."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        momentum, widths = config.batchnorm_momentum, config.widths
        ups = widths[::-1]
        self.encoder = nn.ModuleList(_pair(i, w, momentum) for i, w in pairwise((1, *widths)))
        sources = [ups[0]] + [ups[i - 1] + ups[i] for i in range(1, len(ups))]  # with the skip of equal size
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(i, w, 2, stride=2) for i, w in zip(sources, ups, strict=True)
        )
        self.decoder = nn.ModuleList(_pair(w, w, momentum) for w in ups)
        head = config.head_width
        self.head = _pair(ups[-1] + 1, head, momentum)
        self.mask = nn.Conv2d(head, len(config.stems), 3, padding=1)
        self.apply(keras_init)

    @property
    def links(self) -> tuple[int, ...]:
        """Channels of the decoder's outputs, from coarse to fine, without the last."""
        return self.config.widths[:0:-1]

    def with_pool(self, pool: Pool) -> UNet:
        """Return a U-Net that pools otherwise and holds the very same weights."""
        twin = copy.copy(self)  # shares the submodules
        twin.config = UNetConfig(**{**vars(self.config), "pool": pool})
        return twin

    def forward(self, picture: Float[Tensor, "b 1 f n"]) -> Float[Tensor, "b s f n"]:
        """Return the masks."""
        return self.masks_and_links(picture)[0]

    def masks_and_links(
        self, picture: Float[Tensor, "b 1 f n"]
    ) -> tuple[Float[Tensor, "b s f n"], list[Float[Tensor, "b _ _ _"]]]:
        """Return the masks, and the decoder's outputs from coarse to fine without the last."""
        halve = F.max_pool2d if self.config.pool == "max" else F.avg_pool2d
        x, skips = picture, [picture]
        for block in self.encoder:
            x = halve(block(x), 2)
            skips.append(x)
        skips.pop()  # the bottleneck is where the decoder starts
        outputs = []
        for i, (up, block) in enumerate(zip(self.up, self.decoder, strict=True)):
            x = block(up(x if i == 0 else torch.cat([x, skips.pop()], dim=1)))
            outputs.append(x)
        logits = self.mask(self.head(torch.cat([x, skips.pop()], dim=1))).float()
        masks = logits.softmax(1) if self.config.mask == "softmax" else logits.sigmoid()
        return masks, outputs[:-1]


class UNetSeparator(Separator):
    """The U-Net between TensorFlow's STFT and its fixed-window inverse; takes mono audio at 16 kHz."""

    hann: Tensor
    inverse_window: Tensor
    sample_rate = 16_000
    channels = 1

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.stems = config.stems
        self.unet = UNet(config)
        depth = len(config.widths)
        self.grid = HOP * 2**depth
        # In frames, two 3×3 convolutions per level and side reach 4 (2^depth - 1), the head 3, pooling
        # 2^depth - 1: less than five grid steps. The transform's own overlap needs a further window.
        self.context = 5 * self.grid + WINDOW
        self.register_buffer("hann", tf_hann(WINDOW), persistent=False)
        self.register_buffer("inverse_window", tf_inverse_window(WINDOW, HOP), persistent=False)

    def forward(self, mixture: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b s 1 t"]:
        """Return the stems; the first and last 352 samples fade, as `tf_istft` says.

        A length that is no whole number of grid steps is filled up with silence on the right and cropped.
        """
        samples = mixture.shape[-1]
        spectrum = self.spectrum(mixture[:, 0])
        stems = self.masks(spectrum)[:, :, None] * spectrum[:, None, None, :BINS]  # b s 1 f n
        nyquist = spectrum[:, None, None, BINS:].expand(-1, len(self.stems), 1, -1, -1)
        audio = tf_istft(torch.cat([stems, nyquist], dim=-2), self.inverse_window, HOP)
        return audio[..., :samples]

    def spectrum(self, audio: Float[Tensor, "b t"]) -> Tensor:
        """Return the complex spectrogram `"b 257 n"` of the audio, filled up to whole grid steps."""
        step = self.grid // HOP
        frames = step * -(-max(0, audio.shape[-1] - WINDOW + HOP) // self.grid) or step
        padding = tf_samples(frames, WINDOW, HOP) - audio.shape[-1]
        return tf_stft(F.pad(audio.float(), (0, padding)), self.hann, HOP)

    def for_inference(self) -> Estimate:
        """Return a function that looks for the masks of the wanted samples' frames alone."""
        from stemwise.models.folded import FoldedUNet

        folded = FoldedUNet(self.unet)

        def estimate(mixture: Float[Tensor, "b 1 t"], first: int, last: int) -> Float[Tensor, "b s 1 n"]:
            spectrum = self.spectrum(mixture[:, 0]).transpose(1, 2)  # b n f
            begin = max(0, (first - WINDOW) // HOP + 1)
            end = min(spectrum.shape[1], -(-last // HOP))
            picture = log10_offset(spectrum[..., :BINS].abs(), self.config.log_divisor)
            audio = spectrum.real.new_zeros(
                len(mixture), len(self.stems), tf_samples(end - begin, WINDOW, HOP)
            )
            at = begin
            for masks in folded(picture[:, None], begin, end):  # what a strip needs stays in the cache
                frames = masks.shape[2]
                stems = F.pad(masks, (0, 1), value=1.0) * spectrum[:, None, at : at + frames]  # b s n f
                piece = tf_istft(stems.transpose(2, 3), self.inverse_window, HOP)
                audio[..., (at - begin) * HOP :][..., : piece.shape[-1]] += piece
                at += frames
            return audio[:, :, None, first - begin * HOP : last - begin * HOP]

        return estimate

    def masks(self, spectrum: Tensor) -> Float[Tensor, "b s 256 n"]:
        """Return the masks of a complex spectrogram `"b 257 n"`."""
        picture = log10_offset(spectrum[:, :BINS].abs(), self.config.log_divisor)
        return self.unet(picture[:, None])


VARIANTS = {
    "msspt-multisource": UNetConfig(),
    "msspt-drums": UNetConfig(stems=("drums",), pool="max"),
    "msspt-bass": UNetConfig(stems=("bass",), pool="max"),
    "msspt-other": UNetConfig(stems=("other",), pool="max"),
    "msspt-vocals": UNetConfig(stems=("vocals",), pool="max"),
    # Ours: a quarter of the published cost, with masks that share each bin out, for training on two cores.
    "half-multisource": UNetConfig(
        widths=(8, 16, 32, 64, 96, 96), head_width=16, mask="softmax", batchnorm_momentum=0.1
    ),
}
