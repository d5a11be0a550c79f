"""The report of `equal_time.py`: Meta-TasNet beside the U-Net, stem by stem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stemwise.report import markup
from stemwise.report.drawing import COLOURS, INK, legend, svg
from stemwise.report.tables import Table, number

ARMS = {
    "rendered-separator": "U-Net, half of its published widths",
    "rendered-meta-tasnet": "small Meta-TasNet",
}
QUESTION = "Meta-TasNet beside the U-Net, at equal training time"
NOTICE = (
    "This is rendered music: composed by rule, played by a synthesiser. These numbers compare with nothing "
    "but each other, and say nothing about real recordings. Trainings as short as these end long before "
    "either network has learned what it can, and each is one run with one seed, so small gaps mean nothing."
)
NOTE = (
    "Medians over the test split's songs in which the stem sounds, of songs, voices and presets that were "
    "not heard in training. SI-SDR over the whole track in dB; the gain is the median of the differences "
    "from the mixture taken for the stem; the ideal ratio mask is about what masking can reach."
)
BSS_NOTE = (
    "BSSEval v4 in dB, as on MUSDB18: of each track the median over windows of 1 s in which no stem is "
    "silent, then the median over tracks. A box holds the middle half of the tracks, its line is the median."
)
METRICS = ("sdr", "isr", "sir", "sar")


def page(results: Mapping[str, Any]) -> str:
    """Return the report."""
    head = (
        f"<header>\n<h1>{markup.text(QUESTION)}</h1>\n"
        f'<p class="verdict">{markup.text(verdict(results))}</p>\n'
        f'<p class="notice">{markup.text(NOTICE)}</p>\n</header>\n'
    )
    scores = (markup.figure(_bars(results)), markup.table(scores_table(results)), markup.note(NOTE))
    curves = (
        markup.figure(_curves(results)),
        markup.note(
            "Training losses over equal time, each a running mean over a fortieth of its run to "
            "either side. The two losses are of different kinds: compare their shapes, not their heights."
        ),
    )
    boxes = (
        markup.table(bss_table(results)),
        markup.figure(_boxes(results)),
        markup.note(BSS_NOTE),
    )
    parts = (
        head,
        markup.section("Stem by stem", scores),
        markup.section("As scored on MUSDB18", boxes),
        markup.section("What was spent", (markup.table(spent_table(results)),)),
        markup.section("Learning curves", curves),
    )
    return markup.document(f"stemwise: {QUESTION}", parts)


def markdown(results: Mapping[str, Any]) -> str:
    """Return the tables for a text file."""
    return "\n\n".join(_markdown(made(results)) for made in (scores_table, bss_table, spent_table))


def verdict(results: Mapping[str, Any]) -> str:
    """Return in a sentence who gained more on which stems, with the smallest gain of each."""
    unet, meta = (_gains(results["arms"][name]) for name in ARMS)
    ahead = [stem for stem in unet if meta[stem] > unet[stem]]
    least = ", ".join(
        f"{name} {min(gains.values()):+.1f} dB"
        for name, gains in (("the U-Net's", unet), ("Meta-TasNet's", meta))
    )
    kind = "cpu_seconds" if "processor" in results["machine"] else "clock_seconds"
    spent = " and ".join(f"{results['arms'][name][kind]:.0f} s" for name in ARMS)
    return (
        f"After {spent} of {results['machine']}, where {results['seconds']:.0f} s were to be given to each, "
        f"Meta-TasNet gains more than the U-Net on {', '.join(ahead) or 'no stem'}. The smallest gain over "
        f"the mixture: {least}."
    )


def _gains(arm: Mapping[str, Any]) -> dict[str, float]:
    found = {stem: row["improvement"] for stem, row in arm["scores"]["stems"].items()}
    return {stem: float("nan") if value is None else value for stem, value in found.items()}


def scores_table(results: Mapping[str, Any]) -> Table:
    """Return each stem's SI-SDR from the mixture to the ideal mask."""
    arms = [arm["scores"]["stems"] for arm in results["arms"].values()]
    names = ("U-Net", "Meta-TasNet")
    header = ("stem", "songs", "mixture", *names, *(f"{name}'s gain" for name in names), "ideal mask")
    rows = []
    for stem, row in arms[0].items():
        of_both = [arm[stem][key] for key in ("si_sdr", "improvement") for arm in arms]
        cells = [row["mixture_si_sdr"], *of_both, row["oracle_si_sdr"]]
        rows.append((stem, number(row["audible"], 0), *(number(cell, 2) for cell in cells)))
    return Table(header, tuple(rows), words=1)


