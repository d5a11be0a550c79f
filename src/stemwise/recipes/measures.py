"""What MSCOL's recipes measure on unseen data while they train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from stemwise.data.logmels import LogMelCrops
from stemwise.data.pairs import SourcePairs
from stemwise.interfaces import Batch, Target
from stemwise.models.mscol import MscolClassifier
from stemwise.objectives.contrastive import SourceContrast, SourceContrastPictures


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """How often a mixture finds its source among those of a batch, for each source on its own.

    Attributes:
        objective: as in training, with the accuracy among its parts.
        data: source → batches of pairs in which it sounds.
        batches: how many of each, from the first.
    """

    objective: SourceContrastPictures | SourceContrast
    data: Mapping[str, SourcePairs]
    batches: int

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Return `loss` and `accuracy`, means over the sources, and `accuracy_SOURCE`."""
        contrast: Any = self.objective
        found: dict[str, float] = {}
        losses = []
        for source, pairs in self.data.items():
            runs = [contrast(model, _moved(pairs.batch(k), model)) for k in range(self.batches)]
            losses += [run.total.item() for run in runs]
            found[f"accuracy_{source}"] = _mean([run.parts["accuracy"].item() for run in runs])
        return {"loss": _mean(losses), "accuracy": _mean(list(found.values())), **found}


@dataclass(frozen=True, kw_only=True)
class CropAccuracy:
    """How often a classifier is right on crops: on the class, or on each yes or no.

    Attributes:
        target: what a label is.
        data: crops of the validation split.
        batches: how many, from the first.
    """

    target: Target
    data: LogMelCrops
    batches: int

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Return `accuracy`."""
        assert isinstance(model, MscolClassifier)
        shares = []
        for k in range(self.batches):
            batch = _moved(self.data.batch(k), model)
            right = self._right(model.picture_logits(batch["picture"].float()), batch["label"])
            shares.append(right.float().mean().item())
        return {"accuracy": _mean(shares)}

    def _right(self, logits: Tensor, label: Tensor) -> Tensor:
        if self.target == "multiclass":
            return logits.argmax(1) == label.argmax(1)
        return (logits > 0) == label.bool()


def _moved(batch: Batch, model: nn.Module) -> Batch:
    device = next(model.parameters()).device
    return {n: v.to(device) if isinstance(v, Tensor) else v for n, v in batch.items()}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
