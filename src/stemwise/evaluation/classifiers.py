"""Scores of a classifier: what it says of every track, against the track's labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from stemwise.data.audio import open_audio
from stemwise.data.tracks import Track
from stemwise.embedding import tag
from stemwise.interfaces import Classifier
from stemwise.metrics import key, regression, tagging
from stemwise.tasks import TASKS, Task

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a classifier says of a set.

    Attributes:
        names: of the tracks that could be read.
        targets: 0 and 1, tracks × classes; of a regression, numbers.
        chances: probabilities, likewise; of a regression, estimates.
        unreadable: name → reason, of the tracks that could not.
    """

    names: tuple[str, ...]
    targets: Shaped[np.ndarray, "n k"]
    chances: Float[np.ndarray, "n k"]
    unreadable: Mapping[str, str]


def task_for(model: Classifier, dataset: str) -> Task:
    """Return the one task of a data set that asks for the model's classes; of several the one of its name.

    Raises:
        ValueError: there is none, or there are several.
    """
    candidates = [task for task in TASKS.values() if task.dataset == dataset]
    fitting = [task for task in candidates if _fits(model, task)]
    fitting = [task for task in fitting if task.name == dataset] or fitting
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(task.name for task in fitting or candidates) or "none"
    raise ValueError(
        f"task: expected one of {dataset} with the model's {len(model.classes)} classes ({model.target}), "
        f"found {len(fitting)}; choose a --task or another model; there are: {names}"
    )


def predict(
    model: Classifier, task: Task, tracks: Sequence[Track], progress: Progress | None = None
) -> Predictions:
    """Return what a model says of every track. One that cannot be read is left out and named.

    Args:
        model: on its device, in evaluation mode, with the task's classes in any order.
        task: what is asked.
        tracks: with labels; those that the task leaves out take no part.
        progress: told (tracks done, tracks in all).

    Raises:
        ValueError: the model's classes or its target are not the task's, labels are missing, or no track
            takes part or can be read.
    """
    tracks, order = task.chosen(tracks), _order(model, task)
    targets = _targets(task, tracks)
    chances, unreadable = {}, {}
    for row, track in enumerate(tracks):
        try:
            chances[row] = _chances(model, track)[order]
        except (ValueError, OSError) as error:
            unreadable[track.name] = str(error)
        if progress:
            progress(row + 1, len(tracks))
    if not chances:
        first = next(iter(unreadable.values()))
        raise ValueError(f"{task.name}: none of {len(tracks)} tracks could be read: {first}")
    return Predictions(
        names=tuple(tracks[row].name for row in chances),
        targets=targets[list(chances)],
        chances=np.array(list(chances.values())),
        unreadable=unreadable,
    )


def evaluate_classifier(
    model: Classifier, task: Task, tracks: Sequence[Track], progress: Progress | None = None
) -> dict[str, Any]:
    """Return the task's scores: the mean probability over a track's windows against its labels.

    Args:
        model: on its device, in evaluation mode, with the task's classes.
        task: what is asked.
        tracks: with labels; those that the task leaves out take no part.
        progress: told (tracks done, tracks in all).

    Returns:
        What `classification_scores` does.

    Raises:
        ValueError: as `predict`, or a single track cannot be read.
    """
    tracks, order = task.chosen(tracks), _order(model, task)
    targets, chances = _targets(task, tracks), []
    for done, track in enumerate(tracks, 1):
        chances.append(_chances(model, track)[order])
        if progress:
            progress(done, len(tracks))
    window_s, hop_s = model.window / model.sample_rate, model.hop / model.sample_rate
    how = f"mean {model.pooling} over windows of {window_s:.2f} s, {hop_s:.2f} s apart, per track"
    return classification_scores(task, targets, np.array(chances)) | {"protocol": f"{task.name}: {how}"}


def _fits(model: Classifier, task: Task) -> bool:
    """Whether a model answers what a task asks; it may number the classes in another order."""
    return sorted(model.classes) == sorted(task.classes) and model.target == task.target


def _order(model: Classifier, task: Task) -> list[int]:
    """Return where the task's classes are among the model's."""
    if not _fits(model, task):
        raise ValueError(
            f"{task.name}: expected a {task.target} model of the classes {task.classes}, "
            f"got a {model.target} one of {model.classes}; choose another task or model"
        )
    return [model.classes.index(name) for name in task.classes]


def _targets(task: Task, tracks: Sequence[Track]) -> np.ndarray:
    if not tracks:
        raise ValueError(
            f"{task.name}: expected tracks with one of its classes, found none; check the labels"
        )
    return task.matrix(tracks)


def _chances(model: Classifier, track: Track) -> np.ndarray:
    with open_audio(track.mixture) as audio:
        return tag(model, audio.blocks(audio.sample_rate * 10), audio.sample_rate, audio.channels)


def classification_scores(task: Task, targets: np.ndarray, chances: np.ndarray) -> dict[str, Any]:
    """Return a task's scores of so many tracks.

    Args:
        task: what is asked.
        targets: 0 and 1, tracks × classes; of a regression, numbers.
        chances: probabilities, tracks × classes; of a regression, estimates.

    Returns:
        `protocol`, `tracks`, the scores (`roc_auc` and `average_precision`, macro over labels that occur,
        and of a multi-class task `accuracy` and `confusion`, with `key_score` where it asks for keys), and
        `labels`: a table per label. Of a regression `r2`, the mean over its columns, and `COLUMN_r2`.
    """
    if task.target == "regression":
        return _regression_scores(task, targets, chances)
    result: dict[str, Any] = {
        "protocol": f"{task.name}: mean probability over windows of 3.86 s, half overlapping, per track",
        "tracks": len(targets),
        "labels": tagging.per_label(targets.astype(int), chances, task.classes),
    }
    if task.target == "multiclass":
        if task.asks_for_keys:
            result["key_score"] = float(key_scores(task, targets, chances).mean())
        result["accuracy"] = tagging.accuracy(targets.argmax(1), chances)
        result["confusion"] = _confusion(task, tagging.confusion(targets.argmax(1), chances))
    area, precision = tagging.roc_auc(targets, chances), tagging.average_precision(targets, chances)
    result["roc_auc"] = tagging.macro(area).mean
    result["average_precision"] = tagging.macro(precision).mean
    result["scored_labels"] = tagging.macro(area).labels
    return result


def key_scores(task: Task, targets: np.ndarray, chances: np.ndarray) -> Float[np.ndarray, "n"]:
    """Return MIREX's score of each track's likeliest key, see `metrics.key.weighted_score`."""
    pairs = zip(targets.argmax(1), chances.argmax(1), strict=True)
    return np.array([key.weighted_score(task.classes[truth], task.classes[said]) for truth, said in pairs])


def _regression_scores(task: Task, targets: np.ndarray, estimates: np.ndarray) -> dict[str, Any]:
    columns = regression.r2(targets.astype(np.float64), estimates)
    return {
        "protocol": f"{task.name}: mean estimate over a track's windows",
        "tracks": len(targets),
        "r2": float(columns.mean()),
        **{f"{name}_r2": float(value) for name, value in zip(task.classes, columns, strict=True)},
    }


def _confusion(task: Task, counts: np.ndarray) -> dict[str, Any]:
    """Return who is taken for whom; a row of a class that never occurs has shares of 0."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return {
        "rows": "truth",
        "columns": "prediction",
        "classes": list(task.classes),
        "counts": counts.tolist(),
        "row_shares": shares.tolist(),
    }
