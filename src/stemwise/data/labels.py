"""The labels of a data set as they are found: what kind each is, and which splits share its values."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from stemwise.data.tracks import SPLITS, Track

Kind = Literal["class", "flag", "tags", "number", "other"]
BOOKKEEPING = ("split", "index", "seed")
"""Labels that say where a track belongs, not what it sounds like."""

IDENTIFIER = 24
"""Texts that differ in all of more tracks than this name the tracks: they are no classes."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """A label that at least one track has.

    Attributes:
        name: its key.
        kind: one class a track, a yes or no, any number of tags, a number, or something else.
        tracks: how many have it.
        counts: value → tracks, the most frequent first; empty for numbers and others.
    """

    name: str
    kind: Kind
    tracks: int
    counts: Mapping[str, int]

    def of(self, track: Track) -> tuple[str, ...]:
        """Return a track's values as words, none where it lacks the label."""
        return _words(track.labels.get(self.name)) if self.kind in ("class", "flag", "tags") else ()

    def number(self, track: Track) -> float | None:
        """Return a track's number."""
        value = track.labels.get(self.name)
        return float(value) if self.kind == "number" and _is_number(value) else None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Which splits use which values of something that may have to be disjoint.

    Attributes:
        what: for example "voices".
        by_split: split → value → tracks.
    """

    what: str
    by_split: Mapping[str, Mapping[str, int]]

    @property
    def values(self) -> list[str]:
        """All values, sorted."""
        return sorted({value for found in self.by_split.values() for value in found})

    def shared(self, *splits: str) -> list[str]:
        """Return the values that occur in more than one of the splits; of all where none are named."""
        chosen = [self.by_split.get(split, {}) for split in splits or self.by_split]
        return [value for value in self.values if sum(value in found for found in chosen) > 1]


def find_labels(tracks: Sequence[Track]) -> list[Label]:
    """Return the labels of some tracks, in the order in which they first occur, without bookkeeping."""
    names = dict.fromkeys(name for track in tracks for name in track.labels)
    found = (_label(name, tracks) for name in names if name not in BOOKKEEPING)
    return [label for label in found if label.tracks]


def _label(name: str, tracks: Sequence[Track]) -> Label:
    values = [track.labels[name] for track in tracks if track.labels.get(name) is not None]
    kind = _kind(values)
    counts = Counter(word for value in values for word in _words(value)) if kind in _WORDED else Counter()
    if kind == "class" and len(counts) == len(values) > IDENTIFIER:
        return Label(name=name, kind="other", tracks=len(values), counts={})
    order = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return Label(name=name, kind=kind, tracks=len(values), counts=order)


_WORDED = ("class", "flag", "tags")


def _kind(values: Sequence[Any]) -> Kind:
    tests: dict[Kind, Callable[[Any], bool]] = {
        "flag": lambda value: isinstance(value, bool),
        "number": _is_number,
        "class": lambda value: isinstance(value, str),
        "tags": lambda value: isinstance(value, list | dict) and (not value or bool(_words(value))),
    }
    for kind, test in tests.items():
        if values and all(map(test, values)):
            return kind
    return "other"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _words(value: Any) -> tuple[str, ...]:
    """Return a value's words, each once: of a list, of a dict of lists, of timed events, of records."""
    if isinstance(value, bool):
        return ("yes" if value else "no",)
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping):
        nested = ((key, word) for key, inner in value.items() for word in _words(inner))
        return tuple(dict.fromkeys(f"{key}: {word}" for key, word in nested))
    if isinstance(value, list | tuple):
        return tuple(dict.fromkeys(word for item in value for word in _item(item)))
    return ()


def _item(item: Any) -> tuple[str, ...]:
    if isinstance(item, str):
        return (item,)
    if isinstance(item, list) and len(item) == 2 and _is_number(item[0]) and isinstance(item[1], str):
        return (item[1],)  # an event: its time in seconds, its name
    if isinstance(item, Mapping) and all(isinstance(value, str | int) for value in item.values()):
        return (" ".join(map(str, item.values())),)
    return ()


def usages(tracks: Sequence[Track]) -> list[Usage]:
    """Return what the splits use of voices, presets, drum kits and chords, as far as the labels tell."""
    families = _families(tracks)
    kinds: dict[str, Callable[[Mapping[str, Any]], Iterable[str]]] = {
        "voices": lambda labels: [labels["voice"]] if isinstance(labels.get("voice"), str) else [],
        "melodic presets": lambda labels: _presets(labels, families, drums=False),
        "drum kits": lambda labels: _presets(labels, families, drums=True),
        "first four chords, transposed": _opening,
    }
    found = [_usage(what, tracks, values) for what, values in kinds.items()]
    return [usage for usage in found if usage.values]


def _usage(what: str, tracks: Sequence[Track], values: Callable[[Mapping[str, Any]], Iterable[str]]) -> Usage:
    splits = [split for split in SPLITS if any(track.split == split for track in tracks)]
    by_split = {
        split: Counter(word for t in tracks if t.split == split for word in set(values(t.labels)))
        for split in splits
    }
    return Usage(what=what, by_split=by_split)


def _records(labels: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    presets = labels.get("presets")
    found = [p for p in presets if isinstance(p, Mapping)] if isinstance(presets, list) else []
    return [preset for preset in found if "program" in preset]


def _families(tracks: Sequence[Track]) -> dict[str, list[str]]:
    """Return for each preset what it serves as: one drum kit may be of several kinds."""
    found: dict[str, set[str]] = {}
    for preset in (preset for track in tracks for preset in _records(track.labels)):
        found.setdefault(_number(preset), set()).add(str(preset.get("family", "")))
    return {number: sorted(names - {""}) for number, names in found.items()}


def _number(preset: Mapping[str, Any]) -> str:
    return f"{preset.get('bank', 0):>3}:{preset['program']:>3}"


def _presets(labels: Mapping[str, Any], families: Mapping[str, list[str]], drums: bool) -> list[str]:
    chosen = [preset for preset in _records(labels) if (preset.get("stem") == "drums") == drums]
    return [f"{_number(preset)} {', '.join(families[_number(preset)])}".strip() for preset in chosen]


def _opening(labels: Mapping[str, Any]) -> list[str]:
    """Return the first four chords as semitones above the first one's root, with their qualities."""
    chords = labels.get("chords")
    names = [item[1] for item in chords if _item(item)][:4] if isinstance(chords, list) else []
    parts = [found.groups() for name in names if (found := _CHORD.match(str(name)))]
    if len(parts) < 4:
        return []
    pitches = [_LETTERS[root] + signs.count("#") - signs.count("b") for root, signs, _ in parts]
    moved = [(pitch - pitches[0]) % 12 for pitch in pitches]
    return [" ".join(f"{step}{quality}" for step, (*_, quality) in zip(moved, parts, strict=True))]


_CHORD = re.compile(r"([A-G])([#b]*)(.*)")
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
