"""Benchmarks as values: which labels of which data set, what kind they are, and what scores them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stemwise.data.classes import (
    FMA_GENRES,
    GENRES,
    GTZAN_GENRES,
    INSTRUMENTS,
    KEYS,
    MTAT_TAGS,
    NSYNTH_FAMILIES,
    PIANO_PITCHES,
    SMALL_GENRES,
)
from stemwise.data.magnatagatune import UNLISTED
from stemwise.data.tracks import Track
from stemwise.interfaces import Target
from stemwise.metrics.key import is_key


@dataclass(frozen=True, kw_only=True)
class Task:
    """A benchmark.

    Attributes:
        name: unique.
        title: one line for a person.
        dataset: name in `DATASETS`.
        target: any number of classes per track, exactly one, or numbers.
        fields: label fields whose values are classes; a text, a list of texts, or a boolean, which stands
            for its field's name; None stands for no class. Of a regression, the fields of its numbers.
        classes: in the order of the columns; of a regression, its fields.
        select: the score that chooses between checkpoints.
        labelled_only: tracks that have none of the classes take no part.
        without: names of further tracks that take no part, where a published list lacks them.
        clip_s: seconds of the clips that a track is cut into where each is an example of its own, whose
            answers are then gathered to the track's; 0 where the whole track is one example.
    """

    name: str
    title: str
    dataset: str
    target: Target
    fields: tuple[str, ...]
    classes: tuple[str, ...]
    select: str
    labelled_only: bool = False
    without: tuple[str, ...] = ()
    clip_s: float = 0.0

    @property
    def asks_for_keys(self) -> bool:
        """Whether all classes are keys, so that near misses score in part."""
        return self.target == "multiclass" and all(map(is_key, self.classes))

    @property
    def filter(self) -> str:
        """Which tracks take part, in words."""
        which = "readable tracks with at least one class" if self.labelled_only else "all readable tracks"
        return f"{which}, without {', '.join(self.without)}" if self.without else which

    def chosen(self, tracks: Sequence[Track]) -> list[Track]:
        """Return the tracks that take part, by `labelled_only` and `without`."""
        named = [track for track in tracks if track.name not in self.without]
        return [track for track in named if not self.labelled_only or self.of(track.labels)]

    def clips(self, samples: int, sample_rate: int) -> list[tuple[int, int]]:
        """Return where a track's clips begin and end, in samples; what is left over behind them is dropped.

        A track that is shorter than a clip is one by itself. Clip k of the track `name` is `name-k`.

        >>> TASKS["giantsteps"].clips(70 * 8000, 8000)
        [(0, 240000), (240000, 480000)]
        """
        length = round(self.clip_s * sample_rate)
        count = samples // length if length else 0
        return [(k * length, (k + 1) * length) for k in range(count)] or [(0, samples)]

    def of(self, labels: Mapping[str, Any]) -> set[str]:
        """Return the classes of a track, by its labels.

        Raises:
            ValueError: a field is missing.
        """
        found: set[str] = set()
        for field in self.fields:
            if field not in labels:
                found_labels = ", ".join(labels) or "none"
                raise ValueError(f"{self.name}: expected the label {field!r}, found {found_labels}")
            value = labels[field]
            if value is None or isinstance(value, bool):
                found |= {field} if value else set()
            else:
                found |= {value} if isinstance(value, str) else set(value)
        return found & set(self.classes)

    def matrix(self, tracks: Sequence[Track]) -> np.ndarray:
        """Return 0 and 1, tracks × classes; of a regression its numbers.

        Raises:
            ValueError: a track of a multi-class task has no class or several, or one of a regression lacks a
                number.
        """
        if self.target == "regression":
            return np.array([self._numbers(track) for track in tracks], np.float32)
        rows = [self.of(track.labels) for track in tracks]
        if self.target == "multiclass":
            for track, row in zip(tracks, rows, strict=True):
                if len(row) != 1:
                    raise ValueError(f"{track.mixture}: expected one of {self.classes}, got {sorted(row)}")
        return np.array([[name in row for name in self.classes] for row in rows], np.float32)

    def _numbers(self, track: Track) -> list[float]:
        values = [track.labels.get(field) for field in self.fields]
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
            raise ValueError(f"{track.mixture}: expected numbers as {', '.join(self.fields)}, got {values}")
        return [float(value) for value in values if value is not None]


def _tagging(name: str, title: str, **protocol: Any) -> Task:
    return Task(
        name=name,
        title=title,
        dataset="magnatagatune",
        target="multilabel",
        fields=("tags",),
        classes=MTAT_TAGS,
        select="roc_auc",
        **protocol,
    )


def _fma(name: str, classes: tuple[str, ...]) -> Task:
    return Task(
        name=name,
        title=f"top genre of {name}, tracks that have one",
        dataset=name,
        target="multiclass",
        fields=("genre",),
        classes=classes,
        select="accuracy",
        labelled_only=True,
    )


TASKS: dict[str, Task] = {
    "rendered-tags": Task(
        name="rendered-tags",
        title="genre, instruments and vocals of rendered music, as tags",
        dataset="rendered",
        target="multilabel",
        fields=("genre", "instruments", "vocals"),
        classes=(*GENRES, *INSTRUMENTS, "vocals"),
        select="roc_auc",
    ),
    "rendered-genre": Task(
        name="rendered-genre",
        title="genre of rendered music",
        dataset="rendered",
        target="multiclass",
        fields=("genre",),
        classes=GENRES,
        select="accuracy",
    ),
    "rendered-key": Task(
        name="rendered-key",
        title="key and mode of rendered music",
        dataset="rendered",
        target="multiclass",
        fields=("key",),
        classes=KEYS,
        select="key_score",
    ),
    "rendered-emotion": Task(
        name="rendered-emotion",
        title="arousal and valence of rendered music, drawn apart from its genre",
        dataset="rendered",
        target="regression",
        fields=("arousal", "valence"),
        classes=("arousal", "valence"),
        select="r2",
    ),
    "rendered-tempo": Task(
        name="rendered-tempo",
        title="slow, medium or fast (below 92, from 118 beats a minute) rendered music",
        dataset="rendered",
        target="multiclass",
        fields=("tempo_class",),
        classes=("slow", "medium", "fast"),
        select="accuracy",
    ),
    "rendered-instruments": Task(
        name="rendered-instruments",
        title="instruments of rendered music",
        dataset="rendered",
        target="multilabel",
        fields=("instruments",),
        classes=INSTRUMENTS,
        select="roc_auc",
    ),
    "rendered-vocals": Task(
        name="rendered-vocals",
        title="whether anyone sings in rendered music",
        dataset="rendered",
        target="multilabel",
        fields=("vocals",),
        classes=("vocals",),
        select="roc_auc",
    ),
    "rendered-mood": Task(
        name="rendered-mood",
        title="mood of rendered music, drawn apart from its genre",
        dataset="rendered",
        target="multiclass",
        fields=("mood",),
        classes=("happy", "tense", "sad", "calm"),
        select="accuracy",
    ),
    "magnatagatune": _tagging(
        "magnatagatune",
        "the 50 tags of MagnaTagATune, clips with at least one of them: the lists of MSSPT and MSCOL",
        labelled_only=True,
        without=UNLISTED,
    ),
    "magnatagatune-unfiltered": _tagging(
        "magnatagatune-unfiltered", "the 50 tags of MagnaTagATune, all clips, as jukemir has them"
    ),
    "gtzan": Task(
        name="gtzan",
        title="genre of GTZAN's clips, fault-filtered, as jukemir has them",
        dataset="gtzan",
        target="multiclass",
        fields=("genre",),
        classes=GTZAN_GENRES,
        select="accuracy",
    ),
    "giantsteps": Task(
        name="giantsteps",
        title="key and mode of GiantSteps' songs, in clips of 30 seconds, as jukemir has them",
        dataset="giantsteps",
        target="multiclass",
        fields=("key",),
        classes=KEYS,
        select="key_score",
        clip_s=30.0,
    ),
    "emomusic": Task(
        name="emomusic",
        title="arousal and valence of EmoMusic's clips, as jukemir has them",
        dataset="emomusic",
        target="regression",
        fields=("arousal", "valence"),
        classes=("arousal", "valence"),
        select="r2",
    ),
    "fma-small": _fma("fma-small", SMALL_GENRES),
    "fma-medium": _fma("fma-medium", FMA_GENRES),
    "fma-large": _fma("fma-large", FMA_GENRES),
    "fma-medium-without-small": _fma("fma-medium-without-small", FMA_GENRES),
    "nsynth": Task(
        name="nsynth",
        title="instrument family of NSynth's notes",
        dataset="nsynth",
        target="multiclass",
        fields=("family",),
        classes=NSYNTH_FAMILIES,
        select="accuracy",
    ),
    "nsynth-pitch": Task(
        name="nsynth-pitch",
        title="pitch of NSynth's notes, those on a piano's 88 keys",
        dataset="nsynth",
        target="multiclass",
        fields=("pitch",),
        classes=PIANO_PITCHES,
        select="accuracy",
        labelled_only=True,
    ),
}
