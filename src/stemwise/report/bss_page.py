"""What an evaluation's page shows of BSSEval's scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stemwise.report import bss_tables as tables
from stemwise.report import markup
from stemwise.report.drawing import COLOURS, INK, MARKERS, legend, svg

Scores = Mapping[str, Any]
METRICS = ("SDR", "ISR", "SIR", "SAR")
SCORES_NOTE = (
    "In dB, medians over tracks. SDR, ISR, SIR and SAR are BSSEval v4's: of each track the median over "
    "its windows. Whole SDR, SI-SDR and gain are of the whole track; gain is the median difference to the "
    "mixture's SI-SDR. A track without a score for a stem, since it is silent, does not count for it."
)
BOXES_NOTE = (
    "A box holds the middle half of the tracks, its line is the median; whiskers reach to the last track "
    "within one and a half boxes, points are tracks beyond. Marks beside the SDR are the published numbers."
)
SHOWN = {"Meta-TasNet": 2, "Open-Unmix": 3, "Wave-U-Net": 4}
"""Published systems that stand beside the boxes: name → colour and mark."""


def sections(scores: Scores) -> str:
    """Return the sections of the page: scores, boxes, published numbers, octaves."""
    table, note = markup.table(tables.bss_table(scores)), markup.note(SCORES_NOTE)
    boxes = (markup.figure(boxes_plot(scores)), markup.note(BOXES_NOTE))
    published = (
        markup.table(tables.published_table(scores)),
        markup.note(tables.published_text(scores)),
    )
    octaves = (markup.table(tables.octaves_table(scores)),)
    return (
        markup.section("Scores", (table, note))
        + markup.section("Track by track", boxes)
        + markup.section("Beside published numbers", published)
        + markup.section("SDR per octave", octaves)
    )


def boxes_plot(scores: Scores) -> str:
    """Return a panel per score and in it a box per stem, over the tracks."""
    stems = list(scores["stems"])

    def draw(figure: Any) -> None:
        panels = figure.subplots(2, 2).flat
        for axes, metric in zip(panels, METRICS, strict=True):
            _boxes(axes, [_known(scores, stem, metric.lower()) for stem in stems])
            axes.set_xticks(range(len(stems)), stems)
            axes.set_xlim(-0.6, len(stems) - 0.4)
            axes.set_title(f"{metric} in dB")
        _published(panels[0], scores, stems)
        legend(figure, panels[0], len(SHOWN))

    return svg(draw, 5.6, "box plots of SDR, ISR, SIR and SAR per stem over the tracks")


def _known(scores: Scores, stem: str, key: str) -> list[float]:
    return [row[stem][key] for row in scores["per_track"].values() if row[stem][key] is not None]


def _boxes(axes: Any, columns: Sequence[Sequence[float]]) -> None:
    lines = {"color": INK, "linewidth": 1.0}
    drawn = axes.boxplot(
        columns,
        positions=range(len(columns)),
        widths=0.5,
        patch_artist=True,
        boxprops={**lines, "facecolor": COLOURS[1]},
        medianprops={"color": INK, "linewidth": 1.8},
        whiskerprops=lines,
        capprops=lines,
        flierprops={"marker": ".", "markersize": 4, "markeredgecolor": INK},
    )
    for box in drawn["boxes"]:
        box.set_alpha(0.75)


def _published(axes: Any, scores: Scores, stems: Sequence[str]) -> None:
    for system, place in SHOWN.items():
        row = scores["published"]["sdr"][system]
        known = [(x + 0.38, row[stem]) for x, stem in enumerate(stems) if stem in row]
        if known:
            look = {"color": COLOURS[place], "markersize": 4.5, "linestyle": "none"}
            axes.plot(*zip(*known, strict=True), MARKERS[place], label=system, **look)
