"""How patterns are read, and the drums that they name."""

from __future__ import annotations

from collections.abc import Iterator

DRUMS = {"kick": 36, "snare": 38, "rim": 37, "clap": 39, "hat": 42, "pedal": 44, "open": 46} | {
    **{"ride": 51, "crash": 49, "tom": 45, "shaker": 70, "conga": 63}
}
ALIKE = (("hat", "ride", "shaker"), ("snare", "rim", "clap"), ("open", "hat", "crash"), ("conga", "tom"))
"""Drums that may take one another's place in a groove."""

RINGING = frozenset(DRUMS[name] for name in ("crash", "ride", "open"))
"""Cymbals, which nobody damps after a beat."""

PERCUSSION = (
    "shaker:xoxoxoxoxoxoxoxo",
    "conga:..x..xx...x..x.x",
    "clap:....x.......x...",
    "shaker:..x...x...x...x.",
)
STRENGTHS = {"X": 112, "x": 92, "o": 58}
FILLS = (
    ((38, 38, 45, 45), (0.0, 1.0, 2.0, 3.0)),
    ((38, 38, 48, 45, 43), (0.0, 0.5, 1.0, 2.0, 3.0)),
    ((48, 48, 45, 43, 41), (0.0, 1.0, 2.0, 2.5, 3.0)),
)
"""Drum pitches, and the quarters of the last beat on which they fall."""


def events(pattern: str) -> Iterator[tuple[int, int, str]]:
    """The step, length in steps and symbol of each note of a pattern.

    Example:
        >>> list(events("r--.5-"))
        [(0, 3, 'r'), (4, 2, '5')]
    """
    for step, symbol in enumerate(pattern):
        if symbol not in ".-":
            rest = pattern[step + 1 :]
            yield step, 1 + len(rest) - len(rest.lstrip("-")), symbol
