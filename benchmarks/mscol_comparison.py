"""Does it help to hear the sources? MSCOL beside COLA and no pre-training, on rendered music.

`python benchmarks/mscol_comparison.py --out FOLDER`: renders a set, pre-trains an encoder for each arm and
seed, trains shallow classifiers of genre and instruments on each, and compares the arms label by label.
Prints tables, and writes `results.json` and `report.html`. What a folder holds already is not done again. On
one GPU: `--device cuda --workers 6`; a first look on two cores: `--size tiny`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch

from stemwise.data.rendered import RenderSettings, render, tracks
from stemwise.evaluation import evaluate_classifier
from stemwise.files import write_json, write_text
from stemwise.interfaces import Classifier
from stemwise.logs import progress_bar
from stemwise.memory import keep_freed_memory
from stemwise.recipes import MATERIALS, RECIPES
from stemwise.recipes.logmels import segmented_log_mels
from stemwise.report import markup
from stemwise.report.comparison import Comparison, compare, values
from stemwise.report.tables import Table, number, spread
from stemwise.tasks import TASKS
from stemwise.training import Machine, fit
from stemwise.weights.store import save

ARMS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "random": ("frozen random encoder", None),
    "scratch": ("trained from scratch with the labels", None),
    "cola": ("COLA: no sources", {"sources": "none"}),
    "all": ("MSCOL: all four sources", {"sources": "all"}),
    "bass": ("MSCOL: the bass alone", {"sources": "bass"}),
    "vocals": ("MSCOL: the vocals alone", {"sources": "vocals"}),
}
"""What each arm is called, and its options of the recipe `mscol`; None for no pre-training."""

ASKED = ("rendered-genre", "rendered-instruments")
PAIRS = (
    ("all", "cola", "Do sources help beyond other excerpts of the mixture?"),
    ("bass", "cola", "Does the bass alone?"),
    ("vocals", "cola", "Do the vocals alone?"),
    ("all", "bass", "Are four sources better than the bass?"),
    ("all", "vocals", "Are four sources better than the vocals?"),
    ("all", "random", "Does MSCOL help a frozen encoder?"),
    ("cola", "random", "Does COLA?"),
    ("all", "scratch", "Is frozen MSCOL better than training all of it?"),
)
NOTICE = (
    "This is rendered music: composed by rule, played by a synthesiser, and small in number. These numbers "
    "compare with nothing but each other, and say nothing about real recordings or the published encoders."
)
NOTE = (
    "Differences of ROC-AUC, paired by label and seed. The interval is a bootstrap over labels, with no "
    "correction for how many questions are asked; the answer is yes or no only where the whole interval and "
    "every seed of several agree. A frozen random encoder has never seen data, so that its batch "
    "normalisation does nothing."
)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done.

    Attributes:
        tracks, seconds: of the rendered set.
        model: the encoder.
        steps, batch_size: of each pre-training.
        epochs: of each classifier, at most.
        segment: frames of 10 ms.
        seeds: trainings of each arm.
    """

    tracks: int = 200
    seconds: float = 20.0
    model: str = "half-mscol"
    steps: int = 250
    batch_size: int = 128
    epochs: int = 50
    segment: int = 392
    seeds: int = 3


SIZES = {
    "full": Size(),
    "tiny": Size(tracks=24, seconds=6.0, steps=4, batch_size=8, epochs=2, segment=98, seeds=1),
}


def main() -> None:
    """Do what is not done yet, and write the report."""
    given = _arguments()
    size = _size(given)
    out, began = given.out, time.monotonic()
    root = given.root or out / "data"
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, {**asdict(size), "root": str(root.absolute())})
    _prepare(root, size, given.processes)
    print(f"{time.monotonic() - began:.0f} s: the set and its log-mels are there", flush=True)
    arms = _arms(root, out, size, given, began)
    about = {"size": asdict(size), "device": _device(given.device), "machine": platform.machine()}
    counts = {split: len(tracks(root, split)) for split in ("train", "valid", "test")}
    results = {**about, "tracks": counts, "seconds": time.monotonic() - began, "tasks": arms}
    write_json(out / "results.json", results)
    results = json.loads((out / "results.json").read_text())
    write_text(out / "report.html", page(results))
    print(markdown(results))
    print(f"\n{results['seconds']:.0f} s in all; the report is {out / 'report.html'}")


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--root", type=Path, help="a rendered set; `data` in OUT, made there, where not given"
    )
    parser.add_argument("--size", choices=list(SIZES), default="full")
    for name in ("tracks", "steps", "batch-size", "epochs", "segment", "seeds"):
        parser.add_argument(f"--{name}", type=int, help="instead of the size's")
    parser.add_argument("--seconds", type=float, help="instead of the size's")
    parser.add_argument("--model", help="instead of the size's")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--workers", type=int, default=1, help="trainings side by side")
    parser.add_argument("--processes", type=int, default=0, help="that render; 0 for all cores")
    parser.add_argument("--only", choices=list(ARMS), nargs="*", help="these arms alone")
    return parser.parse_args()


