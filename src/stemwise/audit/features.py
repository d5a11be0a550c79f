"""Two simple descriptions of a mixture: how it sounds (MFCC statistics) and which pitches it has (chroma)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from stemwise.signal.mel import tf_mel_matrix
from stemwise.signal.resample import Resampler

RATE = 22_050
COEFFICIENTS = 20
_MELS, _WINDOW, _HOP = 64, 2048, 512
_PITCH_WINDOW, _PITCH_HOP = 8192, 4096
LOWEST_HZ, HIGHEST_HZ = 65.0, 2100.0
"""Partials outside say little of the key: drums below and above, and overtones."""

AUDIBLE = 0.01
"""Partials are peaks above this share of their frame's highest."""


@dataclass(frozen=True)
class Features:
    """A mixture's description: 60 MFCC statistics, and 12 pitch classes from C up, which sum to one."""

    mfcc: Float[np.ndarray, "d"]
    chroma: Float[np.ndarray, "12"]


def describe(blocks: Iterable[Float[np.ndarray, "c n"]], sample_rate: int) -> Features:
    """Return the features of a mixture that comes in blocks.

    Args:
        blocks: channels × samples; frames do not reach across them, so they should be long.
        sample_rate: Hz.
    """
    resampler = Resampler(sample_rate, RATE, 1)
    pieces = [resampler.push(block.mean(0, keepdims=True, dtype=np.float32))[0] for block in blocks]
    pieces.append(resampler.finish()[0])
    whole = [piece for piece in pieces if piece.size >= _PITCH_WINDOW] or [np.concatenate(pieces)]
    cepstra = np.concatenate([_cepstra(piece) for piece in whole], axis=1)  # d n
    partials = [_partials(piece) for piece in whole]
    return Features(_statistics(cepstra), _chroma(np.concatenate(partials, axis=1)))


def _statistics(cepstra: Float[np.ndarray, "d n"]) -> Float[np.ndarray, "e"]:
    change = np.diff(cepstra, axis=1) if cepstra.shape[1] > 1 else np.zeros_like(cepstra)
    return np.concatenate([cepstra.mean(1), cepstra.std(1), change.std(1)])


def _cepstra(audio: Float[np.ndarray, "t"]) -> Float[np.ndarray, "d n"]:
    power = np.square(_spectrum(audio, _WINDOW, _HOP))  # n f
    return _cosines() @ np.log(_filters() @ power.T + 1e-10)


@cache
def _filters() -> Float[np.ndarray, "m f"]:
    return tf_mel_matrix(_MELS, _WINDOW // 2 + 1, RATE, 30.0, RATE / 2).numpy().astype(np.float64)


@cache
def _cosines() -> Float[np.ndarray, "d m"]:
    """Return the orthonormal cosine transform (DCT-II), cut to the first coefficients."""
    order, place = np.arange(COEFFICIENTS)[:, None], np.arange(_MELS)
    rows = np.cos(np.pi * order * (place + 0.5) / _MELS) * np.sqrt(2 / _MELS)
    return rows * np.where(order == 0, np.sqrt(0.5), 1.0)


def _spectrum(audio: Float[np.ndarray, "t"], window: int, hop: int) -> Float[np.ndarray, "n f"]:
    """Return magnitudes, of a full-scale sine about a half."""
    padded = np.pad(audio, (0, max(0, window - audio.size)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    hann = np.hanning(window)
    return np.abs(np.fft.rfft(frames * (hann / hann.sum())))


def _partials(audio: Float[np.ndarray, "t"]) -> Float[np.ndarray, "2 p"]:
    """Return the pitch of each partial, in semitones above 440 Hz, and its share of its frame."""
    spectrum = _spectrum(audio, _PITCH_WINDOW, _PITCH_HOP) + 1e-9
    left, middle, right = spectrum[:, :-2], spectrum[:, 1:-1], spectrum[:, 2:]
    hertz = np.arange(1, spectrum.shape[1] - 1) * RATE / _PITCH_WINDOW
    inside = (hertz > LOWEST_HZ) & (hertz < HIGHEST_HZ)
    peaks = (middle > left) & (middle >= right) & inside
    peaks &= middle > np.maximum(AUDIBLE * middle[:, inside].max(1, keepdims=True), 1e-6)
    frame, place = np.nonzero(peaks)
    a, b, c = (np.log(side[frame, place]) for side in (left, middle, right))
    exact = place + 1 + 0.5 * (a - c) / (a - 2 * b + c)  # the vertex of a parabola through three bins
    weights = middle[frame, place]
    total = np.bincount(frame, weights, len(spectrum))
    return np.stack([12 * np.log2(exact * RATE / _PITCH_WINDOW / 440), weights / total[frame]])


def _chroma(partials: Float[np.ndarray, "2 p"]) -> Float[np.ndarray, "12"]:
    """Return the share of each pitch class, with the mixture's own tuning taken out.

    The tuning is the circular mean of how far the partials lie from the semitones of 440 Hz.
    """
    pitch, weight = partials
    if not pitch.size:
        return np.full(12, 1 / 12)
    tuning = np.angle((weight * np.exp(2j * np.pi * pitch)).sum()) / (2 * np.pi)
    classes = (np.round(pitch - tuning).astype(int) + 9) % 12  # 440 Hz is an A, nine above C
    share = np.bincount(classes, weight, 12)
    return share / share.sum()
