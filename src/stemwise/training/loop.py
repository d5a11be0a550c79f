"""The loop: from the last checkpoint to the last step, with what is measured and written on the way."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from stemwise.logs import Row, check_wandb, progress_bar
from stemwise.memory import lay_out
from stemwise.training import checkpoints
from stemwise.training.averaging import Average, evaluating
from stemwise.training.books import Books, opened
from stemwise.training.processes import batch_statistics, launch, share, synchronised
from stemwise.training.settings import Machine, Run
from stemwise.training.steps import Learner, Trainee, take_step
from stemwise.training.validation import Standing

logger = logging.getLogger(__name__)


def fit(run: Run, folder: Path, machine: Machine | None = None, progress: bool = True) -> list[Row]:
    """Train to the end, from the last checkpoint in the folder if there is one.

    Several processes that torchrun started train together; the first one writes.

    Args:
        run: what to train. Its model ends in evaluation mode, with the weights that the run's settings say:
            the last or the best, averaged or not.
        folder: gets what the run is, its history, log, curves, and its checkpoints.
        machine: device, precision, threads, checkpoints.
        progress: whether to draw a bar on a terminal.

    Returns:
        One row per step: step, loss, its parts, learning_rate, seconds, data_s, items_per_s, and
        `valid_...` where it was measured.

    Raises:
        ValueError: the folder holds another run or is in use, or the loss is not finite.
    """
    machine = machine or Machine()
    check_wandb(machine.wandb)
    fabric = launch(machine)
    learner = _learner(run, fabric)
    with opened(folder, run, machine, fabric) as books:
        standing, done = Standing(), 0
        state = _last_state(folder, fabric)
        if state:
            standing = _standing(state, run, folder, fabric)
            _change_optimiser(run, standing, learner)
            done = _restore(state, learner)
        logger.info("%s", _first_line(run, learner, done))
        books.start(done, finished=_is_over(run, standing, done))
        with progress_bar("training", run.steps, done, progress and fabric.is_global_zero) as move:
            while not _is_over(run, standing, done):
                row = _step(run, done, learner, standing, folder, books)
                done += 1
                move(done, f"loss {row['loss']:.4f}  {row['items_per_s']:.1f} items/s")
        books.end()
        _finish(run, folder, learner, standing)
    return books.rows


def _learner(run: Run, fabric: Any) -> Learner:
    own = share(run.data.batch_size, run.optimiser.accumulate, fabric.global_rank, fabric.world_size)
    lay_out(run.model)
    trainee = Trainee(run.model, run.objective)
    synchronised(trainee, fabric)
    optimiser = run.optimiser.build(p for p in trainee.parameters() if p.requires_grad)
    module, optimiser = fabric.setup(trainee, optimiser)
    module.train()
    average = Average(trainee, run.optimiser.ema) if run.optimiser.ema else None
    return Learner(fabric, trainee, module, optimiser, own, average)


def _step(run: Run, k: int, learner: Learner, standing: Standing, folder: Path, books: Books) -> Row:
    """Take step k, measure and write what is due behind it, and return its row."""
    phase = standing.phase
    rate = run.optimiser_of(phase).learning_rate * run.schedule.factor(k, run.steps, standing.drops)
    row = take_step(run, k, rate, learner)
    best = False
    if run.validation and run.validation.due(k + 1, run.steps):
        scores = _scores(run, learner)
        best = standing.take(scores[run.validation.score], k + 1, run.validation, run.schedule.patience)
        row |= {f"valid_{name}": value for name, value in scores.items()}
    books.add(row, best)
    if phase < standing.phase <= len(run.then):
        _turn(run, standing, learner, folder)
    if books.checkpoint_due(k + 1, best, last=_is_over(run, standing, k + 1)):
        books.to_disk()  # rows first: a checkpoint never knows steps that the history does not
        checkpoints.write(folder, k + 1, _state(learner, standing, k + 1))
        checkpoints.prune(folder, books.keep, standing.step if _keeps_best(run) else 0)
    return row


def _is_over(run: Run, standing: Standing, done: int) -> bool:
    return done >= run.steps or standing.phase > len(run.then)


def _turn(run: Run, standing: Standing, learner: Learner, folder: Path) -> None:
    """Go back to the best weights, and on from there with the next optimiser."""
    learner.fabric.barrier()  # the first process may still be writing
    if standing.step:
        state = checkpoints.read(checkpoints.path_of(folder, standing.step), learner.fabric.device)
        _restore_weights(state, learner)
    _change_optimiser(run, standing, learner)
    settings = run.optimiser_of(standing.phase)
    logger.info(
        "no better for %d validations: on from step %d with %s, rate %g",
        *(run.validation.patience if run.validation else 0, standing.step),
        *(settings.name, settings.learning_rate),
    )


def _change_optimiser(run: Run, standing: Standing, learner: Learner) -> None:
    """Give the learner a fresh optimiser of the phase that a run is in; the first one it has already."""
    if standing.phase:
        weights = (p for p in learner.trainee.parameters() if p.requires_grad)
        fresh = run.optimiser_of(standing.phase).build(weights)
        learner.optimiser = learner.fabric.setup_optimizers(fresh)


def _scores(run: Run, learner: Learner) -> dict[str, float]:
    """Return the scores of the first process's model to all processes."""
    scores: dict[str, float] = {}
    if learner.fabric.is_global_zero:
        assert run.validation is not None
        with evaluating(learner.trainee, learner.average), learner.fabric.autocast(), torch.no_grad():
            scores = run.validation.scores(run.model)
    return learner.fabric.broadcast(scores)


