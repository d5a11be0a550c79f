"""Songs cut into segments, and which sources sound in each.

Garoufis, Zlatintsi, Maragos, SMC 2023 (MSCOL), released code: segments of 392 frames of 10 ms; a source is
active where the mean of its samples' magnitudes is above 0.01.

Deviations:
    released code: the energy is that of every 64 000 samples, but segments lie 62 720 samples apart, so that
    the two drift apart. The default takes the samples under the segment, `energy="published"` the others.
    released code: a track of exactly so many whole segments loses the last one. Here it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from stemwise.data.cache import AudioCache
from stemwise.data.decoding import FULL_SCALE

THRESHOLD = 0.01
HOP = 160  # samples a frame
SEGMENT, PUBLISHED_SAMPLES = 392, 64_000

Energy = Literal["aligned", "published"]


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Segments of many tracks.

    Attributes:
        places: track and start of each.
        length: of each, in the unit of the starts.
        active: stem → whether it sounds, of each.
    """

    places: Int[np.ndarray, "n 2"]
    length: int
    active: Mapping[str, Bool[np.ndarray, "n"]]

    def __len__(self) -> int:
        return len(self.places)

    def in_samples(self) -> Segments:
        """Return the same segments, their starts and length in samples instead of frames."""
        return Segments(places=self.places * [1, HOP], length=self.length * HOP, active=self.active)


def cut(
    audio: AudioCache, lengths: np.ndarray, frames: int = SEGMENT, energy: Energy = "aligned"
) -> Segments:
    """Return the whole segments of all tracks, one behind the other, and which sources sound in each.

    Args:
        audio: mixtures, and stems if there are any, at 16 kHz.
        lengths: frames of each track.
        frames: of a segment.
        energy: which samples tell whether a source sounds.

    Raises:
        ValueError: no track is as long as a segment.
    """
    step = frames * HOP if energy == "aligned" else frames * PUBLISHED_SAMPLES // SEGMENT
    return _cut(audio, lengths, frames, step, f"{frames} frames ({frames / 100:g} s)")


def cut_audio(audio: AudioCache, frames: int = SEGMENT, energy: Energy = "aligned") -> Segments:
    """Return the same, starts and length in samples, for audio of any rate.

    Args:
        audio: mixtures, and stems if there are any.
        frames: of 10 ms, of a segment.
        energy: as in `cut`.

    Raises:
        ValueError: no track is as long as a segment.
    """
    samples = round(frames * audio.material.sample_rate / 100)
    step = samples if energy == "aligned" else samples * PUBLISHED_SAMPLES // (SEGMENT * HOP)
    return _cut(audio, audio.lengths, samples, step, f"{samples} samples ({frames / 100:g} s)")


def _cut(audio: AudioCache, lengths: np.ndarray, length: int, step: int, shown: str) -> Segments:
    counts = lengths // length
    if not counts.any():
        raise ValueError(
            f"segment: expected tracks of at least {shown}, the longest has "
            f"{max(lengths, default=0)}; take shorter segments or longer tracks"
        )
    places = [(track, length * turn) for track, count in enumerate(counts) for turn in range(count)]
    stems = {name: row for row, name in enumerate(audio.sources) if name != "mixture"}
    active = {
        name: np.concatenate([_levels(audio, t, row, step, int(n)) for t, n in enumerate(counts)]) > THRESHOLD
        for name, row in stems.items()
    }
    return Segments(places=np.array(places), length=length, active=active)


def _levels(audio: AudioCache, track: int, source: int, step: int, count: int) -> np.ndarray:
    """Return the mean magnitude of every `step` samples; of those that are there, at a track's end."""
    samples = audio.whole(track, source)[: count * step]
    levels = np.zeros(count)
    for turn in range(count):
        piece = samples[turn * step : (turn + 1) * step]
        if len(piece):
            levels[turn] = np.abs(piece.astype(np.int32)).mean() / FULL_SCALE
    return levels
