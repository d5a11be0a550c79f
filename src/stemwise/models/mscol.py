"""MSCOL's encoder: COLA's log-mel, EfficientNet-B0, and the projection it is pre-trained with.

Garoufis, Zlatintsi, Maragos, SMC 2023 (arXiv 2302.07077).

Deviations:
    released code: a clip is brought to norm one as a whole, so its level depends on its length, and what is
    said of a window on the rest of its clip. That is the default, `level="clip"`, which published weights
    need; `level="window"` brings each window on its own to the level that it has on average in a clip of
    29.1 s.
    released code: classifiers leave the stochastic depth of the frozen encoder at work while they are
    trained. `depth="stochastic"` does so, `"full"` is the default.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stemwise.interfaces import Classifier, Encoder, Pooling, Tap, Target
from stemwise.models.efficientnet import STAGES, EfficientNet, InvertedBottleneck
from stemwise.models.frontends import COLA_WINDOW, HOP, ColaLogMel
from stemwise.models.projection import Projection, Similarity
from stemwise.signal.chunk import windows
from stemwise.signal.level import unit_norm
from stemwise.signal.stft import tf_samples

FRAMES = 98
WINDOW, WINDOW_HOP = tf_samples(FRAMES, COLA_WINDOW, HOP), FRAMES * HOP
CLIP = 465_984
"""Samples of the clips that the published encoders were trained on."""

_AT_ONCE = 64  # windows in the network at a time, where nothing is learned

Level = Literal["clip", "window"]


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Values of the network that the encoder and its classifiers share.

    Attributes:
        widths: channels of the stem, of the seven stages, and of the last layer.
        repeats: blocks of each stage.
        expansion: how much wider a block is inside.
        drop: stochastic depth of the last block.
        divisor: what log-mels are divided by, as if they were images.
        level: what is brought to a fixed level, the clip or each window.
        batchnorm_momentum: share of a new batch in the running statistics.
    """

    widths: tuple[int, ...] = (32, 16, 24, 40, 80, 112, 192, 320, 1280)
    repeats: tuple[int, ...] = (1, 2, 2, 3, 3, 4, 1)
    expansion: int = 6
    drop: float = 0.2
    divisor: float = 255.0
    level: Level = "clip"
    batchnorm_momentum: float = 0.01

    def network(self) -> EfficientNet:
        """Return the network inside, with fresh weights."""
        return EfficientNet(
            self.widths, self.repeats, self.expansion, self.drop, self.divisor, self.batchnorm_momentum
        )


@dataclass(frozen=True, kw_only=True)
class MscolConfig(NetworkConfig):
    """Values of the encoder.

    Attributes:
        size: of the projection.
        similarity: `bilinear`, or `dot` with a temperature.
        temperature: of `dot`.
    """

    size: int = 512
    similarity: Similarity = "bilinear"
    temperature: float = 0.2

    def build(self) -> Mscol:
        """Return an encoder with fresh weights."""
        return Mscol(self)


@dataclass(frozen=True, kw_only=True)
class MscolClassifierConfig(NetworkConfig):
    """Values of a classifier on the encoder, without the projection.

    Attributes:
        classes: names, one per logit; to be given before `build()`.
        target: any number of classes per clip, or exactly one.
        hidden: units between the encoder and the logits; 0 for none.
        depth: of a frozen encoder while its classifier is trained.
    """

    classes: tuple[str, ...] = ()
    target: Target = "multilabel"
    hidden: int = 0
    depth: Literal["full", "stochastic"] = "full"

    def build(self) -> MscolClassifier:
        """Return a classifier with fresh weights."""
        return MscolClassifier(self)