def _keeps_best(run: Run) -> bool:
    return run.validation is not None and run.validation.weights == "best"


def _state(learner: Learner, standing: Standing, step: int) -> dict[str, Any]:
    return {
        "step": step,
        "module": learner.trainee.state_dict(),
        "optimiser": learner.optimiser.state_dict(),
        "average": learner.average.tensors if learner.average else None,
        "standing": standing.describe(),
    }


def _last_state(folder: Path, fabric: Any) -> dict[str, Any] | None:
    """Return the last whole checkpoint, the same one in all processes."""
    path = fabric.broadcast(checkpoints.find_last(folder) if fabric.is_global_zero else None)
    return checkpoints.read(path, fabric.device) if path else None


def _restore(state: dict[str, Any], learner: Learner) -> int:
    """Take weights and optimiser from a checkpoint, and return how many steps it has behind it."""
    _restore_weights(state, learner)
    learner.optimiser.load_state_dict(state["optimiser"])
    return state["step"]


def _restore_weights(state: dict[str, Any], learner: Learner) -> None:
    learner.trainee.load_state_dict(state["module"])
    if learner.average:
        learner.average.load(state["average"])


def _standing(state: dict[str, Any], run: Run, folder: Path, fabric: Any) -> Standing:
    """Return how validation stood; a best checkpoint that is gone or damaged is no longer the best."""
    standing = Standing(**state["standing"])
    path = checkpoints.path_of(folder, standing.step)
    if _keeps_best(run) and standing.step and not fabric.broadcast(checkpoints.is_whole(path)):
        logger.warning("%s: is gone or damaged; the best weights are looked for anew", path)
        return replace(standing, best=math.nan, step=0)
    return standing


def _finish(run: Run, folder: Path, learner: Learner, standing: Standing) -> None:
    """Give the model the weights that the run's settings say."""
    learner.fabric.barrier()  # the first process may still be writing
    if _keeps_best(run) and standing.step:
        state = checkpoints.read(checkpoints.path_of(folder, standing.step), learner.fabric.device)
        _restore_weights(state, learner)
    if learner.average:
        learner.trainee.load_state_dict(learner.average.tensors)
    run.model.eval()


def _first_line(run: Run, learner: Learner, done: int) -> str:
    fabric = learner.fabric
    weights = sum(p.numel() for p in run.model.parameters() if p.requires_grad)
    processes = f"{fabric.world_size} processes of " if fabric.world_size > 1 else ""
    return (
        f"device {fabric.device}, precision {fabric._precision.precision}, {processes}"
        f"{torch.get_num_threads()} threads, {weights:,} trainable parameters, channels last, "
        f"{batch_statistics(learner.trainee, fabric, learner.share)}, steps {done} to {run.steps}"
    )
