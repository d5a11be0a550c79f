"""MSSPT from the command line, on twins: verify, prepare, pre-train, fine-tune, evaluate.

Each command is one of docs/commands.md or docs/reproduction.md, at a size that takes seconds: one step at the
published width. What comes out means nothing; that it comes out is the test.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import stemwise
from stemwise.cli import main
from stemwise.data.classes import FMA_GENRES, MTAT_TAGS
from stemwise.models.joint import JointClassifier
from stemwise.models.tail import TailClassifier
from stemwise.models.unet import UNetSeparator
from stemwise.weights.store import config_from, find

SOURCES = ("vocals", "drums", "bass", "other", "multisource")
TASKS = ("magnatagatune", "fma-medium-without-small")
SHORT = ("--epochs", "1", "--batch-size", "2", "--patience", "0")
Models = Callable[[str], Path]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twins of the three data sets, verified and prepared."""
    root = tmp_path_factory.mktemp("msspt")
    for name, tracks, seconds in (("musdb18-hq", "12", "9.5"), *((task, "6", "4") for task in TASKS)):
        size = ("--tracks", tracks, "--seconds", seconds, "--workers", "1")
        run("data", "twin", name, str(root / name), *size)
        run("data", "verify", name, str(root / name))
        recipe = "msspt-separator" if name == "musdb18-hq" else "msspt-classifier"
        run("data", "prepare", name, str(root / name), "--for", recipe)
    return root


def run(*words: str) -> None:
    assert main(words) == 0, " ".join(words)


@pytest.fixture(scope="module")
def separator(home: Path) -> Models:
    """Gives the folder of a separator, pre-trained when it is first asked for."""

    def trained(source: str) -> Path:
        out = home / "separators" / source
        if not out.is_dir():
            options = ("--steps", "1", "--batch-size", "1", "--valid-every", "0")
            root = str(home / "musdb18-hq")
            run("train", "msspt-separator", "--root", root, "--source", source, *options, "--out", str(out))
        return out / "model"

    return trained


def evaluated(home: Path, task: str, model: Path) -> dict[str, Any]:
    """The scores of `stemwise evaluate`, which finds the task itself."""
    scores = model.parent / "scores.json"
    words = ("--dataset", task, "--root", str(home / task), "--resamples", "20", "--json", str(scores))
    run("evaluate", str(model), *words)
    return json.loads(scores.read_text())


def config(folder: Path) -> Any:
    """A stored model's config."""
    card = find(folder).card
    return config_from(card["architecture"], card["config"], folder)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("source", SOURCES)
def test_fine_tuned_from_each_separator(home: Path, separator: Models, source: str, task: str) -> None:
    out, start = home / task / "runs" / source, separator(source)
    words = ("--root", str(home / task), "--task", task, "--separator", str(start), *SHORT)
    run("train", "msspt-classifier", *words, "--out", str(out))
    scores = evaluated(home, task, out / "model")
    assert scores["protocol_fields"]["task"] == task
    assert scores["tracks"] == 2
    assert scores["protocol_fields"]["music"] == "a synthetic twin of rendered music"
    settings = json.loads((out / "run.json").read_text())["config"]
    assert settings["separator_sha256"] == json.loads((start / "card.json").read_text())["sha256"]
    model, before = stemwise.load(out / "model"), stemwise.load(start)
    assert isinstance(model, JointClassifier)
    assert isinstance(before, UNetSeparator)
    assert model.config.stems == before.config.stems
    assert model.config.pool == "max"
    ours, theirs = model.unet.state_dict(), before.unet.state_dict()
    moved = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert len(moved) > len(ours) // 2, "the U-Net is trained with the tail"
    far = max((ours[name] - theirs[name]).abs().max() for name in ours if name.endswith("weight"))
    assert far < 2e-4, "one step of Adam at 1e-4 from the separator's weights"


@pytest.mark.parametrize("task", TASKS)
def test_tail_and_scratch_in_several_runs(home: Path, task: str, capsys: pytest.CaptureFixture[str]) -> None:
    root, folder = str(home / task), home / task / "baselines"
    tail = ("--root", root, "--task", task, "--network", "tail", "--runs", "2", *SHORT)
    run("train", "msspt-classifier", *tail, "--out", str(folder / "tail"))
    scratch = ("--root", root, "--task", task, "--skips", "3", *SHORT)
    run("train", "msspt-classifier", *scratch, "--out", str(folder / "scratch"))
    assert isinstance(stemwise.load(folder / "tail" / "run-1" / "model"), TailClassifier)
    assert config(folder / "scratch" / "model").skips == 3
    capsys.readouterr()
    words = ("--dataset", task, "--root", root, "--resamples", "20", "--out", str(folder / "test"))
    run("evaluate", str(folder / "tail"), *words)
    printed = capsys.readouterr().out
    assert "best" in printed
    assert "mean" in printed
    assert (folder / "test" / "report.html").is_file()
    scores = json.loads((folder / "test" / "scores.json").read_text())
    assert scores["per_run"].keys() == {"run-0", "run-1"}


def test_classes_are_those_of_the_task(home: Path) -> None:
    for task, classes in zip(TASKS, (MTAT_TAGS, FMA_GENRES), strict=True):
        folder = home / task / "baselines" / "scratch" / "model"
        assert config(folder).classes == classes


@pytest.mark.slow
def test_separator_from_the_streams_of_musdb18(home: Path) -> None:
    root = home / "musdb18"
    run("data", "twin", "musdb18", str(root), "--tracks", "10", "--seconds", "6.5", "--workers", "1")
    words = ("--root", str(root), "--dataset", "musdb18", "--source", "drums", "--batch-size", "1")
    out = home / "separators" / "streams"
    run("train", "msspt-separator", *words, "--steps", "2", "--valid-every", "2", "--out", str(out))
    lines = (out / "history.csv").read_text().splitlines()
    assert lines[0].split(",")[-2:] == ["valid_loss", "valid_l1"]
    assert json.loads((out / "data.json").read_text())["dataset"] == "musdb18"
