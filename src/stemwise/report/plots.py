"""The plots of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from stemwise.report.comparison import Results
from stemwise.report.drawing import COLOURS, INK, MARKERS, legend, svg
from stemwise.report.song import HIGHEST_HZ, LOWEST_HZ, Sound, octave_spectrogram

_RANGE_DB = 70


def labels_plot(results: Results) -> str:
    """Return each label's ROC-AUC in every arm: a mark at the seeds' mean, a line from least to most."""
    arms = {arm["title"]: _by_label(arm) for arm in results["arms"]}
    labels = {label for areas in arms.values() for label in areas}
    means = {label: np.mean([np.mean(a[label]) for a in arms.values() if label in a]) for label in labels}
    order = sorted(labels, key=lambda label: (means[label], label))

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for number, (title, areas) in enumerate(arms.items()):
            _dots(axes, number, title, [areas.get(label, []) for label in order], len(arms))
        axes.set_yticks(range(len(order)), order)
        axes.set_ylim(-0.6, len(order) - 0.4)
        axes.axvline(0.5, color=INK, linewidth=0.8, linestyle=":")
        axes.set_xlabel("ROC-AUC on unseen songs (dotted: chance)")
        legend(figure, axes, 2)

    return svg(draw, 1.3 + 0.27 * max(len(order), 2), "ROC-AUC per label and arm")


def _by_label(arm: Mapping[str, Any]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for run in arm["runs"]:
        for row in run["scores"]["labels"]:
            if row["auc"] is not None and np.isfinite(row["auc"]):
                found.setdefault(row["label"], []).append(row["auc"])
    return found


def _dots(axes: Any, number: int, title: str, areas: Sequence[Sequence[float]], arms: int) -> None:
    rows = [(y + (arms - 1 - 2 * number) * 0.09, a) for y, a in enumerate(areas) if a]
    heights = [y for y, _ in rows]
    look = {"color": COLOURS[number % len(COLOURS)], "zorder": 3}
    axes.hlines(heights, [min(a) for _, a in rows], [max(a) for _, a in rows], linewidth=1.2, **look)
    marker = MARKERS[number % len(MARKERS)]
    axes.plot([np.mean(a) for _, a in rows], heights, marker, markersize=4.5, label=title, **look)


def curves_plot(results: Results) -> str:
    """Return the losses over the steps, smoothed: the separator's, and one line per arm and seed."""

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2)
        _curve(left, results["separator"]["history"], color=COLOURS[4])
        left.set_title("separator")
        for number, arm in enumerate(results["arms"]):
            for repeat, run in enumerate(arm["runs"]):
                look = {"color": COLOURS[number % len(COLOURS)], "linestyle": ("-", "--", ":")[repeat % 3]}
                _curve(right, run["history"], label=None if repeat else arm["title"], **look)
        right.set_title("classifiers, a line per seed")
        legend(figure, right, 2)

    return svg(draw, 3.9, "training loss over the steps")


def _curve(axes: Any, history: Sequence[Mapping[str, Any]], **look: Any) -> None:
    rows = [(row["step"], row["loss"]) for row in history if row.get("loss") is not None]
    if rows:
        steps, losses = np.array(rows, np.float64).T
        axes.plot(steps, _smooth(losses), linewidth=1.5, **look)
    axes.set_xlabel("step")
    axes.set_ylabel("training loss")


def _smooth(losses: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return the mean over a twentieth of the run around each step, less at the ends."""
    reach = len(losses) // 40
    total = np.concatenate([[0.0], np.cumsum(losses)])
    at = np.arange(len(losses))
    low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(losses))
    return (total[high] - total[low]) / (high - low)


def separation_plot(results: Results) -> str:
    """Return bars of each stem's SI-SDR: the mixture's, the estimate's and the ideal ratio mask's."""
    kinds = (("mixture", "mixture_si_sdr", "#999999"), ("estimate", "si_sdr", "#0072b2"))
    kinds = (*kinds, ("ideal ratio mask", "oracle_si_sdr", "#56b4e9"))
    return stem_bars(results["separator"]["scores"]["stems"], kinds, "SI-SDR per stem")


def stem_bars(
    stems: Mapping[str, Mapping[str, Any]], kinds: Sequence[tuple[str, str, str]], title: str
) -> str:
    """Return bars of each stem's median SI-SDR.

    Args:
        stems: name → scores.
        kinds: of bars: what the legend calls it, the key of its score, its colour.
        title: of the drawing.
    """

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for number, (name, key, colour) in enumerate(kinds):
            heights = [_or_nan(row.get(key)) for row in stems.values()]
            bars = axes.bar(np.arange(len(stems)) + 0.27 * (number - 1), heights, 0.25, color=colour)
            bars.set_label(name)
            axes.bar_label(bars, [_bar_text(h) for h in heights], padding=2, fontsize=8.5)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xticks(range(len(stems)), list(stems))
        axes.set_ylabel("median SI-SDR in dB")
        axes.margins(y=0.12)
        axes.grid(visible=False, axis="x")
        legend(figure, axes, len(kinds))

    return svg(draw, 3.6, title)


def _or_nan(value: float | int | None) -> float:
    return value if value is not None and np.isfinite(value) else np.nan


def _bar_text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:z.1f}".replace("-", "\N{MINUS SIGN}")


def spectrogram_plot(sounds: Mapping[str, Sound]) -> str:
    """Return spectrograms on one dB scale: the mixture above, each stem's estimate beside its reference."""
    pictures = {name: octave_spectrogram(sound) for name, sound in sounds.items()}
    stems = [name.removeprefix("estimate ") for name in sounds if name.startswith("estimate ")]
    loudest = max(float(picture.max()) for picture in pictures.values())
    rows = 1 + len(stems)

    def draw(figure: Any) -> None:
        grid = figure.add_gridspec(rows, 2)
        places = {"mixture": grid[0, :]}
        for row, stem in enumerate(stems, 1):
            places |= {f"estimate {stem}": grid[row, 0], f"reference {stem}": grid[row, 1]}
        panels = [figure.add_subplot(place) for name, place in places.items() if name in pictures]
        shown = [name for name in places if name in pictures]
        image: Any = None
        for axes, name in zip(panels, shown, strict=True):
            image = _spectrogram(axes, pictures[name] - loudest, sounds[name])
            axes.set_title(_panel_title(name))
            axes.set_xlabel("seconds" if axes in panels[-2:] else "")
        bar = figure.colorbar(image, ax=panels, location="bottom", aspect=60, shrink=0.6, pad=0.02)
        bar.set_label("dB, against the loudest point of all")

    return svg(draw, 1.2 + 1.65 * rows, "spectrograms of the song taken apart")


def _panel_title(name: str) -> str:
    kind, _, stem = name.partition(" ")
    return f"{stem}, {kind}" if stem else kind


def _spectrogram(axes: Any, picture: Float[np.ndarray, "f n"], sound: Sound) -> Any:
    low, high = np.log2(LOWEST_HZ), np.log2(min(HIGHEST_HZ, sound.sample_rate / 2))
    extent = (0, sound.audio.shape[1] / sound.sample_rate, low, high)
    look = {"cmap": "magma", "vmin": -_RANGE_DB, "vmax": 0, "aspect": "auto", "interpolation": "none"}
    image = axes.imshow(picture.round(), origin="lower", extent=extent, **look)
    axes.set_yticks(np.log2([125, 500, 2000, 8000]), ["125 Hz", "500 Hz", "2 kHz", "8 kHz"])
    axes.set_ylim(low, high)
    axes.grid(visible=False)
    return image
