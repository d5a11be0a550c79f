"""The key whose profile a chroma resembles most."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

TONICS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each pitch class fits a key, from the tonic up (Krumhansl and Kessler 1982)."""


def likeliest_key(chroma: Float[np.ndarray, "12"]) -> str:
    """Return the name of the key with the highest correlation of its profile and a chroma from C up.

    >>> likeliest_key(np.array([1.0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1]) + np.eye(12)[0])
    'C major'
    """
    names = [f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS]
    profiles = [np.roll(profile, tonic) for profile in (MAJOR, MINOR) for tonic in range(12)]
    fits = [np.corrcoef(profile, chroma)[0, 1] if chroma.std() else 0.0 for profile in profiles]
    return names[int(np.argmax(fits))]