def _size(given: Any) -> Size:
    size = SIZES[given.size]
    changed = {name: getattr(given, name) for name in asdict(size) if getattr(given, name) is not None}
    return replace(size, **changed)


def _claim(out: Path, settings: Mapping[str, Any]) -> None:
    path = out / "settings.json"
    if path.is_file() and json.loads(path.read_text()) != settings:
        raise SystemExit(f"{out}: holds a comparison of another size (see {path}); choose another --out")
    write_json(path, settings)


def _device(name: str) -> str:
    if name == "cpu" or not torch.cuda.is_available():
        return f"cpu, {os.cpu_count()} cores"
    return torch.cuda.get_device_name()


def _prepare(root: Path, size: Size, processes: int) -> None:
    """Render the set, decode it and compute its log-mels, so that the trainings find all of it."""
    settings = RenderSettings(
        tracks=size.tracks, seconds=size.seconds, seed=0, workers=processes, valid_share=0.15, test_share=0.3
    )
    with progress_bar("rendering", size.tracks) as move:
        render(root, settings, lambda done, _: move(done))
    for split in ("train", "valid"):
        segmented_log_mels(tracks(root, split), MATERIALS["mscol"], root, frames=size.segment)


def _arms(root: Path, out: Path, size: Size, given: Any, began: float) -> dict[str, Any]:
    """Return, for each task, the arms with their runs as `report.comparison` reads them."""
    chosen = [name for name in ARMS if name in (given.only or ARMS)]
    jobs = [(arm, seed) for seed in range(size.seeds) for arm in chosen]
    threads = max(1, (os.cpu_count() or 1) // given.workers)
    do = partial(_one, root=root, out=out, size=size, device=given.device, threads=threads)
    done: dict[tuple[str, int], Any] = {}
    if given.workers == 1:
        for job in jobs:
            done[job] = do(*job)
            print(f"{time.monotonic() - began:.0f} s: {job[0]}, seed {job[1]}", flush=True)
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(given.workers, mp_context=context) as pool:
            waiting = {pool.submit(do, *job): job for job in jobs}
            for future in as_completed(waiting):
                done[waiting[future]] = future.result()
                print(f"{time.monotonic() - began:.0f} s: {waiting[future]}", flush=True)
    return {
        task: {
            "arms": [
                {
                    "name": arm,
                    "title": ARMS[arm][0],
                    "pretraining": [done[arm, seed]["pretraining"] for seed in range(size.seeds)],
                    "runs": [done[arm, seed]["tasks"][task] for seed in range(size.seeds)],
                }
                for arm in chosen
            ]
        }
        for task in ASKED
    }


def _one(
    arm: str, seed: int, *, root: Path, out: Path, size: Size, device: Any, threads: int
) -> dict[str, Any]:
    """Pre-train one encoder, train and score its classifiers, and return what came of it."""
    folder = out / f"{arm}-seed{seed}"
    kept = folder / "result.json"
    if kept.is_file():
        return json.loads(kept.read_text())
    keep_freed_memory()
    on_cpu = device == "cpu" or not torch.cuda.is_available()
    precision = "fp32" if on_cpu else "auto"  # half precision makes this network slower on processors
    machine = Machine(device=device, precision=precision, threads=threads, checkpoint_s=30.0, keep=1)
    options = ARMS[arm][1]
    before = {} if options is None else _pretrain(folder, root, size, seed, machine, options)
    encoder = "" if options is None else str(folder / "encoder" / "model")
    how = {"encoder": encoder, "fine_tune": arm == "scratch"}
    found = {task: _classify(folder / task, root, size, seed, machine, task, how) for task in ASKED}
    write_json(kept, {"pretraining": before, "tasks": found})
    return json.loads(kept.read_text())


def _pretrain(
    folder: Path, root: Path, size: Size, seed: int, machine: Machine, options: Mapping[str, Any]
) -> dict[str, Any]:
    run = RECIPES["mscol"](
        root=root,
        model=size.model,
        segment=size.segment,
        steps=size.steps,
        batch_size=size.batch_size,
        valid_every=size.steps,
        seed=seed,
        **options,
    )
    history = fit(run, folder / "encoder", machine, progress=False)
    save(run.model, folder / "encoder" / "model", {"title": "benchmark", "data": "rendered by stemwise"})
    last, timed = history[-1], history[min(3, len(history) - 1) :]
    step, waits = (statistics.median(float(row[key]) for row in timed) for key in ("seconds", "data_s"))
    retrieved = {key: value for key, value in last.items() if key.startswith("valid_")}
    recent = [float(row["accuracy"]) for row in history[-25:]]
    return {
        "step_s": step,
        "data_s": waits,
        "accuracy": statistics.fmean(recent),
        "loss": last["loss"],
        **retrieved,
    }


def _classify(
    folder: Path, root: Path, size: Size, seed: int, machine: Machine, task: str, how: Mapping[str, Any]
) -> dict[str, Any]:
    batch_size = min(128, size.batch_size)
    more = {"model": size.model, "segment": size.segment, "epochs": size.epochs, "batch_size": batch_size}
    run = RECIPES["mscol-classifier"](root=root, task=task, seed=seed, **more, **how)
    history = fit(run, folder, machine, progress=False)
    scores = evaluate_classifier(cast(Classifier, run.model), TASKS[task], tracks(root, "test"))
    seconds = sum(float(row["seconds"]) for row in history)
    return {"seed": seed, "steps": len(history), "seconds": seconds, "scores": scores}


def page(results: Mapping[str, Any]) -> str:
    """Return the report."""
    head = (
        f"<header>\n<h1>{markup.text(_QUESTION)}</h1>\n"
        f'<p class="verdict">{markup.text(verdict(results))}</p>\n'
        f'<p class="notice">{markup.text(NOTICE)}</p>\n</header>\n'
    )
    parts = [head]
    for task, found in results["tasks"].items():
        cells = (scores_table(found), differences_table(found))
        shown = (*(markup.table(table) for table in cells), markup.note(NOTE))
        parts.append(markup.section(TASKS[task].title, shown))
    parts.append(markup.section("Pre-training", (markup.table(pretraining_table(results)),)))
    facts = {key: results[key] for key in ("size", "device", "tracks", "seconds")}
    parts.append(markup.facts("How it was measured", markup.flat(facts)))
    return markup.document(f"stemwise: {_QUESTION}", parts)


_QUESTION = "Does it help to hear the sources?"


def verdict(results: Mapping[str, Any]) -> str:
    """Return in a sentence for each task whether the sources helped beyond COLA."""
    said = {
        "helps": "sources help a frozen encoder beyond COLA",
        "hurts": "sources do not help beyond COLA, they hurt",
        "unclear": "sources do not measurably help beyond COLA",
    }
    sentences = []
    for task, found in results["tasks"].items():
        if {"all", "cola"} <= {arm["name"] for arm in found["arms"]}:
            gap = compare(found, "all", "cola")
            sentences.append(f"{TASKS[task].title}: {said[_effect(gap)]} ({_gap(gap)})")
    return ". ".join(sentences) + "." if sentences else "COLA or MSCOL is missing: nothing to compare."


def scores_table(found: Mapping[str, Any]) -> Table:
    """Return the scores of a task: mean and deviation over the seeds."""
    keys = ("roc_auc", "average_precision", "accuracy")
    header = ("arm", "ROC-AUC", "avg. precision", "accuracy", "steps")
    rows = [
        (
            arm["title"],
            *(spread(values(arm, key)) for key in keys),
            " / ".join(str(run["steps"]) for run in arm["runs"]),
        )
        for arm in found["arms"]
    ]
    return Table(header, tuple(rows))


def differences_table(found: Mapping[str, Any]) -> Table:
    """Return the paired comparisons of a task."""
    header = ("question", "arms", "difference", "95 % interval", "per seed", "labels better", "answer")
    there = {arm["name"] for arm in found["arms"]}
    rows = []
    for arm, baseline, question in PAIRS:
        if {arm, baseline} <= there:
            gap = compare(found, arm, baseline)
            answer = {"helps": "yes", "hurts": "no", "unclear": "unclear"}[_effect(gap)]
            per_seed = " ".join(number(value, 3, sign=True) for value in gap.per_seed)
            rows.append(
                (
                    *(question, f"{arm} − {baseline}", number(gap.difference, 3, sign=True)),  # noqa: RUF001
                    *(f"{gap.low:+.3f} to {gap.high:+.3f}", per_seed, f"{gap.better} of {gap.pairs}", answer),
                )
            )
    return Table(header, tuple(rows), words=2)


def pretraining_table(results: Mapping[str, Any]) -> Table:
    """Return what each pre-training came to, over the seeds."""
    header = ("arm", "retrieved in training", "retrieved in validation", "step, ms", "waits for data")
    rows = []
    for arm in next(iter(results["tasks"].values()))["arms"]:
        runs = [run for run in arm["pretraining"] if run]
        if runs:
            share = statistics.fmean(run["data_s"] / run["step_s"] for run in runs)
            found = ([run[key] for run in runs] for key in ("accuracy", "valid_accuracy"))
            step = 1000 * statistics.fmean(run["step_s"] for run in runs)
            rows.append((arm["title"], *map(spread, found), number(step, 0), f"{100 * share:.0f} %"))
    return Table(header, tuple(rows))


def _effect(gap: Comparison) -> str:
    """Return what a difference says; that of a single seed says nothing."""
    return gap.effect if len(gap.per_seed) > 1 else "unclear"


def _gap(gap: Comparison) -> str:
    return f"difference {gap.difference:+.3f}, 95 % interval {gap.low:+.3f} to {gap.high:+.3f}"


def markdown(results: Mapping[str, Any]) -> str:
    """Return all tables for a text file."""
    lines = [verdict(results)]
    for task, found in results["tasks"].items():
        lines += [
            f"### {TASKS[task].title}",
            _markdown(scores_table(found)),
            _markdown(differences_table(found)),
        ]
    return "\n\n".join([*lines, "### Pre-training", _markdown(pretraining_table(results))])


def _markdown(table: Table) -> str:
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
