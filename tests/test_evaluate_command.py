"""`stemwise evaluate`: what is printed and kept of one model, of several runs, of sets with bad tracks."""

import csv
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemwise.cli import main
from stemwise.evaluation import Protocol, Run, summarise
from stemwise.metrics.tagging import accuracy, macro, roc_auc
from stemwise.models import CLASSIFIERS, SEPARATORS
from stemwise.signal.chunk import window_count
from stemwise.tasks import TASKS
from stemwise.weights.store import save
from synth import scrambled, stem_tree, tiny

FEW = ["--resamples", "20"]


def keep(folder: Path, task: str = "rendered-genre", seed: int = 0, **changes: Any) -> Path:
    """Save a tiny classifier whose weights are drawn."""
    goal = TASKS[task]
    config = replace(tiny(CLASSIFIERS["half-tail"]), classes=goal.classes, target=goal.target)
    return save(scrambled(replace(config, **changes).build(), seed), folder, {"title": "drawn"})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stem_tree(tmp_path_factory.mktemp("set"), {"test": 6}, samples=16_000)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keep(tmp_path_factory.mktemp("models") / "genres")


def evaluate(model: Path, data: Path, *more: str | Path) -> int:
    return main(["evaluate", str(model), "--root", str(data), *FEW, *map(str, more)])


