"""Optimisers that follow one another, each from the best weights, and trainings that end early."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stemwise.training import Machine, Optimiser, Run, Schedule, Validation, fit
from training_runs import assert_same, plain, steps_done

CPU = Machine(device="cpu", precision="fp32", checkpoint_s=0.0, keep=99)
SCORES = (5, 4, 4, 4, 3, 3, float("nan"), 6, 6, 2, 2, 2)
"""Patience 2: the first optimiser ends behind step 4, the second behind 7, the third behind 9."""
STEPS_OF_OPTIMISERS = (4, 3, 2)
SGD = Optimiser(name="sgd", learning_rate=2e-2), Optimiser(name="sgd", learning_rate=1e-3)


class Scripted:
    """The score of a step, whatever the model is; keeps what it was."""

    def __init__(self) -> None:
        self.models: dict[int, dict[str, Tensor]] = {}
        self.step = 0

    def __call__(self, model: nn.Module) -> dict[str, float]:
        self.step += 1
        self.models[self.step] = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        return {"loss": SCORES[self.step - 1]}


def phased(done: int = 0) -> tuple[Run, Scripted]:
    measure = Scripted()
    measure.step = done
    validation = Validation(measure=measure, every=1, weights="best", patience=2)
    optimiser = Optimiser(name="keras-adam", learning_rate=1e-2)
    run = plain(optimiser=optimiser, then=SGD, schedule=Schedule(), validation=validation, steps=50)
    return run, measure


def test_each_optimiser_begins_with_the_best_weights(tmp_path: Path) -> None:
    run, measure = phased()
    rows = fit(run, tmp_path, CPU, progress=False)
    rates = [row["learning_rate"] for row in rows]
    assert rates == pytest.approx([1e-2] * 4 + [2e-2] * 3 + [1e-3] * 2)
    state = torch.load(tmp_path / "checkpoints" / "step-00000004.pt", weights_only=True)
    for name, tensor in measure.models[2].items():
        assert torch.equal(state["module"][f"model.{name}"], tensor)


def test_run_is_over_behind_the_last_optimiser(tmp_path: Path) -> None:
    run, measure = phased()
    rows = fit(run, tmp_path, CPU, progress=False)
    assert len(rows) == sum(STEPS_OF_OPTIMISERS)
    assert all(torch.equal(tensor, measure.models[5][n]) for n, tensor in run.model.state_dict().items())
    again, unused = phased()
    assert len(fit(again, tmp_path, CPU, progress=False)) == len(rows)
    assert not unused.models, "a finished run takes no step"
    assert_same(run.model, again.model)


@pytest.mark.parametrize("done", range(1, 9))
def test_run_stopped_anywhere_ends_like_one_left_alone(done: int, tmp_path: Path) -> None:
    whole, _ = phased()
    fit(whole, tmp_path / "whole", CPU, progress=False)
    shutil.copytree(tmp_path / "whole", tmp_path / "stopped")
    for path in (tmp_path / "stopped" / "checkpoints").iterdir():
        if int(path.stem[5:]) > done:
            path.unlink()
    stopped, _ = phased(done)
    fit(stopped, tmp_path / "stopped", CPU, progress=False)
    assert_same(whole.model, stopped.model)
    assert steps_done(tmp_path / "stopped") == sum(STEPS_OF_OPTIMISERS)


def test_patience_alone_ends_a_run(tmp_path: Path) -> None:
    run, _ = phased()
    validation = replace(run.validation, weights="last") if run.validation else None
    assert len(fit(replace(run, then=(), validation=validation), tmp_path, CPU, progress=False)) == 4


@pytest.mark.parametrize("lacking", [{"validation": None}, {"patience": 0}, {"weights": "last"}])
def test_what_follows_needs_a_patient_validation_that_keeps_the_best(lacking: dict[str, Any]) -> None:
    run, _ = phased()
    assert run.validation
    validation = None if "validation" in lacking else replace(run.validation, **lacking)
    with pytest.raises(ValueError, match="then: what follows begins from the best weights"):
        replace(run, validation=validation)


def test_optimisers_agree_on_what_cannot_change() -> None:
    run, _ = phased()
    with pytest.raises(ValueError, match=r"ema: expected the same for all optimisers, 0.0; got \[0.5, 0.0\]"):
        replace(run, then=(replace(SGD[0], ema=0.5), SGD[1]))


def test_negative_patience_is_refused() -> None:
    with pytest.raises(ValueError, match="patience: expected 0 or more"):
        Validation(measure=lambda model: {}, every=1, patience=-1)
