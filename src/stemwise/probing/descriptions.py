"""Two simple descriptions of a clip, which an encoder has to beat: MFCC and chroma, as jukemir has them.

Each is a series of frames; its mean and deviation over time, and those of its first and second differences,
are one vector. Needs librosa.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

RATE, HOP = 22_050, 512
COEFFICIENTS, PITCH_CLASSES = 20, 12
Description = tuple[int, Callable[[np.ndarray], np.ndarray]]
"""How many features there are, and what makes them of mono audio at `RATE`."""


def mfcc(audio: Float32[np.ndarray, "t"]) -> Float32[np.ndarray, "120"]:
    """Return 20 mel-frequency cepstral coefficients' statistics.

    Raises:
        ValueError: librosa is missing.
    """
    found = _librosa().feature.mfcc(y=audio, sr=RATE, n_mfcc=COEFFICIENTS, hop_length=HOP)
    return _statistics(found)


def chroma(audio: Float32[np.ndarray, "t"]) -> Float32[np.ndarray, "72"]:
    """Return twelve pitch classes' statistics, from a constant-Q transform.

    Raises:
        ValueError: librosa is missing.
    """
    with warnings.catch_warnings():  # of clips shorter than its longest window, and of silence
        warnings.simplefilter("ignore", UserWarning)
        found = _librosa().feature.chroma_cqt(y=audio, sr=RATE, hop_length=HOP)
    return _statistics(found)


def _statistics(series: Float[np.ndarray, "d n"]) -> Float32[np.ndarray, "e"]:
    """Return mean and deviation of a series and of its differences; 0 of those that it is too short for."""
    orders = [np.diff(series, order, axis=1) for order in range(3)]
    kept = [order if order.shape[1] else np.zeros((len(series), 1)) for order in orders]
    return np.concatenate([part for x in kept for part in (x.mean(1), x.std(1))]).astype(np.float32)


def _librosa() -> Any:
    try:
        import librosa
    except ImportError as error:
        raise ValueError("mfcc and chroma need librosa: pip install 'stemwise[train]'") from error
    return librosa


DESCRIPTIONS: dict[str, Description] = {
    "mfcc": (6 * COEFFICIENTS, mfcc),
    "chroma": (6 * PITCH_CLASSES, chroma),
}
"""By name."""
