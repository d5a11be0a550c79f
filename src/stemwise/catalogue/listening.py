"""Rows of what a classifier hears: tags of files or windows, and vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from stemwise.catalogue.pipeline import Compute
from stemwise.catalogue.planning import Planned
from stemwise.catalogue.tables import Columns, Rows
from stemwise.data.decoders import AudioInfo
from stemwise.embedding import embed_windows, over_windows, tag_windows
from stemwise.interfaces import Classifier


def tags(model: Classifier) -> Compute:
    """Return what gives the probabilities of a file's windows, some windows at a time."""

    def compute(info: AudioInfo, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        return tag_windows(model, blocks, info.sample_rate, info.channels)

    return compute


def vectors(model: Classifier) -> Compute:
    """Return what gives the vectors of a file's windows, some windows at a time."""

    def compute(info: AudioInfo, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        return embed_windows(model, blocks, info.sample_rate, info.channels)

    return compute


def tag_rows(model: Classifier, timeline: bool) -> Rows:
    """Return what makes rows of tags: `file`, with a timeline `start_s`, and a column for each class."""

    def rows(planned: Planned, info: AudioInfo, pieces: Sequence[Any]) -> Columns:
        chances = np.concatenate(list(pieces))
        if not timeline:
            chances = over_windows(model, chances)[None]
        named = {name: chances[:, k] for k, name in enumerate(model.classes)}
        times = {"start_s": starts_s(model, len(chances))} if timeline else {}
        return {"file": [str(planned.item.path)] * len(chances), **times, **named}

    return rows


def vector_rows(model: Classifier, mean: bool) -> Rows:
    """Return what makes rows of vectors: `file`, `window`, `start_s` and `vector`; one row where `mean`."""

    def rows(planned: Planned, info: AudioInfo, pieces: Sequence[Any]) -> Columns:
        vectors = np.concatenate(list(pieces)).astype(np.float32)
        file = str(planned.item.path)
        if mean:
            return {"file": [file], "vector": vectors.mean(0, keepdims=True)}
        count = len(vectors)
        window = np.arange(count, dtype=np.int32)
        return {
            "file": [file] * count,
            "window": window,
            "start_s": starts_s(model, count),
            "vector": vectors,
        }

    return rows


def starts_s(model: Classifier, windows: int) -> Float[np.ndarray, "n"]:
    """Return the seconds at which windows begin."""
    return np.arange(windows) * model.hop / model.sample_rate
