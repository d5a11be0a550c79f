"""The card's tables: the labels, how they go together, what the splits share, how loud the stems are."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stemwise.data.labels import Label, Usage
from stemwise.data.levels import Levels
from stemwise.data.tracks import SPLITS, Track
from stemwise.metrics.association import association
from stemwise.report.tables import DASH, TIMES, Table, number

GROUP = "genre"
"""Other labels and the levels are told apart by this one."""

MOST_PAIRED = 24
"""Labels of more classes than this are not paired with others."""


def present_splits(tracks: Sequence[Track]) -> list[str]:
    """Return the splits that have tracks, in their order."""
    found = {track.split for track in tracks}
    return [split for split in SPLITS if split in found]


def glance_table(labels: Sequence[Label], tracks: Sequence[Track]) -> Table:
    """Return a row for each label."""
    rows = tuple((label.name, label.kind, _span(label, tracks), number(label.tracks, 0)) for label in labels)
    return Table(("label", "kind", "values", "tracks"), rows, 3)


def _span(label: Label, tracks: Sequence[Track]) -> str:
    if label.kind == "number":
        values = numbers(label, tracks)
        return f"{min(values):g} to {max(values):g}"
    if label.kind == "other":
        example = next(t.labels[label.name] for t in tracks if t.labels.get(label.name) is not None)
        return f"such as {_cut(example)}"
    return f"{len(label.counts)}: {_cut(', '.join(label.counts))}"


def _cut(value: Any) -> str:
    words = str(value)
    return words if len(words) < 70 else f"{words[:67]}…"


def numbers(label: Label, tracks: Sequence[Track]) -> list[float]:
    """Return the numbers of the tracks that have one."""
    return [value for track in tracks if (value := label.number(track)) is not None]


def split_counts(label: Label, tracks: Sequence[Track]) -> dict[str, list[int]]:
    """Return for each value of a label its tracks in each split."""
    splits = present_splits(tracks)
    found = {s: Counter(w for t in tracks if t.split == s for w in label.of(t)) for s in splits}
    return {value: [found[split][value] for split in splits] for value in label.counts}


def cross(first: Label, second: Label, tracks: Sequence[Track]) -> dict[str, list[int]]:
    """Return the tracks of each pair of values: rows are the first label's."""
    pairs = Counter((a, b) for t in tracks for a in first.of(t) for b in second.of(t))
    return {a: [pairs[a, b] for b in sorted(second.counts)] for a in sorted(first.counts)}


def association_tables(labels: Sequence[Label], tracks: Sequence[Track]) -> tuple[Table, Table]:
    """Return Cramér's V of pairs of classes and flags: those with the genre, and the others."""
    chosen = [x for x in labels if x.kind in ("class", "flag") and 1 < len(x.counts) <= MOST_PAIRED]
    header = ("labels", "V", "if independent", "95 % below", "p", "tracks", "looks independent")
    rows: dict[bool, list[tuple[str, ...]]] = {True: [], False: []}
    for first, second in itertools.combinations(chosen, 2):
        if row := _association_row(first, second, tracks):
            rows[GROUP in (first.name, second.name)].append(row)
    return Table(header, tuple(rows[True])), Table(header, tuple(rows[False]))


def _association_row(first: Label, second: Label, tracks: Sequence[Track]) -> tuple[str, ...]:
    known = [(a[0], b[0]) for t in tracks if (a := first.of(t)) and (b := second.of(t))]
    if not known:
        return ()
    found = association([a for a, _ in known], [b for _, b in known])
    if found.v != found.v:  # one of them is constant where both are known
        return ()
    values = (number(value, 2) for value in (found.v, found.expected, found.high))
    answer = "no" if found.dependent else "yes"
    return (f"{first.name} {TIMES} {second.name}", *values, number(found.p, 3), number(len(known), 0), answer)


