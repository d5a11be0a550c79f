"""TUNe and CLMR: an encoder learns from raw audio alone; and the same encoder with labels, as a baseline.

Vélez Vásquez, Burgoyne: "Tailed U-Net", ISMIR 2022; Spijkervet, Burgoyne: CLMR, ISMIR 2021. The papers train
on MagnaTagATune for 1 000 to 10 000 epochs of its clips, 1 000 of which took 56 hours on their hardware.
There a linear classifier on the frozen encoder had a ROC-AUC of 0.892 (TUNe) and 0.883 (CLMR) after 1 000
epochs, 0.895 and 0.887 after 10 000. No such run was made here.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemwise.data.material import Material
from stemwise.names import named

if TYPE_CHECKING:
    from stemwise.data.cache import AudioCache
    from stemwise.interfaces import Batches, Encoder, Objective
    from stemwise.tasks import Task
    from stemwise.training import Optimiser, Run, Validation

MATERIAL = Material(sources=("mixture",), sample_rate=22_050)
WINDOW = 59_049  # samples: 2.678 s, what the encoders read
VALID_BATCHES, VALID_SEED = 4, 0
PITCH = {
    "published": {},
    "octaves": {"pitch_cents": (-1200, 1200), "pitch_step_cents": 1200},
    "none": {"p_pitch": 0.0},
}
"""What the pitch shift does: CLMR's takes the key away, and with it what an encoder could say of it."""


def contrastive(
    *,
    root: Path,
    dataset: str = "audio",
    split: Literal["train", "all"] = "train",
    model: str = "tune-5tail",
    sample_cnn: str = "",
    steps: int = 1000,
    batch_size: int = 48,
    passes: Literal["separate", "joint"] = "separate",
    temperature: float = 0.5,
    projection: int = 64,
    optimiser: Literal["adam", "lars"] = "adam",
    learning_rate: float = 0.0,
    pitch: Literal["published", "octaves", "none"] = "published",
    p_polarity: float = 0.8,
    p_noise: float = 0.01,
    p_gain: float = 0.3,
    p_filter: float = 0.8,
    p_delay: float = 0.3,
    p_pitch: float = 0.6,
    p_reverb: float = 0.6,
    valid_every: int = 0,
    seed: int = 0,
    cache: Path | None = None,
    skip_unreadable: bool = False,
) -> "Run":
    """Pre-train an encoder contrastively, from any audio.

    CLMR's recipe: two crops of 2.678 s of a clip, each augmented by itself, shall have vectors nearer to each
    other than to those of all other clips in the batch. Larger batches have more of these.

    Args:
        root: folder of a data set, or of any audio.
        dataset: which of `stemwise data info`; `audio` takes every file below the root.
        split: `train` alone, or `all` splits.
        model: an encoder of `stemwise models`.
        sample_cnn: name or folder of a trained SampleCNN, for the hybrids; `tune-hybrid-frozen` needs one.
        steps: batches to train on.
        batch_size: clips per batch.
        passes: each view through the encoder by itself, as published, or both in one.
        temperature: of NT-Xent.
        projection: size of the vectors that are compared.
        optimiser: `adam` at one rate, or `lars` along a cosine, for large batches.
        learning_rate: 0 for the published: 3e-4 of Adam, 0.3 a batch of 256 of LARS.
        pitch: shifts of up to seven semitones as published, of octaves alone, or none.
        p_polarity: share of the views that are turned upside down.
        p_noise: share that gets noise.
        p_gain: share that gets another level.
        p_filter: share that is filtered.
        p_delay: share that gets an echo.
        p_pitch: share that is shifted in pitch.
        p_reverb: share that gets reverb.
        valid_every: steps between validations by the loss on the valid split; 0 for none.
        seed: of weights, crops and augmentations.
        cache: folder of the decoded audio; `cache` in the root where not given.
        skip_unreadable: leave out tracks with files that cannot be read, instead of an error.
    """
    import torch

    from stemwise.data.views import ViewBatches
    from stemwise.objectives.simclr import SimCLR
    from stemwise.signal.augment.chain import Augmentation
    from stemwise.training import Run, Schedule

    _at_least(1, steps=steps, batch_size=batch_size, projection=projection)
    _at_least(0, seed=seed, valid_every=valid_every)
    torch.manual_seed(seed)
    network = _encoder(model, sample_cnn)
    shares = {
        "p_polarity": p_polarity,
        "p_noise": p_noise,
        "p_gain": p_gain,
        "p_filter": p_filter,
        "p_delay": p_delay,
        "p_pitch": p_pitch,
        "p_reverb": p_reverb,
    }
    chain = Augmentation(**(shares | PITCH[pitch]))
    size = network.taps["embedding"].size
    objective = SimCLR(
        size, MATERIAL.sample_rate, chain, projection=projection, temperature=temperature, passes=passes
    )

    def batches(split: str, most: int, seed: int) -> ViewBatches:
        audio = _audio(root, dataset, split, cache, skip_unreadable)
        size = min(most, len(audio.tracks)) if split == "valid" else most
        return ViewBatches(audio, batch_size=size, samples=WINDOW, seed=seed)

    return Run(
        model=network,
        objective=objective,
        data=batches(split, batch_size, seed),
        optimiser=_optimiser(optimiser, learning_rate, batch_size),
        schedule=Schedule(shape="cosine" if optimiser == "lars" else "constant"),
        steps=steps,
        seed=seed,
        validation=_validation(valid_every, objective, lambda: batches("valid", batch_size, VALID_SEED)),
        config={
            "recipe": "tune-clmr",
            "root": root,
            "dataset": dataset,
            "split": split,
            "model": model,
            "sample_cnn": sample_cnn,
            "batch_size": batch_size,
            "passes": passes,
            "temperature": temperature,
            "projection": projection,
            "pitch": pitch,
            **shares,
            "skip_unreadable": skip_unreadable,
        },
    )


