"""SampleCNN: CLMR's encoder, from samples to one vector per window of 59 049.

Lee, Park, Kim, Nam 2017 (arXiv 1703.01789), as Spijkervet and Burgoyne use it in CLMR (ISMIR 2021, arXiv
2103.09410). Eleven convolutions of three samples, ten of them followed by a third of the resolution.

Deviations:
    released code: takes exactly one window. Here longer audio gives a vector every 59 049 samples, from the
    same convolutions running on; shorter audio is filled up with silence behind its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stemwise.interfaces import Encoder, Tap, Target
from stemwise.models.headed import HeadedClassifier, expect_taps

SAMPLE_RATE = 22_050
WINDOW = 3**10
"""Samples of a window: 2.678 s, of which ten thirds leave one frame."""


@dataclass(frozen=True, kw_only=True)
class SampleCNNConfig:
    """Values of a SampleCNN.

    Attributes:
        widths: channels of the eleven convolutions.
        classes: names, one per logit; without any it is an encoder and has no head.
        target: any number of classes per clip, or exactly one.
        dropout: before the head.
    """

    widths: tuple[int, ...] = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512)
    classes: tuple[str, ...] = ()
    target: Target = "multilabel"
    dropout: float = 0.5

    def build(self) -> SampleCNN | HeadedClassifier:
        """Return an encoder, or a classifier where there are classes, with fresh weights."""
        encoder = SampleCNN(self)
        return HeadedClassifier(self, encoder, WINDOW) if self.classes else encoder


def _unit(inputs: int, width: int, stride: int, padding: int) -> nn.Sequential:
    conv = nn.Conv1d(inputs, width, 3, stride=stride, padding=padding)
    return nn.Sequential(conv, nn.BatchNorm1d(width), nn.ReLU())


class SampleCNN(Encoder):
    """The encoder. Its taps are `block0` to `block10`, behind each convolution's pool, and `embedding`."""

    sample_rate = SAMPLE_RATE
    window = hop = WINDOW

    def __init__(self, config: SampleCNNConfig) -> None:
        super().__init__()
        if len(config.widths) != 11:
            raise ValueError(
                f"widths: expected 11 convolutions (3^10 samples to one frame), got {len(config.widths)}"
            )
        self.config = config
        widths = config.widths
        self.blocks = nn.ModuleList([_unit(1, widths[0], stride=3, padding=0)])
        self.blocks.extend(_unit(i, w, stride=1, padding=1) for i, w in pairwise(widths))
        self.taps = {f"block{i}": Tap(size=w, hop=3 ** min(i + 1, 10)) for i, w in enumerate(widths)}
        self.taps["embedding"] = Tap(size=widths[-1], hop=WINDOW)

    def forward(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b d n"]:
        """Return a vector every 59 049 samples; audio shorter than that is filled up with silence."""
        return self.features(audio, ("embedding",))["embedding"]

    def features(
        self, audio: Float[Tensor, "b 1 t"], names: tuple[str, ...]
    ) -> dict[str, Float[Tensor, "b _ _"]]:
        """Return the taps that are asked for."""
        expect_taps(names, self.taps)
        x, found = F.pad(audio, (0, max(0, WINDOW - audio.shape[-1]))), {}
        for i, block in enumerate(self.blocks):
            x = block(x)
            if 0 < i < len(self.blocks) - 1:
                x = F.max_pool1d(x, 3)
            if f"block{i}" in names:
                found[f"block{i}"] = x
        return {**found, "embedding": x} if "embedding" in names else found


VARIANTS = {"sample-cnn": SampleCNNConfig()}
