"""The interval of a probe's primary score over the items of the test split, or over songs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from torch import Tensor

from stemwise.metrics import bootstrap
from stemwise.metrics.key_songs import Songs, ensembles, score_matrix
from stemwise.metrics.regression import resampled_r2
from stemwise.probing.items import Items, Split

RESAMPLES, SEED = 1000, 0


def interval(
    items: Items, split: Split, logits: Float[Tensor, "k n"], ensemble: str = ""
) -> tuple[float, float]:
    """Return the middle 95 % of the primary score, where items, or songs, are drawn again with replacement.

    It says nothing of other trainings.

    Args:
        items: what is asked.
        split: whose targets count.
        logits: of the probe.
        ensemble: of a key's songs.
    """
    said = logits.float().T.numpy()
    if items.kind == "key":
        songs = Songs.of(split.songs or split.names)
        keys = ensembles(said.T, songs)[ensemble]
        each = score_matrix(items.classes)[songs.classes(split.targets), keys]
    else:
        each = said.argmax(1) == split.targets if items.kind == "multiclass" else split.targets
    counts = bootstrap.draw_counts(len(each), RESAMPLES, SEED)
    if items.kind == "multilabel":
        drawn = bootstrap.macro_mean(bootstrap.resampled_scores(split.targets, said, counts).roc_auc)
    elif items.kind == "regression":
        drawn = resampled_r2(split.targets.astype(np.float64), said, counts).mean(1)
    else:
        drawn = bootstrap.resampled_accuracy(each, counts)
    return bootstrap.percentile_interval(drawn)
