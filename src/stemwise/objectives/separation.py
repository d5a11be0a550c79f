"""Objectives of separators. A batch holds `mixture "b c t"`, `stems "b s c t"` and `active "b s"`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from stemwise.interfaces import Batch, Loss


@dataclass(frozen=True, kw_only=True)
class WaveformL1:
    """Mean absolute error of the waveforms (Garoufis et al. 2023, the published training)."""

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        """Return the loss of one batch."""
        error = (model(batch["mixture"]) - batch["stems"]).abs().mean()
        return Loss(error, {"l1": error.detach()})


@dataclass(frozen=True, kw_only=True)
class BalancedL1:
    """Absolute error in units of each stem's deviation, plus the error of compressed magnitudes.

    Ours. Plain L1 under-rewards sparse stems: in short trainings drums or vocals collapse to silence.
    Dividing by a stem's own deviation gives quiet stems their share; the compressed magnitudes
    `| |E|^p - |S|^p |` reward any energy in the right place.

    Attributes:
        compressed: weight of the magnitude term.
        power: p.
        size: samples of the magnitudes' Hann window; frames overlap by half.
    """

    compressed: float = 2.0
    power: float = 0.3
    size: int = 512

    def __call__(self, model: nn.Module, batch: Batch) -> Loss:
        """Return the loss of one batch; stems that are not active do not count."""
        stems, active = batch["stems"], batch["active"]
        estimate = model(batch["mixture"])
        deviation = stems.std(dim=(-2, -1), keepdim=True).clamp_min(1e-4)
        waveform = _mean_of_active(((estimate - stems) / deviation).abs().mean((-2, -1)), active)
        difference = self._compress(estimate) - self._compress(stems)
        magnitude = _mean_of_active(difference.abs().mean((-2, -1)), active)
        parts = {"waveform": waveform.detach(), "magnitude": magnitude.detach()}
        return Loss(waveform + self.compressed * magnitude, parts)

    def _compress(self, audio: Float[Tensor, "b s c t"]) -> Float[Tensor, "b s f n"]:
        flat = audio.mean(2).flatten(0, 1)
        window = torch.hann_window(self.size, device=audio.device)
        spectrum = torch.stft(flat, self.size, self.size // 2, window=window, return_complex=True)
        # The gradient of |z|^p is unbounded at zero: keep away from it.
        magnitude = spectrum.real.square().add(spectrum.imag.square()).add(1e-7).pow(self.power / 2)
        return magnitude.unflatten(0, audio.shape[:2])


def _mean_of_active(values: Float[Tensor, "b s"], active: Bool[Tensor, "b s"]) -> Float[Tensor, ""]:
    return (values * active).sum() / active.sum().clamp_min(1)
