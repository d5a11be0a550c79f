"""TUNe, the family of tailed U-Nets: waveform to waveform-like features, then down to one vector.

Vélez Vásquez, Burgoyne: "Tailed U-Net: Multi-Scale Music Representation Learning", ISMIR 2022. Level l has a
third of the resolution of level l - 1. Contractive blocks lead down to the bottleneck, expansive ones back
up with skips, and a tail leads down again, with links from the expansive blocks in TUNe+. What the last
block gives is averaged over windows of 59 049 samples.

Deviations:
    released code: takes 59 049 samples, or another multiple of 81 (3^(4+k) in Contractive+k), and fails at a
    skip otherwise. Here audio is filled up with silence behind its end to the next legal length, at least
    to one window; longer audio gives a vector every 59 049 samples, and what is left over behind the last
    whole window has none, as there.
    released code: gives the vectors of long audio in one row; here they are frames, `"b d n"`.
    released code: `eval_layer` builds another network to probe a layer, and fails for many; here each block
    is a tap. Layer-wise probing there averages a tap over all its time.
    released code: the hybrid's frozen SampleCNN still updates its batch statistics while training. So here.
    paper and code name the `Tune5Tail32` to `-1024` after Tail+5, but they have TUNe+'s links. So here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stemwise.interfaces import Encoder, Tap, Target
from stemwise.models.headed import HeadedClassifier, expect_taps
from stemwise.models.sample_cnn import SAMPLE_RATE, WINDOW, SampleCNN, SampleCNNConfig

LINKED_LEVELS = (1, 2, 3, 4)
"""Where TUNe+ leads from the expansive path into the tail; at level 4 that is the bottleneck in most."""


@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """Values of a tailed U-Net.

    Attributes:
        width: channels at level 0; level l of the U-Net has 2^l times as many.
        depth: contractive blocks, at levels 0 to depth - 1.
        finest: the level that the expansive path reaches.
        tail: channels of the tail's blocks, from the level below `finest` on; 512 at the end as a rule.
        links: whether the expansive blocks also lead into the tail's at their level: TUNe+.
        sample_cnn: instead of a tail, a SampleCNN behind a U-Net of one channel, its weights `trained` along
            or `frozen`.
        sample_cnn_widths: channels of its convolutions.
        classes: names, one per logit; without any it is an encoder and has no head.
        target: any number of classes per clip, or exactly one.
        dropout: before the head.
    """

    width: int
    depth: int = 5
    finest: int = 0
    tail: tuple[int, ...] = ()
    links: bool = False
    sample_cnn: Literal["", "trained", "frozen"] = ""
    sample_cnn_widths: tuple[int, ...] = SampleCNNConfig().widths
    classes: tuple[str, ...] = ()
    target: Target = "multilabel"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if bool(self.tail) == bool(self.sample_cnn):
            raise ValueError("tail: expected widths of its blocks, or a sample_cnn instead, not both")
        if not 0 <= self.finest < self.depth - 1:
            raise ValueError(f"finest: expected 0 to {self.depth - 2}, got {self.finest}")
        if self.finest + len(self.tail) > 9:
            raise ValueError(
                f"tail: expected at most {9 - self.finest} blocks behind level {self.finest}, got "
                f"{len(self.tail)}; a window has no tenth level to average over"
            )
        if self.links and (self.finest or self.depth < 5 or len(self.tail) < 4):
            raise ValueError(
                "links: expected finest 0, a depth of at least 5 and a tail of at least 4 blocks, got "
                f"finest {self.finest}, depth {self.depth} and {len(self.tail)} blocks"
            )

    def build(self) -> TuneEncoder | HeadedClassifier:
        """Return an encoder, or a classifier where there are classes, with fresh weights."""
        encoder = TuneEncoder(self)
        if not self.classes:
            return encoder
        classifier = HeadedClassifier(self, encoder, WINDOW)
        nn.init.xavier_uniform_(classifier.head.weight)
        return classifier


def _unit(inputs: int, width: int) -> nn.Sequential:
    conv = nn.Conv1d(inputs, width, 3, padding=1)
    nn.init.kaiming_uniform_(conv.weight, nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm1d(width), nn.ReLU())


Keep = Callable[[str, Tensor], Tensor]
"""Takes note of an activation if its name is asked for, and returns it."""


class TuneEncoder(Encoder):
    """The encoder.

    Its taps are `down0` … at each level of the contractive path, the last of them the bottleneck, `up3` … of
    the expansive path, `tail1` … of the tail (or the SampleCNN's `block0` …), and `embedding`.
    """

    sample_rate = SAMPLE_RATE
    window = hop = WINDOW

    def __init__(self, config: TuneConfig) -> None:
        super().__init__()
        self.config = config
        levels = range(config.depth)
        self.widths = [config.width * 2**level for level in levels]
        self.rising = list(levels[config.finest : -1])[::-1]  # levels of the expansive path, coarse to fine
        self.grid = 3 ** (config.depth - 1)  # a legal length is a multiple: every skip fits
        self.down = nn.ModuleList(_unit(i, w) for i, w in pairwise((1, *self.widths)))
        self.unpool = nn.ModuleList(
            nn.ConvTranspose1d(self.widths[k + 1], self.widths[k], 3, stride=3) for k in self.rising
        )
        self.up = nn.ModuleList(_unit(2 * self.widths[k], self._up_width(k)) for k in self.rising)
        self.tail = nn.ModuleList(_unit(i, w) for i, w in self._tail_sizes())
        self.sample_cnn = (
            SampleCNN(SampleCNNConfig(widths=config.sample_cnn_widths)) if config.sample_cnn else None
        )
        if self.sample_cnn and config.sample_cnn == "frozen":
            self.sample_cnn.requires_grad_(False)
        self.taps = self._taps()

    def forward(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b d n"]:
        """Return a vector every 59 049 samples.

        Audio is filled up with silence to a multiple of 81 (3^(4+k) in Contractive+k), at least to 59 049.
        """
        return self.features(audio, ("embedding",))["embedding"]

    def features(
        self, audio: Float[Tensor, "b 1 t"], names: tuple[str, ...]
    ) -> dict[str, Float[Tensor, "b _ _"]]:
        """Return the taps that are asked for; audio is filled up as in `forward`."""
        expect_taps(names, self.taps)
        found: dict[str, Tensor] = {}

        def keep(name: str, x: Tensor) -> Tensor:
            if name in names:
                found[name] = x
            return x

        samples = self.legal_length(audio.shape[-1])
        x, links = self._unet(F.pad(audio, (0, samples - audio.shape[-1])), keep)
        if self.sample_cnn:
            return found | self.sample_cnn.features(x, tuple(n for n in names if n in self.sample_cnn.taps))
        for level, block in enumerate(self.tail, self.config.finest + 1):
            x = F.max_pool1d(x, 3)
            x = torch.cat([x, links[level]], dim=1) if level in links else x
            x = keep(f"tail{level}", block(x))
        if "embedding" in names:
            found["embedding"] = F.avg_pool1d(x, WINDOW // 3 ** (self.config.finest + len(self.tail)))
        return found

    def legal_length(self, samples: int) -> int:
        """Return the next length, from this one on, that the network can take."""
        return max(WINDOW, -(-samples // self.grid) * self.grid)

    def _unet(
        self, x: Float[Tensor, "b 1 t"], keep: Keep
    ) -> tuple[Float[Tensor, "b _ _"], dict[int, Float[Tensor, "b _ _"]]]:
        """Return the finest expansive block's output, and the links into the tail by level."""
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = keep(f"down{level}", block(F.max_pool1d(x, 3) if level else x))
            skips.append(x)
        outputs = {self.config.depth - 1: x}
        for level, unpool, block in zip(self.rising, self.unpool, self.up, strict=True):
            x = keep(f"up{level}", block(torch.cat([unpool(x), skips[level]], dim=1)))
            outputs[level] = x
        return x, {level: outputs[level] for level in LINKED_LEVELS} if self.config.links else {}

    def _up_width(self, level: int) -> int:
        """Return an expansive block's width: the last one before a SampleCNN makes a waveform."""
        return 1 if self.config.sample_cnn and level == self.config.finest else self.widths[level]

    def _tail_sizes(self) -> list[tuple[int, int]]:
        """Return inputs and width of the tail's blocks."""
        tail = self.config.tail
        if not tail:
            return []
        inputs = [self.widths[self.config.finest], *tail[:-1]]
        if self.config.links:
            for level in LINKED_LEVELS:
                inputs[level - 1] += self.widths[level]
        return list(zip(inputs, tail, strict=True))

    def _taps(self) -> dict[str, Tap]:
        finest, tail = self.config.finest, self.config.tail
        taps = {f"down{k}": Tap(size=w, hop=3**k) for k, w in enumerate(self.widths)}
        taps |= {f"up{k}": Tap(size=self._up_width(k), hop=3**k) for k in self.rising}
        if self.sample_cnn:
            return taps | dict(self.sample_cnn.taps)
        taps |= {f"tail{k}": Tap(size=w, hop=3**k) for k, w in enumerate(tail, finest + 1)}
        return taps | {"embedding": Tap(size=tail[-1], hop=WINDOW)}


def _vanilla(width: int) -> tuple[int, ...]:
    return (2 * width, 4 * width, 8 * width, 512)


def _long(width: int, *behind: int) -> tuple[int, ...]:
    return (2 * width, 4 * width, 8 * width, 16 * width, *behind)


def _deeper(width: int, more: int) -> TuneConfig:
    return TuneConfig(width=width, depth=5 + more, tail=_vanilla(width))


def _shallower(width: int, less: int) -> TuneConfig:
    return TuneConfig(width=width, finest=less, tail=_vanilla(width)[less:])


def _longer(width: int, more: int, links: bool = False) -> TuneConfig:
    """Return a tail of so many more blocks, that stays at 32 widths before it ends at 512."""
    return TuneConfig(width=width, tail=_long(width, *(more - 1) * (32 * width,), 512), links=links)


def _free(more: int, links: bool = False) -> TuneConfig:
    """Return a tail of so many more blocks of 512, without regard to the number of parameters."""
    return TuneConfig(width=28, tail=_long(28, *more * (512,)), links=links)


VARIANTS = {
    "tune-vanilla": TuneConfig(width=34, tail=_vanilla(34)),
    # As many parameters as CLMR's encoder, about 2.3 million.
    "tune-1cont": _deeper(18, 1),
    "tune-2cont": _deeper(9, 2),
    "tune-3cont": _deeper(4, 3),
    "tune-1expa": _shallower(34, 1),
    "tune-2expa": _shallower(35, 2),
    "tune-3expa": _shallower(38, 3),
    "tune-1tail": _longer(28, 1),
    "tune-2tail": _longer(19, 2),
    "tune-3tail": _longer(15, 3),
    "tune-4tail": _longer(13, 4),
    "tune-5tail": _longer(11, 5),
    "tune-plus": _longer(11, 5, links=True),
    # Other sizes.
    "tune-5tail-1024": TuneConfig(width=11, tail=_long(11, 352, 704, 1024, 1024, 1024), links=True),
    "tune-5tail-256": TuneConfig(width=11, tail=(22, 44, 88, *6 * (256,)), links=True),
    "tune-5tail-128": TuneConfig(width=11, tail=(22, 44, 88, *6 * (128,)), links=True),
    "tune-5tail-64": TuneConfig(width=11, tail=(22, 44, *7 * (64,)), links=True),
    "tune-5tail-32": TuneConfig(width=11, tail=(22, 44, *7 * (32,)), links=True),
    "tune-vanilla-xs": TuneConfig(width=11, tail=_vanilla(11)),
    "tune-5tail-xl": TuneConfig(width=19, tail=_long(19, *5 * (512,))),
    "tune-plus-xl": TuneConfig(width=34, tail=(*_vanilla(34), *5 * (512,)), links=True),
    # As wide as Tail+1, without regard to the number of parameters.
    "tune-vanilla-free": TuneConfig(width=28, tail=_vanilla(28)),
    **{f"tune-{k}cont-free": _deeper(28, k) for k in (1, 2, 3)},
    **{f"tune-{k}expa-free": _shallower(28, k) for k in (1, 2, 3)},
    **{f"tune-{k}tail-free": _free(k) for k in (2, 3, 4, 5)},
    "tune-plus-free": _free(5, links=True),
    # A U-Net that draws one channel for CLMR's encoder, whose weights are given and kept, or fresh.
    "tune-hybrid-frozen": TuneConfig(width=10, sample_cnn="frozen"),
    "tune-hybrid-defrosted": TuneConfig(width=10, sample_cnn="trained"),
}
"""By the names of the released code: `Tune5Tail32` is `tune-5tail-32`."""
