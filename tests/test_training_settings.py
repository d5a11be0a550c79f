"""The settings of a run: optimisers, schedules, averages, parts of batches, validation."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stemwise.interfaces import ALL, Batch, Loss
from stemwise.training import KerasAdam, Machine, ObjectiveLoss, Optimiser, Schedule, Validation, fit
from stemwise.training.averaging import Average, evaluating
from stemwise.training.processes import share
from stemwise.training.validation import Standing
from training_runs import CPU, BadAt, Filters, assert_same, everything, farthest, losses, plain, steps_done

GRADIENTS = np.random.default_rng(0).standard_normal((6, 3)) * 10.0 ** -np.arange(6)[:, None]
START = np.array([0.5, -1.0, 2.0])


def moved(optimiser: Optimiser, gradients: np.ndarray = GRADIENTS, stop: int = 0) -> np.ndarray:
    """Weights after steps along given gradients, with the optimiser's state through a dict on the way."""
    weight = nn.Parameter(torch.tensor(START))
    stepper = optimiser.build([weight])
    for k, gradient in enumerate(gradients):
        if k == stop:
            state = stepper.state_dict()
            stepper = optimiser.build([weight])
            stepper.load_state_dict(state)
        weight.grad = torch.tensor(gradient)
        stepper.step()
    return weight.detach().numpy()


def keras_adam(rate: float, decay: float) -> np.ndarray:
    """The formula, by hand."""
    weight, m, v = START.copy(), np.zeros(3), np.zeros(3)
    for t, gradient in enumerate(GRADIENTS, 1):
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        weight -= rate * decay * weight
        weight -= rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-7)
    return weight


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("stop", [0, 3])
def test_keras_adam_is_the_formula(decay: float, stop: int) -> None:
    optimiser = Optimiser(name="keras-adam", learning_rate=0.01, weight_decay=decay)
    np.testing.assert_allclose(moved(optimiser, stop=stop), keras_adam(0.01, decay), rtol=1e-12)


def test_keras_adam_is_not_torchs_where_gradients_are_small() -> None:
    small = np.full((1, 3), 1e-7)
    kinds: tuple[Any, ...] = ("adam", "keras-adam")
    steps = [START - moved(Optimiser(name=name, eps=1e-7), small) for name in kinds]
    np.testing.assert_allclose(
        steps[0], 5e-4, rtol=1e-6
    )  # half the rate: epsilon is as large as the gradient
    np.testing.assert_allclose(steps[1], 1e-3 * 1 / (1 + 1 / np.sqrt(0.001)), rtol=1e-6)


def test_keras_adam_calls_a_closure() -> None:
    weight = nn.Parameter(torch.ones(1))
    optimiser = KerasAdam([weight])

    def closure() -> float:
        optimiser.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        return loss.item()

    assert optimiser.step(closure) == 1.0
    assert weight.item() == pytest.approx(0.999)


