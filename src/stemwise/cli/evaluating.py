"""`stemwise evaluate`: scores with their protocol and intervals, printed and kept."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from stemwise.data.tracks import Track
    from stemwise.evaluation import Evaluation, SeparationTask
    from stemwise.tasks import Task


def evaluate(
    model: Positional[str],
    root: Path,
    dataset: str = "rendered",
    split: Literal["train", "valid", "test"] = "test",
    task: str | None = None,
    json_to: Annotated[Path | None, arg(name="json")] = None,
    out: Annotated[Path | None, arg(aliases=["-o"])] = None,
    resamples: int = 1000,
    workers: int = 1,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
) -> int:
    """Score a separator or a classifier on a data set.

    A folder that holds run-SEED/model is scored run by run: each of them, the best, and their mean. Tracks
    that cannot be read are left out and listed, and the exit code is 1. See docs/evaluation.md.

    Examples:
      stemwise evaluate demo-separator --root demo/data
      stemwise evaluate demo-tagger --root demo/data --json scores.json
      stemwise evaluate runs/joint --root demo/data --task rendered-tags --out runs/joint/test
      stemwise evaluate demo-separator --root demo/data --task musdb18 --out scores --workers 4

    Args:
        model: name or folder of a model, see `stemwise models`, or a folder of runs.
        root: folder of the data set.
        dataset: name of the data set, see `stemwise data info`.
        split: which tracks.
        task: what a classifier is asked; where not given, the data set's only task with its classes. Of a
            separator, musdb18: BSSEval v4 with all four scores, as papers report them.
        json_to: also write all scores to this file.
        out: folder for scores.json, report.html and, of a classifier, predictions.csv. Task musdb18 keeps
            each track's scores there, and a stopped evaluation continues.
        resamples: how often the tracks are drawn again for a classifier's intervals.
        workers: processes that score tracks side by side, in task musdb18.
        device: auto takes a GPU where there is one.
    """
    from stemwise.data.tracks import music_in
    from stemwise.evaluation import SEPARATION_TASKS, model_folders

    for name, value in {"resamples": resamples, "workers": workers}.items():
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    tracks, goal = _material(root, dataset, split, task)
    _claim(out)
    about = {"dataset": dataset, "split": split, "task": goal, "resamples": resamples}
    about["music"] = music_in(root)
    names = model_folders(model)
    folders = {run: out and (out / run if len(names) > 1 else out) for run in names}
    found = {
        run: _one_separator(name, tracks, about, device, workers, folders[run])
        if goal and goal.name in SEPARATION_TASKS
        else _one(name, tracks, about, device)
        for run, name in names.items()
    }
    summary = _summary(found)
    report = _write(found, summary, json_to, out)  # before a pipe may close
    _print(found, summary)
    if report:
        print(f"the report is {report}")
    return _count_unreadable(found)


def _material(
    root: Path, dataset: str, split: str, task: str | None
) -> tuple[list[Track], Task | SeparationTask | None]:
    from stemwise.data import DATASETS
    from stemwise.evaluation import SEPARATION_TASKS
    from stemwise.names import named
    from stemwise.tasks import TASKS, Task

    tracks = named(DATASETS, dataset, "data set").tracks(root, split)
    goal = named({**TASKS, **SEPARATION_TASKS}, task, "task") if task else None
    fitting = (goal.dataset,) if isinstance(goal, Task) else goal.datasets if goal else (dataset,)
    if dataset not in fitting:
        raise ValueError(
            f"{task}: is a task of {', '.join(fitting)}, not of {dataset}; choose --dataset or --task"
        )
    return tracks, goal


def _claim(out: Path | None) -> None:
    """Make the folder, and see that its report can be drawn, before anything is computed."""
    if out:
        from stemwise.report.drawing import matplotlib_or_error

        matplotlib_or_error()
        out.mkdir(parents=True, exist_ok=True)


def _one(name: str, tracks: list[Track], about: Mapping[str, Any], device: str) -> Evaluation:
    from stemwise.evaluation import evaluate_stored
    from stemwise.logs import progress_bar
    from stemwise.training import usable_device
    from stemwise.weights.store import find, load

    stored = find(name)
    network: Any = load(stored.folder).to(usable_device(device))
    with progress_bar(f"evaluating {stored.name}", len(tracks)) as move:
        return evaluate_stored(network, stored, tracks, progress=lambda done, _: move(done), **about)


def _one_separator(
    name: str,
    tracks: list[Track],
    about: Mapping[str, Any],
    device: str,
    workers: int,
    folder: Path | None,
) -> Evaluation:
    from stemwise.evaluation import evaluate_musdb18
    from stemwise.logs import progress_bar
    from stemwise.training import usable_device
    from stemwise.weights.store import find

    stored = find(name)
    how = {key: about[key] for key in ("dataset", "split", "task", "music")}
    how |= {"device": usable_device(device), "workers": workers, "folder": folder}
    with progress_bar(f"evaluating {stored.name}", len(tracks)) as move:
        return evaluate_musdb18(stored, tracks, progress=lambda done, _: move(done), **how)


def _summary(found: Mapping[str, Evaluation]) -> dict[str, Any] | None:
    """Return what several runs have in common; None of a single model."""
    from stemwise.evaluation import Run, summarise

    tasks = {one.document["protocol_fields"]["task"]: run for run, one in found.items()}
    if len(tasks) > 1:
        kinds = ", ".join(f"{run}: {task}" for task, run in tasks.items())
        raise ValueError(f"expected runs of one task, got {kinds}; give --task or part the runs")
    if len(found) < 2:
        return None
    select = next(iter(found.values())).select
    return summarise([Run(name=run, scores=one.document) for run, one in found.items()], select)


def _print(found: Mapping[str, Evaluation], summary: Mapping[str, Any] | None) -> None:
    from stemwise.report import evaluation_text

    shown = found[summary["best"]["run"]] if summary else next(iter(found.values()))
    print(evaluation_text(shown.document, summary))


def _write(
    found: Mapping[str, Evaluation], summary: Mapping[str, Any] | None, json_to: Path | None, out: Path | None
) -> Path | None:
    """Write what was asked for, and return where the report is."""
    from stemwise.files import write_json, write_text

    documents = {run: one.document for run, one in found.items()}
    whole = {**summary, "runs": documents} if summary else next(iter(documents.values()))
    if json_to:
        write_json(json_to, whole)
    if out is None:
        return None
    from stemwise.report import write_evaluation

    for run, one in found.items():
        if one.predictions:
            write_text((out / run if summary else out) / "predictions.csv", one.predictions)
    write_json(out / "scores.json", whole)
    return write_evaluation(documents, summary, next(iter(found.values())).title, out)


def _count_unreadable(found: Mapping[str, Evaluation]) -> int:
    """Return the exit code, and say which tracks were left out."""
    missing = {name: why for one in found.values() for name, why in one.document["unreadable"].items()}
    for name, why in missing.items():
        print(f"stemwise: {name}: left out: {' '.join(why.split())}", file=sys.stderr)
    if missing:
        print(f"stemwise: {len(missing)} tracks could not be read and are in no score", file=sys.stderr)
    return 1 if missing else 0
