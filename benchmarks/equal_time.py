"""Meta-TasNet beside the U-Net, both trained for the same processor time on the same rendered music.

`python benchmarks/equal_time.py --root MY-SET --out FOLDER --seconds 600`: a few steps tell how long a step
takes; each network then gets the steps that fit, so that its learning rate ends where its recipe says. A
machine's other programs slow the clock, not the processor's time, which is what is shared out here. Writes
`report.html` and `results.json`; what a folder already holds is not done again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from stemwise.data.rendered import tracks
from stemwise.evaluation import evaluate_separator
from stemwise.files import write_json
from stemwise.interfaces import Separator
from stemwise.logs import progress_bar
from stemwise.recipes import RECIPES
from stemwise.report import markup
from stemwise.report.drawing import COLOURS, INK, legend, svg
from stemwise.report.tables import Table, number
from stemwise.training import Machine, Run, fit
from stemwise.weights.store import load, save

ARMS = {
    "rendered-separator": "U-Net, half of its published widths",
    "rendered-meta-tasnet": "small Meta-TasNet",
}
PILOT, LEFT_OUT = 8, 3
"""Steps that are timed, and how many of them are not, as memory is new to them."""
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


def main() -> None:
    """Train both, score both, and write the report."""
    given = _arguments()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    arms = {name: _arm(name, given) for name in given.only or ARMS}
    if len(arms) < len(ARMS):
        return
    songs = {split: len(tracks(given.root, split)) for split in ("train", "test")}
    facts = {"seconds": given.seconds, "threads": given.threads, "seed": given.seed, "songs": songs}
    results = {**facts, "arms": arms}
    write_json(given.out / "results.json", results)
    (given.out / "report.html").write_text(page(results), encoding="utf-8")
    print(markdown(results))
    print(f"the report is {given.out / 'report.html'}")


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="a rendered set")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=600.0, help="of the processor, for each network")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=list(ARMS), nargs="*", help="train these and stop")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _arm(name: str, given: Any) -> dict[str, Any]:
    """Return what one network came to: steps, seconds, curve, scores."""
    folder = given.out / name
    kept = folder / "arm.json"
    if kept.is_file():
        return json.loads(kept.read_text())
    machine = Machine(device="cpu", threads=given.threads)

    def run(steps: int) -> Run:
        period = {"period": steps} if name == "rendered-meta-tasnet" else {}
        return RECIPES[name](root=given.root, steps=steps, seed=given.seed, **period)

    plan = folder / "steps.json"  # a run that was stopped goes on with as many
    if not plan.is_file():
        steps = max(1, round(given.seconds / _seconds_per_step(run, folder / "pilot", machine)))
        write_json(plan, {"steps": steps})
    steps = json.loads(plan.read_text())["steps"]
    resumed = (folder / "history.csv").is_file()
    began, clock = time.process_time(), time.monotonic()
    wanted = run(steps)
    history = fit(wanted, folder, machine)
    spent: dict[str, float | None] = {"cpu_seconds": None, "clock_seconds": None}
    if not resumed:  # nobody knows what a process took that was killed
        spent = {"cpu_seconds": time.process_time() - began, "clock_seconds": time.monotonic() - clock}
    save(wanted.model, folder / "model", {"title": ARMS[name], "data": "rendered by stemwise"})
    test = tracks(given.root, "test")
    with progress_bar("evaluating", len(test)) as move:
        scores = evaluate_separator(_loaded(folder / "model"), test, lambda done, _: move(done))
    result = {
        **spent,
        "steps": steps,
        "parameters": sum(p.numel() for p in wanted.model.parameters()),
        "loss": [row["loss"] for row in history],
        "scores": scores,
    }
    write_json(kept, result)
    return result


def _seconds_per_step(run: Callable[[int], Run], folder: Path, machine: Machine) -> float:
    """Return the processor's seconds for a step, the first few not counted."""
    spent = []
    for steps in (LEFT_OUT, LEFT_OUT + PILOT):
        wanted = run(steps)
        began = time.process_time()
        fit(wanted, folder / str(steps), machine, progress=False)
        spent.append(time.process_time() - began)
    return max(1e-3, (spent[1] - spent[0]) / PILOT)


def _loaded(folder: Path) -> Separator:
    return cast(Separator, load(folder))


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
            "Training losses of equal processor time, each a running mean over a fortieth of its run to "
            "either side. The two losses are of different kinds: compare their shapes, not their heights."
        ),
    )
    parts = (
        head,
        markup.section("Stem by stem", scores),
        markup.section("What was spent", (markup.table(spent_table(results)),)),
        markup.section("Learning curves", curves),
    )
    return markup.document(f"stemwise: {QUESTION}", parts)


def markdown(results: Mapping[str, Any]) -> str:
    """Return both tables for a text file."""
    return "\n\n".join(_markdown(table) for table in (scores_table(results), spent_table(results)))


def verdict(results: Mapping[str, Any]) -> str:
    """Return in a sentence who gained more on which stems, with the smallest gain of each."""
    unet, meta = (_gains(results["arms"][name]) for name in ARMS)
    ahead = [stem for stem in unet if meta[stem] > unet[stem]]
    least = ", ".join(
        f"{name} {min(gains.values()):+.1f} dB"
        for name, gains in (("the U-Net's", unet), ("Meta-TasNet's", meta))
    )
    return (
        f"After {results['seconds']:.0f} s of a processor each, Meta-TasNet gains more than the U-Net on "
        f"{', '.join(ahead) or 'no stem'}. The smallest gain over the mixture: {least}."
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


if __name__ == "__main__":
    main()
