"""Training: it learns, it goes on where it was stopped, and it stops where it must.

Run as a script, this file writes `vectors/loss_curve.json` anew.
"""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from stemwise.data.clips import CropBatches
from stemwise.data.mixing import RemixBatches
from stemwise.interfaces import ALL, Batch, Loss
from stemwise.logs import read_history
from stemwise.models import CLASSIFIERS
from stemwise.training import Machine, Optimiser, Run, Schedule, fit
from synth import memory_cache, tiny
from training_runs import (
    CPU,
    SAMPLES,
    Always,
    BadAt,
    Stopped,
    Until,
    Wrapped,
    assert_same,
    classification,
    losses,
    separation,
    steps_done,
)

CURVES = Path(__file__).parent / "vectors" / "loss_curve.json"
RUNS: dict[str, Callable[..., Run]] = {"separation": separation, "classification": classification}
runs = pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)


def test_separator_overfits_one_batch(tmp_path: Path) -> None:
    data = Always(RemixBatches(memory_cache(), batch_size=1, samples=SAMPLES, seed=0))
    run = separation(data=data, steps=80, optimiser=Optimiser(learning_rate=2e-2))
    found = losses(run, tmp_path, Machine(device="cpu", precision="fp32"))
    assert found[-1] < 0.5 * found[0]  # masks with the mixture's phase cannot reach zero


def test_classifier_overfits_one_batch(tmp_path: Path) -> None:
    data = CropBatches(memory_cache(sources=1), np.eye(3), batch_size=3, samples=61_792, seed=0)
    model = replace(tiny(CLASSIFIERS["half-tail"]), dropout=0.0).build()
    run = classification(model=model, data=Always(data), steps=20, optimiser=Optimiser(learning_rate=1e-2))
    found = losses(run, tmp_path, Machine(device="cpu", precision="fp32"))
    assert found[-1] < 0.1 * found[0]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Ten steps amplify the rounding of sums that more threads add in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class InDouble(Wrapped):
    """The same batches in double precision."""

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        batch = dict(self.data.batch(k, rows))
        for name, value in batch.items():
            if torch.is_tensor(value) and value.is_floating_point():
                batch[name] = value.double()
        return batch


def in_double(make: Callable[..., Run]) -> Run:
    """A run whose losses are the same on any processor: normalised over two clips, rounding grows quickly."""
    run = make()
    return replace(run, model=run.model.double(), data=InDouble(run.data))


@runs
@pytest.mark.usefixtures("one_thread")
def test_loss_curve_is_the_stored_one(make: Callable[..., Run], tmp_path: Path) -> None:
    stored = json.loads(CURVES.read_text())[make.__name__]
    assert losses(in_double(make), tmp_path) == pytest.approx(stored, rel=1e-4)


@runs
def test_stopped_and_resumed_run_ends_like_an_uninterrupted_one(
    make: Callable[..., Run], tmp_path: Path
) -> None:
    whole, stopped, resumed = (make(steps=5) for _ in range(3))
    expected = losses(whole, tmp_path / "whole")
    with pytest.raises(Stopped):
        fit(replace(stopped, data=Until(stopped.data, 3)), tmp_path / "parts", CPU, progress=False)
    assert losses(resumed, tmp_path / "parts") == expected
    assert_same(resumed.model, whole.model)


def test_steps_behind_the_checkpoint_are_taken_again(tmp_path: Path) -> None:
    whole, stopped, resumed = (separation(steps=5) for _ in range(3))
    expected = losses(whole, tmp_path / "whole")
    folder = tmp_path / "parts"
    with pytest.raises(Stopped):
        fit(replace(stopped, data=Until(stopped.data, 4)), folder, replace(CPU, keep=9), progress=False)
    for lost in (3, 4):
        (folder / "checkpoints" / f"step-{lost:08}.pt").unlink()
    assert losses(resumed, folder) == expected
    assert [row["step"] for row in read_history(folder)] == [1, 2, 3, 4, 5]


def test_two_runs_with_one_seed_end_with_the_same_weights(tmp_path: Path) -> None:
    first, second = classification(steps=3), classification(steps=3)
    losses(first, tmp_path / "1")
    torch.rand(10)
    losses(second, tmp_path / "2")
    assert_same(first.model, second.model)


def test_finished_run_takes_no_step_and_returns_its_history(tmp_path: Path) -> None:
    expected = losses(separation(steps=3), tmp_path)
    again = separation(steps=3)
    assert losses(replace(again, data=Until(again.data, 0)), tmp_path) == expected


def test_finished_run_gives_its_weights(tmp_path: Path) -> None:
    first, again = separation(steps=2), separation(steps=2)
    losses(first, tmp_path)
    losses(again, tmp_path)
    assert_same(again.model, first.model)