def supervised(
    *,
    root: Path,
    task: str = "rendered-tags",
    model: str = "tune-5tail",
    steps: int = 1000,
    batch_size: int = 48,
    optimiser: Literal["sgd", "adam"] = "sgd",
    learning_rate: float = 3e-4,
    valid_every: int = 50,
    seed: int = 0,
    cache: Path | None = None,
    skip_unreadable: bool = False,
) -> "Run":
    """Train an encoder and a linear head with labels: the baseline of the same architecture.

    As the released code has it: one random crop of a clip, and with SGD the rate falls to a fifth when the
    loss on the valid split has not improved for six validations. There nothing was ever measured on that
    split, so that the rate could not fall.

    Args:
        root: folder of the task's data set.
        task: what to learn.
        model: an encoder of `stemwise models`.
        steps: batches to train on.
        batch_size: clips per batch.
        optimiser: `sgd` with Nesterov's momentum of 0.9 and a weight decay of 1e-6, or `adam`.
        learning_rate: where it begins.
        valid_every: steps between validations by the loss on the valid split.
        seed: of weights, crops and order.
        cache: folder of the decoded audio; `cache` in the root where not given.
        skip_unreadable: leave out tracks with files that cannot be read, instead of an error.
    """
    import torch

    from stemwise.data.clips import CropBatches
    from stemwise.models import WAVEFORM_ENCODERS
    from stemwise.objectives.supervised import Supervised
    from stemwise.tasks import TASKS
    from stemwise.training import Optimiser, Run, Schedule

    _at_least(1, steps=steps, batch_size=batch_size, valid_every=valid_every)
    _at_least(0, seed=seed)
    torch.manual_seed(seed)
    goal = named(TASKS, task, "task")
    config = replace(named(WAVEFORM_ENCODERS, model, "model"), classes=goal.classes, target=goal.target)
    objective = Supervised(target=goal.target)

    def batches(split: str, seed: int) -> CropBatches:
        audio = _audio(root, goal.dataset, split, cache, skip_unreadable, goal)
        labels = goal.matrix(audio.tracks)
        return CropBatches(audio, labels, batch_size=batch_size, samples=WINDOW, seed=seed)

    momentum = {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-6} if optimiser == "sgd" else {}
    return Run(
        model=config.build(),
        objective=objective,
        data=batches("train", seed),
        optimiser=Optimiser(name=optimiser, learning_rate=learning_rate, **momentum),
        schedule=Schedule(shape="plateau", drop=0.2, patience=6),
        steps=steps,
        seed=seed,
        validation=_validation(valid_every, objective, lambda: batches("valid", VALID_SEED)),
        config={
            "recipe": "tune-supervised",
            "root": root,
            "task": task,
            "model": model,
            "batch_size": batch_size,
            "skip_unreadable": skip_unreadable,
        },
    )


def _encoder(name: str, sample_cnn: str) -> "Encoder":
    """Return an encoder with fresh weights, a hybrid's SampleCNN with given ones."""
    from stemwise.models import WAVEFORM_ENCODERS
    from stemwise.models.sample_cnn import SampleCNN
    from stemwise.models.tune import TuneEncoder
    from stemwise.weights.store import load

    network = named(WAVEFORM_ENCODERS, name, "model").build()
    inner = network.sample_cnn if isinstance(network, TuneEncoder) else None
    if sample_cnn and inner is None:
        raise ValueError(f"sample_cnn: {name} has none; choose a tune-hybrid, or leave it out")
    if name == "tune-hybrid-frozen" and not sample_cnn:
        raise ValueError("sample_cnn: expected the name or folder of a trained SampleCNN to freeze, got none")
    if inner is not None and sample_cnn:
        source = load(sample_cnn)
        if not isinstance(source, SampleCNN):
            raise ValueError(f"sample_cnn: expected a SampleCNN, {sample_cnn} is a {type(source).__name__}")
        inner.load_state_dict(source.state_dict())
    return network


def _optimiser(name: Literal["adam", "lars"], learning_rate: float, batch_size: int) -> "Optimiser":
    from stemwise.training import Optimiser

    if name == "adam":
        return Optimiser(learning_rate=learning_rate or 3e-4)
    rate = learning_rate or 0.3 * batch_size / 256
    return Optimiser(name="lars", learning_rate=rate, momentum=0.9, weight_decay=1e-6)


def _validation(every: int, objective: "Objective", unseen: "Callable[[], Batches]") -> "Validation | None":
    from stemwise.training import ObjectiveLoss, Validation

    if not every:
        return None
    measure = ObjectiveLoss(objective=objective, data=unseen(), batches=VALID_BATCHES)
    return Validation(measure=measure, every=every)


def _audio(
    root: Path,
    dataset: str,
    split: str,
    folder: Path | None,
    skip_unreadable: bool,
    task: "Task | None" = None,
) -> "AudioCache":
    """Return the decoded audio of a split's tracks, those that a task is about."""
    from stemwise.data import DATASETS
    from stemwise.data.cache import prepare
    from stemwise.logs import progress_bar

    tracks = named(DATASETS, dataset, "data set").tracks(root, None if split == "all" else split)
    tracks = task.chosen(tracks) if task else tracks
    if not tracks:
        raise ValueError(f"{root}: expected tracks of the split {split}, found none")
    with progress_bar("decoding", len(tracks)) as move:
        return prepare(
            tracks,
            MATERIAL,
            root,
            folder=folder,
            skip_unreadable=skip_unreadable,
            progress=lambda done, total: move(len(tracks) - total + done),
        )


def _at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")
