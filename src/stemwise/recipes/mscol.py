"""MSCOL: contrast mixtures with their sources.

Garoufis, Zlatintsi, Maragos, SMC 2023 (arXiv 2302.07077). The defaults are those of the released code:
640 000 updates of 128 pairs, Adam at 1e-3, halved once in the middle. The paper's numbers were not at hand
when this was written, and none of its runs is reproduced at full scale here.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stemwise import STEMS
from stemwise.data.material import Material
from stemwise.names import named
from stemwise.recipes.reading import at_least, decoded_audio, tracks_with_stems

if TYPE_CHECKING:
    from stemwise.data.activity import Energy, Segments
    from stemwise.data.pairs import Excerpts, SourcePairs
    from stemwise.data.tracks import Track
    from stemwise.interfaces import Encoder
    from stemwise.objectives.contrastive import SourceContrast, SourceContrastPictures
    from stemwise.training import Run, Validation

MATERIAL = Material(sources=("mixture", *STEMS), sample_rate=16_000)
VALID_SEED = 0  # always the same crops, whatever the run's seed
HEADLESS = ("none",)
"""The class of a classifier whose head is not used."""

Sources = Literal["all", "drums", "bass", "other", "vocals", "none"]


def pretrain(
    *,
    root: Path,
    dataset: str = "rendered",
    model: str = "mscol",
    sources: Sources = "all",
    silent: bool = False,
    mask: bool = False,
    symmetric: bool = False,
    energy: Literal["aligned", "published"] = "aligned",
    segment: int = 392,
    stems: Path | None = None,
    steps: int = 640_000,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    clip_norm: float = 0.0,
    valid_every: int = 0,
    valid_batches: int = 4,
    seed: int = 0,
    cache: Path | None = None,
    skip_unreadable: bool = False,
) -> "Run":
    """Pre-train MSCOL's encoder: a mixture is to find its own source, or another excerpt of itself.

    `--sources none` is COLA; `--mask` then masks, shifts and warps both excerpts. With `--silent`, half of
    the batches hold segments whose source may be silent, and all silent ones count as one. The history has
    the accuracy of retrieval within the batch for each source, in training and in validation.

    Args:
        root: a data set whose tracks have stems, their own or those of `data stems`; without sources, any.
        dataset: what it is, as `data info` names it.
        model: an encoder of `stemwise models`. MSCOL's is trained on log-mels, others on audio: those of
            TUNe, SampleCNN, and MSSPT's classifiers below their heads.
        sources: what a mixture is contrasted with: all four in turn, one of them, or none.
        silent: whether silent sources take part.
        mask: whether excerpts are masked; only without sources.
        symmetric: whether sources are to find their mixtures, too.
        energy: which samples tell whether a source sounds: those under the segment, or the released code's.
        segment: frames of 10 ms that both excerpts of a pair come from.
        stems: folder that `data stems` wrote, used in place of the set's own; `stems` in the root where not
            given and the tracks have none of their own.
        steps: batches to train on; the rate is halved behind the first half.
        batch_size: pairs per batch.
        learning_rate: Adam's, in the first half.
        clip_norm: largest norm of the gradient; 0 for none.
        valid_every: steps between validations on the valid split; 0 for none.
        valid_batches: batches of each source in a validation.
        seed: of weights and pairs.
        cache: folder of decoded audio and log-mels; `cache` in the root where not given.
        skip_unreadable: leave out tracks with files that cannot be read, instead of an error.
    """
    import torch

    from stemwise.models.mscol import FRAMES, Mscol
    from stemwise.objectives.contrastive import SourceContrast, SourceContrastPictures
    from stemwise.training import Optimiser, Run, Schedule

    at_least(1, steps=steps, segment=segment, valid_batches=valid_batches)
    at_least(2, batch_size=batch_size)
    at_least(0, seed=seed, valid_every=valid_every)
    _check(sources, silent, mask)
    torch.manual_seed(seed)
    network = _network(model)
    on_audio = not isinstance(network, Mscol)
    if on_audio and mask:
        raise ValueError(f"mask: log-mels are masked, and {model} hears audio; leave it out")
    wanted = {"all": STEMS, "none": ()}.get(sources, (sources,))

    def prepared(split: str, most: int, pairs_seed: int, **more: Any) -> "list[SourcePairs]":
        tracks = tracks_with_stems(dataset, root, split, wanted, stems, skip_unreadable)
        material = replace(MATERIAL, sources=("mixture", *wanted), sample_rate=network.sample_rate)
        how = {"folder": cache, "skip_unreadable": skip_unreadable, "on_audio": on_audio}
        excerpts, segments = _segmented(tracks, material, root, segment, energy, **how)
        length = network.window if on_audio else FRAMES
        return _pairs(excerpts, segments, wanted, most, pairs_seed, length, **more)

    objective = SourceContrast(network, symmetric=symmetric) if on_audio else None
    objective = objective or SourceContrastPictures(symmetric=symmetric)
    (data,) = prepared("train", batch_size, seed, silent=silent, masking=mask)
    validation = None
    if valid_every:
        unseen = prepared("valid", batch_size, VALID_SEED, apart=True)
        validation = _retrieval(unseen, objective, valid_batches, valid_every)
    return Run(
        model=network,
        objective=objective,
        data=data,
        optimiser=Optimiser(name="keras-adam", learning_rate=learning_rate, clip_norm=clip_norm),
        schedule=Schedule(shape="step", every=max(1, steps // 2), drop=0.5, least=0.5),
        steps=steps,
        seed=seed,
        validation=validation,
        config={
            "recipe": "mscol",
            "root": root,
            "dataset": dataset,
            "model": model,
            "sources": sources,
            "silent": silent,
            "mask": mask,
            "symmetric": symmetric,
            "energy": energy,
            "segment": segment,
            "stems": stems or "",
            "batch_size": batch_size,
            "valid_batches": valid_batches,
            "skip_unreadable": skip_unreadable,
        },
    )


def _check(sources: str, silent: bool, mask: bool) -> None:
    if sources == "none" and silent:
        raise ValueError("silent: without sources nothing is silent; leave it out, or choose sources")
    if sources != "none" and mask:
        raise ValueError("mask: only mixtures are masked; leave it out, or choose --sources none")


def _network(name: str) -> "Encoder":
    """Return an encoder with fresh weights; one of MSSPT's classifiers has a head that is not used here."""
    from stemwise.models import ENCODERS, joint, tail

    msspt: dict[str, Any] = {**tail.VARIANTS, **joint.VARIANTS}
    config = named({**ENCODERS, **msspt}, name, "model")
    return (replace(config, classes=HEADLESS) if name in msspt else config).build()


