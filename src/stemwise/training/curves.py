"""The curves of a run as one picture: losses, validation, learning rate."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stemwise.logs import Row

logger = logging.getLogger(__name__)

CURVES = "curves.png"
POINTS = 500
"""A longer curve is drawn by the means of so many pieces."""
TIMES = ("step", "seconds", "data_s", "items_per_s")


def draw(rows: Sequence[Row], folder: Path) -> None:
    """Write `curves.png`, whole or not at all; without matplotlib there is a warning instead."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        logger.warning("%s is not drawn: pip install 'stemwise[train]'", CURVES)
        return
    panels = {title: names for title, names in _panels(rows).items() if names}
    figure = Figure(figsize=(8, 2.4 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for axes, (title, names) in zip(grid, panels.items(), strict=True):
        for name in names:
            marker = "o" if name.startswith("valid_") else ""
            axes.plot(*_curve(rows, name), label=name, marker=marker, markersize=3, linewidth=1.2)
        axes.set_ylabel(title)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", frameon=False)
    grid[-1].set_xlabel("step")
    aside = folder / f".{CURVES}.{os.getpid()}"
    figure.savefig(aside, format="png", dpi=100)
    aside.replace(folder / CURVES)


def _panels(rows: Sequence[Row]) -> dict[str, list[str]]:
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in TIMES]
    validation = [name for name in names if name.startswith("valid_")]
    losses = [name for name in names if name not in validation and name != "learning_rate"]
    return {"training": losses, "validation": validation, "learning rate": ["learning_rate"]}


def _curve(rows: Sequence[Row], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and values, where the rows have them."""
    points = np.array([(row["step"], row[name]) for row in rows if name in row])
    pieces = np.array_split(points, min(POINTS, len(points)))
    steps, values = np.array([piece.mean(0) for piece in pieces]).T
    return steps, values
