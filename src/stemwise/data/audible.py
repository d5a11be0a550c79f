"""Which excerpts of a stem can be heard."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stemwise.data.cache import AudioCache
from stemwise.data.decoding import FULL_SCALE

AUDIBLE = 10 ** (-45 / 20)
"""A stem's excerpt below this RMS (-45 dB of full scale) is no material for a mixture."""

_STEPS = 64  # quarter excerpts that are looked at together


def audible_places(cache: AudioCache, source: int, samples: int) -> np.ndarray:
    """Return (track, start) of every audible excerpt, a quarter of an excerpt apart.

    Energies are whole numbers, so that every machine finds the same excerpts.

    Raises:
        ValueError: there is none.
    """
    if samples < 4:
        raise ValueError(f"samples: expected at least 4 in an excerpt, got {samples}")
    threshold = (AUDIBLE * FULL_SCALE) ** 2 * samples * cache.material.channels
    hop, places = samples // 4, []
    for track in range(len(cache.tracks)):
        loud = np.flatnonzero(_energies(cache, track, source, samples) > threshold)
        places.append(np.stack([np.full_like(loud, track), loud * hop], axis=1))
    found = np.concatenate(places)
    if not len(found):
        raise ValueError(
            f"{cache.sources[source]}: expected audible excerpts of {samples} samples, found none in "
            f"{len(cache.tracks)} tracks; check the stems, or render more and longer tracks"
        )
    return found


def _energies(cache: AudioCache, track: int, source: int, samples: int) -> np.ndarray:
    """Return the energy of every whole excerpt of a track, or of its only one where it is shorter."""
    hop, rest = samples // 4, samples % 4
    parts = list(_hops(cache.whole(track, source), hop, rest))
    energy = np.concatenate([whole for whole, _ in parts])
    heads = np.concatenate([head for _, head in parts])
    excerpts = 1 + max(0, cache.samples(track) - samples) // hop
    energy, heads = (np.pad(values, (0, excerpts + 4)) for values in (energy, heads))
    sums = np.lib.stride_tricks.sliding_window_view(energy, 4).sum(axis=1)
    return sums[:excerpts] + heads[4 : 4 + excerpts]  # an excerpt is four hops and up to three samples


def _hops(audio: np.ndarray, hop: int, rest: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the energies of successive hops and of their first `rest` samples, some at a time."""
    channels = audio.shape[1]
    for start in range(0, max(1, len(audio)), _STEPS * hop):
        block = audio[start : start + _STEPS * hop].astype(np.int32)
        block = np.pad(block, ((0, -len(block) % hop), (0, 0))).reshape(-1, hop * channels)
        squares = block * block  # at most 2 ** 30
        yield squares.sum(axis=1, dtype=np.int64), squares[:, : rest * channels].sum(axis=1, dtype=np.int64)
