"""MSSPT's five separators as their authors trained them on MUSDB18.

Garoufis, Zlatintsi, Maragos 2023 (arXiv 2310.15845). Nobody of us has the data set, so no number of ours
stands here. docs/reproduction.md has the commands, and what differs between paper, released code and this.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stemwise import STEMS
from stemwise.data.material import Material
from stemwise.names import named
from stemwise.recipes.reading import at_least, decoded_audio, tracks_of

if TYPE_CHECKING:
    from stemwise.data.cache import AudioCache
    from stemwise.interfaces import Batches, Objective
    from stemwise.training import Run, Validation

MATERIAL = Material(sources=("mixture", *STEMS), sample_rate=16_000, splits=("train", "valid"))
WINDOW = 61_792  # samples: 384 frames
LEARNING_RATES = {"vocals": 1e-3, "drums": 2e-4, "bass": 1e-4, "other": 3e-4, "multisource": 3e-4}


def separator(
    *,
    root: Path,
    dataset: str = "musdb18-hq",
    source: Literal["vocals", "drums", "bass", "other", "multisource"] = "vocals",
    mixing: Literal["segments", "crops"] = "segments",
    steps: int = 300_000,
    batch_size: int = 8,
    learning_rate: float = 0.0,
    decay_every: int = 15_000,
    decay: float = 0.9,
    valid_every: int = 1000,
    seed: int = 0,
    cache: Path | None = None,
    skip_unreadable: bool = False,
) -> "Run":
    """Pre-train one of MSSPT's five separators on the waveform's L1, as published.

    Mixtures of 6-second segments, two of the source over two accompaniments, or 2 + 2 + 2 + 1 for all four;
    Keras' Adam; the weights of the last step.

    Args:
        root: folder of the data set.
        dataset: musdb18, musdb18-hq, rendered or stems.
        source: what is separated; `multisource` for all four stems.
        mixing: `segments` as published; `crops` draws each stem's place, gain and sign at random.
        steps: batches to train on.
        batch_size: mixtures per batch, of 3.86 s each.
        learning_rate: of Adam; 0 for the published one of the source, 1e-4 to 1e-3.
        decay_every: steps between decays of the rate.
        decay: what the rate is multiplied by.
        valid_every: steps between looks at the loss on the valid split's own mixtures, which decide nothing;
            0 for none.
        seed: of weights and mixtures.
        cache: folder of the decoded audio; `cache` in the root where not given.
        skip_unreadable: leave out songs with files that cannot be read, instead of an error.
    """
    import torch

    from stemwise.models import SEPARATORS
    from stemwise.objectives.separation import WaveformL1
    from stemwise.training import Optimiser, Run, Schedule

    at_least(1, steps=steps, batch_size=batch_size)
    at_least(0, seed=seed, valid_every=valid_every)
    rate = learning_rate or named(LEARNING_RATES, source, "source")
    torch.manual_seed(seed)
    network, objective = SEPARATORS[f"msspt-{source}"].build(), WaveformL1()

    def songs(split: str, sources: tuple[str, ...] = MATERIAL.sources) -> "AudioCache":
        material = replace(MATERIAL, sources=sources)
        return decoded_audio(tracks_of(dataset, root, split), material, root, cache, skip_unreadable)

    return Run(
        model=network,
        objective=objective,
        data=_mixtures(songs, mixing, source, network.stems, batch_size, seed),
        optimiser=Optimiser(name="keras-adam", learning_rate=rate),
        schedule=Schedule(shape="step", every=decay_every, drop=decay),
        steps=steps,
        seed=seed,
        validation=_on_songs(songs, objective, network.stems, batch_size, valid_every),
        config={
            "recipe": "msspt-separator",
            "root": root,
            "dataset": dataset,
            "source": source,
            "mixing": mixing,
            "batch_size": batch_size,
            "skip_unreadable": skip_unreadable,
        },
    )


def _mixtures(
    songs: Callable[..., "AudioCache"],
    mixing: str,
    source: str,
    stems: tuple[str, ...],
    batch_size: int,
    seed: int,
) -> "Batches":
    """Return the mixtures that a separator trains on."""
    from stemwise.data.mixing import RemixBatches
    from stemwise.data.segments import SegmentBatches

    shape: dict[str, Any] = {"batch_size": batch_size, "samples": WINDOW, "seed": seed}
    if mixing == "crops":
        return RemixBatches(songs("train", STEMS), **shape, targets=stems)
    return SegmentBatches(songs("train"), **shape, source=None if source == "multisource" else source)


def _on_songs(
    songs: Callable[..., "AudioCache"],
    objective: "Objective",
    stems: tuple[str, ...],
    batch_size: int,
    every: int,
) -> "Validation | None":
    """Return the loss on the valid split's songs as a validation that decides nothing; none for 0 steps."""
    from stemwise.data.segments import SongBatches
    from stemwise.training import ObjectiveLoss, Validation

    if not every:
        return None
    unseen = SongBatches(songs("valid"), batch_size=batch_size, samples=WINDOW, seed=0, targets=stems)
    return Validation(
        measure=ObjectiveLoss(objective=objective, data=unseen, batches=unseen.batches), every=every
    )
