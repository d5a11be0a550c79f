"""The score that stops and chooses probes, of many probes at once; and all scores of a single one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from stemwise.metrics import regression, tagging
from stemwise.metrics.key_songs import ENSEMBLES, Songs, clip_scores, score_matrix, song_scores
from stemwise.metrics.ranking import ranked_roc_auc
from stemwise.probing.items import Items, Split

PRIMARY = {"multilabel": "roc_auc", "multiclass": "accuracy", "regression": "r2", "key": "score"}
"""The score by which probes of each kind stop and are chosen."""


class Scorer:
    """The primary score of probes on a split.

    Args:
        items: what is asked.
        split: whose targets the probes' logits are held against.
        device: of the logits.

    Raises:
        ValueError: the score has no meaning: no label that some items have and some lack, numbers that do not
            vary, or clips of one song with different keys.
    """

    def __init__(self, items: Items, split: Split, device: torch.device) -> None:
        self.kind, self._answers = items.kind, split.targets
        self._targets = torch.from_numpy(np.ascontiguousarray(split.targets.T)).to(device)
        if items.kind == "multilabel":
            truth = split.targets.astype(bool)
            self._known = torch.from_numpy(np.flatnonzero(truth.any(0) & ~truth.all(0))).to(device)
            if not len(self._known):
                raise ValueError(f"expected labels that some of {len(truth)} items have and some lack")
            self._targets = self._targets[self._known].bool()
        if items.kind == "regression" and (np.ptp(split.targets, axis=0) == 0).any():
            raise ValueError(f"expected numbers that vary over {len(split.targets)} items, got a constant")
        if items.kind == "key":
            self._songs, self._matrix = Songs.of(split.songs or split.names), score_matrix(items.classes)
            self._songs.classes(split.targets)

    def __call__(self, logits: Float[Tensor, "p k n"]) -> Float64[Tensor, "p"]:
        """Return a score for each probe; NaN where its logits are."""
        if self.kind == "multilabel":  # of probabilities: in float32 very high logits tie, as in the original
            at_once = (
                1 if logits.device.type == "cpu" else len(logits)
            )  # a processor's cache holds one probe's
            parts = [self._areas(part) for part in logits.split(at_once)]
            return torch.cat(parts)
        if self.kind == "regression":
            return _explained(self._targets.double(), logits.double()).mean(1)
        if self.kind == "multiclass":
            return (logits.argmax(1) == self._targets).double().mean(1)
        said = logits.float().cpu().numpy()
        found = song_scores(said, self._answers, self._songs, self._matrix)
        return torch.from_numpy(np.max([scores for scores, _ in found.values()], axis=0))

    def _areas(self, logits: Float[Tensor, "p k n"]) -> Float64[Tensor, "p"]:
        known = logits if len(self._known) == logits.shape[1] else logits[:, self._known]
        return ranked_roc_auc(self._targets, known.float().sigmoid()).mean(1)


def scores(items: Items, split: Split, logits: Float[Tensor, "k n"], ensemble: str = "") -> dict[str, Any]:
    """Return all scores of a probe on a split, and its `loss`; `primary` is the one that chooses.

    Args:
        items: what is asked.
        split: whose targets count.
        logits: of the probe.
        ensemble: of a key's songs, as it was chosen on the valid split; the best one where not given.

    Returns:
        Plain numbers: `roc_auc` and `average_precision` (macro, over labels that occur); or `accuracy`; or
        `r2` of each number and their mean; or of keys `score` and `accuracy` of songs, those of each
        ensemble and of clips, and the `ensemble`.
    """
    kind, targets = items.kind, split.targets
    found: dict[str, Any] = {"loss": _loss(items, split, logits)}
    if kind == "multilabel":
        chances = logits.float().sigmoid()
        areas = ranked_roc_auc(torch.from_numpy(targets.T.astype(bool)), chances[None])[0]
        precision = tagging.average_precision(targets.astype(int), chances.T.numpy())
        found |= {"roc_auc": tagging.macro(areas.numpy()).mean}
        found |= {"average_precision": tagging.macro(precision).mean}
    elif kind == "regression":
        each = regression.r2(targets.astype(np.float64), logits.T.double().numpy())
        found |= {f"{name}_r2": float(value) for name, value in zip(items.classes, each, strict=True)}
        found |= {"r2": float(each.mean())}
    elif kind == "multiclass":
        found |= {"accuracy": float((logits.argmax(0).numpy() == targets).mean())}
    else:
        found |= _key_scores(items, split, logits.float().numpy(), ensemble)
    return {**found, "primary": found[PRIMARY[kind]]}


def _key_scores(items: Items, split: Split, logits: np.ndarray, ensemble: str) -> dict[str, Any]:
    matrix = score_matrix(items.classes)
    found = song_scores(logits, split.targets, Songs.of(split.songs or split.names), matrix)
    best = ensemble or max(ENSEMBLES, key=lambda name: (found[name][0], -ENSEMBLES.index(name)))
    clips = clip_scores(logits, split.targets, matrix)
    each = {
        f"ensemble_{name}_{what}": float(value)
        for name, pair in found.items()
        for what, value in zip(("score", "accuracy"), pair, strict=True)
    }
    score, accuracy = map(float, found[best])
    return {
        "score": score,
        "accuracy": accuracy,
        **each,
        "clip_score": clips.score,
        "clip_accuracy": clips.accuracy,
        "ensemble": best,
    }


def _explained(targets: Float64[Tensor, "k n"], said: Float64[Tensor, "p k n"]) -> Float64[Tensor, "p k"]:
    """Return the coefficient of determination of each number, as `metrics.regression.r2`, of many probes."""
    left = (targets - said).square().sum(-1)
    return 1 - left / (targets - targets.mean(-1, keepdim=True)).square().sum(-1)


def _loss(items: Items, split: Split, logits: Float[Tensor, "k n"]) -> float:
    functional = torch.nn.functional
    said = logits.T
    if items.kind in ("multiclass", "key"):
        return float(functional.cross_entropy(said, torch.from_numpy(split.targets).long()))
    targets = torch.from_numpy(split.targets).to(said.dtype)
    if items.kind == "regression":
        return float(functional.mse_loss(said, targets))
    return float(functional.binary_cross_entropy_with_logits(said, targets))
