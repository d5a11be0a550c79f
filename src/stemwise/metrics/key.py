"""Scores of an estimated key: names in, such as "A minor" or "Bb major"."""

from __future__ import annotations

import re

FIFTH, RELATIVE, PARALLEL = 0.5, 0.3, 0.2
_LETTERS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_SIGNS = {"#": 1, "♯": 1, "b": -1, "♭": -1}
_NAME = re.compile(r"([a-g])([#♯b♭]*)\s+(major|minor|maj|min)", re.IGNORECASE)


def is_key(name: str) -> bool:
    """Return whether a name is that of a major or minor key.

    Example:
        >>> is_key("A minor"), is_key("unknown")
        (True, False)
    """
    return _NAME.fullmatch(name.strip()) is not None


def parse(name: str) -> tuple[int, bool]:
    """Return a key's tonic, 0 for C to 11 for B, and whether it is minor.

    Letters may be of either case; enharmonic spellings are one key.

    Raises:
        ValueError: the name is not that of a major or minor key.

    Example:
        >>> parse("A minor"), parse("Db major") == parse("c# major")
        ((9, True), True)
    """
    found = _NAME.fullmatch(name.strip())
    if not found:
        raise ValueError(f"key: expected a name such as 'A minor' or 'Bb major', got {name!r}; rename it")
    letter, signs, mode = found.groups()
    tonic = _LETTERS[letter.lower()] + sum(_SIGNS[sign.lower()] for sign in signs)
    return tonic % 12, mode.lower().startswith("min")


def weighted_score(reference: str, estimate: str) -> float:
    """Return MIREX's score of an estimated key, which forgives some errors in part.

    1 for the same key; 0.5 where the estimate lies a perfect fifth above the reference, in the same mode;
    0.3 for the relative key (same key signature); 0.2 for the parallel one (same tonic); 0 otherwise
    (MIREX 2005 Audio Key Finding; as in mir_eval). A fifth below scores 0.

    Raises:
        ValueError: a name is not that of a major or minor key.

    Example:
        >>> weighted_score("C major", "G major"), weighted_score("C major", "F major")
        (0.5, 0.0)
        >>> weighted_score("C major", "A minor"), weighted_score("C major", "C minor")
        (0.3, 0.2)
    """
    (tonic, minor), (guess, guess_minor) = parse(reference), parse(estimate)
    interval = (guess - tonic) % 12
    if minor == guess_minor:
        return {0: 1.0, 7: FIFTH}.get(interval, 0.0)
    relative = 3 if minor else 9  # C major lies 3 semitones above A minor
    return {0: PARALLEL, relative: RELATIVE}.get(interval, 0.0)
