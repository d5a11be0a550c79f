"""The plots of a study of probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.metrics.key import parse
from stemwise.report.drawing import COLOURS, INK, svg

Found = Mapping[str, Any]
SETTINGS = {
    "standardise": "standardised",
    "hidden": "hidden units",
    "batch_size": "batch",
    "learning_rate": "learning rate",
    "dropout": "dropout",
    "weight_decay": "weight decay",
}
RIGHT, FORGIVEN = (0, 0), ((1, 0), (0, 1), (3, 1))
"""Of `_relation`: the same key; a fifth above, the parallel and the relative key."""


def representations_plot(study: Mapping[str, Any], title: str) -> str:
    """Return each representation's score of the test split as a mark, its interval as a line."""
    rows = study["representations"][::-1]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        places = range(len(rows))
        low, high = zip(*(row["interval"] for row in rows), strict=True)
        axes.hlines(places, low, high, color=COLOURS[1], linewidth=2.2, zorder=3)
        values = [row["test"]["primary"] for row in rows]
        axes.plot(values, places, "o", color=COLOURS[1], markersize=6, zorder=4)
        axes.set_yticks(places, [row["name"] for row in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel(f"{title} on the test split")

    return svg(draw, 0.9 + 0.3 * max(len(rows), 2), f"{title} of each representation")


def settings_plot(found: Found, title: str) -> str:
    """Return the valid scores of all probes of a representation, parted by each of their settings in turn."""
    rows = found["sweep"]
    varied = [key for key in SETTINGS if len({_value(row, key) for row in rows}) > 1] or ["hidden"]
    scores = np.array([row["score"] for row in rows], np.float64)

    def draw(figure: Any) -> None:
        panels = figure.subplots(1, len(varied), sharey=True, squeeze=False)[0]
        for axes, key in zip(panels, varied, strict=True):
            _panel(axes, [_value(row, key) for row in rows], scores, SETTINGS[key])
        panels[0].set_ylabel(f"{title} on the valid split")

    return svg(draw, 3.2, f"{title} of all probes by their settings: {found['name']}")


def _value(row: Found, key: str) -> str:
    value = row[key]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else f"{value:g}"


def _panel(axes: Any, values: Sequence[str], scores: np.ndarray, title: str) -> None:
    order = list(dict.fromkeys(values))
    rng = np.random.default_rng(0)
    for place, value in enumerate(order):
        own = scores[[found == value for found in values]]
        own = own[np.isfinite(own)]
        aside = place + rng.uniform(-0.25, 0.25, len(own))
        axes.plot(aside, own, ".", color=COLOURS[1], markersize=4, alpha=0.6)
        if len(own):
            axes.hlines(own.max(), place - 0.35, place + 0.35, color=COLOURS[2], linewidth=2)
    axes.set_xticks(range(len(order)), order, fontsize=8)
    axes.set_xlim(-0.6, len(order) - 0.4)
    axes.set_title(title)


def key_circle(found: Found, classes: Sequence[str]) -> str:
    """Return the answers around the circle of fifths, as seen from the truth at the top.

    A dot's area is its share of the songs; the outer ring holds answers in the truth's mode, the inner one
    the others.
    """
    places = [
        _relation(str(classes[truth]), str(classes[said]))
        for truth, said in zip(found["answers"]["truth"], found["answers"]["said"], strict=True)
    ]
    shares = {place: places.count(place) / len(places) for place in sorted(set(places))}

    def draw(figure: Any) -> None:
        axes = figure.subplots(subplot_kw={"projection": "polar"})
        axes.set_theta_zero_location("N")
        axes.set_theta_direction(-1)
        axes.set_ylim(0, 1.25)
        axes.set_yticks([0.55, 1.0], ["other mode", "same mode"], fontsize=8)
        axes.set_rlabel_position(285)
        ticks = [f"{'+' if k < 7 and k else ''}{k if k < 7 else k - 12}" for k in range(12)]
        axes.set_xticks(np.arange(12) * np.pi / 6, ticks)
        for place, share in shares.items():
            spot = place[0] * np.pi / 6, 0.55 if place[1] else 1.0
            colour = COLOURS[3] if place == RIGHT else COLOURS[0 if place in FORGIVEN else 1]
            axes.scatter(*([x] for x in spot), s=40 + 2600 * share, color=colour, alpha=0.75, zorder=3)
            axes.annotate(f"{100 * share:.0f} %", spot, ha="center", va="center", fontsize=7, zorder=4)

    return svg(draw, 4.6, f"answered keys around the circle of fifths: {found['name']}")


def _relation(truth: str, said: str) -> tuple[int, int]:
    """Return fifths from one key up to another, 0 to 11, and whether the mode is another.

    From minor to major fifths are counted down, so that relative keys are 3 from each other.

    >>> _relation("C major", "G major"), _relation("C major", "A minor"), _relation("A minor", "C major")
    ((1, 0), (3, 1), (3, 1))
    """
    (tonic, minor), (guess, guess_minor) = parse(truth), parse(said)
    other = minor != guess_minor
    return (guess - tonic) * (-7 if other and minor else 7) % 12, int(other)


def plane_plot(found: Found, names: Sequence[str]) -> str:
    """Return each number's answers beside the truth; of two also their plane, from truth to answer a line."""
    truth, said = (np.array(found["answers"][key], np.float64) for key in ("truth", "said"))

    def draw(figure: Any) -> None:
        panels = figure.subplots(1, len(names) + (len(names) == 2), squeeze=False)[0]
        for column, (axes, name) in enumerate(zip(panels, names, strict=False)):
            axes.plot(truth[:, column], said[:, column], ".", color=COLOURS[1], markersize=5)
            ends = [truth[:, column].min(), truth[:, column].max()]
            axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle=":")
            axes.set_xlabel(f"{name}, truth")
            axes.set_ylabel(f"{name}, answer")
        if len(names) == 2:
            _plane(panels[-1], truth[:, ::-1], said[:, ::-1], names[::-1])

    return svg(draw, 3.4, f"answers beside the truth: {found['name']}")


def _plane(axes: Any, truth: np.ndarray, said: np.ndarray, names: Sequence[str]) -> None:
    for first, second in zip(truth, said, strict=True):
        axes.plot(*zip(first, second, strict=True), color=COLOURS[5], linewidth=0.5, zorder=1)
    axes.plot(*truth.T, "o", color=COLOURS[3], markersize=4, label="truth")
    axes.plot(*said.T, "o", color=COLOURS[0], markersize=4, label="answer")
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.legend(fontsize=8, frameon=False)
