"""The MSSPT experiment on rendered music, at a size that two cores can train.

Garoufis, Zlatintsi, Maragos 2023: pre-train a U-Net on separation, then fine-tune it jointly with a
convolutional tail. The paper's numbers are on MUSDB18, MagnaTagATune and FMA; ours here are on rendered
music and compare with nothing but each other.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemwise import STEMS
from stemwise.data.material import Material
from stemwise.names import named
from stemwise.recipes.reading import at_least, decoded_audio, task_named

if TYPE_CHECKING:
    from stemwise.data.cache import AudioCache
    from stemwise.data.tracks import Track
    from stemwise.interfaces import Batches, Objective
    from stemwise.models.tail import WindowClassifier
    from stemwise.tasks import Task
    from stemwise.training import Run, Validation

SEPARATOR_MATERIAL = Material(sources=STEMS, sample_rate=16_000)
CLASSIFIER_MATERIAL = Material(sources=("mixture",), sample_rate=16_000)
WINDOW = 61_792  # samples: 384 frames, what the classifiers read and the separators train on
VALID_BATCHES, VALID_SEED = 8, 0  # always the same mixtures, whatever the run's seed


def separator(
    *,
    root: Path,
    model: str = "half-multisource",
    steps: int = 400,
    batch_size: int = 4,
    learning_rate: float = 3e-3,
    warmup: int = 20,
    flat: float = 0.4,
    clip_norm: float = 5.0,
    accumulate: int = 1,
    ema: float = 0.0,
    valid_every: int = 0,
    weights: Literal["last", "best"] = "last",
    compressed: float = 2.0,
    seed: int = 0,
    cache: Path | None = None,
    skip_unreadable: bool = False,
) -> "Run":
    """Pre-train a separator on remixed stems.

    Half the published widths, a softmax over the stems and a loss that does not let sparse stems go
    silent: it parts drums, bass, other and vocals within some minutes on two cores.

    Args:
        root: a rendered data set.
        model: a variant of `stemwise models`.
        steps: batches to train on.
        batch_size: mixtures per batch, of 3.86 s each.
        learning_rate: peak of Adam's.
        warmup: steps of its linear rise.
        flat: share of the steps before its cosine decay.
        clip_norm: largest norm of the gradient; 0 for none.
        accumulate: parts that a batch is cut into, one after the other, to save memory.
        ema: decay of the weights' moving average, which then is the model; 0 for none.
        valid_every: steps between validations by the loss on the valid split; 0 for none.
        weights: those that are kept, the last or the best in validation.
        compressed: weight of the compressed magnitudes in the loss.
        seed: of weights and mixtures.
        cache: folder of the decoded audio; `cache` in the root where not given.
        skip_unreadable: leave out tracks with files that cannot be read, instead of an error.
    """
    import torch

    from stemwise.data.mixing import RemixBatches
    from stemwise.models import SEPARATORS
    from stemwise.objectives.separation import BalancedL1
    from stemwise.training import Optimiser, Run, Schedule

    at_least(1, steps=steps, batch_size=batch_size)
    at_least(0, seed=seed)
    torch.manual_seed(seed)
    network = named(SEPARATORS, model, "model").build()
    if network.sample_rate != SEPARATOR_MATERIAL.sample_rate:
        raise ValueError(f"model: {model} has a recipe of its own, meta-tasnet or rendered-meta-tasnet")
    objective = BalancedL1(compressed=compressed)

    def batches(split: str, seed: int) -> RemixBatches:
        audio = _audio(root, SEPARATOR_MATERIAL, split, cache, skip_unreadable)
        return RemixBatches(audio, batch_size=batch_size, samples=WINDOW, seed=seed, targets=network.stems)

    return Run(
        model=network,
        objective=objective,
        data=batches("train", seed),
        optimiser=Optimiser(learning_rate=learning_rate, clip_norm=clip_norm, accumulate=accumulate, ema=ema),
        schedule=Schedule(warmup=warmup, flat=flat, shape="cosine"),
        steps=steps,
        seed=seed,
        validation=_validation(valid_every, weights, objective, lambda: batches("valid", VALID_SEED)),
        config={
            "recipe": "rendered-separator",
            "root": root,
            "model": model,
            "batch_size": batch_size,
            "compressed": compressed,
            "skip_unreadable": skip_unreadable,
        },
    )


def classifier(
    *,
    root: Path,
    network: Literal["tail", "joint", "frozen"] = "tail",
    separator: str = "",
    skips: int = 5,
    task: str = "rendered-tags",
    labelled: int = 0,
    steps: int = 120,
    batch_size: int = 16,
    learning_rate: float = 1e-3,
    warmup: int = 10,
    clip_norm: float = 5.0,
    accumulate: int = 1,
    ema: float = 0.0,
    seed: int = 0,
    cache: Path | None = None,
    skip_unreadable: bool = False,
) -> "Run":
    """Train a classifier: the tail alone, U-Net and tail jointly, or the tail on frozen sources.

    The method is `joint` from a separator; `joint` without one starts from scratch. `frozen` computes the
    separator's sources once and trains the tail on them: cheap, and instructive beside the others.

    Args:
        root: a rendered data set.
        network: what is trained.
        separator: name or folder of a trained separator to start from; empty for fresh weights.
        skips: links from the U-Net's decoder into the tail, 0 to 5; `frozen` has none.
        task: what to learn.
        labelled: how many training tracks have labels; 0 for all.
        steps: batches to train on.
        batch_size: windows of 3.86 s per batch.
        learning_rate: peak of Adam's; it falls along a cosine.
        warmup: steps of its linear rise.
        clip_norm: largest norm of the gradient; 0 for none.
        accumulate: parts that a batch is cut into, one after the other, to save memory.
        ema: decay of the weights' moving average, which then is the model; 0 for none.
        seed: of weights, crops and order.
        cache: folder of the decoded audio; `cache` in the root where not given.
        skip_unreadable: leave out tracks with files that cannot be read, instead of an error.
    """
    import torch

    from stemwise.data.clips import CropBatches
    from stemwise.objectives.supervised import Supervised, SupervisedPictures
    from stemwise.recipes.pictures import frozen_pictures
    from stemwise.training import Optimiser, Run, Schedule

    at_least(1, steps=steps, batch_size=batch_size)
    at_least(0, seed=seed, labelled=labelled)
    if network == "tail" and separator:
        raise ValueError("separator: the tail alone uses none; choose --network joint or frozen")
    torch.manual_seed(seed)
    goal = task_named(task)
    model = _classifier(network, separator, skips, goal)
    audio = _audio(root, CLASSIFIER_MATERIAL, "train", cache, skip_unreadable, labelled)
    labels = goal.matrix(audio.tracks)
    if network == "frozen":
        data = frozen_pictures(model, audio, labels, cache or root / "cache", batch_size, seed)
        objective = SupervisedPictures(target=goal.target)
    else:
        data = CropBatches(audio, labels, batch_size=batch_size, samples=WINDOW, seed=seed)
        objective = Supervised(target=goal.target)
    config = {"recipe": "rendered-classifier", "root": root, "network": network, "separator": separator}
    config |= {"skip_unreadable": skip_unreadable}
    return Run(
        model=model,
        objective=objective,
        data=data,
        optimiser=Optimiser(learning_rate=learning_rate, clip_norm=clip_norm, accumulate=accumulate, ema=ema),
        schedule=Schedule(warmup=warmup, shape="cosine"),
        steps=steps,
        seed=seed,
        config={**config, "skips": skips, "task": task, "labelled": labelled, "batch_size": batch_size},
    )


def _validation(
    every: int, weights: Literal["last", "best"], objective: "Objective", unseen: Callable[[], "Batches"]
) -> "Validation | None":
    """Return the objective's loss on unseen batches as the validation, or none for 0 steps."""
    from stemwise.training import ObjectiveLoss, Validation

    at_least(0, valid_every=every)
    if not every:
        if weights == "best":
            raise ValueError("weights: the best are found by validation; give --valid-every too")
        return None
    measure = ObjectiveLoss(objective=objective, data=unseen(), batches=VALID_BATCHES)
    return Validation(measure=measure, every=every, weights=weights)


