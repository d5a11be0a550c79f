"""What a run writes on its way, by its first process; the others keep their rows in memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from stemwise.logs import History, Row, log_file, read_history, trackers
from stemwise.training import curves
from stemwise.training.folder import claim, held, note_versions, sweep
from stemwise.training.settings import Machine, Run

logger = logging.getLogger(__name__)

REDRAWN_S = 60.0
"""Seconds between drawings of the curves: each takes a while."""


class Books:
    """A run's history, and when what is due; of a process that writes nothing, nothing is."""

    def __init__(self, folder: Path, run: Run, machine: Machine) -> None:
        self.rows: list[Row] = []
        self.keep = machine.keep
        self._folder, self._run, self._machine = folder, run, machine

    def start(self, done: int, finished: bool) -> None:
        """Take up the history behind so many steps, of a run that goes on or is finished."""
        self.rows = read_history(self._folder, done)

    def add(self, row: Row, best: bool) -> None:
        """Add the row of a step."""
        self.rows.append(row)

    def checkpoint_due(self, step: int, best: bool, last: bool) -> bool:
        """Return whether a checkpoint is to be written behind a step, the best so far or the last of all."""
        return False

    def to_disk(self) -> None:
        """Bring all rows to the disk."""

    def end(self) -> None:
        """Write what is written at the end."""


class _Written(Books):
    """Those of the first process."""

    def __init__(
        self, folder: Path, run: Run, machine: Machine, note: Callable[[str], object], stack: ExitStack
    ) -> None:
        super().__init__(folder, run, machine)
        self._note, self._stack = note, stack
        self._began = self._saved = self._drawn = time.monotonic()

    def start(self, done: int, finished: bool) -> None:
        super().start(done, finished)
        if len(self.rows) < done:
            logger.warning("%s: %d of %d rows are there", self._folder, len(self.rows), done)
        self._finished, self._history = finished, History(self._folder, self.rows)
        self._stack.callback(self._history.close)
        if not finished:
            shown = trackers(self._folder, done, self._machine.wandb, self._run.describe())
            self._track = self._stack.enter_context(shown)

    def add(self, row: Row, best: bool) -> None:
        self._history.append(row)
        self._track(row)
        scores = [f"{name} {row[name]:.4f}" for name in row if name == "loss" or name.startswith("valid_")]
        if len(scores) > 1:
            self._note(f"step {row['step']}: {', '.join(scores)}{', the best so far' if best else ''}")

    def checkpoint_due(self, step: int, best: bool, last: bool) -> bool:
        validation, every = self._run.validation, self._machine.checkpoint_steps
        keeps_best = validation is not None and validation.weights == "best"
        late = time.monotonic() - self._saved > self._machine.checkpoint_s
        return late or last or (every and step % every == 0) or (best and keeps_best)

    def to_disk(self) -> None:
        self._history.to_disk()
        self._saved = time.monotonic()
        if self._saved - self._drawn > REDRAWN_S:
            curves.draw(self.rows, self._folder)
            self._drawn = time.monotonic()

    def end(self) -> None:
        if not self._finished:
            curves.draw(self.rows, self._folder)
            seconds = time.monotonic() - self._began
            last = self.rows[-1]
            self._note(f"step {last['step']}: loss {last['loss']:.4f}, {seconds:.0f} s, finished")


@contextmanager
def opened(folder: Path, run: Run, machine: Machine, fabric: Any) -> Iterator[Books]:
    """Open a run's folder; only the first process holds it and writes to it.

    Raises:
        ValueError: it holds another run, or another process holds it.
    """
    if not fabric.is_global_zero:
        yield Books(folder, run, machine)
        return
    with held(folder), ExitStack() as stack:
        claim(folder, run)
        sweep(folder)
        note = stack.enter_context(log_file(folder))
        note_versions(folder, str(fabric.device))
        try:
            yield _Written(folder, run, machine, note, stack)
        except BaseException as error:
            note(f"stopped: {str(error) or type(error).__name__}")
            raise
