"""Meta-TasNet's objective, summed over its stages.

A batch holds, for each rate of the network, `mixture_RATE "b 1 t"` and `stems_RATE "b s 1 t"`, and
`active "b i s"`: whether a stem sounds at all, for each stage i.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from stemwise.interfaces import Batch, Loss
from stemwise.models.meta_tasnet import MetaTasNet, Stage

FLOOR = 1e-8


@dataclass(frozen=True, kw_only=True)
class MetaTasNetLoss:
    """SI-SNR of the stems, of the reconstructed mixture, and how unlike the stems' latents are.

    Samuel, Ganeshan, Naradowsky 2020; the weights are the released code's.

    Deviations:
        released code: a stem that is silent has no loss at all, so nothing teaches silence; SI-SNR removes
            no mean; the similarity compares an item with its neighbour in the batch, so it depends on the
            batch's order and says nothing in a batch of one. The default follows all of these.

    Attributes:
        reconstruction: weight of the SI-SNR of the mixture, decoded from its unmasked latents.
        dissimilarity: weight of the mean cosine between the magnitudes of different stems' latents.
        similarity: weight of the mean cosine between the latents of one stem in two items.
    """

    reconstruction: float = 0.05
    dissimilarity: float = 3.0
    similarity: float = 2.0

    def __call__(self, model: MetaTasNet, batch: Batch) -> Loss:
        """Return the loss of one batch; its parts are the last stage's, `si_snr` the mean of its stems."""
        losses = self.stages(model, batch)
        parts = losses[-1].parts
        heard = batch["active"][:, -1].any(0)
        each = torch.stack([parts[f"si_snr_{stem}"] for stem in model.stems])
        mean = (each * heard).sum() / heard.sum().clamp_min(1)
        return Loss(torch.stack([loss.total for loss in losses]).sum(), {"si_snr": mean, **parts})

    def stages(self, model: MetaTasNet, batch: Batch) -> list[Loss]:
        """Return each stage's loss."""
        mixtures = model.filled_up([batch[f"mixture_{rate}"] for rate in model.rates])
        losses = []
        for number, (stage, found) in enumerate(model.masked(mixtures)):
            stems = batch[f"stems_{model.rates[number]}"][:, :, 0]
            stems = F.pad(stems, (0, mixtures[number].shape[-1] - stems.shape[-1]))
            active = batch["active"][:, number]
            separated = mean_si_snr(stage.decode(found.latents), stems, active)
            rebuilt = si_snr(stage.decode(found.latent), mixtures[number]).mean()
            waves = -separated.sum() - self.reconstruction * rebuilt
            parts = {f"si_snr_{stem}": separated[s].detach() for s, stem in enumerate(model.stems)}
            latents = self._latents(stage, stems, active)
            losses.append(
                Loss(waves + latents.total, {**parts, "reconstruction": rebuilt.detach(), **latents.parts})
            )
        return losses

    def _latents(self, stage: Stage, stems: Float[Tensor, "b s t"], active: Bool[Tensor, "b s"]) -> Loss:
        """Return what the latents of the true stems add to the loss."""
        if not self.dissimilarity and not self.similarity:
            return Loss(stems.new_zeros(()))
        latents = stage.encode(stems.flatten(0, 1)).unflatten(0, stems.shape[:2])
        latents = latents * active[..., None, None]
        apart, alike = dissimilarity(latents, active), similarity(latents, active)
        parts = {"dissimilarity": apart.detach(), "similarity": alike.detach()}
        return Loss(self.dissimilarity * apart - self.similarity * alike, parts)


def si_snr(estimate: Float[Tensor, "*b t"], reference: Float[Tensor, "*b t"]) -> Float[Tensor, "*b"]:
    """Return the scale-invariant signal-to-noise ratio in dB; no mean is removed."""
    power = reference.square().sum(-1, keepdim=True)
    scaled = (reference * estimate).sum(-1, keepdim=True) / (power + FLOOR) * reference
    signal = scaled.square().sum(-1).clamp_min(FLOOR)
    noise = (estimate - scaled).square().sum(-1).clamp_min(FLOOR)
    return 10 * (signal.log10() - noise.log10())


def mean_si_snr(
    estimate: Float[Tensor, "b s t"], reference: Float[Tensor, "b s t"], active: Bool[Tensor, "b s"]
) -> Float[Tensor, "s"]:
    """Return each stem's mean over the items in which it is active; 0 where it is in none."""
    ratios = si_snr(estimate, reference) * active
    return ratios.sum(0) / active.sum(0).to(ratios).clamp_min(FLOOR)


def dissimilarity(latents: Float[Tensor, "b s d n"], active: Bool[Tensor, "b s"]) -> Float[Tensor, ""]:
    """Return the mean cosine between magnitudes of different stems' latents, where both are active."""
    magnitude = latents.abs()
    pairs = list(combinations(range(latents.shape[1]), 2))
    cosines = [F.cosine_similarity(magnitude[:, i], magnitude[:, j], dim=1).sum(0) for i, j in pairs]
    both = torch.stack([active[:, i] & active[:, j] for i, j in pairs])
    return (torch.stack(cosines).sum(0) / (both.sum().to(latents) + FLOOR)).mean()


def similarity(latents: Float[Tensor, "b s d n"], active: Bool[Tensor, "b s"]) -> Float[Tensor, ""]:
    """Return the mean cosine between each item's latents and those of the item before, stem by stem."""
    cosines = F.cosine_similarity(latents, latents.roll(1, 0), dim=2).sum((0, 1))
    count = (active & active.roll(1, 0)).sum().to(cosines)
    return (cosines / count.clamp_min(FLOOR)).mean()