def test_model_is_in_evaluation_mode_afterwards(tmp_path: Path) -> None:
    run = separation(steps=1)
    losses(run, tmp_path)
    assert not run.model.training


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"steps": 3},
        {"optimiser": Optimiser(learning_rate=1e-4)},
        {"schedule": Schedule()},
        {"config": {"test": "another"}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_folder_of_another_run_is_refused(other: dict[str, Any], tmp_path: Path) -> None:
    losses(separation(steps=1), tmp_path)
    before = (tmp_path / "run.json").read_text()
    with pytest.raises(ValueError, match=r"other settings \(see run\.json\); choose another folder"):
        losses(separation(**({"steps": 1} | other)), tmp_path)
    assert (tmp_path / "run.json").read_text() == before


def test_loss_that_is_not_finite_stops_with_the_batch_and_its_items(tmp_path: Path) -> None:
    run = separation(steps=5)
    names = run.data.batch(3)["names"]
    with pytest.raises(ValueError) as caught:
        fit(replace(run, data=BadAt(run.data, 3)), tmp_path, CPU, progress=False)
    assert "batch 3 is not finite" in str(caught.value)
    assert ", ".join(names) in str(caught.value)


def test_loss_that_is_not_finite_leaves_the_checkpoint_good(tmp_path: Path) -> None:
    bad, good = separation(steps=5), separation(steps=5)
    expected = losses(separation(steps=5), tmp_path / "whole")
    with pytest.raises(ValueError, match="not finite"):
        fit(replace(bad, data=BadAt(bad.data, 3)), tmp_path / "bad", CPU, progress=False)
    assert steps_done(tmp_path / "bad") == 3
    assert losses(good, tmp_path / "bad") == expected


class Kinked(nn.Module):
    """A loss of zero whose gradient is NaN: that of a root at zero."""

    def forward(self, model: nn.Module, batch: Batch) -> Loss:
        return Loss((0 * model(batch["mixture"])).square().sum().sqrt(), {})


@pytest.mark.parametrize("clip_norm", [0.0, 5.0])
def test_gradient_that_is_not_finite_stops_before_it_is_in_the_weights(
    clip_norm: float, tmp_path: Path
) -> None:
    run = separation(steps=2, objective=Kinked(), optimiser=Optimiser(clip_norm=clip_norm))
    with pytest.raises(ValueError, match="batch 0"):
        losses(run, tmp_path)
    assert all(weight.isfinite().all() for weight in run.model.parameters())
    assert not (tmp_path / "checkpoints").exists()


def test_history_has_a_row_for_every_step(tmp_path: Path) -> None:
    rows = fit(separation(steps=4), tmp_path, CPU, progress=False)
    with (tmp_path / "history.csv").open(newline="") as file:
        stored = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert stored == rows
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert rows[0].keys() == {
        "step",
        "loss",
        "waveform",
        "magnitude",
        "learning_rate",
        "seconds",
        "data_s",
        "items_per_s",
    }


def test_learning_rate_follows_the_schedule(tmp_path: Path) -> None:
    run = separation(steps=4)
    rows = fit(run, tmp_path, CPU, progress=False)
    expected = [run.optimiser.learning_rate * run.schedule.factor(k, 4) for k in range(4)]
    assert [row["learning_rate"] for row in rows] == pytest.approx(expected)


class Learned(nn.Module):
    """An objective with a weight of its own: a gain that it learns along."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.0))

    def forward(self, model: nn.Module, batch: Batch) -> Loss:
        error = (self.gain.exp() * model(batch["mixture"]) - batch["stems"]).square().mean()
        return Loss(error, {})


def test_weights_of_the_objective_train_along(tmp_path: Path) -> None:
    objective = Learned()
    losses(separation(steps=3, objective=objective), tmp_path)
    assert objective.gain != 0


def test_weights_of_the_objective_are_resumed(tmp_path: Path) -> None:
    first, again = Learned(), Learned()
    losses(separation(steps=3, objective=first), tmp_path)
    losses(separation(steps=3, objective=again), tmp_path)
    assert torch.equal(first.gain, again.gain)


def test_frozen_weights_stay(tmp_path: Path) -> None:
    run = classification(steps=1, model=tiny(CLASSIFIERS["half-joint-multisource"]).build().freeze_unet())
    before = {name: weight.clone() for name, weight in run.model.unet.named_parameters()}
    losses(run, tmp_path)
    assert all(torch.equal(weight, before[name]) for name, weight in run.model.unet.named_parameters())


if __name__ == "__main__":
    torch.set_num_threads(1)
    with TemporaryDirectory() as scratch:
        curves = {name: losses(in_double(make), Path(scratch) / name) for name, make in RUNS.items()}
    CURVES.write_text(json.dumps(curves, indent=1) + "\n")
