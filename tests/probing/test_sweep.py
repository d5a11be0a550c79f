"""Sweeps: early stopping, choosing, and going on where one was stopped."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_stack import KINDS, items

from stemwise.probing import GRIDS, Items, Outcome, ProbeConfig, choose, sweep
from stemwise.probing import state as probing_state
from stemwise.probing.scoring import Scorer, scores
from stemwise.probing.stack import Stack

QUICK = [
    replace(config, patience=6, hidden=config.hidden and (8,), batch_size=16) for config in GRIDS["small"]
]


@pytest.fixture(scope="module")
def data() -> Items:
    return items("multiclass")


@pytest.fixture(scope="module")
def whole(data: Items) -> list[Outcome]:
    return sweep(QUICK, data)


def test_probe_stops_as_one_by_itself_would(data: Items, whole: list[Outcome]) -> None:
    config = QUICK[13]
    stack, score = Stack([config], data), Scorer(data, data.valid, torch.device("cpu"))
    best, best_step, bored, step = -math.inf, 0, 0, 0
    while True:
        if step % config.every == 0:
            found = float(score(stack.logits(stack.inputs(data.valid.features))))
            if found > best:
                best, best_step, bored = found, step, 0
                layers = [layer[0].clone() for layer in stack.layers]
            else:
                bored += 1
            if bored >= config.patience:
                break
        stack.step()
        step += 1
    outcome = whole[13]
    assert (outcome.score, outcome.best_step, outcome.steps) == (best, best_step, step)
    for ours, alone in zip(outcome.layers, layers, strict=True):
        torch.testing.assert_close(ours, alone, rtol=1e-4, atol=1e-6)


def test_best_weights_give_the_best_score(data: Items, whole: list[Outcome]) -> None:
    assert len({outcome.steps for outcome in whole}) > 2  # they stop one by one
    for outcome in whole:
        logits = outcome.logits(data, data.valid)
        assert scores(data, data.valid, logits)["primary"] == pytest.approx(outcome.score, abs=1e-6)


def test_the_first_of_the_best_is_chosen(whole: list[Outcome]) -> None:
    top = choose(whole)
    assert whole[top].score == max(outcome.score for outcome in whole)
    tied = [
        replace(outcome, score=score) for outcome, score in zip(whole, (0.1, 0.5, 0.5, 0.2), strict=False)
    ]
    assert choose(tied) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_probes_learn(kind: str) -> None:
    data = items(kind)
    found = sweep([replace(QUICK[-1], learning_rate=1e-2, hidden=())], data)[0]
    before = sweep([replace(QUICK[-1], most_steps=1)], data)[0]
    assert found.score > before.score + 0.1


def test_stopped_sweep_ends_like_one_left_alone(
    data: Items, whole: list[Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing_state, "SAVE_S", 0.0)

    def stop(done: int, _: int) -> None:
        if done in (3, 11):
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            sweep(QUICK, data, folder=tmp_path, progress=stop)
    assert any(path.name.startswith("going-") for path in tmp_path.iterdir())
    told: list[int] = []
    again = sweep(QUICK, data, folder=tmp_path, progress=lambda done, _: told.append(done))
    assert told[0] > 11
    for a, b in zip(again, whole, strict=True):
        assert (a.config, a.score, a.best_step, a.steps) == (b.config, b.score, b.best_step, b.steps)
        assert all(torch.equal(x, y) for x, y in zip(a.layers, b.layers, strict=True))
    assert not any(path.name.startswith("going-") for path in tmp_path.iterdir())


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match=r"multiple of 1/256 below 1, such as 0\.25, got 0\.3"):
        ProbeConfig(dropout=0.3)
    with pytest.raises(ValueError, match="one shape"):
        Stack([ProbeConfig(), ProbeConfig(batch_size=256)], items("multiclass"))
