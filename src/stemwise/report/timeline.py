"""A song's tags over time, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stemwise.report.drawing import matplotlib_or_error

_MOST = 16


def draw_timeline(
    path: Path, title: str, starts_s: Sequence[float], tags: Mapping[str, Sequence[float]]
) -> None:
    """Draw the probability of the likeliest tags in each window; darker is likelier.

    Args:
        path: of the picture; its ending gives the format.
        title: above it.
        starts_s: when each window begins.
        tags: probabilities of each window, by tag.

    Raises:
        ValueError: matplotlib is missing.
    """
    matplotlib = matplotlib_or_error()
    names = sorted(tags, key=lambda name: -max(tags[name]))[:_MOST]
    step = starts_s[1] - starts_s[0] if len(starts_s) > 1 else 1.0
    figure = matplotlib.figure.Figure(figsize=(9, 1.2 + 0.28 * len(names)), layout="constrained")
    axes = figure.subplots()
    edges = (0.0, starts_s[-1] + step, len(names) - 0.5, -0.5)
    rows = [list(tags[name]) for name in names]
    picture = axes.imshow(
        rows, aspect="auto", extent=edges, vmin=0, vmax=1, cmap="Blues", interpolation="nearest"
    )
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("seconds")
    axes.set_title(title, parse_math=False)
    figure.colorbar(picture, ax=axes, label="probability")
    figure.savefig(path)
