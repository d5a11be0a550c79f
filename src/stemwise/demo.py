"""The demo: the paper's question, asked of rendered music, from nothing to a report.

Each stage leaves a file behind when it is done, and is not done again.
"""

from __future__ import annotations

import json
import logging
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, cast

import torch

from stemwise import report
from stemwise.data.rendered import INFO, RenderSettings, render, tracks
from stemwise.data.rendered.soundfont import default_soundfont, open_soundfont
from stemwise.data.tracks import SPLITS
from stemwise.evaluation import evaluate_classifier, evaluate_separator
from stemwise.files import write_json
from stemwise.interfaces import Classifier, Separator
from stemwise.logs import progress_bar
from stemwise.recipes.rendered import classifier, separator
from stemwise.separation import separate_file
from stemwise.tasks import TASKS
from stemwise.training import Machine, Run, fit
from stemwise.weights import store

logger = logging.getLogger(__name__)

ARMS: dict[str, str] = {
    "tail": "tail alone, on the mixture",
    "scratch": "whole network, from scratch",
    "pretrained": "whole network, from the separator",
    "frozen": "tail on the frozen separator's sources",
}
NETWORKS: dict[str, Literal["tail", "joint", "frozen"]] = {
    "tail": "tail",
    "scratch": "joint",
    "pretrained": "joint",
    "frozen": "frozen",
}


@dataclass(frozen=True, kw_only=True)
class DemoSize:
    """How much the demo does.

    Attributes:
        tracks: rendered, over all splits.
        seconds: length of each.
        separator_steps: batches of four mixtures.
        classifier_steps: batches of eight windows, the same for every arm.
        seeds: trainings per arm.
        skips: links into the tail of the whole networks. None here: with them, trainings as short as this
            came out worse in single trials (docs/reproduction.md).
        task: what the classifiers learn.
    """

    tracks: int = 160
    seconds: float = 12.0
    separator_steps: int = 400
    classifier_steps: int = 60
    seeds: int = 2
    skips: int = 0
    task: str = "rendered-tags"


SIZES = {
    "full": DemoSize(),
    "tiny": DemoSize(tracks=6, seconds=5.0, separator_steps=3, classifier_steps=2),
}


def run_demo(out: Path, size: DemoSize, *, seed: int = 0, soundfont: str | None = None) -> str:
    """Run every stage that is not done yet, write `report.html`, and return the summary as text.

    The separator is kept as the model `demo-separator`, the first whole network that started from it as
    `demo-tagger`: the method's own, not the best of the test. A demo of less than full size replaces none.

    Args:
        out: folder for everything.
        size: how much to do.
        seed: of the music and the weights.
        soundfont: path of an sf2 or sf3 file, or None for pretty_midi's.

    Raises:
        ValueError: the folder holds a demo of another size or seed.
    """
    data = out / "data"
    settings = RenderSettings(tracks=size.tracks, seconds=size.seconds, seed=seed, soundfont=soundfont)
    open_soundfont(
        Path(soundfont) if soundfont else default_soundfont()
    )  # or refused before a folder is taken
    _claim(out, {**asdict(size), "seed": seed, "soundfont": soundfont})
    _stage(out, "render", lambda: _render(data, settings))
    separation = _stage(out, "separator", lambda: _separator(out, data, size, seed))
    arms = [_arm(out, name, title, data, size, seed) for name, title in ARMS.items()]
    song = _stage(out, "song", lambda: _song(out, data))
    _keep(out / "separator" / "model", "demo-separator", size)
    _keep(out / "arms" / f"pretrained-seed{seed}" / "model", "demo-tagger", size)
    results = {**_about(out, size, settings), "separator": separation, "arms": arms, "song": song}
    write_json(out / "results.json", results)
    report.write_report(json.loads((out / "results.json").read_text()), out / "report.html")
    return f"{report.summary(results)}\n\nThe report is {out / 'report.html'}"


def _claim(out: Path, settings: dict[str, Any]) -> None:
    path = out / "demo.json"
    if path.is_file() and json.loads(path.read_text()) != settings:
        raise ValueError(f"{out}: holds a demo with other settings (see {path}); choose another --out")
    write_json(path, settings)


