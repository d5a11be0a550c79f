"""Linear evaluation: a head on the vectors that a frozen encoder of any kind gives.

Spijkervet, Burgoyne: CLMR, ISMIR 2021; Vélez Vásquez, Burgoyne: "Tailed U-Net", ISMIR 2022. Trained on one
random window of each clip, tested on the mean over all of its windows. On MagnaTagATune the papers report a
ROC-AUC of 0.887 (CLMR) and 0.895 (TUNe) with a linear head, of encoders that were trained for 10 000 epochs.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemwise.data.material import Material
from stemwise.names import named
from stemwise.recipes.reading import at_least, decoded_audio, task_named, tracks_of

if TYPE_CHECKING:
    from stemwise.data.clips import ArrayBatches
    from stemwise.models.frozen import FrozenClassifier
    from stemwise.tasks import Task
    from stemwise.training import Run

MATERIAL = Material(sources=("mixture",), sample_rate=22_050, splits=("train", "valid"))
"""Of TUNe and SampleCNN; MSCOL and MSSPT hear 16 kHz (`data prepare … --rates 16000`)."""


def evaluation(
    *,
    root: Path,
    task: str = "rendered-tags",
    encoder: str = "",
    model: str = "tune-5tail",
    head: Literal["linear", "hidden"] = "linear",
    crops: int = 1,
    ending: Literal["kept", "published"] = "kept",
    epochs: int = 200,
    batch_size: int = 48,
    learning_rate: float = 1e-3,
    weight_decay: float = 1e-6,
    drop_after: int = 6,
    patience: int = 10,
    weights: Literal["last", "best"] = "last",
    seed: int = 0,
    cache: Path | None = None,
    skip_unreadable: bool = False,
) -> "Run":
    """Train a head on a frozen encoder, on vectors of fixed windows that are computed once.

    As published: Adam; when the loss on the valid split has not improved for `drop_after` epochs, the rate
    falls to a tenth, and after `patience` epochs the training ends.

    Args:
        root: folder of the task's data set.
        task: what to learn.
        encoder: name or folder of a model with a representation, a classifier too; empty for random weights.
        model: which encoder of `stemwise models` has the random weights.
        head: one layer, or two with a ReLU between, the first as wide as the representation.
        crops: random windows of each clip, the same in every epoch; one as published.
        ending: how a clip's end is heard in the test: `kept` adds a window that ends with the clip where
            something is left over, `published` drops the last piece, be it a whole window or not.
        epochs: passes over the windows, at most.
        batch_size: windows per batch.
        learning_rate: where it begins.
        weight_decay: of Adam.
        drop_after: epochs without a new best that lower the rate.
        patience: those that end the training; 0 for all epochs.
        weights: those that are kept: the last, as published, or the best in validation.
        seed: of the head, the windows and their order.
        cache: folder of decoded audio and vectors; `cache` in the root where not given.
        skip_unreadable: leave out tracks with files that cannot be read, instead of an error.
    """
    import torch

    from stemwise.objectives.supervised import SupervisedFeatures
    from stemwise.training import ObjectiveLoss, Optimiser, Run, Schedule, Validation
    from stemwise.weights.store import find

    at_least(1, crops=crops, epochs=epochs, batch_size=batch_size, drop_after=drop_after)
    at_least(0, seed=seed, patience=patience)
    torch.manual_seed(seed)
    goal = task_named(task)
    network = _classifier(encoder, model, head, ending, goal)

    def batches(split: str, size: int) -> "ArrayBatches":
        return _features(network, goal, root, split, crops, size, seed, cache, skip_unreadable)

    data, valid = batches("train", batch_size), batches("valid", 0)
    objective = SupervisedFeatures(target=goal.target)
    epoch = -(-data.rows // batch_size)
    return Run(
        model=network,
        objective=objective,
        data=data,
        optimiser=Optimiser(learning_rate=learning_rate, weight_decay=weight_decay),
        schedule=Schedule(shape="plateau", drop=0.1, patience=drop_after),
        steps=epochs * epoch,
        seed=seed,
        validation=Validation(
            measure=ObjectiveLoss(objective=objective, data=valid, batches=1),
            every=epoch,
            weights=weights,
            patience=patience,
        ),
        config={
            "recipe": "linear-evaluation",
            "root": root,
            "task": task,
            "encoder": encoder,
            "encoder_sha256": find(encoder).card["sha256"] if encoder else "",
            "model": model,
            "head": head,
            "crops": crops,
            "ending": ending,
            "epochs": epochs,
            "batch_size": batch_size,
            "skip_unreadable": skip_unreadable,
        },
    )


def _classifier(
    encoder: str, model: str, head: str, ending: Literal["kept", "published"], task: "Task"
) -> "FrozenClassifier":
    """Return a fresh head on an encoder, pre-trained or of random weights."""
    from stemwise.interfaces import Encoder
    from stemwise.models import ENCODERS
    from stemwise.models.frozen import frozen
    from stemwise.weights.store import load

    source = load(encoder) if encoder else named(ENCODERS, model, "model").build()
    if not isinstance(source, Encoder):
        raise ValueError(
            f"encoder: expected a model with a representation, {encoder} is a {type(source).__name__}"
        )
    hidden = source.taps["embedding"].size if head == "hidden" else 0
    return frozen(source, task.classes, task.target, hidden, ending)


def _features(
    network: "FrozenClassifier",
    task: "Task",
    root: Path,
    split: str,
    crops: int,
    batch_size: int,
    seed: int,
    cache: Path | None,
    skip_unreadable: bool,
) -> "ArrayBatches":
    """Return the vectors of a split's tracks with the task's labels."""
    from dataclasses import replace

    from stemwise.recipes.features import frozen_features

    tracks = task.chosen(tracks_of(task.dataset, root, split))
    if not tracks:
        raise ValueError(f"{root}: expected tracks of the split {split}, found none")
    material = replace(MATERIAL, sample_rate=network.sample_rate)
    audio = decoded_audio(tracks, material, root, cache, skip_unreadable)
    labels, folder = task.matrix(audio.tracks), cache or root / "cache"
    return frozen_features(network, audio, labels, folder, crops=crops, seed=seed, batch_size=batch_size)
