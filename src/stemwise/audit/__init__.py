"""Whether a data set is worth learning from: what needs no learning, and what cannot be learned, in numbers.

Each stem is scored for the mixture itself, for the best fixed equaliser and for an ideal ratio mask; each
label by two simple features of the mixture with a linear model, and the key by a template. What these
reach, a network has to beat; what they cannot reach by far, may be beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

import numpy as np

from stemwise.audit.features import Features, describe
from stemwise.audit.probes import probe_labels
from stemwise.audit.separation import LONGEST_S, separation_scores, stem_scores
from stemwise.data.audio import open_audio, read
from stemwise.data.tracks import Track
from stemwise.memory import keep_freed_memory

Progress = Callable[[int, int], None]
PROTOCOL = (
    "stems: SI-SDR over all channels of the first 30 s at most, medians over the scored tracks in which the "
    "stem is above -60 dB; the equaliser is one real gain per bin of a 2048-sample spectrum, the same for "
    "the whole track and all channels, fitted to that very stem; the mask is an ideal ratio mask. "
    "Labels: features of the mono mixture at 22050 Hz; mfcc are 20 coefficients' mean, standard deviation, "
    "and standard deviation of their differences; chroma is the mean of 12 tuned pitch classes; both "
    "standardised, then logistic regression (C = 1), or ridge for numbers, fitted to the train split; the "
    "template is the best correlation of the chroma with Krumhansl and Kessler's profiles"
)


def audit(tracks: Sequence[Track], split: str = "test", progress: Progress | None = None) -> dict[str, Any]:
    """Return what simple means reach on a data set's stems and labels, beside chance and an oracle.

    Args:
        tracks: of all splits.
        split: the one that is scored; simple models learn from `train`.
        progress: told (tracks done, tracks in all).

    Returns:
        `protocol`, `split`, `tracks` and `train_tracks` (counts), `stems` (by name, see
        `separation_scores`), `labels` (a row for each label and method, see `probes.Probe`) and `skipped`
        (labels that were not asked for, with the reason).

    Raises:
        ValueError: no track in the split, a file that cannot be read, or scikit-learn is missing.
    """
    scored = [track for track in tracks if track.split == split]
    if not scored:
        raise ValueError(f"split: expected tracks of {split!r}, found none; choose another split")
    keep_freed_memory()
    learned = [track for track in tracks if track.split == "train" != split]
    described, rows = [], []
    for done, track in enumerate([*learned, *scored], 1):
        features, stems = _heard(track, stems=track.split == split)
        described.append((track, features))
        rows.append(stems)
        if progress:
            progress(done, len(learned) + len(scored))
    probes, skipped = probe_labels(described[: len(learned)], described[len(learned) :])
    return {
        "protocol": PROTOCOL,
        "split": split,
        "tracks": len(scored),
        "train_tracks": len(learned),
        "stems": separation_scores(rows),
        "labels": [{**asdict(probe), "verdict": probe.verdict} for probe in probes],
        "skipped": skipped,
    }


def _heard(track: Track, stems: bool) -> tuple[Features, dict[str, dict[str, float]]]:
    """Return a track's features and, where they are asked for, its stems' scores; each file decoded once."""
    with open_audio(track.mixture) as audio:
        blocks = audio.blocks(LONGEST_S * audio.sample_rate)
        first = next(blocks)
        described = describe(chain([first], blocks), audio.sample_rate)
    if not (stems and track.stems):
        return described, {}
    samples = first.shape[1]
    parts = {stem: read(path, samples=samples)[0] for stem, path in track.stems.items()}
    for stem, part in parts.items():
        if part.shape != first.shape:
            raise ValueError(
                f"{track.stems[stem]}: expected {first.shape} channels and samples as in the mixture, got "
                f"{part.shape}; see `stemwise data verify`"
            )
    return described, stem_scores(first, np.stack(list(parts.values())), list(parts))


__all__ = ["PROTOCOL", "audit"]
