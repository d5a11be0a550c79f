"""Keys of songs from what is said of their clips, as jukemir gathers it, in four ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

from stemwise.metrics.key import weighted_score

ENSEMBLES = ("vote", "max", "gmean", "mean")
"""What decides a song's key: most clips' first choice, the highest logit, the mean logit, or probability.

The order decides between equal scores; of the votes the first class with most."""


class KeyScore(NamedTuple):
    """The share of keys that are right, and MIREX's weighted score, which forgives some errors in part."""

    score: float
    accuracy: float


@cache
def score_matrix(classes: tuple[str, ...]) -> Float64[np.ndarray, "k k"]:
    """Return the weighted score of each estimate (column) of each reference (row).

    Raises:
        ValueError: a class is not the name of a major or minor key.
    """
    return np.array([[weighted_score(reference, estimate) for estimate in classes] for reference in classes])


@dataclass(frozen=True)
class Songs:
    """Which clips belong to which song.

    Attributes:
        order: of the clips, song by song.
        starts: of each song in that order.
    """

    order: Int[np.ndarray, "n"]
    starts: Int[np.ndarray, "s"]

    @classmethod
    def of(cls, songs: Sequence[str]) -> Songs:
        """Return the songs, by the name of each clip's song."""
        numbers = np.unique(np.asarray(songs), return_inverse=True)[1]
        order = np.argsort(numbers, kind="stable")
        return cls(order, np.flatnonzero(np.diff(numbers[order], prepend=-1)))

    @property
    def sizes(self) -> Int[np.ndarray, "s"]:
        """Clips of each song."""
        return np.diff(self.starts, append=len(self.order))

    def classes(self, targets: Int[np.ndarray, "n"]) -> Int[np.ndarray, "s"]:
        """Return each song's class, which all its clips share.

        Raises:
            ValueError: clips of one song have different classes.
        """
        ordered = targets[self.order]
        found = ordered[self.starts]
        if (ordered != np.repeat(found, self.sizes)).any():
            raise ValueError("expected one key for all clips of a song, got several; check the labels")
        return found


def ensembles(logits: Float[np.ndarray, "*p k n"], songs: Songs) -> Mapping[str, Int[np.ndarray, "*p s"]]:
    """Return each song's class by each of `ENSEMBLES`.

    Args:
        logits: of each clip.
        songs: of the clips.
    """
    ordered = logits[..., songs.order]
    first = ordered == ordered.max(-2, keepdims=True)
    votes = first & (first.cumsum(-2) == 1)  # the first of equal logits
    odds = np.exp(ordered - ordered.max(-2, keepdims=True))
    gathered = {
        "vote": np.add.reduceat(votes.astype(np.int32), songs.starts, axis=-1),
        "max": np.maximum.reduceat(ordered, songs.starts, axis=-1),
        "gmean": np.add.reduceat(ordered, songs.starts, axis=-1),
        "mean": np.add.reduceat(odds / odds.sum(-2, keepdims=True), songs.starts, axis=-1),
    }
    return {name: values.argmax(-2) for name, values in gathered.items()}


def song_scores(
    logits: Float[np.ndarray, "*p k n"],
    targets: Int[np.ndarray, "n"],
    songs: Songs,
    matrix: Float64[np.ndarray, "k k"],
) -> Mapping[str, Float64[np.ndarray, "2 *p"]]:
    """Return the weighted score and the accuracy over songs, by each of `ENSEMBLES`.

    Args:
        logits: of each clip.
        targets: the class of each clip.
        songs: of the clips.
        matrix: of the classes, by `score_matrix`.
    """
    truth = songs.classes(targets)
    found = ensembles(logits, songs)
    return {
        name: np.stack([matrix[truth, said].mean(-1), (said == truth).mean(-1)])
        for name, said in found.items()
    }


def clip_scores(
    logits: Float[np.ndarray, "k n"], targets: Int[np.ndarray, "n"], matrix: Float64[np.ndarray, "k k"]
) -> KeyScore:
    """Return the scores over clips, each by itself."""
    said = logits.argmax(0)
    return KeyScore(float(matrix[targets, said].mean()), float((said == targets).mean()))
