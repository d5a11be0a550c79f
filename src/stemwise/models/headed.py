"""An encoder with a linear head: a classifier of whole windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from stemwise.interfaces import Classifier, Encoder, Tap, Target
from stemwise.signal.chunk import windows


@runtime_checkable
class HeadedConfig(Protocol):
    """What an encoder's config says of the head."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, one per logit."""
        ...

    @property
    def target(self) -> Target:
        """Any number of classes per clip, or exactly one."""
        ...

    @property
    def dropout(self) -> float:
        """Before the head."""
        ...


def expect_taps(names: tuple[str, ...], taps: Mapping[str, Tap]) -> None:
    """Refuse names that are no taps.

    Raises:
        ValueError: there are such.
    """
    unknown = [name for name in names if name not in taps]
    if unknown:
        raise ValueError(f"taps: expected some of {', '.join(taps)}; got {', '.join(unknown)}")


class HeadedClassifier(Classifier):
    """Logits of windows that lie side by side, each from its own vector of the encoder.

    A window knows nothing of its neighbours here, as in the published evaluations. Audio shorter than a
    window is filled up with silence; what is left over behind the last whole window is dropped.

    Args:
        config: that of the encoder, with classes.
        encoder: one vector per window.
        window: samples of a window.
    """

    def __init__(self, config: HeadedConfig, encoder: Encoder, window: int) -> None:
        super().__init__()
        self.config, self.encoder = config, encoder
        self.classes, self.target = config.classes, config.target
        self.window = self.hop = window
        self.sample_rate, self.taps = encoder.sample_rate, encoder.taps
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(encoder.taps["embedding"].size, len(config.classes))

    def forward(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b d n"]:
        """Return one vector per window."""
        return self.features(audio, ("embedding",))["embedding"]

    def features(
        self, audio: Float[Tensor, "b 1 t"], names: tuple[str, ...]
    ) -> dict[str, Float[Tensor, "b _ _"]]:
        """Return the taps that are asked for, window behind window."""
        parts = windows(audio, self.window, self.hop)  # b 1 n w
        flat = parts.transpose(1, 2).flatten(0, 1)  # (b n) 1 w
        found = self.encoder.features(flat, names)
        return {
            name: value.unflatten(0, (len(audio), -1)).transpose(1, 2).flatten(2)  # b d (n frames)
            for name, value in found.items()
        }

    def logits(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b k n"]:
        """Return the logits of every window."""
        embedding = self.dropout(self(audio)).transpose(1, 2)
        return self.head(embedding).transpose(1, 2).float()
