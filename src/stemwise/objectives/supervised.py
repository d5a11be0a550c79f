"""Objectives of classifiers. A batch holds `label "b k"` and what the classifier reads."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stemwise.interfaces import Batch, Classifier, Loss, Target
from stemwise.models.frozen import FrozenClassifier
from stemwise.models.mscol import MscolClassifier
from stemwise.models.tail import WindowClassifier


@dataclass(frozen=True, kw_only=True)
class Supervised:
    """Cross-entropy of a classifier on `audio "b c t"`, averaged over the windows of a clip.

    Attributes:
        target: `multilabel` for binary cross-entropy per class, `multiclass` for one class per clip,
            `regression` for the mean squared error.
    """

    target: Target = "multilabel"

    def __call__(self, model: Classifier, batch: Batch) -> Loss:
        """Return the loss of one batch."""
        logits = model.logits(batch["audio"])  # b k n
        label = batch["label"][:, :, None].expand_as(logits)
        return _error(logits.transpose(1, 2).flatten(0, 1), label.transpose(1, 2).flatten(0, 1), self.target)


@dataclass(frozen=True, kw_only=True)
class SupervisedPictures:
    """Cross-entropy of a classifier on cached pictures, `picture "b …"`, instead of audio.

    Attributes:
        target: as in `Supervised`.
    """

    target: Target = "multilabel"

    def __call__(self, model: WindowClassifier | MscolClassifier, batch: Batch) -> Loss:
        """Return the loss of one batch."""
        return _error(model.picture_logits(batch["picture"].float()), batch["label"], self.target)


@dataclass(frozen=True, kw_only=True)
class SupervisedFeatures:
    """Error of a head on a frozen encoder's cached vectors, `feature "b d"`, instead of audio.

    Attributes:
        target: as in `Supervised`.
    """

    target: Target = "multilabel"

    def __call__(self, model: FrozenClassifier, batch: Batch) -> Loss:
        """Return the loss of one batch."""
        return _error(model.feature_logits(batch["feature"]), batch["label"], self.target)


_MEASURES = {
    "multilabel": ("cross_entropy", F.binary_cross_entropy_with_logits),
    "multiclass": ("cross_entropy", F.cross_entropy),
    "regression": ("squared_error", F.mse_loss),
}


def _error(logits: Float[Tensor, "w k"], label: Float[Tensor, "w k"], target: Target) -> Loss:
    name, measure = _MEASURES[target]
    error = measure(logits.float(), label)
    return Loss(error, {name: error.detach()})