def _stage(out: Path, name: str, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a stage left behind, or do it and leave that, with the seconds it took."""
    path = out / "stages" / f"{name}.json"
    if path.is_file():
        return json.loads(path.read_text())
    logger.info("%s", f"demo: {name}")
    began = time.monotonic()
    result = do()
    write_json(path, {**result, "stage_seconds": time.monotonic() - began})
    return json.loads(path.read_text())


def _render(data: Path, settings: RenderSettings) -> dict[str, Any]:
    with progress_bar("rendering", settings.tracks) as move:
        render(data, settings, lambda done, _: move(done))
    everything = tracks(data)
    with progress_bar("measuring", len(everything)) as move:
        card, listening = report.write_card(everything, data, INFO, progress=lambda done, _: move(done))
    counts = {split: len(tracks(data, split)) for split in SPLITS}
    facts = json.loads((data / "dataset.json").read_text())
    pages = {"the music's card": card, "listen to it": listening}
    links = {title: f"{data.name}/{page.name}" for title, page in pages.items()}
    return {"tracks": counts, "dataset": facts, "pages": links}


def _separator(out: Path, data: Path, size: DemoSize, seed: int) -> dict[str, Any]:
    run = separator(root=data, steps=size.separator_steps, seed=seed)
    result = _train(run, out / "separator")
    model = cast(Separator, run.model)
    test = tracks(data, "test")
    with progress_bar("evaluating", len(test)) as move:
        scores = evaluate_separator(model, test, lambda done, _: move(done))
    about = {
        "title": f"U-Net of half the published widths, {size.separator_steps} steps on rendered music",
        "data": "rendered by stemwise; these scores compare with no real music's",
        "licence": "yours: trained on this machine",
        "scores": scores["stems"],
    }
    store.save(model, out / "separator" / "model", about)
    return {"model": run.config["model"], **result, "scores": scores}


def _arm(out: Path, name: str, title: str, data: Path, size: DemoSize, seed: int) -> dict[str, Any]:
    runs = []
    for repeat in range(seed, seed + size.seeds):
        stage = f"{name}-seed{repeat}"
        runs.append(_stage(out, stage, partial(_classifier, out, stage, name, data, size, repeat)))
    return {"name": name, "title": title, "parameters": runs[0]["parameters"], "runs": runs}


def _classifier(out: Path, stage: str, arm: str, data: Path, size: DemoSize, seed: int) -> dict[str, Any]:
    run = classifier(
        root=data,
        network=NETWORKS[arm],
        separator="" if arm in ("tail", "scratch") else str(out / "separator" / "model"),
        skips=size.skips,
        task=size.task,
        steps=size.classifier_steps,
        batch_size=8,
        seed=seed,
    )
    result = _train(run, out / "arms" / stage)
    model = cast(Classifier, run.model)
    test = tracks(data, "test")
    with progress_bar("evaluating", len(test)) as move:
        scores = evaluate_classifier(model, TASKS[size.task], test, lambda done, _: move(done))
    about = {
        "title": f"{ARMS[arm]}: {size.classifier_steps} steps on rendered music",
        "data": "rendered by stemwise; these scores compare with no real music's",
        "licence": "yours: trained on this machine",
        "scores": {key: scores[key] for key in ("roc_auc", "average_precision", "protocol")},
    }
    store.save(model, out / "arms" / stage / "model", about)
    return {"seed": seed, **result, "scores": scores}


def _train(run: Run, folder: Path) -> dict[str, Any]:
    history = fit(run, folder, Machine())
    trainable = sum(p.numel() for p in run.model.parameters() if p.requires_grad)
    seconds = sum(row["seconds"] for row in history)
    return {"parameters": trainable, "steps": run.steps, "seconds": seconds, "history": history}


def _song(out: Path, data: Path) -> dict[str, Any]:
    """Take a test song apart in which all four stems sound."""
    song = next((t for t in tracks(data, "test") if t.labels["vocals"]), tracks(data, "test")[0])
    model = cast(Separator, store.load(out / "separator" / "model"))
    estimates = separate_file(model, song.mixture, out / "song")
    return {
        "name": song.name,
        "labels": dict(song.labels),
        "mixture": str(song.mixture),
        "references": {stem: str(path) for stem, path in song.stems.items()},
        "estimates": {stem: str(path) for stem, path in estimates.items()},
    }


def _keep(folder: Path, name: str, size: DemoSize) -> None:
    """Put a model among the user's models."""
    target = store.home() / name
    if size == SIZES["full"] or not target.exists():
        derived = ("config", "architecture", "sha256")
        about = {key: value for key, value in store.find(folder).card.items() if key not in derived}
        store.save(store.load(folder), target, about)


def _about(out: Path, size: DemoSize, settings: RenderSettings) -> dict[str, Any]:
    stages = {path.stem: json.loads(path.read_text()) for path in (out / "stages").glob("*.json")}
    packages = ("stemwise", "torch", "numpy", "scipy")
    task = TASKS[size.task]
    return {
        "size": next((name for name, known in SIZES.items() if known == size), "custom"),
        "seed": settings.seed,
        "settings": {**asdict(size), "rendering": asdict(settings)},
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {platform.system()}",
        "versions": {name: version(name) for name in packages},
        "seconds": {name: stage["stage_seconds"] for name, stage in stages.items()},
        "data": {
            "tracks": stages["render"]["tracks"],
            "soundfont": stages["render"]["dataset"],
            "pages": stages["render"]["pages"],
        },
        "task": {"name": task.name, "title": task.title},
    }
