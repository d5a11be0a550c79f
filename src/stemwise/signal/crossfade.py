"""Parts that overlap, faded into each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float32


def crossfaded(
    parts: Iterable[Float32[np.ndarray, "c _"]], overlap: int
) -> Iterator[Float32[np.ndarray, "c _"]]:
    """Yield parts end to end, where each begins `overlap` samples before the one before it ends.

    The weights are linear and sum to one, so parts of one signal give it back.

    Args:
        parts: each at least twice as long as the overlap; the first and the last need only be as long as it,
            and a single one may have any length.
        overlap: samples.

    >>> ones = np.ones((1, 6), np.float32)
    >>> [part.round(2).tolist() for part in crossfaded([ones, 3 * ones], 2)]
    [[[1.0, 1.0, 1.0, 1.0]], [[1.5, 2.5, 3.0, 3.0]], [[3.0, 3.0]]]
    """
    ramp = ((np.arange(overlap) + 0.5) / max(1, overlap)).astype(np.float32)
    tail = None
    for part in parts:
        if tail is not None:
            assert part.shape[1] >= overlap == tail.shape[1], "a part is shorter than the overlap"
            head = tail * (1 - ramp) + part[:, :overlap] * ramp
            part = np.concatenate([head, part[:, overlap:]], axis=1)
        whole = max(0, part.shape[1] - overlap)
        yield part[:, :whole]
        tail = part[:, whole:]
    if tail is not None:
        yield tail
