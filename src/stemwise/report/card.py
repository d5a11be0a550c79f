"""The data set card: what its labels are and how they go together, by split, on one page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemwise.data.labels import Label, Usage, find_labels, usages
from stemwise.data.levels import Levels
from stemwise.data.tracks import DatasetInfo, Track
from stemwise.report import card_plots, markup
from stemwise.report import card_tables as tables
from stemwise.report.tables import TIMES, number

MOST_ROWS = 24
SHARED = ("voice", "presets")
"""Counted where it is shown what the splits share."""

CROSSED = ("mood", "mode", "vocals", "tempo_class", "time_signature")
"""Shown against the genre where they are there."""

ASSOCIATION_NOTE = (
    "Cramér's V runs from 0 (independent) to 1 (one label decides the other). Of few tracks even independent "
    "labels do not give 0: beside it are the mean and the 95th percentile of V with one of the two labels "
    "shuffled 1000 times, and p is the share of shuffles that reach V. “No” is a p of 0.05 or less; of "
    "twenty independent pairs one is to be expected."
)
LEVEL_NOTE = (
    "Levels are RMS over the tenths of a second in which the stem is less than 40 dB below its loudest, "
    "relative to the mixture in the same places: median (quartiles). A silent stem has none. Width is the "
    "share of the energy in the difference of left and right: 0 is mono, 0.5 unrelated channels."
)
USAGE_NOTE = (
    "Counts of different values by split, and of those that two splits share, read from the labels on disk."
)
LIMITS = {
    "melodic presets": "Disjoint presets are disjoint numbers: two presets of one soundfont may be built on "
    "the same recordings.",
    "drum kits": "Kits of one soundfont share recordings, of cymbals and percussion most of all: kits may be "
    "disjoint while their samples are not.",
    "voices": "Disjoint voices are disjoint names. Singers that one program makes share its method of "
    "synthesis, its phonemes and the rules of its melodies.",
    "first four chords, transposed": "Songs differ, but what they are composed by may not: chords, and "
    "likewise patterns, forms and the mixing, can come from one table in all splits.",
}
"""What being disjoint, or not, leaves open."""


def card(
    tracks: Sequence[Track], levels: Sequence[Levels], root: Path, info: DatasetInfo, listening: str
) -> str:
    """Return the card as a whole document.

    Args:
        tracks: of all splits.
        levels: of each track.
        root: folder of the set.
        info: what is known of the data set.
        listening: file name of the listening page, beside the card.
    """
    labels, used = find_labels(tracks), usages(tracks)
    parts = (
        _head(tracks, levels, root, info, listening),
        _glance(labels, tracks),
        _counts(labels, tracks),
        _numbers(labels, tracks, levels),
        _together(labels, tracks),
        _levels(labels, tracks, levels),
        _disjoint(used),
        _origin(root, info),
    )
    return markup.document(f"{root.resolve().name}: data set card", parts)


def _head(
    tracks: Sequence[Track], levels: Sequence[Levels], root: Path, info: DatasetInfo, listening: str
) -> str:
    count = ", ".join(f"{sum(t.split == s for t in tracks)} {s}" for s in tables.present_splits(tracks))
    rates = ", ".join(f"{rate} Hz" for rate in sorted({level.sample_rate for level in levels}))
    minutes = number(sum(level.seconds for level in levels) / 60)
    audit = ' · <a href="audit.html">audit</a>' if (root / "audit.html").is_file() else ""
    scores = sum((track.mixture.parent / "score.mid").is_file() for track in tracks)
    midi = f" {scores} of {len(tracks)} have their score as MIDI." if scores else ""
    return (
        f'<header>\n<p class="kicker">stemwise data card · {markup.text(root.resolve().name)}</p>\n'
        f"<h1>{markup.text(info.title)}</h1>\n"
        f'<p class="verdict">{len(tracks)} tracks ({count}), {minutes} minutes at {rates}.{midi} '
        f'<a href="{listening}">Listen to some</a>{audit}</p>\n'
        f"<p>Licence: {markup.text(info.licence)}.</p>\n</header>\n"
    )


def _glance(labels: Sequence[Label], tracks: Sequence[Track]) -> str:
    if not labels:
        return markup.section("Labels", ("<p>The tracks have no labels.</p>\n",))
    return markup.section("Labels", (markup.table(tables.glance_table(labels, tracks)),))


def _counts(labels: Sequence[Label], tracks: Sequence[Track]) -> str:
    chosen = [label for label in labels if label.counts and label.name not in SHARED]
    if not chosen:
        return ""
    splits = tables.present_splits(tracks)
    blocks = (_block(label.name, splits, tables.split_counts(label, tracks)) for label in chosen)
    return markup.section("Tracks by label and split", (markup.columns(blocks),))


def _numbers(labels: Sequence[Label], tracks: Sequence[Track], levels: Sequence[Levels]) -> str:
    splits = tables.present_splits(tracks)
    found: dict[str, dict[str, list[float]]] = {
        label.name: {s: tables.numbers(label, [t for t in tracks if t.split == s]) for s in splits}
        for label in labels
        if label.kind == "number"
    }
    pairs = list(zip(tracks, levels, strict=True))
    found["seconds"] = {s: [level.seconds for t, level in pairs if t.split == s] for s in splits}
    parts = [markup.figure(card_plots.histograms(found))]
    if len(found) > 1:
        parts += ["<h3>Median (quartiles)</h3>\n", markup.table(tables.group_table(labels, tracks))]
    return markup.section("Numbers", parts)


def _together(labels: Sequence[Label], tracks: Sequence[Track]) -> str:
    by_name = {label.name: label for label in labels if label.kind in ("class", "flag")}
    genre = by_name.get(tables.GROUP)
    crossed = [by_name[name] for name in CROSSED if name in by_name] if genre else []
    blocks = [
        markup.heat(f"{genre.name} {TIMES} {x.name}", sorted(x.counts), tables.cross(genre, x, tracks))
        for x in crossed
        if genre
    ]
    main, others = tables.association_tables(labels, tracks)
    if not (main.rows or others.rows):
        return ""
    folded = markup.folded("All other pairs", (markup.table(others),)) if others.rows else ""
    parts = (markup.columns(blocks), markup.table(main), markup.note(ASSOCIATION_NOTE), folded)
    return markup.section("Which labels go together", parts)


def _levels(labels: Sequence[Label], tracks: Sequence[Track], levels: Sequence[Levels]) -> str:
    stems = list(dict.fromkeys(stem for track in tracks for stem in track.stems))
    peaks = ("<h3>Mixtures</h3>\n", markup.table(tables.peak_table(tracks, levels)))
    if not stems:
        return markup.section("Levels", peaks)
    of = dict(zip((track.mixture for track in tracks), levels, strict=True))
    groups = {
        name: [of[track.mixture] for track in found] for name, found in tables.grouped(labels, tracks).items()
    }
    parts = (
        markup.table(tables.stem_table(levels, stems)),
        markup.figure(card_plots.levels_plot(groups, stems)),
        markup.table(tables.level_table(groups, stems, tables.group_name(labels))),
        markup.note(LEVEL_NOTE),
        *peaks,
    )
    return markup.section("Levels", parts)


def _disjoint(used: Sequence[Usage]) -> str:
    if not used:
        return ""
    limits = [LIMITS[usage.what] for usage in used if usage.what in LIMITS]
    words = "".join(f"<p>{markup.text(sentence)}</p>\n" for sentence in limits)
    parts = (
        markup.table(tables.usage_table(used)),
        markup.note(USAGE_NOTE),
        "<h3>What this does not say</h3>\n",
        words,
        markup.columns(map(_used, used)),
    )
    return markup.section("What the splits share", parts)


def _used(usage: Usage) -> str:
    splits = usage.by_split.values()
    rows = {value: [found.get(value, 0) for found in splits] for value in usage.values}
    order = dict(sorted(rows.items(), key=lambda row: -sum(map(bool, row[1]))))  # shared ones first
    return _block(usage.what, list(usage.by_split), order)


def _block(name: str, splits: Sequence[str], rows: Mapping[str, Sequence[int]]) -> str:
    """Return counts by split, what is too many of them folded away."""
    first, rest = dict(list(rows.items())[:MOST_ROWS]), dict(list(rows.items())[MOST_ROWS:])
    more = markup.folded(f"{len(rest)} more", (markup.counts("", splits, rest),)) if rest else ""
    return f"<div>{markup.counts(name, splits, first)}{more}</div>"


def _origin(root: Path, info: DatasetInfo) -> str:
    facts: dict[str, Any] = {"source": info.source, "layout": info.layout, "citation": info.citation}
    note = root / "dataset.json"
    if note.is_file():
        try:
            facts |= markup.flat(dict(json.loads(note.read_text(encoding="utf-8"))))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{note}: expected a JSON object ({error}); restore or remove it") from error
    known = {key: value for key, value in facts.items() if value not in (None, "")}
    return markup.folded("Where it comes from", (markup.facts(info.name, known),))
