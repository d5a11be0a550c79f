"""Contrastive learning of encoders: two views of a clip belong together, those of other clips do not.

Chen, Kornblith, Norouzi, Hinton: "A Simple Framework for Contrastive Learning" (SimCLR), ICML 2020, arXiv
2002.05709, as CLMR (arXiv 2103.09410) and TUNe apply it to music.

A batch holds `views "b v c t"`, two crops of each clip, and `seeds "b v"`, of their augmentations. Views are
16-bit as they lie in the cache: Fabric rounds floats that come in to bf16, where the rest is computed in it.

Deviations:
    released code: its mask is built for one batch size; here any size will do, in training and validation.
    released code: negatives are those of one process; here those of all that train together.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from stemwise.data.decoding import FULL_SCALE
from stemwise.interfaces import Batch, Encoder, Loss
from stemwise.signal.augment.chain import Augmentation, drawn_by_seed


def nt_xent(
    first: Float[Tensor, "b d"], second: Float[Tensor, "b d"], temperature: float = 0.5
) -> Float[Tensor, ""]:
    """Return the normalised, temperature-scaled cross-entropy of two views.

    Each of the 2b vectors has one partner, the other view of its clip, and 2b - 2 others; what is scaled is
    the cosine between them (Chen et al. 2020, equation 1).

    >>> import math
    >>> a = torch.eye(2)
    >>> round(nt_xent(a, a, temperature=0.5).item(), 4) == round(math.log(1 + 2 * math.exp(-2)), 4)
    True
    """
    z = F.normalize(torch.cat([first, second]), dim=1, eps=1e-8)
    rows = torch.arange(len(z), device=z.device)
    cosine = (z @ z.T).masked_fill(rows[:, None] == rows, -torch.inf)
    partner = rows.roll(len(first))
    return F.cross_entropy(cosine / temperature, partner)


class SimCLR(nn.Module):
    """NT-Xent of two augmented views; owns the projector, which trains along and is not part of the encoder.

    Args:
        size: of the encoder's vector.
        sample_rate: of the views, Hz.
        augmentation: of each view by itself.
        projection: size of the vectors that are compared.
        temperature: of NT-Xent.
        passes: `separate` puts each view through the encoder by itself, as published, so that batch
            statistics are those of one view; `joint` puts both through at once.
    """

    def __init__(
        self,
        size: int,
        sample_rate: int,
        augmentation: Augmentation,
        *,
        projection: int = 64,
        temperature: float = 0.5,
        passes: Literal["separate", "joint"] = "separate",
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature: expected more than 0, got {temperature}")
        self.sample_rate, self.augmentation = sample_rate, augmentation
        self.temperature, self.passes = temperature, passes
        layers = (nn.Linear(size, size, bias=False), nn.ReLU(), nn.Linear(size, projection, bias=False))
        self.projector = nn.Sequential(*layers)

    def forward(self, model: Encoder, batch: Batch) -> Loss:
        """Return the loss of one batch."""
        first, second = (self.augmented(batch["views"][:, i], batch["seeds"][:, i]) for i in (0, 1))
        if self.passes == "joint":
            projected = self.projected(model, torch.cat([first, second])).chunk(2)
        else:
            projected = self.projected(model, first), self.projected(model, second)
        z_first, z_second = (_of_all_processes(z.float()) if self.training else z.float() for z in projected)
        loss = nt_xent(z_first, z_second, self.temperature)
        parts = {"nt_xent": loss.detach(), "matched": _matched(z_first.detach(), z_second.detach())}
        return Loss(_for_all_processes(loss) if self.training else loss, parts)

    @torch.no_grad()
    def augmented(self, view: Shaped[Tensor, "b 1 t"], seeds: Int[Tensor, "b"]) -> Float[Tensor, "b 1 t"]:
        """Return a view in single precision, each clip augmented as its own seed says."""
        audio = view[:, 0].float() / (1 if view.is_floating_point() else FULL_SCALE)
        with torch.autocast(view.device.type, enabled=False):
            return self.augmentation(audio, drawn_by_seed(seeds.cpu()), self.sample_rate)[:, None]

    def projected(self, model: Encoder, view: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b d"]:
        """Return what of a view is compared: the encoder's vector, averaged over its frames, projected."""
        return self.projector(model(view).mean(dim=-1))


def _matched(first: Float[Tensor, "b d"], second: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """Return the share of first views whose nearest second view is their own."""
    cosine = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T
    return (cosine.argmax(dim=1) == torch.arange(len(first), device=first.device)).float().mean()


def _processes() -> int:
    there = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if there else 1


def _of_all_processes(own: Float[Tensor, "b d"]) -> Float[Tensor, "n d"]:
    """Return the rows of all processes, in order; only one's own have a gradient."""
    if _processes() == 1:
        return own
    rows = [torch.empty_like(own) for _ in range(_processes())]
    torch.distributed.all_gather(rows, own.detach().contiguous())
    rows[torch.distributed.get_rank()] = own
    return torch.cat(rows)


def _for_all_processes(loss: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Return a loss of the same value whose gradient outlasts the mean over processes.

    Every process has the loss of all rows, and its gradient for its own rows alone. What is exchanged is the
    mean of these; what is wanted is their sum.
    """
    count = _processes()
    return loss if count == 1 else count * loss - (count - 1) * loss.detach()