def bss_table(results: Mapping[str, Any]) -> Table:
    """Return each network's BSSEval scores of each stem."""
    header = ("stem", "network", *(metric.upper() for metric in METRICS))
    rows = []
    for stem in next(iter(results["arms"].values()))["bss"]["stems"]:
        for name, arm in results["arms"].items():
            found = arm["bss"]["stems"][stem]
            rows.append((stem, ARMS[name], *(number(found[metric], 2) for metric in METRICS)))
    return Table(header, tuple(rows), words=2)


def spent_table(results: Mapping[str, Any]) -> Table:
    """Return what each network's training took."""
    header = ("network", "parameters", "steps", "processor s", "clock s")
    keys = ("parameters", "steps", "cpu_seconds", "clock_seconds")
    rows = [(ARMS[name], *(number(arm[key], 0) for key in keys)) for name, arm in results["arms"].items()]
    return Table(header, tuple(rows), words=1)


def _markdown(table: Table) -> str:
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bars(results: Mapping[str, Any]) -> str:
    """Return bars of both networks' gains, beside that of an ideal mask."""
    found = {ARMS[name]: _gains(arm) for name, arm in results["arms"].items()}
    first = next(iter(results["arms"].values()))["scores"]["stems"]
    found["ideal ratio mask (difference of medians)"] = {
        stem: row["oracle_si_sdr"] - row["mixture_si_sdr"] for stem, row in first.items()
    }

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for k, (title, gains) in enumerate(found.items()):
            colour = (COLOURS[4], COLOURS[3], COLOURS[5])[k]
            bars = axes.bar(np.arange(len(gains)) + 0.27 * (k - 1), list(gains.values()), 0.25, color=colour)
            bars.set_label(title)
            axes.bar_label(bars, [f"{gain:.1f}" for gain in gains.values()], padding=2, fontsize=8.5)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xticks(range(len(first)), list(first))
        axes.set_ylabel("gain in SI-SDR, dB")
        axes.margins(y=0.12)
        axes.grid(visible=False, axis="x")
        legend(figure, axes, 3)

    return svg(draw, 3.6, "SI-SDR improvement per stem")


def _boxes(results: Mapping[str, Any]) -> str:
    """Return a panel per stem and in it a box of tracks for each network and score."""
    arms = results["arms"]

    def draw(figure: Any) -> None:
        stems = next(iter(arms.values()))["bss"]["stems"]
        for axes, stem in zip(figure.subplots(1, len(stems), sharey=True), stems, strict=True):
            for k, (name, arm) in enumerate(arms.items()):
                rows = [row[stem] for row in arm["bss"]["per_track"].values()]
                columns = [[row[metric] for row in rows if row[metric] is not None] for metric in METRICS]
                drawn = axes.boxplot(
                    columns,
                    positions=np.arange(len(METRICS)) + 0.36 * (k - 0.5),
                    widths=0.3,
                    patch_artist=True,
                    boxprops={"facecolor": (COLOURS[4], COLOURS[3])[k], "edgecolor": INK},
                    medianprops={"color": INK},
                    flierprops={"marker": ".", "markersize": 3},
                )
                drawn["boxes"][0].set_label(ARMS[name])
            axes.set_xticks(range(len(METRICS)), [metric.upper() for metric in METRICS], fontsize=8)
            axes.set_title(stem)
        legend(figure, figure.axes[0], 2)

    return svg(draw, 4.0, "box plots of BSSEval's scores per stem over the tracks, of both networks")


def _curves(results: Mapping[str, Any]) -> str:
    def draw(figure: Any) -> None:
        for axes, (name, arm), colour in zip(
            figure.subplots(1, 2), results["arms"].items(), (COLOURS[4], COLOURS[3]), strict=True
        ):
            losses = np.array(arm["loss"])
            reach = max(1, len(losses) // 40)
            padded = np.pad(losses, reach, mode="edge")
            smooth = np.convolve(padded, np.full(2 * reach + 1, 1 / (2 * reach + 1)), mode="valid")
            axes.plot(np.arange(1, len(losses) + 1), smooth, color=colour, linewidth=1.5)
            axes.set_title(ARMS[name])
            axes.set_xlabel("step")
            axes.set_ylabel("training loss")

    return svg(draw, 3.2, "training losses over the steps")
