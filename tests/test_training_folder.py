"""A run's folder explains itself, and a run is shown where it was asked to be."""

import json
import logging
import sys
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from stemwise.logs import History, read_history
from stemwise.training import fit
from stemwise.training.curves import draw
from training_runs import CPU, Always, everything, forked, losses, plain

FAST = replace(CPU, checkpoint_s=60.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of a run with all that there is, stopped and resumed."""
    place = tmp_path_factory.mktemp("run") / "mine"
    logging.getLogger("stemwise").setLevel(logging.INFO)
    for _ in range(2):
        fit(everything(), place, replace(FAST, checkpoint_steps=20), progress=False)
        (place / "checkpoints" / "step-00000024.pt").unlink()
    fit(everything(), place, FAST, progress=False)
    logging.getLogger("stemwise").setLevel(logging.NOTSET)
    return place


def test_all_that_explains_the_run_is_there_and_nothing_else(folder: Path) -> None:
    expected = {"run.json", "data.json", "versions.json", "train.log", "history.csv", "curves.png"}
    assert {path.name for path in folder.iterdir()} == expected | {"tensorboard", "checkpoints"}


def test_config_says_what_makes_the_run(folder: Path) -> None:
    stored = json.loads((folder / "run.json").read_text())
    assert stored["config"] == {"test": "everything"}
    assert stored["optimiser"]["accumulate"] == 2
    assert stored["schedule"]["shape"] == "plateau"
    expected = {"every": 3, "score": "loss", "better": "lower", "weights": "best", "patience": 0}
    assert stored["validation"] == expected


def test_data_card_is_that_of_the_data(folder: Path) -> None:
    assert json.loads((folder / "data.json").read_text()) == dict(everything().data.card())


def test_versions_are_those_that_ran(folder: Path) -> None:
    stored = json.loads((folder / "versions.json").read_text())
    assert stored["torch"] == version("torch")
    assert {"stemwise", "numpy", "python", "platform", "device"} <= stored.keys()


def test_log_goes_on_over_restarts(folder: Path) -> None:
    lines = (folder / "train.log").read_text().splitlines()
    assert [line.rsplit("steps ", 1)[1] for line in lines if "precision 32-true" in line] == [
        "0 to 24",
        "21 to 24",  # behind the best so far
        "21 to 24",
    ]
    assert sum("valid_loss" in line for line in lines) == 8 + 1 + 1
    assert lines[-1].endswith("finished")


def test_history_keeps_blank_what_was_not_measured(folder: Path) -> None:
    lines = (folder / "history.csv").read_text().splitlines()
    assert lines[0].endswith("items_per_s,valid_loss,valid_l1")
    assert [line.endswith(",,") for line in lines[1:7]] == [True, True, False, True, True, False]
    assert ["valid_loss" in row for row in read_history(folder)][:3] == [False, False, True]


def test_curves_are_a_picture_of_some_size(folder: Path) -> None:
    picture = imread(folder / "curves.png")
    assert picture.shape[0] > 400
    assert picture.shape[1] == 800
    assert picture.std() > 0.05


def test_long_curves_are_drawn_from_means(tmp_path: Path) -> None:
    rows = [{"step": k, "loss": 1 / k, "learning_rate": 1e-3} for k in range(1, 20_001)]
    draw(rows, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_tensorboard_holds_every_step_once(folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [*range(1, 25)]
    assert [event.step for event in events.Scalars("valid_loss")] == [*range(3, 25, 3)]


def test_finished_run_adds_no_events(tmp_path: Path) -> None:
    losses(plain(steps=1), tmp_path)
    before = [*(tmp_path / "tensorboard").iterdir()]
    losses(plain(steps=1), tmp_path)
    assert [*(tmp_path / "tensorboard").iterdir()] == before


@pytest.mark.parametrize(
    ("missing", "said"), [("tensorboard", "no TensorBoard events"), ("matplotlib", "curves.png is not drawn")]
)
def test_what_is_not_installed_is_a_warning(
    missing: str, said: str, tmp_path: Path, caplog, monkeypatch
) -> None:
    for name in [name for name in sys.modules if name.startswith((missing, "torch.utils.tensorboard"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    losses(plain(steps=1), tmp_path)
    assert said in caplog.text


@dataclass
class Other(Always):
    """The same data under another card."""

    def card(self) -> dict[str, Any]:
        return {**self.data.card(), "tracks": 99}


def test_folder_of_a_run_on_other_data_is_refused(tmp_path: Path) -> None:
    losses(plain(steps=1), tmp_path)
    run = plain(steps=1)
    with pytest.raises(ValueError, match=r"other data \(see data\.json\)"):
        losses(replace(run, data=Other(run.data)), tmp_path)


def test_other_versions_are_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    losses(plain(steps=1), tmp_path)
    path = tmp_path / "versions.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "torch": "1.0"}))
    losses(plain(steps=1), tmp_path)
    assert f"torch 1.0 → {version('torch')}" in caplog.text
    assert json.loads(path.read_text()) == stored


def test_log_is_kept_where_nobody_set_up_logging(tmp_path: Path) -> None:
    process = forked("plain", str(tmp_path))
    process.join()
    assert "no batch statistics" in (tmp_path / "train.log").read_text()


def test_row_with_a_new_column_is_written_and_read(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25, "valid_loss": 1.0}]
    history = History(tmp_path, [])
    for row in [*rows, {"step": 3, "loss": float("nan")}]:
        history.append(row)
    history.close()
    assert read_history(tmp_path)[:2] == rows
    assert np.isnan(read_history(tmp_path)[2]["loss"])
    assert read_history(tmp_path, 1) == rows[:1]


def test_missing_wandb_is_an_error_that_names_the_command(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("stemwise.logs.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'stemwise\[wandb\]'"):
        fit(plain(), tmp_path / "run", replace(CPU, wandb="project"), progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_run_is_logged_to_wandb_under_one_identity(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    machine = replace(FAST, wandb="stemwise-tests", checkpoint_steps=6)
    losses(plain(), tmp_path, machine)
    (tmp_path / "checkpoints" / "step-00000008.pt").unlink()
    losses(plain(), tmp_path, machine)
    identity = json.loads((tmp_path / "wandb.json").read_text())
    assert identity["project"] == "stemwise-tests"
    runs = [*(tmp_path / "wandb").glob("offline-run-*")]
    assert {path.name.rsplit("-", 1)[1] for path in runs} == {identity["id"]}
    assert all(holds(next(path.glob("*.wandb")), b"learning_rate") for path in runs)


def holds(path: Path, words: bytes, seconds: float = 60.0) -> bool:
    """Return whether a file holds words; W&B's own process writes it, and may be behind on a busy machine."""
    end = time.monotonic() + seconds
    while words not in path.read_bytes() and time.monotonic() < end:
        time.sleep(0.1)
    return words in path.read_bytes()
