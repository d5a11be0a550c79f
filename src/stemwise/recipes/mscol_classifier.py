"""MSCOL's shallow classifiers on the frozen encoder.

Garoufis, Zlatintsi, Maragos, SMC 2023 (arXiv 2302.07077), released code.
"""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemwise.data.material import Material
from stemwise.names import named
from stemwise.recipes.mscol import VALID_SEED
from stemwise.recipes.reading import at_least, task_named, tracks_of

if TYPE_CHECKING:
    from stemwise.data.logmels import LogMelCrops
    from stemwise.models.mscol import MscolClassifier
    from stemwise.tasks import Task
    from stemwise.training import Run

MATERIAL = Material(sources=("mixture",), sample_rate=16_000, splits=("train", "valid"))


def classifier(
    *,
    root: Path,
    task: str = "rendered-genre",
    encoder: str = "",
    model: str = "mscol",
    head: Literal["published", "linear", "hidden"] = "published",
    depth: Literal["full", "stochastic"] = "full",
    fine_tune: bool = False,
    segment: int = 392,
    epochs: int = 50,
    batch_size: int = 128,
    learning_rate: float = 0.0,
    patience: int = 5,
    seed: int = 0,
    cache: Path | None = None,
    skip_unreadable: bool = False,
) -> "Run":
    """Train a shallow classifier on MSCOL's encoder, which is frozen as published, or fine-tuned.

    One layer, or two for NSynth, on one random second of each segment per epoch. The accuracy on the valid
    split (of a regression, the loss) chooses the epoch that is kept, and ends the training when it has been
    no better for `patience` epochs.

    Args:
        root: the data set of the task.
        task: what to learn.
        encoder: name or folder of a pre-trained encoder; empty for random weights.
        model: which encoder has the random weights.
        head: one layer, or two with 512 units between; `published` goes by the data set.
        depth: `stochastic` drops blocks of the frozen encoder in training, as the released code does.
        fine_tune: train the encoder along, instead of leaving it as it is.
        segment: frames of 10 ms, of each of which an epoch takes one crop.
        epochs: passes over the segments, at most.
        batch_size: crops per batch.
        learning_rate: Adam's; 0 for the published one of the data set.
        patience: epochs without a better one that end the training; 0 for all epochs.
        seed: of weights, crops and order.
        cache: folder of decoded audio and log-mels; `cache` in the root where not given.
        skip_unreadable: leave out tracks with files that cannot be read, instead of an error.
    """
    import torch

    from stemwise.objectives.supervised import SupervisedPictures
    from stemwise.recipes.measures import CropAccuracy
    from stemwise.training import ObjectiveLoss, Optimiser, Run, Schedule, Validation
    from stemwise.weights.store import find

    at_least(1, segment=segment, epochs=epochs, batch_size=batch_size)
    at_least(0, seed=seed, patience=patience)
    torch.manual_seed(seed)
    goal = task_named(task)
    hidden, published_rate = _HEADS.get(goal.dataset, (0, 5e-4))
    hidden = {"published": hidden, "linear": 0, "hidden": 512}[head]
    network = _classifier(encoder, model, hidden, depth, goal)
    network = network if fine_tune else network.freeze_encoder()
    data, valid = (
        _crops(goal, root, split, segment, batch_size, number, cache, skip_unreadable)
        for split, number in (("train", seed), ("valid", VALID_SEED))
    )
    epoch = -(-len(data.segments) // batch_size)
    objective = SupervisedPictures(target=goal.target)
    batches = max(1, len(valid.segments) // valid.batch_size)
    measure, score = CropAccuracy(target=goal.target, data=valid, batches=batches), "accuracy"
    if goal.target == "regression":
        measure, score = ObjectiveLoss(objective=objective, data=valid, batches=batches), "loss"
    return Run(
        model=network,
        objective=objective,
        data=data,
        optimiser=Optimiser(name="keras-adam", learning_rate=learning_rate or published_rate),
        schedule=Schedule(),
        steps=epochs * epoch,
        seed=seed,
        validation=Validation(
            measure=measure,
            every=epoch,
            score=score,
            better="lower" if score == "loss" else "higher",
            weights="best",
            patience=patience,
        ),
        config={
            "recipe": "mscol-classifier",
            "root": root,
            "task": task,
            "encoder": encoder,
            "encoder_sha256": find(encoder).card["sha256"] if encoder else "",
            "model": model,
            "head": head,
            "depth": depth,
            "fine_tune": fine_tune,
            "segment": segment,
            "epochs": epochs,
            "batch_size": batch_size,
            "skip_unreadable": skip_unreadable,
        },
    )


_HEADS = {"nsynth": (512, 3e-4)}
"""Units of the hidden layer, and the rate, by the data set; elsewhere none, and 5e-4."""


def _crops(
    task: "Task",
    root: Path,
    split: str,
    frames: int,
    batch_size: int,
    seed: int,
    cache: Path | None,
    skip_unreadable: bool,
) -> "LogMelCrops":
    """Return crops of a split's segments with the task's labels."""
    from stemwise.data.logmels import LogMelCrops
    from stemwise.models.mscol import FRAMES
    from stemwise.recipes.logmels import segmented_log_mels

    tracks = task.chosen(tracks_of(task.dataset, root, split))
    log_mels, segments = segmented_log_mels(
        tracks, MATERIAL, root, frames=frames, folder=cache, skip_unreadable=skip_unreadable
    )
    size = min(batch_size, len(segments)) if split == "valid" else batch_size
    labels = task.matrix(log_mels.tracks)
    return LogMelCrops(log_mels, segments, labels, batch_size=size, length=FRAMES, seed=seed)


def _classifier(
    encoder: str, model: str, hidden: int, depth: Literal["full", "stochastic"], task: "Task"
) -> "MscolClassifier":
    """Return a classifier on an encoder, pre-trained or of random weights."""
    from stemwise.models import ENCODERS
    from stemwise.models.mscol import Mscol, MscolClassifierConfig, NetworkConfig
    from stemwise.weights.store import load

    source = load(encoder) if encoder else named(ENCODERS, model, "model").build()
    if not isinstance(source, Mscol):
        raise ValueError(f"encoder: expected an encoder of MSCOL, {encoder} is a {type(source).__name__}")
    shared = {field.name: getattr(source.config, field.name) for field in fields(NetworkConfig)}
    config = MscolClassifierConfig(
        **shared, classes=task.classes, target=task.target, hidden=hidden, depth=depth
    )
    classifier = config.build()
    classifier.network.load_state_dict(source.network.state_dict())
    return classifier
