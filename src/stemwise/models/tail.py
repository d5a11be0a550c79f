"""MSSPT's convolutional front-end ("tail") and the classifier that is nothing but a tail.

Garoufis, Zlatintsi, Maragos 2023 (arXiv 2310.15845). Seven blocks of two post-activation convolutions
bring a 128 × 384 log-mel picture down to a vector of 512.

Deviations:
    paper and released code: the stand-alone tail's second block has 64 channels, the one behind a U-Net
    128, so the baseline is narrower than what it is compared with. Both widths are kept as published.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stemwise.interfaces import Classifier, Tap, Target
from stemwise.models.frontends import HOP, WINDOW, LogMel, Magnitude
from stemwise.models.keras import KerasBatchNorm1d, keras_init
from stemwise.signal.chunk import windows
from stemwise.signal.stft import tf_samples

FRAMES = 384
HIDDEN = 512

Join = Literal["concatenate", "add"]
"""How the U-Net's links enter the tail: as further channels, or added, behind a one-by-one convolution to as
many channels as they meet (the authors' later "feature adaptation")."""


@dataclass(frozen=True, kw_only=True)
class TailConfig:
    """Values of the stand-alone tail.

    Attributes:
        classes: names, one per logit; to be given before `build()`.
        target: any number of classes per clip, or exactly one.
        widths: channels of the seven blocks.
        dropout: before the output layer.
        batchnorm_momentum: share of a new batch in the running statistics.
        log_divisor: the released classifiers' ln(10).
    """

    classes: tuple[str, ...] = ()
    target: Target = "multilabel"
    widths: tuple[int, ...] = (64, 64, 128, 128, 128, 128, 256)
    dropout: float = 0.5
    batchnorm_momentum: float = 0.01
    log_divisor: float = 2.3025

    def build(self) -> TailClassifier:
        """Return a classifier with fresh weights."""
        return TailClassifier(self)


def _block(inputs: int, width: int, momentum: float, pool: tuple[int, int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, w in pairwise((inputs, width, width)):
        layers += [nn.Conv2d(i, w, 3, padding=1), nn.BatchNorm2d(w, eps=1e-3, momentum=momentum), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(pool))


class Tail(nn.Module):
    """A log-mel picture to logits, with room for links from a U-Net before its second to sixth block.

    Args:
        inputs: channels of the picture.
        widths: channels of the seven blocks.
        links: channels of the links, from fine to coarse; as many as there are skips.
        join: how a link meets what the block before gives, see `Join`.
        classes: how many logits.
        dropout: before the output layer.
        momentum: of the batch normalisation.
    """

    def __init__(
        self,
        inputs: int,
        widths: tuple[int, ...],
        links: tuple[int, ...],
        join: Join,
        classes: int,
        dropout: float,
        momentum: float,
    ) -> None:
        super().__init__()
        if classes < 1:
            raise ValueError(
                "classes: expected at least one name; give them with replace(config, classes=...)"
            )
        if len(widths) != 7:
            raise ValueError(f"widths: expected 7 blocks (384 frames halve six times), got {len(widths)}")
        self.links, self.join = len(links), join
        beside = links if join == "concatenate" else (0,) * len(links)
        extra = (0, *beside, *(0,) * (6 - len(links)))
        sizes = zip((inputs, *widths[:-1]), extra, widths, strict=True)
        pools = [(2, 2)] * 6 + [(2, 3)]  # (frequency, time): 128 × 384 ends at 1 × 2
        self.blocks = nn.ModuleList(
            _block(i + e, w, momentum, p) for (i, e, w), p in zip(sizes, pools, strict=True)
        )
        if join == "add":
            self.adapters = nn.ModuleList(nn.Conv2d(i, w, 1) for i, w in zip(links, widths, strict=False))
        self.dense = nn.Linear(2 * widths[-1], HIDDEN)
        self.norm = KerasBatchNorm1d(HIDDEN, eps=1e-3, momentum=momentum)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(HIDDEN, classes)
        self.apply(keras_init)

    def embed(
        self, picture: Float[Tensor, "b c 128 384"], links: list[Float[Tensor, "b _ _ _"]]
    ) -> Float[Tensor, "b 512"]:
        """Return the representation before the output layer; links go from fine to coarse."""
        assert len(links) == self.links, f"tail: expected {self.links} links, got {len(links)}"
        x = self.blocks[0](picture)
        for i, block in enumerate(self.blocks[1:]):
            x = block(self._joined(x, links[i], i) if i < self.links else x)
        x = x.permute(0, 3, 2, 1).flatten(1)  # time, frequency, channel: the order of the published weights
        return torch.relu(self.norm(self.dense(x)))

    def _joined(
        self, x: Float[Tensor, "b w f n"], link: Float[Tensor, "b l f n"], i: int
    ) -> Float[Tensor, "b _ f n"]:
        return x + self.adapters[i](link) if self.join == "add" else torch.cat([x, link], dim=1)

    def forward(
        self, picture: Float[Tensor, "b c 128 384"], links: list[Float[Tensor, "b _ _ _"]]
    ) -> Float[Tensor, "b k"]:
        """Return the logits."""
        return self.output(self.dropout(self.embed(picture, links))).float()


class WindowClassifier(Classifier):
    """What the tail alone and the joint network share: windows of 384 frames, half overlapping.

    A subclass gives `pictures`, which turns magnitudes into the tail's input.
    """

    tail: Tail
    sample_rate = 16_000
    window = tf_samples(FRAMES, WINDOW, HOP)
    hop = HOP * FRAMES // 2

    def __init__(self, classes: tuple[str, ...], target: Target) -> None:
        super().__init__()
        self.classes, self.target = classes, target
        self.magnitude = Magnitude()
        self.taps = {"embedding": Tap(size=HIDDEN, hop=self.hop)}

    def pictures(
        self, magnitude: Float[Tensor, "b 256 384"]
    ) -> tuple[Float[Tensor, "b c 128 384"], list[Float[Tensor, "b _ _ _"]]]:
        """Return the tail's input and the links, from fine to coarse."""
        raise NotImplementedError

    def forward(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b 512 n"]:
        """Return one embedding per window."""
        return self.features(audio, ("embedding",))["embedding"]

    def features(
        self, audio: Float[Tensor, "b 1 t"], names: tuple[str, ...]
    ) -> dict[str, Float[Tensor, "b _ n"]]:
        """Return the taps that are asked for."""
        unknown = [name for name in names if name not in self.taps]
        if unknown:
            raise ValueError(f"taps: expected some of {', '.join(self.taps)}; got {', '.join(unknown)}")
        flat = self.tail.embed(*self.pictures(self.window_magnitudes(audio)))
        return {name: self._per_clip(flat, len(audio)) for name in names}

    def logits(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b k n"]:
        """Return the logits of every window."""
        return self._per_clip(self.magnitude_logits(self.window_magnitudes(audio)), len(audio))

    def magnitude_logits(self, magnitude: Float[Tensor, "b 256 384"]) -> Float[Tensor, "b k"]:
        """Return the logits of windows that are magnitudes already."""
        return self.tail(*self.pictures(magnitude))

    def picture_logits(self, picture: Float[Tensor, "b c 128 384"]) -> Float[Tensor, "b k"]:
        """Return the logits of windows that are the tail's input already, without links."""
        return self.tail(picture, [])

    def window_magnitudes(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "w 256 384"]:
        """Return the magnitudes of every window of every clip, clip by clip."""
        return self.magnitude(windows(audio[:, 0], self.window, self.hop)).flatten(0, 1)

    @staticmethod
    def _per_clip(flat: Float[Tensor, "w d"], clips: int) -> Float[Tensor, "b d n"]:
        return flat.unflatten(0, (clips, -1)).transpose(1, 2)


class TailClassifier(WindowClassifier):
    """The tail on the mixture's log-mel: the paper's baseline."""

    def __init__(self, config: TailConfig) -> None:
        super().__init__(config.classes, config.target)
        self.config = config
        self.log_mel = LogMel(config.log_divisor)
        self.tail = Tail(
            1,
            config.widths,
            (),
            "concatenate",
            len(config.classes),
            config.dropout,
            config.batchnorm_momentum,
        )

    def pictures(
        self, magnitude: Float[Tensor, "b 256 384"]
    ) -> tuple[Float[Tensor, "b 1 128 384"], list[Float[Tensor, "b _ _ _"]]]:
        """Return the mixture's log-mel, and no links."""
        return self.log_mel(magnitude)[:, None], []


VARIANTS = {
    "msspt-tail": TailConfig(),
    # Ours: a quarter of the published cost, for training on two cores.
    "half-tail": TailConfig(widths=(32, 32, 64, 64, 64, 64, 128), batchnorm_momentum=0.1),
}
