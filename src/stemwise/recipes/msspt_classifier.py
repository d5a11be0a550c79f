"""MSSPT's classifiers as their authors trained them on MagnaTagATune and FMA.

Garoufis, Zlatintsi, Maragos 2023 (arXiv 2310.15845). The paper's tables are not at hand and nobody of us has
the data sets, so no number stands here. docs/reproduction.md has the command for each row, and what differs
between paper, released code and this.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stemwise.data.material import Material
from stemwise.recipes.reading import at_least, decoded_audio, task_named, tracks_of

if TYPE_CHECKING:
    from stemwise.data.cache import AudioCache
    from stemwise.interfaces import Objective
    from stemwise.models.tail import WindowClassifier
    from stemwise.models.unet import UNetSeparator
    from stemwise.tasks import Task
    from stemwise.training import Run, Validation

MATERIAL = Material(sources=("mixture",), sample_rate=16_000, splits=("train", "valid"))
WINDOW, FRAME = 61_792, 160  # 384 frames; crops begin on frames
VALID_HOP = 384 * FRAME  # windows that do not overlap
CHUNK = 1024  # clips that the original loads at a time


def classifier(
    *,
    root: Path,
    task: str = "magnatagatune",
    network: Literal["joint", "tail"] = "joint",
    separator: str = "",
    encoder: str = "",
    multisource: bool = False,
    skips: int = 5,
    version: Literal["v1", "v2"] = "v1",
    epochs: int = 200,
    batch_size: int = 16,
    learning_rate: float = 1e-4,
    sgd_rates: tuple[float, ...] = (1e-3, 1e-4, 1e-5),
    patience: int = 11,
    clips: Literal["chunks", "all"] = "chunks",
    seed: int = 0,
    cache: Path | None = None,
    skip_unreadable: bool = False,
) -> "Run":
    """Train one of MSSPT's classifiers as published: the tail alone, or U-Net and tail jointly.

    Keras' Adam; when the loss on the valid split has not fallen for `patience` epochs, the best weights are
    taken up again by plain SGD, at three rates one after the other. The best weights are the model.

    Args:
        root: folder of the data set.
        task: magnatagatune or fma-medium-without-small as published, or any other task.
        network: `joint` for U-Net and tail, `tail` for the tail alone.
        separator: name or folder of a separator to start from; empty for fresh weights.
        encoder: name or folder of the same network to start from, all but its head, as `mscol` pre-trains it.
        multisource: four masks in a fresh U-Net, instead of one; a separator brings its own.
        skips: links from the U-Net's decoder into the tail, 0 to 5, the finest first.
        version: `v1` as published, or the authors' later `v2`.
        epochs: at most.
        batch_size: clips per batch, of which a crop of 3.86 s is heard.
        learning_rate: of Adam.
        sgd_rates: of plain SGD, phase by phase.
        patience: epochs without a lower loss that end a phase; 0 for one phase of all epochs.
        clips: `chunks` of 1024 that are shuffled inside, as published, where what is behind the last whole
            one is never heard; `all` of them in one order anew each epoch.
        seed: of weights, crops and order.
        cache: folder of the decoded audio; `cache` in the root where not given.
        skip_unreadable: leave out clips with files that cannot be read, instead of an error.
    """
    import torch

    from stemwise.data.clips import CropBatches, epoch_size
    from stemwise.objectives.supervised import Supervised
    from stemwise.training import Optimiser, Run, Schedule

    at_least(1, epochs=epochs, batch_size=batch_size)
    at_least(0, seed=seed, patience=patience)
    goal, chunk = task_named(task), CHUNK if clips == "chunks" else 0
    torch.manual_seed(seed)
    model = _classifier(goal, network, separator, multisource, skips, version)
    if encoder:
        _start_from(model, encoder)
    objective = Supervised(target=goal.target)

    def heard(split: str) -> "AudioCache":
        tracks = goal.chosen(tracks_of(goal.dataset, root, split))
        return decoded_audio(tracks, MATERIAL, root, cache, skip_unreadable)

    audio = heard("train")
    data = CropBatches(
        audio,
        goal.matrix(audio.tracks),
        batch_size=batch_size,
        samples=WINDOW,
        seed=seed,
        grid=FRAME,
        chunk=chunk,
    )
    updates = max(1, epoch_size(len(audio.tracks), chunk) // batch_size)
    return Run(
        model=model,
        objective=objective,
        data=data,
        optimiser=Optimiser(name="keras-adam", learning_rate=learning_rate),
        then=tuple(Optimiser(name="sgd", learning_rate=rate) for rate in sgd_rates) if patience else (),
        schedule=Schedule(),
        steps=epochs * updates,
        seed=seed,
        validation=_on_windows(heard("valid"), goal, objective, batch_size, updates, patience),
        config={
            "recipe": "msspt-classifier",
            "root": root,
            "task": task,
            "network": network,
            "separator": separator,
            "separator_sha256": _digest(separator),
            "encoder": encoder,
            "encoder_sha256": _digest(encoder),
            "multisource": multisource,
            "skips": skips,
            "version": version,
            "epochs": epochs,
            "batch_size": batch_size,
            "clips": clips,
            "skip_unreadable": skip_unreadable,
        },
    )


def _on_windows(
    audio: "AudioCache", task: "Task", objective: "Objective", batch_size: int, every: int, patience: int
) -> "Validation":
    """Return the loss on windows that do not overlap, which chooses the best weights and ends phases."""
    from stemwise.data.clips import WindowBatches
    from stemwise.training import ObjectiveLoss, Validation

    labels = task.matrix(audio.tracks)
    unseen = WindowBatches(audio, labels, batch_size=batch_size, samples=WINDOW, hop=VALID_HOP)
    measure = ObjectiveLoss(objective=objective, data=unseen, batches=unseen.batches)
    return Validation(measure=measure, every=every, weights="best", patience=patience)


def _classifier(
    task: "Task", network: str, separator: str, multisource: bool, skips: int, version: str
) -> "WindowClassifier":
    """Return the network to train, with a separator's U-Net where one is named."""
    from stemwise.models import CLASSIFIERS
    from stemwise.models.joint import JointConfig, from_separator
    from stemwise.models.tail import TailConfig

    labels: dict[str, Any] = {"classes": task.classes, "target": task.target}
    if network == "tail":
        if separator or multisource:
            raise ValueError("network: the tail alone has no U-Net; choose --network joint")
        tail = CLASSIFIERS["msspt-tail"]
        assert isinstance(tail, TailConfig)
        return replace(tail, **labels).build()
    name = {"v1": "msspt-joint", "v2": "msspt-joint-v2"}[version]
    config = CLASSIFIERS[f"{name}-multisource"]
    assert isinstance(config, JointConfig)
    config = replace(config, skips=skips, **labels)
    if not separator:
        return (config if multisource else replace(config, stems=("source",))).build()
    return from_separator(_separator(separator, multisource), config)


