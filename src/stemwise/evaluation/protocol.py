"""What a number was measured with: enough to measure it again."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from stemwise.evaluation.separators import SEPARATION_PROTOCOL
from stemwise.interfaces import Classifier, Separator
from stemwise.tasks import Task
from stemwise.weights.store import StoredModel

AGGREGATION = (
    "mean {pooling} over a track's whole windows, {ending}; "
    "a track shorter than a window is one window filled up with silence"
)
ENDINGS = {
    "dropped": "what is left behind the last one dropped",
    "kept": "and one that ends with the track where something is left behind the last one",
    "published": "without the last one where nothing is left behind it, as CLMR's code drops its last piece",
}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a model was scored. It holds no date, so the same measurement has the same protocol.

    Attributes:
        dataset: name of the data set.
        split: of its tracks.
        task: name of the task, or `separation`.
        filter: which tracks and labels count.
        window_s: seconds that are scored at a time.
        hop_s: seconds between windows.
        aggregation: how windows become one number.
        model: name of the model.
        sha256: of its weights.
        versions: of stemwise, torch, numpy and Python.
        music: what lies in the data set's folder, see `music_in`: a number of rendered music says so.
    """

    dataset: str
    split: str
    task: str
    filter: str
    window_s: float
    hop_s: float
    aggregation: str
    model: str
    sha256: str
    versions: Mapping[str, str]
    music: str = "as distributed"

    def words(self) -> str:
        """Return all of it as one line for a person."""
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"{self.task} on {self.dataset}, {self.music}, {self.split} split; {self.filter}; "
            f"windows of {self.window_s:g} s, {self.hop_s:g} s apart; {self.aggregation}; "
            f"model {self.model}, SHA-256 {self.sha256[:12]}…; {versions}"
        )


_KINDS = {
    "multilabel": "{} classes of {}, any number of classes a track",
    "multiclass": "{} classes of {}, exactly one class a track",
    "regression": "{} numbers, {}",
}


def classifier_protocol(
    model: Classifier, stored: StoredModel, task: Task, dataset: str, split: str
) -> Protocol:
    """Return how a classifier is scored."""
    return Protocol(
        dataset=dataset,
        split=split,
        task=task.name,
        filter=f"{task.filter}, {_KINDS[task.target].format(len(task.classes), ', '.join(task.fields))}",
        window_s=model.window / model.sample_rate,
        hop_s=model.hop / model.sample_rate,
        aggregation=AGGREGATION.format(
            pooling="estimate" if task.target == "regression" else model.pooling, ending=ENDINGS[model.ending]
        ),
        model=_name(stored),
        sha256=stored.card["sha256"],
        versions=_versions(),
    )


def separator_protocol(model: Separator, stored: StoredModel, dataset: str, split: str) -> Protocol:
    """Return how a separator is scored; the windows are those of BSSEval's SDR."""
    return Protocol(
        dataset=dataset,
        split=split,
        task="separation",
        filter=f"all readable tracks, {', '.join(model.stems)}",
        window_s=1.0,
        hop_s=1.0,
        aggregation=SEPARATION_PROTOCOL,
        model=_name(stored),
        sha256=stored.card["sha256"],
        versions=_versions(),
    )


def _name(stored: StoredModel) -> str:
    """Return a model's name, with its run's where a training has named it `model`."""
    return f"{stored.folder.resolve().parent.name}/{stored.name}" if stored.name == "model" else stored.name


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("stemwise", "torch", "numpy")}
    return {**packages, "python": platform.python_version()}
