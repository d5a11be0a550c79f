"""What probes learn from: a vector and a target for each item of each split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float32, Shaped

Kind = Literal["multilabel", "multiclass", "key", "regression"]
"""What a target is. A key is a class, scored by how near it is, for a song's clips together."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """The items of a split.

    Attributes:
        names: of the items.
        features: a vector each.
        targets: 0 and 1 for each label, a class number, or numbers.
        songs: the song that each item is a clip of; None where items are songs.
    """

    names: tuple[str, ...]
    features: Float32[np.ndarray, "n d"]
    targets: Shaped[np.ndarray, "n *k"]
    songs: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        counts = {len(self.names), len(self.features), len(self.targets), len(self.songs or self.names)}
        if len(counts) > 1 or not len(self.names):
            raise ValueError(f"expected names, features and targets of as many items, got {sorted(counts)}")


@dataclass(frozen=True, kw_only=True)
class Items:
    """The three splits, and what is asked.

    Attributes:
        kind: of the targets.
        classes: names of the outputs.
        splits: train, valid and test.
    """

    kind: Kind
    classes: tuple[str, ...]
    splits: Mapping[str, Split]

    @cached_property
    def key(self) -> str:
        """What tells these items from others: a digest of all that probes learn from."""
        digest = hashlib.sha256(repr((self.kind, self.classes)).encode())
        for name in sorted(self.splits):
            split = self.splits[name]
            digest.update(repr((name, split.names, split.songs, split.features.shape)).encode())
            for values in (split.features, split.targets):
                digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()[:16]

    @property
    def train(self) -> Split:
        """What is learned from."""
        return self.splits["train"]

    @property
    def valid(self) -> Split:
        """What stops a training, and chooses between probes."""
        return self.splits["valid"]


def scaler(features: Float32[np.ndarray, "n d"]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of each feature, float64; a constant feature's deviation counts as 1.

    As scikit-learn's StandardScaler, in which a feature is constant if its variance is rounding noise.
    """
    values, count = features.astype(np.float64), len(features)
    mean, variance = values.mean(0), values.var(0)
    epsilon = np.finfo(np.float64).eps
    constant = variance <= count * epsilon * variance + np.square(count * mean * epsilon)
    return mean, np.where(constant, 1.0, np.sqrt(variance))