def group_table(labels: Sequence[Label], tracks: Sequence[Track]) -> Table:
    """Return the median and the quartiles of each number, by genre."""
    chosen = [label for label in labels if label.kind == "number"]
    rows = (
        (name, *(quartiles(numbers(label, members)) for label in chosen))
        for name, members in grouped(labels, tracks).items()
    )
    return Table((group_name(labels), *(label.name for label in chosen)), tuple(rows))


def group_name(labels: Sequence[Label]) -> str:
    """Return what tracks are grouped by: the genre, or the split where there are no genres."""
    return GROUP if any(label.name == GROUP and label.kind == "class" for label in labels) else "split"


def grouped(labels: Sequence[Label], tracks: Sequence[Track]) -> dict[str, list[Track]]:
    """Return the tracks of each genre, or of each split where there are no genres."""
    label = next((x for x in labels if x.name == group_name(labels)), None)
    found: dict[str, list[Track]] = {}
    for track in tracks:
        found.setdefault((label.of(track) or (DASH,))[0] if label else track.split, []).append(track)
    return dict(sorted(found.items()) if label else found.items())


def quartiles(values: Sequence[float], digits: int | None = None) -> str:
    """Return a median with the quartiles.

    >>> quartiles([1.0, 2.0, 3.0, 4.0, 5.0]), quartiles([0.25]), quartiles([])
    ('3.0 (2.0 to 4.0)', '0.25', '–')
    """
    if not values:
        return DASH
    places = digits if digits is not None else (2 if max(map(abs, values)) <= 1 else 1)
    if len(values) < 2:
        return number(values[0], places)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{number(middle, places)} ({number(low, places)} to {number(high, places)})"


def level_table(groups: Mapping[str, Sequence[Levels]], stems: Sequence[str], title: str) -> Table:
    """Return the level of each stem, by group and over all tracks."""
    everything = {"all": [level for found in groups.values() for level in found]}
    rows = (
        (name, *(quartiles([x.stems[s].level_db for x in found if s in x.stems], 1) for s in stems))
        for name, found in {**groups, **everything}.items()
    )
    return Table((title, *(f"{stem} in dB" for stem in stems)), tuple(rows))


def stem_table(levels: Sequence[Levels], stems: Sequence[str]) -> Table:
    """Return how often, how wide and in how many tracks each stem sounds."""
    rows = []
    for stem in stems:
        found = [level.stems[stem] for level in levels if stem in level.stems]
        values = ([x.level_db for x in found], [100 * x.active for x in found], [x.width for x in found])
        cells = (quartiles(v, d) for v, d in zip(values, (1, 0, 2), strict=True))
        rows.append((stem, *cells, f"{len(found)} of {len(levels)}"))
    return Table(("stem", "level in dB", "sounds, % of the time", "width", "tracks"), tuple(rows))


def peak_table(tracks: Sequence[Track], levels: Sequence[Levels]) -> Table:
    """Return the mixtures' peaks, levels and clipped samples by split."""
    rows = []
    for split in present_splits(tracks):
        found = [level for track, level in zip(tracks, levels, strict=True) if track.split == split]
        clipped = sum(level.clipped > 0 for level in found)
        peaks, means = [x.peak_db for x in found], [x.rms_db for x in found]
        highest = number(max(peaks))
        rows.append((split, quartiles(peaks, 1), highest, quartiles(means, 1), f"{clipped} of {len(found)}"))
    return Table(("split", "peak in dBFS", "highest", "RMS in dBFS", "with clipping"), tuple(rows))


def usage_table(usages: Sequence[Usage]) -> Table:
    """Return how many values each split uses, and what two splits share."""
    splits = list(usages[0].by_split) if usages else []
    pairs = list(itertools.combinations(splits, 2))
    header = ("what", *splits, *(f"{a} & {b}" for a, b in pairs), "disjoint")
    rows = (
        (
            usage.what,
            *(number(len(usage.by_split[split]), 0) for split in splits),
            *(number(len(usage.shared(a, b)), 0) for a, b in pairs),
            "no" if usage.shared() else "yes",
        )
        for usage in usages
    )
    return Table(header, tuple(rows))