def _tracks(root: Path, split: str, count: int = 0) -> "list[Track]":
    """Return a split's tracks, or a fixed random selection of so many."""
    import numpy as np

    from stemwise.data.tracks import stem_folders

    tracks = stem_folders(root, split)
    if not count:
        return tracks
    if count > len(tracks):
        raise ValueError(f"labelled: expected at most {len(tracks)}, the tracks of {root}, got {count}")
    picked = np.random.default_rng(0).permutation(len(tracks))[:count]
    return [tracks[i] for i in sorted(picked)]


def _audio(
    root: Path, material: Material, split: str, folder: Path | None, skip_unreadable: bool, count: int = 0
) -> "AudioCache":
    """Return the decoded audio of a split's tracks."""
    return decoded_audio(_tracks(root, split, count), material, root, folder, skip_unreadable)


def _classifier(network: str, separator: str, skips: int, task: "Task") -> "WindowClassifier":
    """Return the network to train; what is frozen in it takes no gradient."""
    from stemwise.models import CLASSIFIERS
    from stemwise.models.joint import JointConfig, from_separator
    from stemwise.models.tail import TailConfig
    from stemwise.models.unet import UNetSeparator
    from stemwise.weights.store import load

    labels = {"classes": task.classes, "target": task.target}
    if network == "tail":
        tail = CLASSIFIERS["half-tail"]
        assert isinstance(tail, TailConfig)
        return replace(tail, **labels).build()
    config = CLASSIFIERS["half-joint-multisource"]
    assert isinstance(config, JointConfig)
    config = replace(config, skips=0 if network == "frozen" else skips, **labels)
    if network == "frozen" and not separator:
        raise ValueError("separator: expected the name or folder of a trained separator, got none")
    if not separator:
        return config.build()
    source = load(separator)
    if not isinstance(source, UNetSeparator):
        raise ValueError(f"separator: expected a U-Net separator, {separator} is a {type(source).__name__}")
    model = from_separator(source, config)
    return model.freeze_unet() if network == "frozen" else model