class _Windows(nn.Module):
    """Audio to the log-mels of its windows, at the level that the config says."""

    def __init__(self, level: Level) -> None:
        super().__init__()
        self.level, self.log_mel = level, ColaLogMel()

    def forward(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b n 64 98"]:
        """Return the pictures of every whole window."""
        mono = audio[:, 0].float()
        if self.level == "clip":
            return self.log_mel(windows(unit_norm(mono), WINDOW, WINDOW_HOP))
        return self.log_mel(math.sqrt(WINDOW / CLIP) * unit_norm(windows(mono, WINDOW, WINDOW_HOP)))


def _in_parts(network: EfficientNet, pictures: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
    """Return what the network makes of windows; some at a time where nothing is learned, to save memory."""
    names = tuple(names)
    if network.training or torch.is_grad_enabled():
        return dict(network.poolings(pictures, names))
    parts = [network.poolings(part, names) for part in pictures.split(_AT_ONCE)]
    return {name: torch.cat([part[name] for part in parts]) for name in names}


class Mscol(Encoder):
    """The encoder with its projection; gives one vector of 1280 features per window of 0.995 s.

    Its taps are the stages' global maxima, the `embedding`, and two that pre-training compares: `projection`
    of a source and `query` of a mixture, whose product says how well they fit.
    """

    sample_rate = 16_000
    window, hop = WINDOW, WINDOW_HOP

    def __init__(self, config: MscolConfig) -> None:
        super().__init__()
        self.config = config
        self.spans_clip = config.level == "clip"
        self.windows = _Windows(config.level)
        self.network = config.network()
        self.projection = Projection(
            config.widths[-1], config.size, config.similarity, temperature=config.temperature
        )
        sizes = dict(zip(STAGES, config.widths[1:-1], strict=True)) | {"embedding": config.widths[-1]}
        sizes |= {"projection": config.size, "query": config.size}
        self.taps = {name: Tap(size=size, hop=WINDOW_HOP) for name, size in sizes.items()}

    def forward(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b d n"]:
        """Return one embedding per window."""
        return self.features(audio, ("embedding",))["embedding"]

    def features(
        self, audio: Float[Tensor, "b 1 t"], names: tuple[str, ...]
    ) -> dict[str, Float[Tensor, "b _ n"]]:
        """Return the taps that are asked for."""
        unknown = [name for name in names if name not in self.taps]
        if unknown:
            raise ValueError(f"taps: expected some of {', '.join(self.taps)}; got {', '.join(unknown)}")
        inner = {name if name in STAGES else "top" for name in names}
        found = _in_parts(self.network, self.windows(audio).flatten(0, 1), inner)
        flat = {name: found[name] for name in names if name in STAGES}
        if "embedding" in names:
            flat["embedding"] = found["top"]
        if {"projection", "query"} & set(names):
            flat["projection"] = self.projection(found["top"])
            flat["query"] = self.projection.query(flat["projection"])
        return {name: flat[name].unflatten(0, (len(audio), -1)).transpose(1, 2) for name in names}

    def picture_projections(self, picture: Float[Tensor, "b 64 n"]) -> Float[Tensor, "b p"]:
        """Return the projections of log-mels."""
        return self.projection(self.network(picture))


class MscolClassifier(Classifier):
    """The published heads on the encoder: one dense layer, or two with a ReLU between."""

    sample_rate = 16_000
    window, hop = WINDOW, WINDOW_HOP

    def __init__(self, config: MscolClassifierConfig) -> None:
        super().__init__()
        if not config.classes:
            raise ValueError(
                "classes: expected at least one name; give them with replace(config, classes=...)"
            )
        self.config, self.classes, self.target = config, config.classes, config.target
        self.spans_clip = config.level == "clip"
        self.pooling: Pooling = "probability" if config.target == "multilabel" else "logit"
        self.windows = _Windows(config.level)
        self.network = config.network()
        layers: list[nn.Module] = []
        if config.hidden:
            layers = [nn.Linear(config.widths[-1], config.hidden), nn.ReLU()]
        last = nn.Linear(config.hidden or config.widths[-1], len(config.classes))
        self.head = nn.Sequential(*layers, last)
        self.head.apply(_glorot)
        self.taps = {"embedding": Tap(size=config.widths[-1], hop=WINDOW_HOP)}

    def freeze_encoder(self) -> MscolClassifier:
        """Take the encoder out of training, its moving statistics too, and return the classifier."""
        self.network.requires_grad_(False)
        return self

    def train(self, mode: bool = True) -> MscolClassifier:
        """Switch to training mode, all but a frozen encoder (its stochastic depth where the config says)."""
        super().train(mode)
        if not self.network.stem.conv.weight.requires_grad:
            self.network.eval()
            if self.config.depth == "stochastic":
                for module in self.network.modules():
                    if isinstance(module, InvertedBottleneck):
                        module.training = mode
        return self

    def forward(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b d n"]:
        """Return one embedding per window."""
        return self.features(audio, ("embedding",))["embedding"]

    def features(
        self, audio: Float[Tensor, "b 1 t"], names: tuple[str, ...]
    ) -> dict[str, Float[Tensor, "b _ n"]]:
        """Return the taps that are asked for."""
        unknown = [name for name in names if name not in self.taps]
        if unknown:
            raise ValueError(f"taps: expected some of {', '.join(self.taps)}; got {', '.join(unknown)}")
        top = _in_parts(self.network, self.windows(audio).flatten(0, 1), ("top",))["top"]
        return {name: top.unflatten(0, (len(audio), -1)).transpose(1, 2) for name in names}

    def logits(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b k n"]:
        """Return the logits of every window."""
        return self.head(self(audio).transpose(1, 2)).transpose(1, 2).float()

    def picture_logits(self, picture: Float[Tensor, "b 64 n"]) -> Float[Tensor, "b k"]:
        """Return the logits of windows that are log-mels already."""
        return self.head(self.network(picture)).float()


def _glorot(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


VARIANTS = {
    "mscol": MscolConfig(),
    "mscol-dot": MscolConfig(similarity="dot"),
    "mscol-window": MscolConfig(level="window"),
    # Ours: half the widths and a shallower network, for training on two cores.
    "half-mscol": MscolConfig(
        widths=(16, 8, 12, 20, 40, 56, 96, 160, 640), repeats=(1, 1, 1, 2, 2, 2, 1), batchnorm_momentum=0.1
    ),
}
CLASSIFIERS = {
    "mscol-classifier": MscolClassifierConfig(),
    "mscol-classifier-512": MscolClassifierConfig(target="multiclass", hidden=512),
    "mscol-classifier-window": MscolClassifierConfig(level="window"),
}
"""Classifiers on the encoders; `hidden=512` is the head of NSynth."""
