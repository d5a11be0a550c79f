"""MSSPT's joint classifier: a U-Net that takes the mixture apart, and a tail that reads what it found.

Garoufis, Zlatintsi, Maragos 2023 (arXiv 2310.15845), called TUNe+ in the released code.

Deviations:
    paper: the mixture enters the tail as a log-mel; released code: as the mel bands of the
    log-magnitude. The default follows the code, which the published weights need;
    `mixture_branch="log-mel"` follows the paper.
    released code: pools by maximum here even where the separator pooled by average. `from_separator`
    does the same, with `pool=` to choose.
    the authors' later code, "v2": a true log-mel of the mixture, the stand-alone tail's widths behind the
    U-Net too, and links that a 1×1 convolution fits to the tail, where they are added. No published
    checkpoint uses it; `msspt-joint-v2` and `msspt-joint-v2-multisource` are it, all else is v1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stemwise import STEMS
from stemwise.interfaces import Target
from stemwise.models.frontends import LogMel
from stemwise.models.tail import Join, Tail, TailConfig, WindowClassifier
from stemwise.models.unet import Pool, UNet, UNetConfig, UNetSeparator
from stemwise.signal.mel import log10_offset


@dataclass(frozen=True, kw_only=True)
class JointConfig:
    """Values of the joint classifier.

    Attributes:
        classes: names, one per logit; to be given before `build()`.
        target: any number of classes per clip, or exactly one.
        stems: what the U-Net's masks are for.
        skips: how many links lead from the decoder into the tail, the finest first; 0 to 5.
        unet_widths: channels of the U-Net's encoder, from fine to coarse.
        head_width: channels before the mask.
        tail_widths: channels of the tail's seven blocks.
        pool: how the U-Net's encoder halves its resolution.
        mask: `sigmoid` or `softmax`, as in the separator.
        mixture_branch: what the tail sees beside the sources.
        join: how the links enter the tail.
        dropout: before the output layer.
        batchnorm_momentum: share of a new batch in the running statistics.
        log_divisor: the released classifiers' ln(10).
    """

    classes: tuple[str, ...] = ()
    target: Target = "multilabel"
    stems: tuple[str, ...] = STEMS
    skips: int = 5
    unet_widths: tuple[int, ...] = (16, 32, 64, 128, 192, 192)
    head_width: int = 32
    tail_widths: tuple[int, ...] = (64, 128, 128, 128, 128, 128, 256)
    pool: Pool = "max"
    mask: Literal["sigmoid", "softmax"] = "sigmoid"
    mixture_branch: Literal["mel-of-log", "log-mel"] = "mel-of-log"
    join: Join = "concatenate"
    dropout: float = 0.5
    batchnorm_momentum: float = 0.01
    log_divisor: float = 2.3025

    def unet(self) -> UNetConfig:
        """Return the values of the U-Net inside."""
        return UNetConfig(
            stems=self.stems,
            widths=self.unet_widths,
            head_width=self.head_width,
            pool=self.pool,
            mask=self.mask,
            batchnorm_momentum=self.batchnorm_momentum,
        )

    def build(self) -> JointClassifier:
        """Return a classifier with fresh weights."""
        return JointClassifier(self)


class JointClassifier(WindowClassifier):
    """U-Net, masks, mel and tail, trained together.

    Args:
        config: the values.
        unet: a U-Net to share instead of a fresh one, a pre-trained separator's for instance.
    """

    def __init__(self, config: JointConfig, unet: UNet | None = None) -> None:
        super().__init__(config.classes, config.target)
        if not 0 <= config.skips <= 5:
            raise ValueError(f"skips: expected 0 to 5, got {config.skips}")
        self.config = config
        self.unet = unet or UNet(config.unet())
        self.log_mel = LogMel(config.log_divisor)
        links = self.unet.links[::-1][: config.skips]  # from fine to coarse
        self.tail = Tail(
            len(config.stems) + 1,
            config.tail_widths,
            links,
            config.join,
            len(config.classes),
            config.dropout,
            config.batchnorm_momentum,
        )

    def freeze_unet(self) -> JointClassifier:
        """Take the U-Net out of training, its moving statistics too, and return the classifier."""
        self.unet.requires_grad_(False)
        return self

    def train(self, mode: bool = True) -> JointClassifier:
        """Switch to training mode, all but a frozen U-Net."""
        super().train(mode)
        if not self.unet.mask.weight.requires_grad:
            self.unet.eval()
        return self

    def pictures(
        self, magnitude: Float[Tensor, "b 256 384"]
    ) -> tuple[Float[Tensor, "b c 128 384"], list[Float[Tensor, "b _ _ _"]]]:
        """Return the sources' log-mels with the mixture's mel, and the links from fine to coarse."""
        log_magnitude = log10_offset(magnitude, self.config.log_divisor)
        masks, outputs = self.unet.masks_and_links(log_magnitude[:, None])
        sources = self.log_mel(magnitude[:, None] * masks)  # b s m n
        true_log = self.config.mixture_branch == "log-mel"
        mixture = self.log_mel(magnitude) if true_log else self.log_mel.mel(log_magnitude)
        finest = outputs[::-1][: self.config.skips]
        links = [F.max_pool2d(x, (2, 1)) for x in finest]  # halve frequency: 256 bins meet 128 mel bands
        return torch.cat([sources, mixture[:, None]], dim=1), links


def from_separator(
    separator: UNetSeparator, config: JointConfig, *, pool: Pool | None = None
) -> JointClassifier:
    """Return a joint classifier that holds the separator's own U-Net: the very module, not a copy.

    Args:
        separator: where the U-Net comes from.
        config: values of the rest; those of the U-Net are taken from the separator.
        pool: how the U-Net pools from now on; `config.pool` where not given.
    """
    inner = separator.config
    unet = separator.unet.with_pool(pool or config.pool)
    config = replace(
        config,
        stems=inner.stems,
        unet_widths=inner.widths,
        head_width=inner.head_width,
        mask=inner.mask,
        pool=unet.config.pool,
    )
    return JointClassifier(config, unet=unet)


V2 = JointConfig(tail_widths=TailConfig().widths, mixture_branch="log-mel", join="add")
VARIANTS = {
    **{f"msspt-joint-s{skips}": JointConfig(stems=("vocals",), skips=skips) for skips in range(6)},
    "msspt-joint-multisource": JointConfig(),
    "msspt-joint-v2": replace(V2, stems=("vocals",)),
    "msspt-joint-v2-multisource": V2,
    # Ours: a quarter of the published cost, for training on two cores.
    "half-joint-multisource": JointConfig(
        unet_widths=(8, 16, 32, 64, 96, 96),
        head_width=16,
        tail_widths=(32, 32, 64, 64, 64, 64, 128),
        mask="softmax",
        pool="average",
        batchnorm_momentum=0.1,
    ),
}
