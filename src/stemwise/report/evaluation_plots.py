"""The plots of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stemwise.report.drawing import COLOURS, INK, svg


def intervals_plot(scores: Mapping[str, Any]) -> str:
    """Return each label's ROC-AUC and average precision: a mark, its interval as a line, chance as a tick.

    Labels are in the order of their ROC-AUC; one without a score is left out.
    """
    known = [row for row in scores["labels"] if _known(row["auc"])]
    rows = sorted(known, key=lambda row: (row["auc"], row["label"]))
    shares = [row["positives"] / scores["tracks"] for row in rows]

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        _panel(left, rows, "auc", [0.5] * len(rows), COLOURS[1])
        _panel(right, rows, "ap", shares, COLOURS[0])
        left.set_yticks(range(len(rows)), [row["label"] for row in rows])
        left.set_ylim(-0.6, max(len(rows), 1) - 0.4)
        left.set_xlabel("ROC-AUC")
        right.set_xlabel("average precision")

    return svg(draw, 0.9 + 0.24 * max(len(rows), 2), "ROC-AUC and average precision per label")


def _panel(axes: Any, rows: Sequence[Mapping[str, Any]], key: str, chance: list[float], colour: str) -> None:
    places = range(len(rows))
    spans = [row[f"{key}_interval"] for row in rows]
    drawn = [place for place in places if _known(spans[place][0])]
    low, high = ([spans[place][end] for place in drawn] for end in (0, 1))
    axes.plot(chance, places, "|", color=INK, markersize=9, markeredgewidth=1.0)
    axes.hlines(drawn, low, high, color=colour, linewidth=2.2, zorder=3)
    axes.plot([row[key] for row in rows], places, "o", color=colour, markersize=5, zorder=4)
    axes.set_xlim(-0.02, 1.02)


def _known(value: float | None) -> bool:
    return value is not None and value == value  # not NaN
