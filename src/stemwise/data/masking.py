"""Masking, shifting and warping of log-mels: what MSCOL changes excerpts by where there are no sources.

Garoufis, Zlatintsi, Maragos, SMC 2023, released code, where it crashes before it is reached.

Deviations:
    released code: masks write zeros, which lie far above the silence of a log-mel; the default does so too,
    `fill` may be another value. An excerpt is a view there, so masking the anchor also masks what the
    positive overlaps it by; here each is a copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

Generator = np.random.Generator | np.random.RandomState
"""Anything that gives uniform numbers; numpy's old generator is what the original code draws from."""

Masks = tuple[tuple[int, int], ...]
"""First frame or band, and how many."""


@dataclass(frozen=True, kw_only=True)
class Masking:
    """What is done to one excerpt.

    Attributes:
        times: frames that are masked.
        bands: mel bands that are masked.
        shift: bands that all moves down by.
        middle: frame that the middle of the excerpt comes from, where time is warped.
    """

    times: Masks = ()
    bands: Masks = ()
    shift: int = 0
    middle: int | None = None


def draw(rng: Generator) -> Masking:
    """Draw what is done to an excerpt of 98 frames and 64 bands, in the order of the released code.

    Half of all excerpts have 1 to 9 frames masked in 1 to 9 places, half 1 to 11 bands in 1 to 4; 0.4 are
    shifted by 1 to 9 bands, 0.4 warped.
    """
    masks_time, masks_bands = rng.uniform(size=2) > 0.5
    shifts, warps = rng.uniform(size=2) < 0.4
    return Masking(
        times=_masks(rng, places=10, last=87, width=10) if masks_time else (),
        bands=_masks(rng, places=5, last=64, width=12) if masks_bands else (),
        shift=_whole(rng, 1, 10) if shifts else 0,
        middle=_whole(rng, 38, 58) if warps else None,
    )


def masked(picture: Float32[np.ndarray, "98 64"], how: Masking, fill: float = 0.0) -> np.ndarray:
    """Return a changed copy of an excerpt, frames × bands."""
    out = picture.copy()
    for first, count in how.times:
        out[first : first + count] = fill
    for first, count in how.bands:
        out[:, first : first + count] = fill
    if how.shift:
        out[:, : -how.shift] = out[:, how.shift :].copy()
        out[:, -how.shift :] = fill
    return out if how.middle is None else _warped(out, how.middle)


def _masks(rng: Generator, places: int, last: int, width: int) -> Masks:
    count = _whole(rng, 1, places)
    firsts, widths = rng.uniform(0, last, count), rng.uniform(1, width, count)
    return tuple((int(first), int(many)) for first, many in zip(firsts, widths, strict=True))


def _whole(rng: Generator, low: int, high: int) -> int:
    return int(rng.uniform(low, high))


def _warped(picture: np.ndarray, middle: int) -> np.ndarray:
    """Return half of the frames from before and half from behind a frame, interpolated linearly."""
    last = len(picture) - 1
    half = len(picture) // 2
    places = np.concatenate([np.linspace(0, middle, half), np.linspace(middle + 1, last, half)])
    left = np.minimum(places.astype(int), last - 1)
    share = (places - left)[:, None].astype(np.float32)
    return picture[left] * (1 - share) + picture[left + 1] * share
