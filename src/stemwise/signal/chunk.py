"""Cutting long signals: overlapping windows, and chunks that carry their context."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def window_count(samples: int, size: int, hop: int) -> int:
    """Return how many whole windows fit, and 1 for a signal shorter than one.

    >>> window_count(29 * 16_000, 61_792, 30_720)
    14
    """
    return 1 + max(0, samples - size) // hop


def windows(audio: Float[Tensor, "*b t"], size: int, hop: int) -> Float[Tensor, "*b n w"]:
    """Return the whole windows of a signal, `hop` apart; one shorter than a window is padded with silence.

    What is left over behind the last whole window is dropped, as the published evaluations do.
    """
    short = size - audio.shape[-1]
    if short > 0:
        audio = F.pad(audio, (0, short))
    return audio.unfold(-1, size, hop)


@dataclass(frozen=True)
class Chunk:
    """Where a chunk lies: it yields `[start, stop)`, and is computed from `[reach_start, reach_stop)`."""

    start: int
    stop: int
    reach_start: int
    reach_stop: int


def chunks(samples: int, chunk: int, context: int) -> Iterator[Chunk]:
    """Yield chunks that tile `[0, samples)`, each with `context` samples to either side.

    Reaches may leave the signal: what lies before 0 and behind `samples` is silence. Where `chunk` and
    `context` are multiples of a separator's grid, so is every start.

    >>> [(c.start, c.reach_stop) for c in chunks(25, chunk=10, context=5)]
    [(0, 15), (10, 25), (20, 30)]
    """
    for start in range(0, samples, chunk):
        stop = min(start + chunk, samples)
        yield Chunk(start, stop, start - context, stop + context)


def equal_chunks(samples: int, count: int, context: int, grid: int) -> Iterator[Chunk]:
    """Yield so many chunks of about equal length, as Meta-TasNet's published inference cuts a track.

    Reaches end with the signal, and are whole grid steps long. Where one begins at 0 its end is moved for
    that, so that a chunk which also reaches the signal's end loses up to a step; else its start is.

    >>> [(c.start, c.stop, c.reach_start, c.reach_stop) for c in equal_chunks(25, 2, 5, 4)]
    [(0, 13, 0, 16), (13, 25, 9, 25)]
    """
    edges = [int(samples * k / count + 0.5) for k in range(count + 1)]
    for start, stop in pairwise(edges):
        reach_start, reach_stop = max(0, start - context), min(samples, stop + context)
        over = (reach_stop - reach_start) % grid
        if reach_start:
            reach_start += over
        else:
            reach_stop -= over
        yield Chunk(start, min(stop, reach_stop), reach_start, reach_stop)
