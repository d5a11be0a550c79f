"""A stored model's evaluation: scores, their protocol, and what could not be read, as one document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from stemwise.data.tracks import Track
from stemwise.evaluation.classifiers import Progress, classification_scores, predict, task_for
from stemwise.evaluation.intervals import RESAMPLES, with_intervals
from stemwise.evaluation.listing import predictions_csv
from stemwise.evaluation.protocol import Protocol, classifier_protocol, separator_protocol
from stemwise.evaluation.published import LINEAR
from stemwise.evaluation.separators import evaluate_separator
from stemwise.interfaces import Classifier, Separator
from stemwise.models.frozen import FrozenClassifier
from stemwise.tasks import Task
from stemwise.weights.store import StoredModel


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was found of one model.

    Attributes:
        title: of the task, for a person.
        select: the score that chooses between runs.
        document: plain values: `model`, `sha256`, `dataset`, `split`, `protocol` in words, `protocol_fields`,
            the scores, and `unreadable`: name → reason.
        predictions: of a classifier, as CSV.
    """

    title: str
    select: str
    document: dict[str, Any]
    predictions: str | None = None


def evaluate_stored(
    model: Separator | Classifier,
    stored: StoredModel,
    tracks: Sequence[Track],
    *,
    dataset: str,
    split: str,
    task: Task | None = None,
    resamples: int = RESAMPLES,
    music: str = "as distributed",
    progress: Progress | None = None,
) -> Evaluation:
    """Score a model on tracks; those that cannot be read are left out and named.

    Args:
        model: on its device, in evaluation mode.
        stored: where it came from.
        tracks: of the data set.
        dataset: its name.
        split: the tracks' split.
        task: what a classifier is asked; where not given, the data set's only task with its classes.
        resamples: of a classifier's intervals.
        music: what kind lies in the data set's folder, see `music_in`.
        progress: told (tracks done, tracks in all).

    Raises:
        ValueError: the model does not fit the task or the tracks, or no track can be read.
    """
    if isinstance(model, Separator):
        unreadable: dict[str, str] = {}
        scores = evaluate_separator(model, tracks, progress, unreadable)
        protocol = replace(separator_protocol(model, stored, dataset, split), music=music)
        return Evaluation(
            title="separation into stems",
            select="si_sdr",
            document=_document(protocol, scores, unreadable),
        )
    goal = task or task_for(model, dataset)
    found = predict(model, goal, tracks, progress)
    scores = classification_scores(goal, found.targets, found.chances)
    scores = with_intervals(scores, found, goal, resamples=resamples)
    protocol = replace(classifier_protocol(model, stored, goal, dataset, split), music=music)
    if isinstance(model, FrozenClassifier) and goal.name in LINEAR:
        scores |= {"published_scores": LINEAR[goal.name].plain()}
    return Evaluation(
        title=goal.title,
        select=goal.select,
        document=_document(protocol, scores, dict(found.unreadable)),
        predictions=predictions_csv(found, goal),
    )


def _document(protocol: Protocol, scores: dict[str, Any], unreadable: dict[str, str]) -> dict[str, Any]:
    facts = {key: getattr(protocol, key) for key in ("model", "sha256", "dataset", "split")}
    said = {"protocol": protocol.words(), "protocol_fields": asdict(protocol)}
    return {**facts, **scores, **said, "unreadable": unreadable}
