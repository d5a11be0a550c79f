"""Meta-TasNet: separation in the time domain by extractors whose weights are generated.

Samuel, Ganeshan, Naradowsky, ICASSP 2020 (arXiv 2002.07016). A stage encodes the waveform into latent frames,
masks them for each stem, and decodes them. Each stem's masking network has weights of its own, which
generators make from the stem's embedding. Three stages run at 8, 16 and 32 kHz; each hands its masked latents
to the next, which reads them beside the mixture's own.

Deviations:
    paper: only its abstract and introduction were at hand; what is here is the released code.
    released code: encoder channels are interleaved; the spectrogram's "mel" matrix is learned from nothing;
        the last block's residual head is read by nobody, and its weights never move; dropout takes whole
        channels, not time steps; weights are generated layer by layer, without a shared trunk, so that with
        four stems the generators are larger than four extractors. The default follows all of these.
    ours: the statistics of the spectrogram start at identity, theirs at whatever memory holds; any length
        goes in, filled up with silence; `forward` brings each mixture to unit deviation, as the network
        expects it, and the stems back, so that silence gives silence; `weights="trunk"` shares the
        bottleneck of a stage's generators, as a figure of the paper suggests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stemwise import STEMS
from stemwise.interfaces import SpanSeparator
from stemwise.models.meta_tasnet_layers import GROUPS, Layers
from stemwise.models.meta_tasnet_masker import Masker
from stemwise.models.meta_tasnet_stage import Masked, Stage
from stemwise.signal.kaiser import kaiser_resampled

_RATE = 8000
"""At this rate the spectrogram's frames have 1024 samples; at others, as many more."""