def _separator(name: str, multisource: bool) -> "UNetSeparator":
    from stemwise.models.unet import UNetSeparator
    from stemwise.weights.store import load

    found = load(name)
    if not isinstance(found, UNetSeparator):
        raise ValueError(f"separator: expected a U-Net separator, {name} is a {type(found).__name__}")
    if multisource and len(found.stems) == 1:
        raise ValueError(
            f"multisource: {name} separates {found.stems[0]} alone; leave multisource out, or choose another"
        )
    return found


def _start_from(model: "WindowClassifier", name: str) -> None:
    """Give a classifier the weights of a stored one of its kind, all but those of the head.

    Raises:
        ValueError: that one is another network.
    """
    from stemwise.weights.store import load

    head = "tail.output."
    mine = model.state_dict()
    theirs = {key: value for key, value in load(name).state_dict().items() if not key.startswith(head)}
    body = {key for key in mine if not key.startswith(head)}
    if theirs.keys() != body or any(theirs[key].shape != mine[key].shape for key in body):
        raise ValueError(
            f"encoder: expected the network that is to be trained, all but its head; {name} is another: "
            "choose --network, --skips and --version as it was pre-trained"
        )
    model.load_state_dict({**mine, **theirs})


def _digest(model: str) -> str:
    """Return the SHA-256 of a stored model's weights, so that a run says what it began with."""
    from stemwise.weights.store import find

    return find(model).card["sha256"] if model else ""