KINDS: dict[str, tuple[Optimiser, type[torch.optim.Optimizer], dict[str, Any]]] = {
    "adam": (Optimiser(betas=(0.8, 0.9), eps=1e-3), torch.optim.Adam, {"betas": (0.8, 0.9), "eps": 1e-3}),
    "adamw": (Optimiser(name="adamw", weight_decay=0.1), torch.optim.AdamW, {"weight_decay": 0.1}),
    "sgd": (
        Optimiser(name="sgd", momentum=0.9, nesterov=True),
        torch.optim.SGD,
        {"momentum": 0.9, "nesterov": True},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_optimiser_is_torchs_with_these_settings(kind: str) -> None:
    ours, theirs, settings = KINDS[kind]
    weight = nn.Parameter(torch.tensor(START))
    stepper = theirs([weight], lr=1e-3, **settings)  # type: ignore[call-arg]
    for gradient in GRADIENTS:
        weight.grad = torch.tensor(gradient)
        stepper.step()
    np.testing.assert_array_equal(moved(ours, stop=2), weight.detach().numpy())


@pytest.mark.parametrize(
    "optimiser",
    [*(ours for ours, _, _ in KINDS.values()), Optimiser(name="keras-adam")],
    ids=[*KINDS, "keras-adam"],
)
def test_run_with_every_optimiser_is_resumed_to_the_bit(optimiser: Optimiser, tmp_path: Path) -> None:
    whole, again = plain(optimiser=optimiser, steps=4), plain(optimiser=optimiser, steps=4)
    losses(whole, tmp_path)
    (tmp_path / "checkpoints" / "step-00000004.pt").unlink()
    losses(again, tmp_path)
    assert farthest(plain().model, whole.model) > 0
    assert_same(again.model, whole.model)


@pytest.mark.parametrize(
    ("bad", "hint"),
    [
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"accumulate": 0}, "accumulate"),
        ({"ema": 1.0}, "ema"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"clip_norm": -1.0}, "clip_norm"),
        ({"momentum": 0.9}, "only sgd"),
        ({"name": "sgd", "nesterov": True}, "momentum"),
    ],
)
def test_bad_optimiser_is_refused(bad: dict[str, Any], hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        Optimiser(**bad)


SHAPES: dict[str, tuple[Schedule, list[float]]] = {
    "constant": (Schedule(), [1, 1, 1, 1, 1, 1, 1, 1]),
    "warmup": (Schedule(warmup=4), [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]),
    "cosine": (Schedule(shape="cosine"), list(0.5 + 0.5 * np.cos(np.pi * np.arange(8) / 8))),
    "cosine-flat-least": (
        Schedule(shape="cosine", flat=0.5, least=0.2),
        [1, 1, 1, 1, *(0.6 + 0.4 * np.cos(np.pi * np.arange(4) / 4))],
    ),
    "step": (Schedule(shape="step", every=3, drop=0.1), [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01]),
    "step-flat-least": (
        Schedule(shape="step", every=2, flat=0.25, least=0.3),
        [1, 1, 1, 1, 0.5, 0.5, 0.3, 0.3],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_learning_rate_has_the_shape(shape: str, tmp_path: Path) -> None:
    schedule, expected = SHAPES[shape]
    rows = fit(plain(schedule=schedule), tmp_path, Machine(device="cpu", precision="fp32"), progress=False)
    assert [row["learning_rate"] for row in rows] == pytest.approx([0.01 * share for share in expected])


@pytest.mark.parametrize(
    "bad", [{"shape": "step"}, {"warmup": -1}, {"patience": 0}, {"flat": 1.5}, {"drop": -0.1}]
)
def test_bad_schedule_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        Schedule(**bad)


@dataclass
class Scripted:
    """Scores that were decided beforehand, and what the model was when they were asked for."""

    scores: list[float]
    models: list[dict[str, Tensor]] = field(default_factory=list)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        assert not model.training
        self.models.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return {"loss": self.scores[len(self.models) - 1]}


def scripted(*scores: float, **given: Any) -> tuple[Scripted, Validation]:
    measure = Scripted(list(scores))
    return measure, Validation(measure=measure, every=1, **given)


def test_plateau_drops_the_rate_when_validation_has_not_improved(tmp_path: Path) -> None:
    _, validation = scripted(5, 4, 4, 4.5, 3, float("nan"), 3, 3)
    schedule = Schedule(shape="plateau", patience=2, drop=0.1)
    rows = fit(plain(schedule=schedule, validation=validation), tmp_path, CPU, progress=False)
    rates = [row["learning_rate"] for row in rows]
    assert rates == pytest.approx([1e-2, 1e-2, 1e-2, 1e-2, 1e-3, 1e-3, 1e-3, 1e-4])


def test_plateau_needs_a_validation() -> None:
    with pytest.raises(ValueError, match="give the run a validation"):
        plain(schedule=Schedule(shape="plateau"))


@pytest.mark.parametrize(("better", "best"), [("lower", 3), ("higher", 5)])
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_model_ends_with_the_best_weights(
    better: Any, best: int, again: bool, ema: float, tmp_path: Path
) -> None:
    measure, validation = scripted(5, 4, 1, 3, 9, 4, 4, 4, better=better, weights="best")
    optimiser = Optimiser(learning_rate=1e-2, ema=ema)
    run = plain(validation=validation, optimiser=optimiser)
    losses(run, tmp_path, replace(CPU, checkpoint_s=60.0, keep=1))
    if again:
        run = plain(validation=validation, optimiser=optimiser)
        losses(run, tmp_path, replace(CPU, checkpoint_s=60.0, keep=1))
    expected = measure.models[best - 1]
    assert all(torch.equal(tensor, expected[name]) for name, tensor in run.model.state_dict().items())
    assert checkpoints(tmp_path) == [best, 8]


def test_model_ends_with_the_last_weights_where_asked(tmp_path: Path) -> None:
    measure, validation = scripted(5, 4, 1, 3, 9, 4, 4, 4)
    run = plain(validation=validation)
    losses(run, tmp_path)
    assert all(
        torch.equal(tensor, measure.models[-1][name]) for name, tensor in run.model.state_dict().items()
    )
    assert checkpoints(tmp_path) == [7, 8]


def checkpoints(folder: Path) -> list[int]:
    return sorted(int(path.stem[5:]) for path in (folder / "checkpoints").iterdir())


def test_best_that_is_gone_is_looked_for_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, first = scripted(1, 2, 2, 2, 2, 2, 2, 2, weights="best")
    losses(plain(validation=first), tmp_path)
    for step in (1, 8):
        (tmp_path / "checkpoints" / f"step-{step:08}.pt").unlink()
    _, second = scripted(9, weights="best")
    losses(plain(validation=second), tmp_path)
    assert "step-00000001.pt: is gone or damaged" in caplog.text
    assert checkpoints(tmp_path) == [7, 8]


def test_as_many_checkpoints_are_kept_as_asked_for(tmp_path: Path) -> None:
    losses(plain(), tmp_path, replace(CPU, keep=3))
    assert checkpoints(tmp_path) == [6, 7, 8]


def test_checkpoints_come_after_so_many_steps(tmp_path: Path) -> None:
    machine = replace(CPU, checkpoint_s=60.0, checkpoint_steps=3, keep=9)
    losses(plain(), tmp_path, machine)
    assert checkpoints(tmp_path) == [3, 6, 8]


@pytest.mark.parametrize(
    "bad", [{"keep": 0}, {"threads": -1}, {"checkpoint_s": -1.0}, {"checkpoint_steps": -1}]
)
def test_bad_machine_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(bad))}: expected at least"):
        Machine(**bad)


def test_machine_may_change_between_starts(tmp_path: Path) -> None:
    losses(plain(), tmp_path)
    (tmp_path / "checkpoints" / "step-00000008.pt").unlink()
    losses(plain(), tmp_path, replace(CPU, checkpoint_s=1.0, keep=5))
    assert steps_done(tmp_path) == 8


def test_validation_is_logged_at_its_steps_and_the_last(tmp_path: Path) -> None:
    run = everything()
    measure = run.validation.measure if run.validation else None
    rows = fit(replace(run, validation=Validation(measure=measure, every=9)), tmp_path, CPU, progress=False)  # type: ignore[arg-type]
    assert [row["step"] for row in rows if "valid_loss" in row] == [9, 18, 24]
    assert {"valid_loss", "valid_l1"} <= rows[8].keys()


def test_unknown_score_names_those_that_there_are(tmp_path: Path) -> None:
    _, validation = scripted(1, score="los")
    with pytest.raises(ValueError, match="score: expected one of loss; got 'los'"):
        losses(plain(validation=validation), tmp_path)


def test_objective_loss_is_the_mean_over_its_batches() -> None:
    run = plain()
    measure = ObjectiveLoss(objective=run.objective, data=run.data, batches=3)
    expected = np.mean([run.objective(run.model, run.data.batch(k)).total.item() for k in range(3)])
    assert measure(run.model) == pytest.approx({"loss": expected, "l1": expected})


def test_validation_does_not_change_the_training(tmp_path: Path) -> None:
    with_it, without = plain(model=Filters(dropout=0.5)), plain(model=Filters(dropout=0.5))
    with_it.model.load_state_dict(without.model.state_dict())
    measure = ObjectiveLoss(objective=with_it.objective, data=with_it.data, batches=1)
    losses(replace(with_it, validation=Validation(measure=measure, every=2)), tmp_path / "with")
    losses(without, tmp_path / "without")
    assert_same(with_it.model, without.model)


def test_average_is_the_formula(tmp_path: Path) -> None:
    averaged = plain(optimiser=Optimiser(learning_rate=1e-2, ema=0.3))
    expected = {name: tensor.double() for name, tensor in averaged.model.state_dict().items()}
    losses(averaged, tmp_path / "averaged", replace(CPU, keep=8))
    for step in range(1, 9):
        state = torch.load(tmp_path / "averaged" / "checkpoints" / f"step-{step:08}.pt", weights_only=True)
        decay = min(0.3, (1 + step) / (10 + step))
        for name in expected:
            weight = state["module"][f"model.{name}"].double()
            expected[name] = decay * expected[name] + (1 - decay) * weight
    found = averaged.model.state_dict()
    assert max((found[name] - expected[name]).abs().max().item() for name in expected) < 1e-7


def test_average_takes_statistics_along_and_copies_counters() -> None:
    model = nn.BatchNorm1d(2)
    average = Average(model, 0.2)
    model(torch.randn(5, 2) + 3)
    average.update(model, step=90)
    torch.testing.assert_close(average.tensors["running_mean"], 0.8 * model.running_mean)
    assert average.tensors["num_batches_tracked"] == 1


def test_average_stands_for_the_model_in_evaluation_only() -> None:
    model = nn.Linear(1, 1)
    average = Average(model, 0.5)
    before = model.weight.item()
    with torch.no_grad():
        model.weight.add_(1)
    with evaluating(model, average):
        assert model.weight.item() == before
        assert not model.training
    assert model.weight.item() == pytest.approx(before + 1)
    assert model.training


@pytest.mark.parametrize("accumulate", [2, 4])
def test_parts_of_a_batch_end_like_the_whole(accumulate: int, tmp_path: Path) -> None:
    whole = plain()
    parts = plain(optimiser=replace(whole.optimiser, accumulate=accumulate))
    expected, found = losses(whole, tmp_path / "whole"), losses(parts, tmp_path / "parts")
    assert found == pytest.approx(expected, rel=1e-5)
    assert farthest(parts.model, whole.model) <= 1e-6


class Drawing(nn.Module):
    """An objective that notes what the random numbers are."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[float] = []

    def forward(self, model: nn.Module, batch: Batch) -> Loss:
        self.drawn.append(torch.rand(()).item())
        return Loss(model(batch["mixture"]).square().mean())


def test_random_numbers_belong_to_step_and_part(tmp_path: Path) -> None:
    first, second = Drawing(), Drawing()
    for objective in (first, second):
        run = plain(objective=objective, optimiser=Optimiser(accumulate=2), steps=3)
        losses(run, tmp_path / str(id(objective)))
    assert first.drawn == second.drawn
    assert len(set(first.drawn)) == 6


def test_processes_and_parts_share_all_rows_out() -> None:
    shares = [share(12, 2, rank, 3).slices() for rank in range(3)]
    assert [number for own in shares for number in own] == [0, 1, 2, 3, 4, 5]
    assert [row for own in shares for rows in own.values() for row in range(12)[rows]] == [*range(12)]


@pytest.mark.parametrize(("accumulate", "processes"), [(3, 1), (1, 3), (2, 4)])
def test_batch_that_cannot_be_cut_is_refused(accumulate: int, processes: int) -> None:
    with pytest.raises(ValueError, match=f"expected a multiple of {accumulate * processes}"):
        share(4, accumulate, 0, processes)


def test_loss_that_is_not_finite_in_one_part_names_its_items(tmp_path: Path) -> None:
    run = plain(optimiser=Optimiser(accumulate=2))
    names = run.data.batch(3)["names"]
    with pytest.raises(ValueError, match="batch 3 is not finite") as caught:
        losses(replace(run, data=BadRow(run.data, 3)), tmp_path)
    assert names[2] in str(caught.value)
    assert names[0] not in str(caught.value)
    assert steps_done(tmp_path) == 3


@dataclass
class BadRow(BadAt):
    """One batch whose second half holds NaN."""

    def batch(self, k: int, rows: slice = ALL) -> Batch:
        return super().batch(k, rows) if (rows.start or 0) >= 2 else self.data.batch(k, rows)


def test_standing_is_plain_and_comes_back() -> None:
    standing = Standing()
    lower = Validation(measure=lambda model: {}, every=1, patience=2)
    standing.take(1.0, 5, lower, drop_after=2)
    standing.take(2.0, 6, lower, drop_after=2)
    assert Standing(**asdict(standing)) == standing
    assert (standing.best, standing.step, standing.stale, standing.drops) == (1.0, 5, 1, 0)


class Watching(nn.Module):
    """Notes what it is given, and in which precision layers compute."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Batch] = []
        self.computed: list[torch.dtype] = []

    def forward(self, model: nn.Module, batch: Batch) -> Loss:
        estimate = model(batch["mixture"])
        self.given.append(batch)
        self.computed.append(estimate.dtype)
        return Loss((estimate - batch["stems"]).abs().mean().float())


def test_mixed_precision_does_not_round_the_data(tmp_path: Path) -> None:
    objective = Watching()
    run = plain(objective=objective, steps=1)
    fit(run, tmp_path, Machine(device="cpu", precision="bf16"), progress=False)
    (batch,) = objective.given
    expected = run.data.batch(0)
    assert torch.equal(batch["mixture"], expected["mixture"])
    assert torch.equal(batch["stems"], expected["stems"])
    assert objective.computed == [torch.bfloat16]
