"""The card's plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.data.levels import Levels
from stemwise.report.drawing import COLOURS, MARKERS, legend, svg

_ACROSS = 3


def histograms(numbers: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Return a histogram for each number, its splits stacked.

    Args:
        numbers: name → split → values.
    """
    rows = -(-len(numbers) // _ACROSS)

    def draw(figure: Any) -> None:
        panels = figure.subplots(rows, _ACROSS, squeeze=False).flat
        for axes, (name, by_split) in zip(panels, numbers.items(), strict=False):
            values = [list(found) for found in by_split.values()]
            colours = [COLOURS[number] for number in range(len(values))]
            axes.hist(values, bins=16, stacked=True, color=colours, label=list(by_split))
            axes.set_title(name)
            axes.yaxis.get_major_locator().set_params(integer=True)
            axes.grid(visible=False, axis="x")
        figure.axes[0].set_ylabel("tracks")
        for axes in list(figure.axes)[len(numbers) :]:
            axes.set_visible(False)
        legend(figure, figure.axes[0], len(COLOURS))

    return svg(draw, 0.5 + 2.1 * rows, "histograms of the numbers by split")


def levels_plot(groups: Mapping[str, Sequence[Levels]], stems: Sequence[str]) -> str:
    """Return the median level of each stem and genre as a mark, its quartiles as a line."""
    names = list(groups)[::-1]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for number, stem in enumerate(stems):
            look = {"color": COLOURS[number % len(COLOURS)], "zorder": 3}
            shift = ((len(stems) - 1) / 2 - number) * 0.15
            rows = [(y + shift, _levels(groups[name], stem)) for y, name in enumerate(names)]
            spans = [(y, *np.quantile(found, (0.25, 0.5, 0.75))) for y, found in rows if found]
            y, low, middle, high = np.array(spans).reshape(-1, 4).T
            axes.hlines(y, low, high, linewidth=1.4, **look)
            marker = MARKERS[number % len(MARKERS)]
            axes.plot(middle, y, marker, markersize=4.5, label=stem, **look)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.set_xlabel("RMS where the stem sounds, in dB relative to the mixture")
        legend(figure, axes, len(stems))

    return svg(draw, 1.3 + 0.34 * max(len(names), 2), "level of each stem by genre")


def _levels(found: Sequence[Levels], stem: str) -> list[float]:
    return [level.stems[stem].level_db for level in found if stem in level.stems]
