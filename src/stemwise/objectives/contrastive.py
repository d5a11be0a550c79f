"""Contrastive objectives: which source, or which other excerpt, belongs to a mixture.

Garoufis, Zlatintsi, Maragos, SMC 2023 (MSCOL, arXiv 2302.07077); without sources, Saeed, Grangier, Zeghidour
2020 (COLA, arXiv 2010.10915). A batch holds anchors and positives, excerpts of mixtures and of what each goes
with; `active "b"`, false where the positive is silent; and `source`, what the positives are.

Deviations:
    released code: silence is a picture whose sum is exactly zero; without sources it crashes. Here silence is
    what `active` says, and without sources every row is active.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from stemwise.interfaces import Batch, Encoder, Loss
from stemwise.models.mscol import Mscol
from stemwise.models.projection import Projection, Similarity


@dataclass(frozen=True)
class Matching:
    """What a batch asks: which row belongs to which anchor.

    Attributes:
        logits: of every anchor and row.
        labels: of each anchor, its row.
    """

    logits: Float[Tensor, "b c"]
    labels: Int[Tensor, "b"]

    def cross_entropy(self) -> Float[Tensor, ""]:
        """Return the mean over the anchors: each is to find its row."""
        return F.cross_entropy(self.logits, self.labels)

    def symmetric(self) -> Float[Tensor, ""]:
        """Return the mean of both directions: each row is to find one of its anchors, too."""
        chances = self.logits.log_softmax(0)
        mine = F.one_hot(self.labels, self.logits.shape[1]).bool()
        rows = chances.masked_fill(~mine, -torch.inf).logsumexp(0)
        return 0.5 * (self.cross_entropy() - rows.mean())

    def accuracy(self) -> Float[Tensor, ""]:
        """Return the share of the anchors that find their row."""
        return (self.logits.argmax(1) == self.labels).float().mean()


def match(
    projection: Projection,
    anchors: Float[Tensor, "b p"],
    positives: Float[Tensor, "b p"],
    active: Bool[Tensor, "b"],
) -> Matching:
    """Return which row belongs to which anchor: silent positives collapse into one row, their mean.

    The rows are the active positives in order, and behind them that of silence if there is any. A batch of
    silence alone has one row, and nothing to tell apart.
    """
    rows = positives[active]
    if not active.all():
        rows = torch.cat([rows, positives[~active].mean(0, keepdim=True)])
    labels = torch.where(active, active.cumsum(0) - 1, active.sum())
    return Matching(projection.logits(anchors, rows), labels)


def _loss(matching: Matching, symmetric: bool, source: str) -> Loss:
    error = matching.symmetric() if symmetric else matching.cross_entropy()
    accuracy = matching.accuracy().detach()
    return Loss(error, {"accuracy": accuracy, f"accuracy_{source}": accuracy})


@dataclass(frozen=True, kw_only=True)
class SourceContrastPictures:
    """Contrast of MSCOL's own encoder on log-mels: `anchor "b 64 n"`, `positive "b 64 n"`.

    Attributes:
        symmetric: whether sources are to find their mixtures, too.
    """

    symmetric: bool = False

    def __call__(self, model: Mscol, batch: Batch) -> Loss:
        """Return the loss of one batch."""
        return _loss(self.matching(model, batch), self.symmetric, batch["source"])

    def matching(self, model: Mscol, batch: Batch) -> Matching:
        """Return what the batch asks; anchors and positives share one batch normalisation."""
        # in mixed precision torch joins nothing that is in the other half precision
        pictures = torch.cat([batch[name].float() for name in ("anchor", "positive")])
        anchors, positives = model.picture_projections(pictures).chunk(2)
        return match(model.projection, anchors, positives, batch["active"])


class SourceContrast(nn.Module):
    """Contrast of any encoder on audio: `anchor "b 1 t"`, `positive "b 1 t"`; owns the projection.

    Args:
        encoder: whose default representation is projected, its mean over the windows.
        symmetric: whether sources are to find their mixtures, too.
        size: of the projection.
        similarity: how two projections are compared.
        temperature: of `dot`.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        symmetric: bool = False,
        size: int = 512,
        similarity: Similarity = "bilinear",
        temperature: float = 0.2,
    ) -> None:
        super().__init__()
        self.symmetric = symmetric
        self.projection = Projection(default_size(encoder), size, similarity, temperature=temperature)

    def forward(self, model: Encoder, batch: Batch) -> Loss:
        """Return the loss of one batch."""
        return _loss(self.matching(model, batch), self.symmetric, batch["source"])

    def matching(self, model: Encoder, batch: Batch) -> Matching:
        """Return what the batch asks; anchors and positives share one batch normalisation."""
        features = model(torch.cat([batch["anchor"], batch["positive"]])).mean(-1)
        anchors, positives = self.projection(features).chunk(2)
        return match(self.projection, anchors, positives, batch["active"])


@torch.no_grad()
def default_size(encoder: Encoder) -> int:
    """Return how many features an encoder gives by default: those of a second of silence."""
    weight = next(encoder.parameters())
    training = encoder.training
    size = encoder.eval()(torch.zeros(1, 1, encoder.sample_rate, device=weight.device)).shape[1]
    encoder.train(training)
    return size
