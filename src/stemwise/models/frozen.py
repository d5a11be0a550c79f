"""A head on a frozen encoder of any kind: what linear evaluation trains.

Spijkervet, Burgoyne: CLMR, ISMIR 2021; Vélez Vásquez, Burgoyne: "Tailed U-Net", ISMIR 2022.

Deviations:
    released code: drops the last piece of a clip even where it is a whole window. Here `ending` says:
    `published` does so, `kept` hears the whole clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stemwise.interfaces import Classifier, Encoder, Ending, Target
from stemwise.signal.chunk import window_count, windows

_AT_ONCE = 8  # windows in the encoder at a time


@dataclass(frozen=True, kw_only=True)
class FrozenConfig:
    """Values of a classifier on a frozen encoder.

    Attributes:
        encoder: config of the encoder, any of `stemwise.models.CONFIGS` that builds one.
        classes: names, one per logit.
        target: any number of classes per clip, exactly one, or numbers.
        hidden: units of a layer with a ReLU between the encoder and the logits; 0 for none.
        ending: which windows at a clip's end count.
    """

    encoder: Any
    classes: tuple[str, ...]
    target: Target = "multilabel"
    hidden: int = 0
    ending: Ending = "kept"

    def build(self) -> FrozenClassifier:
        """Return a classifier with fresh weights, those of the encoder too."""
        return FrozenClassifier(self)


class FrozenClassifier(Classifier):
    """Logits of windows, each from its own vector of an encoder that takes no part in training.

    A window knows nothing of its neighbours, unless the encoder spans its clip: then the clip's windows are
    the encoder's own.
    """

    def __init__(self, config: FrozenConfig) -> None:
        super().__init__()
        encoder = config.encoder.build()
        if not isinstance(encoder, Encoder) or not hasattr(encoder, "window"):
            raise ValueError(f"encoder: expected one of windows, got a {type(encoder).__name__}")
        if not config.classes:
            raise ValueError("classes: expected at least one name, got none")
        self.config, self.classes, self.target = config, config.classes, config.target
        self.encoder: Any = encoder.requires_grad_(False)
        self.sample_rate, self.taps = encoder.sample_rate, encoder.taps
        self.window, self.hop = self.encoder.window, self.encoder.hop
        self.encoder_spans = encoder.spans_clip
        self.ending = "dropped" if self.encoder_spans else config.ending
        self.spans_clip = self.ending != "dropped" or self.encoder_spans
        size = encoder.taps["embedding"].size
        layers = [nn.Linear(size, config.hidden), nn.ReLU()] if config.hidden else []
        self.head = nn.Sequential(*layers, nn.Linear(config.hidden or size, len(config.classes)))

    def train(self, mode: bool = True) -> FrozenClassifier:
        """Switch to training mode, all but the encoder."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b d n"]:
        """Return one vector per window."""
        return self.features(audio, ("embedding",))["embedding"]

    def features(
        self, audio: Float[Tensor, "b 1 t"], names: tuple[str, ...]
    ) -> dict[str, Float[Tensor, "b _ _"]]:
        """Return the taps that are asked for, window behind window."""
        if self.encoder_spans:
            return self.encoder.features(audio, names)
        flat = self._windows(audio).transpose(1, 2).flatten(0, 1)  # (b n) 1 w
        parts = [self.encoder.features(part, names) for part in flat.split(_AT_ONCE)]
        found = {name: torch.cat([part[name] for part in parts]) for name in names}
        return {
            name: value.unflatten(0, (len(audio), -1)).transpose(1, 2).flatten(2)  # b d (n frames)
            for name, value in found.items()
        }

    def logits(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b k n"]:
        """Return the logits of every window."""
        return self.feature_logits(self(audio).transpose(1, 2)).transpose(1, 2)

    def feature_logits(self, feature: Float[Tensor, "*b d"]) -> Float[Tensor, "*b k"]:
        """Return the logits of vectors that the encoder gave already, in single precision."""
        with torch.autocast(feature.device.type, enabled=False):
            return self.head(feature.float())

    def _windows(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b 1 n w"]:
        whole = windows(audio, self.window, self.hop)
        count = window_count(audio.shape[-1], self.window, self.hop)
        left = audio.shape[-1] - self.window - (count - 1) * self.hop
        if self.ending == "kept" and left > 0:
            return torch.cat([whole, audio[..., None, -self.window :]], dim=2)
        if self.ending == "published" and left == 0 and count > 1:
            return whole[:, :, :-1]
        return whole


def frozen(
    encoder: Encoder, classes: tuple[str, ...], target: Target, hidden: int = 0, ending: Ending = "kept"
) -> FrozenClassifier:
    """Return a fresh head on a trained encoder: the config's and the weights' copy."""
    inner: Any = encoder
    config = FrozenConfig(encoder=inner.config, classes=classes, target=target, hidden=hidden, ending=ending)
    model = config.build()
    model.encoder.load_state_dict(encoder.state_dict())
    return model
