"""The audit as one HTML page."""

from __future__ import annotations

from typing import Any

import numpy as np

from stemwise.report import audit_tables as tables
from stemwise.report import markup
from stemwise.report.audit_tables import Audit
from stemwise.report.drawing import COLOURS, INK, MARKERS, legend, svg
from stemwise.report.plots import stem_bars

KINDS = (
    ("mixture", "mixture", "#999999"),
    ("best fixed equaliser", "equaliser", "#0072b2"),
    ("ideal ratio mask", "mask", "#56b4e9"),
)


def page(results: Audit, title: str, card: str) -> str:
    """Return the whole document.

    Args:
        results: of the audit.
        title: of the data set.
        card: file name of the card beside the page; empty where there is none.
    """
    link = f' · <a href="{card}">data set card</a>' if card else ""
    counts = f"{results['tracks']} {results['split']} tracks scored, {results['train_tracks']} learned from"
    head = (
        f'<header>\n<p class="kicker">stemwise data audit · {markup.text(counts)}{link}</p>\n'
        f"<h1>{markup.text(title)}: neither trivial nor impossible?</h1>\n"
        f'<p class="verdict">{markup.text(tables.headline(results))}</p>\n</header>\n'
    )
    protocol = markup.folded("Protocol", (f"<p>{markup.text(results['protocol'])}</p>\n",))
    return markup.document(f"{title}: audit", (head, _stems(results), _labels(results), protocol))


def _stems(results: Audit) -> str:
    if not results["stems"]:
        return ""
    plot = stem_bars(results["stems"], KINDS, "SI-SDR per stem without learning")
    parts = (markup.table(tables.stems_table(results)), markup.figure(plot), markup.note(tables.STEMS_NOTE))
    return markup.section("Separating", parts)


def _labels(results: Audit) -> str:
    skipped = markup.note(tables.skipped_text(results)) if results["skipped"] else ""
    if not results["labels"]:
        return markup.section("Understanding", ("<p>No label could be asked for.</p>\n", skipped))
    tags = "".join(
        f"<h3>{markup.text(label)}, tag by tag</h3>\n{markup.table(tables.tags_table(results, label))}"
        for label in tables.tag_labels(results)
    )
    parts = (
        markup.figure(scores_plot(results)),
        markup.table(tables.labels_table(results)),
        markup.note(tables.LABELS_NOTE),
        skipped,
        tags,
    )
    return markup.section("Understanding", parts)


def scores_plot(results: Audit) -> str:
    """Return each label's scores: a mark for each method, a line for chance and another for shuffling."""
    rows = list(dict.fromkeys((row["label"], row["measure"]) for row in results["labels"]))[::-1]
    methods = list(dict.fromkeys(row["method"] for row in results["labels"]))

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for row in results["labels"]:
            y, number = rows.index((row["label"], row["measure"])), methods.index(row["method"])
            y += (1 - number) * 0.2
            axes.plot([row["chance"]] * 2, [y - 0.1, y + 0.1], color=INK, linewidth=1.2)
            axes.plot([row["chance"], max(row["chance"], row["shuffled"])], [y, y], color=INK, linewidth=0.8)
            axes.plot(row["score"], y, MARKERS[number], color=COLOURS[number], markersize=6, zorder=3)
        for number, method in enumerate(methods):
            axes.plot([], [], MARKERS[number], color=COLOURS[number], label=method)
        axes.set_yticks(range(len(rows)), [f"{label}, {measure}" for label, measure in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        lowest = min(0.0, *(row["score"] for row in results["labels"]))
        axes.set_xlim(max(-0.5, lowest) - 0.04, 1.04)
        axes.set_xticks(np.arange(-0.4, 1.1, 0.2) if lowest < -0.2 else np.arange(0, 1.1, 0.2))
        axes.set_xlabel("score; a stroke is chance, a line from it reaches what shuffled labels do")
        legend(figure, axes, len(methods))

    return svg(draw, 1.3 + 0.42 * max(len(rows), 2), "scores of simple methods on each label")
