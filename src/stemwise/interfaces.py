"""The contracts: what a front-end, a separator, an encoder, an objective and a loss are.

Axes have one meaning package-wide: b batch, s stem, c channel, t sample, f frequency bin, n frame or
window, d feature, k class. Time is the last axis of audio. Base classes declare; they hold no machinery.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

Target = Literal["multilabel", "multiclass", "regression"]
"""What a label is: any number of classes at once, exactly one, or a number for each of some columns."""

Precision = Literal["fp32", "bf16"]
"""What a network calculates with: single precision, or half of it (bfloat16) where the device gains by it."""

Pooling = Literal["probability", "logit"]
"""How a clip's windows become one answer: the mean of their probabilities, or of their logits."""

Ending = Literal["dropped", "kept", "published"]
"""Which windows at a clip's end count: whole ones alone; these and one that ends with the clip, where samples
are left over; or whole ones but for the last where nothing is left over, as CLMR's released code has it."""

Batch = Mapping[str, Any]
"""Named tensors with the batch axis first, and `names`: one item name per row."""

Estimate = Callable[[Tensor, int, int], Tensor]
"""A mixture `"b c t"` to its stems `"b s c n"` from the first to before the last of some samples."""

ALL = slice(None)
"""All rows of a batch."""


class Frontend(nn.Module, ABC):
    """Audio to a picture: `"*b t" -> "*b f n"`."""

    @abstractmethod
    def frames(self, samples: int) -> int:
        """Return the exact number of frames of so many samples."""

    @abstractmethod
    def forward(self, audio: Float[Tensor, "*b t"]) -> Float[Tensor, "*b f n"]:
        """Return the picture."""


class Separator(nn.Module, ABC):
    """A mixture to its stems: `"b c t" -> "b s c t"`, as long as what went in.

    Attributes:
        stems: names of the stems, in the order of axis s.
        sample_rate: Hz.
        channels: how many channels the network takes; a file's channels are separated one by one when 1.
        context: samples to either side that an output sample depends on; None where the network's
            statistics span its whole input, so that no finite context gives the whole file's answer.
        grid: samples; a chunk that starts on a multiple of it gets the whole file's answer.
        precision: of the network's products when files are separated; bf16 is faster where processor or GPU
            compute in it, and errs some 30 to 40 dB below each stem.
    """

    stems: tuple[str, ...]
    sample_rate: int
    channels: int
    context: int | None
    grid: int
    precision: Precision = "fp32"

    @abstractmethod
    def forward(self, mixture: Float[Tensor, "b c t"]) -> Float[Tensor, "b s c t"]:
        """Return the stems of each mixture."""

    def for_inference(self) -> Estimate:
        """Return what gives the same stems as `forward`, of some samples, many times: made once, then kept.

        A network that can be rearranged for that, or need not look at all of its input, says so here.
        """
        return lambda mixture, first, last: self(mixture)[..., first:last]

    def in_precision(self) -> torch.autocast:
        """Return the context in which its products have its precision."""
        device = next(self.parameters()).device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.precision == "bf16")


class SpanSeparator(Separator):
    """A separator whose statistics span its input, and which may want the mixture at several rates.

    Its `context` is None. A file is cut into chunks of a fixed length that overlap, and their answers are
    faded into each other.

    Attributes:
        rates: sample rates that it wants the mixture at, from low to high, Hz; the last is `sample_rate`.
    """

    rates: tuple[int, ...]

    @abstractmethod
    def from_rates(
        self, mixtures: Sequence[Float[Tensor, "b c _"]], start: int = 0, stop: int | None = None
    ) -> Float[Tensor, "b s c t"]:
        """Return the stems at the last rate.

        Args:
            mixtures: the same at each rate, brought to unit deviation.
            start: first sample that is wanted, at the last rate.
            stop: sample behind the last one; the mixture's end where not given.
        """


@dataclass(frozen=True, kw_only=True)
class Tap:
    """A named representation inside an encoder: features per frame, and samples between frames."""

    size: int
    hop: int


class Encoder(nn.Module, ABC):
    """Audio to features: `"b c t" -> "b d n"`, one vector every `taps[default].hop` samples.

    Attributes:
        sample_rate: Hz.
        window: samples that one vector of the default representation is made of.
        taps: every representation that `features` can give, by name.
        spans_clip: whether what it says of a window depends on the whole clip (on its level, for instance),
            so that a clip must not be cut before.
    """

    sample_rate: int
    window: int
    taps: Mapping[str, Tap]
    spans_clip: bool = False

    @abstractmethod
    def forward(self, audio: Float[Tensor, "b c t"]) -> Float[Tensor, "b d n"]:
        """Return the default representation."""

    @abstractmethod
    def features(
        self, audio: Float[Tensor, "b c t"], names: tuple[str, ...]
    ) -> dict[str, Float[Tensor, "b _ _"]]:
        """Return the representations that are asked for, and keep no other alive."""


class Classifier(Encoder, ABC):
    """An encoder with a head: logits for each class and each window.

    Attributes:
        classes: names of the classes, in the order of axis k.
        target: whether a window has any number of classes or exactly one.
        hop: samples between windows.
        pooling: how the windows of a clip become one answer.
        ending: which of its windows at the clip's end count.
    """

    classes: tuple[str, ...]
    target: Target
    hop: int
    pooling: Pooling = "probability"
    ending: Ending = "dropped"

    @abstractmethod
    def logits(self, audio: Float[Tensor, "b c t"]) -> Float[Tensor, "b k n"]:
        """Return the logits of every window."""


@dataclass(frozen=True)
class Loss:
    """A scalar to minimise, and the named parts it is made of (detached, for the log)."""

    total: Float[Tensor, ""]
    parts: Mapping[str, Float[Tensor, ""]] = field(default_factory=dict)


@runtime_checkable
class Objective(Protocol):
    """What "better" means in training.

    It takes the model, since contrastive and multi-stage training need it. One that owns weights
    (a bilinear form, a projector) is a module, and its weights train along.
    """

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of one batch."""
        ...


@runtime_checkable
class Batches(Protocol):
    """Training data: batch k is a pure function of k (and of the seed it was built with).

    So is each of its rows, whichever others are asked for along with it: a process of several takes its
    share of batch k, and all shares together are batch k.

    Attributes:
        batch_size: rows of a whole batch.
    """

    batch_size: int

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        """Return batch number k, or some of its rows."""
        ...

    def card(self) -> Mapping[str, Any]:
        """Return plain values that say what the data are, for the run's folder."""
        ...