def strict(path: Path) -> Any:
    """What a reader of strict JSON finds."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def damage(root: Path, tracks: Sequence[int]) -> Path:
    for track in tracks:
        (root / "test" / f"track-{track}" / "mixture.wav").write_bytes(b"no music" * 2000)
    return root


def test_every_score_carries_its_whole_protocol(model: Path, data: Path, tmp_path: Path, capsys) -> None:
    assert evaluate(model, data, "--json", tmp_path / "scores.json") == 0
    found = strict(tmp_path / "scores.json")
    protocol = found["protocol_fields"]
    assert list(protocol) == [field.name for field in fields(Protocol)]
    assert all(protocol.values())
    assert (protocol["dataset"], protocol["split"], protocol["task"]) == (
        "rendered",
        "test",
        "rendered-genre",
    )
    assert (protocol["window_s"], protocol["hop_s"]) == (3.862, 1.92)
    assert protocol["sha256"] == json.loads((model / "card.json").read_text())["sha256"]
    assert set(protocol["versions"]) == {"stemwise", "torch", "numpy", "python"}
    printed = " ".join(capsys.readouterr().out.split())
    assert f"protocol: 6 tracks; {found['protocol']}" in printed
    assert protocol["sha256"][:12] in printed


def test_scores_have_intervals_and_a_confusion(model: Path, data: Path, tmp_path: Path, capsys) -> None:
    assert evaluate(model, data, "--json", tmp_path / "scores.json") == 0
    found = strict(tmp_path / "scores.json")
    for score in ("accuracy", "roc_auc", "average_precision"):
        low, high = found["intervals"][score]
        assert 0 <= low <= high <= 1
    assert found["bootstrap"] == {
        "over": "tracks",
        "confidence": 0.95,
        "resamples": 20,
        "seed": 0,
        "few": 20,
        "few_positives": 3,
    }
    assert (found["confusion"]["rows"], found["confusion"]["columns"]) == ("truth", "prediction")
    counts = np.array(found["confusion"]["counts"])
    assert counts.sum(1).tolist() == [row["positives"] for row in found["labels"]]
    assert np.trace(counts) / counts.sum() == found["accuracy"]
    printed = " ".join(capsys.readouterr().out.split())
    assert "rows are the truth, columns the predictions" in printed
    assert "3 of 12 labels have fewer than 20 tracks" in printed


def test_folder_holds_what_others_need_to_score_anew(model: Path, data: Path, tmp_path: Path) -> None:
    assert evaluate(model, data, "--out", tmp_path / "out") == 0
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "scores.json",
        "predictions.csv",
        "report.html",
    }
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    classes = TASKS["rendered-genre"].classes
    targets = np.array([[int(row[f"true {name}"]) for name in classes] for row in rows])
    chances = np.array([[float(row[f"p {name}"]) for name in classes] for row in rows])
    found = strict(tmp_path / "out" / "scores.json")
    assert [row["track"] for row in rows] == [f"track-{n}" for n in range(6)]
    assert accuracy(targets.argmax(1), chances) == found["accuracy"]
    assert macro(roc_auc(targets, chances)).mean == found["roc_auc"]


def test_report_is_whole_and_says_how_it_was_measured(model: Path, data: Path, tmp_path: Path) -> None:
    assert evaluate(model, data, "--out", tmp_path) == 0
    page = (tmp_path / "report.html").read_text()
    assert "<svg" in page
    assert "Who is taken for whom" in page
    assert json.loads((model / "card.json").read_text())["sha256"] in page
    assert "http" not in page


def test_same_evaluation_gives_the_same_files(model: Path, data: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert evaluate(model, data, "--out", tmp_path / name) == 0
    for name in ("scores.json", "predictions.csv", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for seed in (2, 10, 0):
        keep(folder / f"run-{seed}" / "model", seed=seed)
    return folder


def test_folder_of_runs_gives_each_the_best_and_the_mean(
    runs: Path, data: Path, tmp_path: Path, capsys
) -> None:
    assert evaluate(runs, data, "--out", tmp_path) == 0
    found = strict(tmp_path / "scores.json")
    alone = {}
    for seed in (0, 2, 10):
        name = f"run-{seed}"
        assert evaluate(runs / name / "model", data, "--json", tmp_path / name / "alone.json") == 0
        alone[name] = strict(tmp_path / name / "alone.json")
        assert (tmp_path / name / "predictions.csv").is_file()
    assert found["runs"] == alone
    values = [row["accuracy"] for row in alone.values()]
    assert list(found["per_run"]) == ["run-0", "run-2", "run-10"]
    assert found["best"]["accuracy"] == max(values)
    assert found["mean"]["accuracy"] == pytest.approx(np.mean(values))
    assert found["std"]["accuracy"] == pytest.approx(np.std(values, ddof=1))
    printed = capsys.readouterr().out
    assert f"best: {found['best']['run']}" in printed
    assert "mean ± std" in printed


def test_run_that_is_not_finished_is_named(data: Path, tmp_path: Path, capsys) -> None:
    keep(tmp_path / "run-0" / "model")
    (tmp_path / "run-1" / "checkpoints").mkdir(parents=True)
    assert evaluate(tmp_path, data) == 2
    assert "run-1: expected a finished model" in capsys.readouterr().err


def test_runs_of_different_tasks_are_refused(data: Path, tmp_path: Path, capsys) -> None:
    keep(tmp_path / "run-0" / "model")
    keep(tmp_path / "run-1" / "model", "rendered-mood")
    assert evaluate(tmp_path, data) == 2
    assert "expected runs of one task" in capsys.readouterr().err


def test_run_without_a_score_is_not_the_best() -> None:
    def run(name: str, value: float) -> Run:
        return Run(name=name, scores={"roc_auc": value, "average_precision": value})

    found = summarise([run("run-0", float("nan")), run("run-1", 0.6), run("run-2", 0.7)], "roc_auc")
    assert found["best"]["run"] == "run-2"
    assert np.isnan(found["mean"]["roc_auc"])


def test_unreadable_tracks_are_listed_and_left_out(model: Path, tmp_path: Path, capsys) -> None:
    root = damage(stem_tree(tmp_path / "set", {"test": 4}), [1, 2])
    assert evaluate(model, root, "--out", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "track-1: left out: " in said
    assert "2 tracks could not be read" in said
    found = strict(tmp_path / "out" / "scores.json")
    assert (found["tracks"], set(found["unreadable"])) == (2, {"track-1", "track-2"})
    assert "2 tracks could not be read" in (tmp_path / "out" / "report.html").read_text()


def test_separator_leaves_unreadable_tracks_out_too(tmp_path: Path, capsys) -> None:
    root = damage(stem_tree(tmp_path / "set", {"test": 2}), [0])
    config = tiny(SEPARATORS["half-multisource"])
    save(scrambled(config.build()), tmp_path / "apart", {})
    assert evaluate(tmp_path / "apart", root, "--out", tmp_path / "out") == 1
    found = strict(tmp_path / "out" / "scores.json")
    assert list(found["per_track"]) == ["track-1"]
    assert list(found["protocol_fields"]) == [field.name for field in fields(Protocol)]
    assert "<svg" in (tmp_path / "out" / "report.html").read_text()
    assert "track-0: left out" in capsys.readouterr().err


def test_no_readable_track_is_an_error_and_leaves_no_scores(model: Path, tmp_path: Path, capsys) -> None:
    root = damage(stem_tree(tmp_path / "set", {"test": 2}), [0, 1])
    assert evaluate(model, root, "--out", tmp_path / "out") == 2
    assert "none of 2 tracks could be read" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_classes_of_no_task_name_the_candidates(data: Path, tmp_path: Path, capsys) -> None:
    keep(tmp_path / "odd", classes=("loud", "quiet"))
    assert evaluate(tmp_path / "odd", data) == 2
    said = capsys.readouterr().err
    assert "2 classes (multiclass), found 0" in said
    assert "rendered-genre, rendered-key" in said


def test_task_of_other_classes_is_refused(model: Path, data: Path, capsys) -> None:
    assert evaluate(model, data, "--task", "rendered-mood") == 2
    assert "rendered-mood: expected a multiclass model" in capsys.readouterr().err


def test_impossible_resamples_are_refused_before_anything_is_scored(model: Path, data: Path, capsys) -> None:
    assert main(["evaluate", str(model), "--root", str(data), "--resamples", "0"]) == 2
    assert "resamples: expected at least 1" in capsys.readouterr().err


def test_windows_are_those_of_the_published_evaluation() -> None:
    """It averages over (L - 192) // 192 windows of 384 of a clip's L frames, 512 samples long, 160 apart."""
    for samples in range(61_792, 61_792 + 200_000, 997):
        frames = 1 + (samples - 512) // 160
        assert window_count(samples, 61_792, 30_720) == (frames - 192) // 192
