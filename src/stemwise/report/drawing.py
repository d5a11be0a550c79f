"""Inline SVG that takes the page's colours, light or dark."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from typing import Any

COLOURS = ("#e69f00", "#56b4e9", "#d55e00", "#009e73", "#cc79a7", "#999999")  # Okabe and Ito's, 2008
MARKERS = "osD^vX"
INK, _LINE = "#010203", "#040506"  # replaced by the page's own
_WIDTH = 9.0  # inches


def legend(figure: Any, axes: Any, columns: int) -> None:
    """Put a legend above a figure."""
    handles, titles = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, titles, loc="outside upper center", ncols=columns, frameon=False)


def svg(draw: Callable[[Any], None], height: float, title: str) -> str:
    """Return a drawing without addresses, in the page's font and colours."""
    matplotlib = matplotlib_or_error()
    file = io.StringIO()
    with matplotlib.rc_context({**_LOOK, "svg.hashsalt": title}):
        figure = matplotlib.figure.Figure(figsize=(_WIDTH, height), layout="constrained")
        draw(figure)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _inline(file.getvalue(), title)


_LOOK = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.7,
    "axes.edgecolor": _LINE,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


def _inline(svg: str, title: str) -> str:
    """Return the svg element alone: HTML needs no name spaces, and the page no metadata."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r"font: ([^;\"']*?px) [^;\"]*", r"font: \1 system-ui, sans-serif", svg)
    svg = svg.replace(INK, "currentColor").replace(_LINE, "var(--line)")
    return svg.replace("<svg", f'<svg role="img" aria-label="{html.escape(title)}"', 1)


def matplotlib_or_error() -> Any:
    """Return matplotlib, or say how to install it."""
    try:
        import matplotlib
        import matplotlib.figure
    except ImportError as error:
        raise ValueError("a report needs matplotlib: pip install 'stemwise[train]'") from error
    return matplotlib
