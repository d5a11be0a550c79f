"""How loud the stems of a track are, measured on its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stemwise.data.audio import open_audio
from stemwise.data.tracks import StemFile, Track

WINDOW_S = 0.1
ACTIVE_DB = -40.0
"""A stem sounds in windows that are no further below its loudest one."""

FULL_SCALE = 0.9999


@dataclass(frozen=True, kw_only=True)
class StemLevel:
    """A stem that sounds.

    Attributes:
        level_db: RMS over the windows in which it sounds, relative to the mixture's over the same.
        active: the share of windows in which it sounds.
        width: the share of its energy that lies in the difference of left and right: 0 is mono.
    """

    level_db: float
    active: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Levels:
    """A track's levels.

    Attributes:
        seconds, sample_rate: of the mixture.
        peak_db: of the mixture, relative to full scale.
        rms_db: likewise.
        clipped: samples of the mixture at full scale.
        stems: those that sound.
    """

    seconds: float
    sample_rate: int
    peak_db: float
    rms_db: float
    clipped: int
    stems: Mapping[str, StemLevel]


@dataclass(frozen=True)
class _File:
    """A file's mean square by window, and facts of the whole."""

    power: Float[np.ndarray, "n"]
    width: float
    peak: float
    clipped: int
    samples: int
    sample_rate: int


def measure(track: Track) -> Levels:
    """Return a track's levels, each of its files decoded once, in blocks.

    Raises:
        ValueError: a file cannot be read, or a stem is not as long as its mixture.
    """
    whole = _measured(track.mixture)
    return Levels(
        seconds=whole.samples / whole.sample_rate,
        sample_rate=whole.sample_rate,
        peak_db=_db(whole.peak**2),
        rms_db=_db(float(whole.power.mean())),
        clipped=whole.clipped,
        stems={stem: level for stem, path in track.stems.items() if (level := _stem(path, whole))},
    )


def _stem(path: Path | StemFile, whole: _File) -> StemLevel | None:
    part = _measured(path)
    if (part.samples, part.sample_rate) != (whole.samples, whole.sample_rate):
        raise ValueError(
            f"{path}: expected {whole.samples} samples at {whole.sample_rate} Hz as in the mixture, got "
            f"{part.samples} at {part.sample_rate}; see `stemwise data verify`"
        )
    if not part.power.any():
        return None
    active = part.power > part.power.max() * 10 ** (ACTIVE_DB / 10)
    level = _db(float(part.power[active].sum())) - _db(float(whole.power[active].sum()))
    return StemLevel(level_db=level, active=float(active.mean()), width=part.width)


def _measured(path: Path | StemFile) -> _File:
    power, energy, side, peak, clipped, samples = [], 0.0, 0.0, 0.0, 0, 0
    with open_audio(path) as audio:
        window = max(1, round(WINDOW_S * audio.sample_rate))
        for block in audio.blocks(100 * window):
            padded = np.pad(np.square(block).mean(0), (0, -block.shape[1] % window))
            power.append(padded.reshape(-1, window).mean(1))
            peak = max(peak, float(np.abs(block).max()))
            clipped += int((np.abs(block) >= FULL_SCALE).any(0).sum())
            samples += block.shape[1]
            energy += float(np.square(block[:2]).sum())
            side += float(np.square(block[0] - block[1]).sum()) / 2 if len(block) > 1 else 0.0
        rate = audio.sample_rate
    return _File(np.concatenate(power), side / energy if energy else 0.0, peak, clipped, samples, rate)


def _db(power: float) -> float:
    return float(10 * np.log10(max(power, 1e-12)))
