"""CLMR's chain of augmentations: what is drawn, in which order, how often and how far.

Spijkervet, Burgoyne: "Contrastive Learning of Musical Representations", ISMIR 2021, section 3.2. The crop
comes first and is the data's; the other seven follow in this order: polarity, noise, gain, a filter, a
delay, a pitch shift, a reverb.

Deviations:
    the released code runs SoX for the pitch and the reverb, clip by clip; here they are computed on whole
    batches. `pitch.py` and `reverb.py` say how, and docs/reproduction.md how near they come.
    the released code draws from global random numbers in each worker; here every clip's are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from stemwise.signal.augment.filters import high_passed, low_passed
from stemwise.signal.augment.levels import amplified, delayed, inverted, noisy
from stemwise.signal.augment.pitch import pitch_shifted
from stemwise.signal.augment.reverb import reverberated

STEPS = ("polarity", "noise", "gain", "filter", "delay", "pitch", "reverb")
NUMBERS = 32
"""Uniform numbers that are drawn for a clip: the first decide which steps it takes."""

_SETTINGS = ("noise_share", "noise_seed", "gain_db", "high", "cutoff", "delay", "pitch", "ring", "damping")
_AT = {name: len(STEPS) + i for i, name in enumerate((*_SETTINGS, "room"))}

Draws = Float64[Tensor, "b 32"]
"""Uniform numbers from 0 to 1, `NUMBERS` a clip."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How often each step is taken, and from where its settings are drawn.

    Attributes:
        p_polarity: share of the clips that are turned upside down.
        p_noise: share that gets noise.
        p_gain: share that gets another level.
        p_filter: share that is filtered, half of them from below and half from above.
        p_delay: share that gets an echo.
        p_pitch: share that is shifted in pitch.
        p_reverb: share that gets reverb.
        noise_share: deviation of the noise, as a share of the clip's own.
        gain_db: of the level.
        high_pass_hz: cutoffs from below.
        low_pass_hz: cutoffs from above.
        delay_ms: of the echo.
        delay_step_ms: between the echo's delays.
        pitch_cents: of the shift.
        pitch_step_cents: between the shifts: 1200 for octaves alone.
        reverb: of reverberance, damping and room, each drawn by itself; whole numbers.
    """

    p_polarity: float = 0.8
    p_noise: float = 0.01
    p_gain: float = 0.3
    p_filter: float = 0.8
    p_delay: float = 0.3
    p_pitch: float = 0.6
    p_reverb: float = 0.6
    noise_share: tuple[float, float] = (1e-4, 1e-2)
    gain_db: tuple[float, float] = (-20.0, -1.0)
    high_pass_hz: tuple[float, float] = (200.0, 1200.0)
    low_pass_hz: tuple[float, float] = (2200.0, 4000.0)
    delay_ms: tuple[int, int] = (200, 450)
    delay_step_ms: int = 50
    pitch_cents: tuple[int, int] = (-700, 700)
    pitch_step_cents: int = 1
    reverb: tuple[int, int] = (0, 99)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.startswith("p_") and not 0 <= value <= 1:
                raise ValueError(f"{field.name}: expected 0 to 1, got {value}")
            if isinstance(value, tuple) and value[0] > value[1]:
                raise ValueError(f"{field.name}: expected the lower one first, got {value}")
        for name in ("delay_step_ms", "pitch_step_cents"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")

    def __call__(self, audio: Float[Tensor, "b t"], draws: Draws, sample_rate: int) -> Float[Tensor, "b t"]:
        """Return augmented audio, on its device.

        Args:
            audio: one clip per row.
            draws: what `drawn` or `drawn_by_seed` gives, on the CPU.
            sample_rate: Hz.
        """
        audio, taken = audio.clone(), self.taken(draws)
        for name in STEPS:
            rows = taken[name].nonzero()[:, 0]
            if len(rows):
                picked = rows.to(audio.device)
                audio[picked] = _ACTS[name](self, audio[picked], draws[rows], sample_rate)
        return audio

    def taken(self, draws: Draws) -> Mapping[str, Bool[Tensor, "b"]]:
        """Return which clips take each step."""
        return {name: draws[:, i] < getattr(self, f"p_{name}") for i, name in enumerate(STEPS)}


def drawn(clips: int, generator: torch.Generator) -> Draws:
    """Return the numbers of so many clips from a generator on the CPU."""
    return torch.rand(clips, NUMBERS, dtype=torch.float64, generator=generator)


def drawn_by_seed(seeds: Int[Tensor, "b"]) -> Draws:
    """Return the numbers of clips, each from a seed of its own: they do not depend on the rest of a batch."""
    generator = torch.Generator()
    return torch.cat([drawn(1, generator.manual_seed(seed)) for seed in seeds.tolist()])


def _between(draws: Draws, name: str, low_high: tuple[float, float]) -> Float64[Tensor, "b"]:
    low, high = low_high
    return low + draws[:, _AT[name]] * (high - low)


def _whole(draws: Draws, name: str, low_high: tuple[int, int], step: int = 1) -> Int[Tensor, "b"]:
    """Return whole numbers, each as likely as the others, both ends among them."""
    low, high = low_high
    return low + step * (draws[:, _AT[name]] * ((high - low) // step + 1)).long()


def _noise(chain: Augmentation, audio: Tensor, draws: Draws, sample_rate: int) -> Tensor:
    generator = torch.Generator()
    seeds = (draws[:, _AT["noise_seed"]] * 2**53).long().tolist()
    noise = [torch.randn(audio.shape[-1], generator=generator.manual_seed(seed)) for seed in seeds]
    return noisy(audio, _between(draws, "noise_share", chain.noise_share), torch.stack(noise).to(audio))


def _gain(chain: Augmentation, audio: Tensor, draws: Draws, sample_rate: int) -> Tensor:
    return amplified(audio, _between(draws, "gain_db", chain.gain_db))


def _filter(chain: Augmentation, audio: Tensor, draws: Draws, sample_rate: int) -> Tensor:
    high = draws[:, _AT["high"]] < 0.5
    kinds = ((high, high_passed, chain.high_pass_hz), (~high, low_passed, chain.low_pass_hz))
    out = audio.clone()
    for those, act, cutoffs in kinds:
        rows = those.nonzero()[:, 0]
        if len(rows):
            picked = rows.to(audio.device)
            out[picked] = act(audio[picked], _between(draws[rows], "cutoff", cutoffs), sample_rate)
    return out


def _delay(chain: Augmentation, audio: Tensor, draws: Draws, sample_rate: int) -> Tensor:
    ms = _whole(draws, "delay", chain.delay_ms, chain.delay_step_ms)
    return delayed(audio, ms * sample_rate // 1000)


def _pitch(chain: Augmentation, audio: Tensor, draws: Draws, sample_rate: int) -> Tensor:
    cents = _whole(draws, "pitch", chain.pitch_cents, chain.pitch_step_cents)
    return pitch_shifted(audio, cents, sample_rate)


def _reverb(chain: Augmentation, audio: Tensor, draws: Draws, sample_rate: int) -> Tensor:
    ring, damping, room = (_whole(draws, name, chain.reverb) for name in ("ring", "damping", "room"))
    return reverberated(audio, ring, damping, room, sample_rate)


def _polarity(chain: Augmentation, audio: Tensor, draws: Draws, sample_rate: int) -> Tensor:
    return inverted(audio)


_ACTS: Mapping[str, Callable[[Augmentation, Tensor, Draws, int], Tensor]] = {
    "polarity": _polarity,
    "noise": _noise,
    "gain": _gain,
    "filter": _filter,
    "delay": _delay,
    "pitch": _pitch,
    "reverb": _reverb,
}