@dataclass(frozen=True, kw_only=True)
class MetaTasNetConfig:
    """Values of a Meta-TasNet; widths, kernels and stride are those of the first stage and double.

    Attributes:
        stems: what the masks are for.
        base_rate: Hz of the first stage, a multiple of 8000.
        stages: how many; each has twice the rate of the one before.
        latent: width of the latent frames.
        kernel: samples of the shortest filter; each further one is twice as long.
        stride: samples between latent frames.
        filters: how many lengths of filters.
        bands: of the learned matrix behind the spectrogram.
        width_tcn: channels between the blocks of the masking network.
        hidden: channels inside a block.
        layers: blocks of a stack; dilations double from one to the next.
        stacks: how often the stack is repeated.
        weights: `generated` layer by layer, each with a bottleneck of its own; `trunk`, generated from a
            bottleneck that a stage's layers share; `independent`, without generators.
        embedding: features of a stem's embedding.
        generator: features of a bottleneck.
        residual_bias: whether the residual and the skip outputs have biases.
        dropout: share of the masking network's input channels that are dropped in training.
    """

    stems: tuple[str, ...] = STEMS
    base_rate: int = 8000
    stages: int = 3
    latent: int = 440
    kernel: int = 20
    stride: int = 20
    filters: int = 3
    bands: int = 256
    width_tcn: int = 160
    hidden: int = 160
    layers: int = 6
    stacks: int = 3
    weights: Literal["generated", "trunk", "independent"] = "generated"
    embedding: int = 8
    generator: int = 5
    residual_bias: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.base_rate % _RATE or self.base_rate < _RATE:
            raise ValueError(f"base_rate: expected a multiple of {_RATE} Hz, got {self.base_rate}")
        if self.kernel < self.stride or (self.kernel - self.stride) % 2:
            raise ValueError(
                f"kernel: expected the stride of {self.stride} or an even number more, got {self.kernel}"
            )
        for name in ("latent", "width_tcn", "hidden"):
            if getattr(self, name) < GROUPS or getattr(self, name) % GROUPS:
                raise ValueError(f"{name}: expected a multiple of {GROUPS}, got {getattr(self, name)}")
        for name in ("stages", "filters", "bands", "layers", "stacks", "embedding", "generator"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")

    def build(self) -> MetaTasNet:
        """Return a separator with fresh weights."""
        return MetaTasNet(self)

    def width(self, stage: int) -> int:
        """Return the width of a stage's latent frames."""
        return self.latent << stage

    def stride_of(self, stage: int) -> int:
        """Return the samples between a stage's latent frames."""
        return self.stride << stage

    def kernels(self, stage: int) -> tuple[int, ...]:
        """Return the lengths of a stage's filters, in samples."""
        return tuple(self.kernel << (stage + branch) for branch in range(self.filters))

    def picture_size(self, stage: int) -> int:
        """Return the samples of a frame of a stage's spectrogram."""
        return 1024 * (self.base_rate // _RATE) << stage

    def rates(self) -> tuple[int, ...]:
        """Return the stages' sample rates, Hz."""
        return tuple(self.base_rate << stage for stage in range(self.stages))

    def layer_kind(self) -> Layers:
        """Return what makes the layers of the masking networks."""
        trunk = self.weights == "trunk"
        return Layers(
            stems=len(self.stems),
            generated=self.weights != "independent",
            embedding=self.generator if trunk else self.embedding,
            generator=None if trunk else self.generator,
        )


class MetaTasNet(SpanSeparator):
    """All stages, from the lowest rate to the highest; takes mono audio."""

    channels = 1
    context = None

    def __init__(self, config: MetaTasNetConfig) -> None:
        super().__init__()
        self.config = config
        self.stems, self.rates = config.stems, config.rates()
        self.sample_rate = self.rates[-1]
        self.grid = config.stride_of(config.stages - 1)
        self.stages = nn.ModuleList(Stage(config, number) for number in range(config.stages))

    def recomputing(self, wanted: bool = True) -> MetaTasNet:
        """Choose whether training computes activations a second time instead of keeping them.

        Gradients are the same; the network then keeps the inputs of its parts alone.
        """
        for part in self.modules():
            if isinstance(part, Stage | Masker):
                part.recompute = wanted
        return self

    def forward(self, mixture: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b s 1 t"]:
        """Return the stems at the highest rate, the lower rates made from it; silence gives silence."""
        level = mixture.std(-1, keepdim=True, correction=0)
        unit = mixture / level.clamp_min(1e-12)
        lower = [kaiser_resampled(unit, self.sample_rate, rate) for rate in self.rates[:-1]]
        return self.from_rates([*lower, unit]) * level[:, None]

    def from_rates(
        self, mixtures: Sequence[Float[Tensor, "b 1 _"]], start: int = 0, stop: int | None = None
    ) -> Float[Tensor, "b s 1 t"]:
        """Return the stems at the highest rate, of a mixture at all rates, from low to high.

        Only the last stage is decoded, and only where it is wanted.

        Args:
            mixtures: near unit deviation; lengths fit each other to within a frame.
            start: first sample that is wanted.
            stop: sample behind the last one; the mixture's end where not given.
        """
        stop = mixtures[-1].shape[-1] if stop is None else stop
        latents = stage = None
        for stage, mixture in zip(self.stages, self.filled_up(mixtures), strict=True):
            assert isinstance(stage, Stage)
            latents = stage.masked_latents(mixture, latents)
        assert isinstance(stage, Stage)
        assert latents is not None
        overlap = -(-self.config.kernels(self.config.stages - 1)[-1] // self.grid)  # frames of a filter
        first = max(0, start // self.grid - overlap)
        wanted = latents[..., first : -(-stop // self.grid) + overlap]
        # a stem at a time, as what lies between takes a third more memory than its latents
        parts = wanted.split(len(self.stems) if torch.is_grad_enabled() else 1, dim=1)
        audio = torch.cat([stage.decode(part) for part in parts], dim=1)
        return audio[:, :, None, start - first * self.grid : stop - first * self.grid]

    def masked(self, mixtures: Sequence[Float[Tensor, "b _"]]) -> Iterator[tuple[Stage, Masked]]:
        """Yield each stage with its masks.

        Args:
            mixtures: one for each stage, of whole frames, as `filled_up` gives them.
        """
        before = None
        for stage, mixture in zip(self.stages, mixtures, strict=True):
            assert isinstance(stage, Stage)
            found = stage(mixture, before)
            before = found.latents
            yield stage, found

    def filled_up(self, mixtures: Sequence[Float[Tensor, "b 1 _"]]) -> list[Float[Tensor, "b _"]]:
        """Return mono mixtures, filled up with silence to as many whole frames each, enough for a picture."""
        strides = [self.config.stride_of(number) for number in range(len(self.stages))]
        sizes = [self.config.picture_size(number) for number in range(len(self.stages))]
        found = [-(-mixture.shape[-1] // w) for mixture, w in zip(mixtures, strides, strict=True)]
        frames = max(*found, *(size // 2 // w + 1 for size, w in zip(sizes, strides, strict=True)))
        return [
            F.pad(mixture[:, 0], (0, frames * w - mixture.shape[-1]))
            for mixture, w in zip(mixtures, strides, strict=True)
        ]


VARIANTS = {
    "meta-tasnet": MetaTasNetConfig(),
    "meta-tasnet-independent": MetaTasNetConfig(weights="independent"),
    "meta-tasnet-trunk": MetaTasNetConfig(weights="trunk"),
    # Ours: two stages, at 8 and 16 kHz, of few channels and half the frames, for training on two cores.
    "small-meta-tasnet": MetaTasNetConfig(
        stages=2,
        latent=64,
        kernel=40,
        stride=40,
        bands=32,
        width_tcn=32,
        hidden=48,
        layers=5,
        stacks=2,
        embedding=4,
        generator=3,
    ),
}
