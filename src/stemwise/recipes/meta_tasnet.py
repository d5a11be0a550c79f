"""Meta-TasNet's training: as published, and at a size that two cores can train.

Samuel, Ganeshan, Naradowsky 2020 (arXiv 2002.07016), on MUSDB18. Their result on its 50 test songs, BSSEval
v4: drums 5.91, bass 5.58, other 4.19, vocals 6.40 dB, on two V100. Nobody of us has the data: our numbers are
on rendered music, and compare with nothing but each other.

Deviations:
    released code: each stage draws channels and gains of its own (`draws="published"`); the best epoch was
        chosen on whole tracks, by a slice that leaves the last stage's vocals out and takes in those of the
        stage before; at a restart of the rate a batch was skipped.
    ours: channels and gains are drawn once; the best weights are those with the highest mean SI-SNR of the
        last stage's four stems, on fixed excerpts of unseen songs; no batch is skipped.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemwise import STEMS
from stemwise.data.material import Material
from stemwise.names import named
from stemwise.recipes.reading import decoded_audio, tracks_of

if TYPE_CHECKING:
    from stemwise.data.cache import AudioCache
    from stemwise.data.multirate import MultiRateBatches
    from stemwise.models.meta_tasnet import MetaTasNet
    from stemwise.training import Run

MATERIAL = Material(
    sources=STEMS,
    sample_rate=8000,
    further_rates=(16_000, 32_000),
    channels=2,
    splits=("train", "valid"),
)
SMALL_MATERIAL = Material(
    sources=STEMS, sample_rate=8000, further_rates=(16_000,), channels=2, splits=("train", "valid")
)
VALID_BATCHES, VALID_SEED = 8, 0  # always the same mixtures, whatever the run's seed


def published(
    *,
    root: Path,
    dataset: str = "stems",
    model: str = "meta-tasnet",
    draws: Literal["once", "published"] = "once",
    steps: int = 312_500,
    batch_size: int = 12,
    seconds: float = 8.0,
    learning_rate: float = 1e-3,
    period: int = 200_000,
    weight_decay: float = 5e-4,
    clip_norm: float = 5.0,
    accumulate: int = 1,
    recompute: bool = False,
    reconstruction: float = 0.05,
    dissimilarity: float = 3.0,
    similarity: float = 2.0,
    valid_every: int = 1250,
    weights: Literal["last", "best"] = "best",
    statistics: int = 5004,
    seed: int = 42,
    cache: Path | None = None,
    skip_unreadable: bool = False,
) -> "Run":
    """Train a Meta-TasNet with the published settings: days on a GPU.

    Args:
        root: a data set with four stems.
        dataset: which one it is, of `stemwise data info`.
        model: a variant of Meta-TasNet, see `stemwise models`.
        draws: each stem's channel and gain once, or anew for each stage, as published.
        steps: batches to train on.
        batch_size: excerpts per batch.
        seconds: of an excerpt.
        learning_rate: peak of Ranger's.
        period: steps from one restart of the rate to the next; each begins at 0.85 of the one before.
        weight_decay: share of each weight that goes in a step, times the rate.
        clip_norm: largest norm of the gradient; 0 for none.
        accumulate: parts that a batch is cut into, one after the other, to save memory.
        recompute: compute activations a second time instead of keeping them, to save memory.
        reconstruction: weight of the mixture's reconstruction.
        dissimilarity: weight of how alike different stems' latents are.
        similarity: weight of how alike one stem's latents are across the batch.
        valid_every: steps between validations on the valid split; 0 for none.
        weights: those that are kept, the last or the best in validation.
        statistics: excerpts that the spectrograms' means and deviations are taken from, before training.
        seed: of weights and mixtures.
        cache: folder of the decoded audio; `cache` in the root where not given.
        skip_unreadable: leave out tracks with files that cannot be read, instead of an error.
    """
    return _run("meta-tasnet", MATERIAL, **locals())


def small(
    *,
    root: Path,
    dataset: str = "rendered",
    model: str = "small-meta-tasnet",
    draws: Literal["once", "published"] = "once",
    steps: int = 600,
    batch_size: int = 4,
    seconds: float = 3.0,
    learning_rate: float = 3e-3,
    period: int = 600,
    weight_decay: float = 5e-4,
    clip_norm: float = 5.0,
    accumulate: int = 1,
    recompute: bool = False,
    reconstruction: float = 0.05,
    dissimilarity: float = 3.0,
    similarity: float = 2.0,
    valid_every: int = 0,
    weights: Literal["last", "best"] = "last",
    statistics: int = 64,
    seed: int = 0,
    cache: Path | None = None,
    skip_unreadable: bool = False,
) -> "Run":
    """Train a small Meta-TasNet on rendered music: minutes on two cores.

    Two stages, at 8 and 16 kHz, of a fiftieth of the published weights.

    Args:
        root: a data set with four stems.
        dataset: which one it is, of `stemwise data info`.
        model: a variant of Meta-TasNet with two stages.
        draws: each stem's channel and gain once, or anew for each stage, as published.
        steps: batches to train on.
        batch_size: excerpts per batch.
        seconds: of an excerpt.
        learning_rate: peak of Ranger's.
        period: steps from one restart of the rate to the next; each begins at 0.85 of the one before.
        weight_decay: share of each weight that goes in a step, times the rate.
        clip_norm: largest norm of the gradient; 0 for none.
        accumulate: parts that a batch is cut into, one after the other, to save memory.
        recompute: compute activations a second time instead of keeping them, to save memory.
        reconstruction: weight of the mixture's reconstruction.
        dissimilarity: weight of how alike different stems' latents are.
        similarity: weight of how alike one stem's latents are across the batch.
        valid_every: steps between validations on the valid split; 0 for none.
        weights: those that are kept, the last or the best in validation.
        statistics: excerpts that the spectrograms' means and deviations are taken from, before training.
        seed: of weights and mixtures.
        cache: folder of the decoded audio; `cache` in the root where not given.
        skip_unreadable: leave out tracks with files that cannot be read, instead of an error.
    """
    return _run("rendered-meta-tasnet", SMALL_MATERIAL, **locals())


def _run(
    recipe: str,
    material: Material,
    *,
    root: Path,
    dataset: str,
    model: str,
    draws: Literal["once", "published"],
    steps: int,
    batch_size: int,
    seconds: float,
    learning_rate: float,
    period: int,
    weight_decay: float,
    clip_norm: float,
    accumulate: int,
    recompute: bool,
    reconstruction: float,
    dissimilarity: float,
    similarity: float,
    valid_every: int,
    weights: Literal["last", "best"],
    statistics: int,
    seed: int,
    cache: Path | None,
    skip_unreadable: bool,
) -> "Run":
    import torch

    from stemwise.data.multirate import Crops, MultiRateBatches
    from stemwise.objectives.meta_tasnet import MetaTasNetLoss
    from stemwise.training import ObjectiveLoss, Optimiser, Run, Schedule, Validation

    torch.manual_seed(seed)
    network = _network(model, material).recomputing(recompute)
    samples = round(seconds * network.rates[0])
    objective = MetaTasNetLoss(
        reconstruction=reconstruction, dissimilarity=dissimilarity, similarity=similarity
    )
    for name, value in {"batch_size": batch_size, "statistics": statistics, "seconds": samples}.items():
        if value < 1:
            raise ValueError(f"{name}: expected more than 0, got {value}")
    if valid_every < 0 or (weights == "best" and not valid_every):
        raise ValueError("valid_every: expected at least 0, and at least 1 where the best weights are kept")

    def batches(split: str, seed: int) -> MultiRateBatches:
        caches = _caches(root, dataset, material, split, cache, skip_unreadable)
        crops = Crops(draws=draws)
        return MultiRateBatches(caches, batch_size=batch_size, samples=samples, seed=seed, crops=crops)

    validation = None
    if valid_every:
        measure = ObjectiveLoss(objective=objective, data=batches("valid", VALID_SEED), batches=VALID_BATCHES)
        validation = Validation(
            measure=measure, every=valid_every, score="si_snr", better="higher", weights=weights
        )
    data = batches("train", seed)
    take_statistics(network, data, statistics)
    return Run(
        model=network,
        objective=objective,
        data=data,
        optimiser=Optimiser(
            name="ranger",
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            accumulate=accumulate,
        ),
        schedule=Schedule(shape="restarts", every=period, drop=0.85),
        steps=steps,
        seed=seed,
        validation=validation,
        config={
            "recipe": recipe,
            "root": root,
            "dataset": dataset,
            "model": model,
            "draws": draws,
            "batch_size": batch_size,
            "seconds": seconds,
            "recompute": recompute,
            "reconstruction": reconstruction,
            "dissimilarity": dissimilarity,
            "similarity": similarity,
            "statistics": statistics,
            "skip_unreadable": skip_unreadable,
        },
    )


def take_statistics(model: "MetaTasNet", data: "MultiRateBatches", items: int) -> None:
    """Set the spectrograms' means and deviations from the mixtures of at least so many items."""
    import torch

    from stemwise.models.meta_tasnet import Stage

    sums: dict[int, list[torch.Tensor]] = {}
    with torch.no_grad():
        for k in range(-(-items // data.batch_size)):
            batch = data.batch(k)
            mixtures = model.filled_up([batch[f"mixture_{rate}"] for rate in model.rates])
            for number, (stage, mixture) in enumerate(zip(model.stages, mixtures, strict=True)):
                assert isinstance(stage, Stage)
                power = stage.encoder.spectrogram.log_power(mixture).double()
                count = torch.tensor(float(power.shape[0] * power.shape[2]))
                found = [count, power.sum((0, 2)), power.square().sum((0, 2))]
                before = sums.get(number, [torch.zeros(()).double()] * 3)
                sums[number] = [a + b for a, b in zip(before, found, strict=True)]
        for number, (count, total, square) in sums.items():
            branch = model.stages[number].get_submodule("encoder.spectrogram")
            mean = total / count
            variance = (square - count * mean.square()).clamp_min(0) / (count - 1)
            branch.get_buffer("mean").copy_(mean[None, :, None])
            branch.get_buffer("std").copy_(variance.sqrt().clamp_min(1e-3)[None, :, None])


def _network(model: str, material: Material) -> "MetaTasNet":
    from stemwise.models.meta_tasnet import VARIANTS

    network = named(VARIANTS, model, "model").build()
    wanted = (material.sample_rate, *material.further_rates)
    if network.rates != wanted:
        raise ValueError(f"model: expected one at {wanted} Hz, {model} works at {network.rates}")
    return network


def _caches(
    root: Path, dataset: str, material: Material, split: str, folder: Path | None, skip_unreadable: bool
) -> "list[AudioCache]":
    """Return the decoded audio of a split's tracks at each rate."""
    tracks = tracks_of(dataset, root, split)
    return [decoded_audio(tracks, form, root, folder, skip_unreadable) for form in material.at_each_rate()]