def _segmented(
    tracks: "list[Track]",
    material: Material,
    root: Path,
    frames: int,
    energy: "Energy",
    *,
    folder: Path | None,
    skip_unreadable: bool,
    on_audio: bool,
) -> "tuple[Excerpts, Segments]":
    """Return the audio of tracks, or their log-mels, and their segments in the same unit."""
    from stemwise.data.activity import cut_audio
    from stemwise.recipes.logmels import segmented_log_mels

    how: dict[str, Any] = {"folder": folder, "skip_unreadable": skip_unreadable}
    if not on_audio:
        return segmented_log_mels(tracks, material, root, frames=frames, energy=energy, **how)
    audio = decoded_audio(tracks, material, root, **how)
    return audio, cut_audio(audio, frames, energy)


def _pairs(
    excerpts: "Excerpts",
    segments: "Segments",
    stems: tuple[str, ...],
    most: int,
    seed: int,
    length: int,
    *,
    silent: bool = False,
    masking: bool = False,
    apart: bool = False,
) -> "list[SourcePairs]":
    """Return pairs of all sources, or of each `apart`: in batches of as many as there are, then."""
    from stemwise.data.pairs import SourcePairs

    if apart:
        counts = {stem: int(segments.active[stem].sum()) for stem in stems} or {"mixture": len(segments)}
        if (least := min(counts.values())) < 2:
            raise ValueError(
                f"valid_every: expected at least 2 segments of each source in the valid split, got {counts}; "
                "use more tracks, or no validation"
            )
        most = min(most, least)
    return [
        SourcePairs(
            excerpts,
            segments,
            sources=sources,
            silent=silent,
            batch_size=most,
            length=length,
            seed=seed,
            masking=masking,
        )
        for sources in ([(stem,) for stem in stems] or [()] if apart else [stems])
    ]


def _retrieval(
    unseen: "list[SourcePairs]",
    objective: "SourceContrast | SourceContrastPictures",
    batches: int,
    every: int,
) -> "Validation":
    """Return the retrieval of each source on unseen tracks."""
    from stemwise.recipes.measures import Retrieval
    from stemwise.training import Validation

    data = {pairs.sources[0] if pairs.sources else "mixture": pairs for pairs in unseen}
    return Validation(measure=Retrieval(objective=objective, data=data, batches=batches), every=every)
