"""What can be asked of a mixture: a label's answers and features, to learn from and to be scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stemwise.audit.features import Features
from stemwise.data.labels import Label, find_labels
from stemwise.data.tracks import Track

LEAST_TRACKS = 5
FEATURES = ("mfcc", "chroma")
Described = Sequence[tuple[Track, Features]]


@dataclass(frozen=True)
class Question:
    """A label of the tracks that have it.

    Attributes:
        label: what is asked.
        tags: names of the columns, where there are columns.
        known: answers to learn from: texts, numbers, or booleans with a column for each tag.
        asked: answers to be scored by.
        features: name → tracks × features, for `known` and for `asked`.
    """

    label: Label
    tags: tuple[str, ...]
    known: np.ndarray
    asked: np.ndarray
    features: Mapping[str, tuple[np.ndarray, np.ndarray]]

    @property
    def obstacle(self) -> str:
        """Why nothing can be learned and scored; empty where it can."""
        if len(self.asked) < LEAST_TRACKS:
            return f"fewer than {LEAST_TRACKS} tracks to score"
        if not len(self.known):
            return "no tracks to learn from"
        if self.label.kind == "class" and not set(self.known) & set(self.asked):
            return "no class occurs in both splits"
        if any(not _varies(answers) for answers in (self.known, self.asked)):
            return "one value only, in the train split or in the scored one"
        return ""


def questions(learned: Described, scored: Described) -> list[Question]:
    """Return a question for each label that is a class, a flag, a number or a list of tags.

    Tags that some tracks to learn from or to score do not tell apart are left out; so are scores, presets
    and what else no one could be asked of a mixture.
    """
    labels = find_labels([track for track, _ in [*learned, *scored]])
    return [_question(label, learned, scored) for label in labels if _askable(label, scored)]


def _askable(label: Label, scored: Described) -> bool:
    if label.kind != "tags":
        return label.kind != "other"
    values = [track.labels.get(label.name) for track, _ in scored]
    return all(isinstance(v, list) and all(isinstance(x, str) for x in v) for v in values if v is not None)


def _question(label: Label, learned: Described, scored: Described) -> Question:
    names = ("yes",) if label.kind == "flag" else tuple(label.counts) if label.kind == "tags" else ()
    left, right = (
        [(t, f) for t, f in side if t.labels.get(label.name) is not None] for side in (learned, scored)
    )
    known, asked = (_answers(label, names, side) for side in (left, right))
    if names:
        kept = [k for k in range(len(names)) if _varies(known[:, k]) and _varies(asked[:, k])]
        names, known, asked = tuple(names[k] for k in kept), known[:, kept], asked[:, kept]
    features = {name: (_stacked(left, name), _stacked(right, name)) for name in FEATURES}
    return Question(label, names, known, asked, features)


def _answers(label: Label, names: Sequence[str], side: Described) -> np.ndarray:
    if names:
        rows = [[name in label.of(track) for name in names] for track, _ in side]
        return np.array(rows, bool).reshape(len(side), len(names))
    if label.kind == "number":
        return np.array([label.number(track) for track, _ in side], np.float64)
    return np.array([label.of(track)[0] for track, _ in side], dtype=object)


def _varies(answers: np.ndarray) -> bool:
    return bool(answers.size) and bool((answers != answers[0]).any() or answers.ndim > 1)


def _stacked(side: Described, name: str) -> np.ndarray:
    return np.array([getattr(features, name) for _, features in side])
