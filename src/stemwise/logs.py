"""What a training run writes while it goes on: a CSV file, TensorBoard and W&B, its log, a progress bar."""

from __future__ import annotations

import csv
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from uuid import uuid4

from stemwise.files import write_json

logger = logging.getLogger(__name__)

HISTORY, LOG = "history.csv", "train.log"
Row = dict[str, int | float]
Track = Callable[[Row], None]


@runtime_checkable
class Move(Protocol):
    """Moves a progress bar."""

    def __call__(self, position: int, note: str = "") -> None:
        """Move to a position, with a note behind the bar."""
        ...


def read_history(folder: Path, steps: int | None = None) -> list[Row]:
    """Return the rows of a run's history, or those of its first so many steps.

    A kill may have cut the last line: it is left out, and so is all behind a line that is none.
    """
    path = folder / HISTORY
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        lines = [line for line in file if line.endswith("\n")]
    rows: list[Row] = []
    for cells in csv.DictReader(lines):
        try:
            rows.append({name: float(cell) for name, cell in cells.items() if cell != ""})
        except (TypeError, ValueError):  # too few cells, too many, or no numbers
            break
    return rows if steps is None else [row for row in rows if row["step"] <= steps]


class History:
    """The rows of a run, one per step, in memory and in a CSV file.

    Args:
        folder: of the run.
        rows: of the steps so far; what the file holds behind them will be done again, and goes.
    """

    def __init__(self, folder: Path, rows: list[Row]) -> None:
        self.rows, self._path = rows, folder / HISTORY
        self._rewrite()

    def append(self, row: Row) -> None:
        """Add a row; one with a column that is new has the file written anew."""
        self.rows.append(row)
        if row.keys() <= set(self._columns):
            self._writer.writerow(row)
            self._file.flush()
        else:
            self._file.close()
            self._rewrite()

    def to_disk(self) -> None:
        """Bring all rows to the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rewrite(self) -> None:
        self._columns = list(dict.fromkeys(name for row in self.rows for name in row))
        aside = self._path.with_name(f".{HISTORY}.{os.getpid()}")
        self._file = aside.open("w", newline="")
        self._writer = csv.DictWriter(self._file, fieldnames=self._columns)
        if self._columns:
            self._writer.writeheader()
        self._writer.writerows(self.rows)
        self._file.flush()
        aside.replace(self._path)  # the file that is open goes along


@contextmanager
def trackers(folder: Path, step: int, project: str, config: Mapping[str, Any]) -> Iterator[Track]:
    """Yield a function that shows a row in TensorBoard, and in a project of Weights & Biases if one is named.

    Args:
        folder: of the run.
        step: rows behind it will be shown again.
        project: of Weights & Biases; empty for none.
        config: of the run, for Weights & Biases.
    """
    with ExitStack() as stack:
        tracks = [stack.enter_context(_tensorboard(folder, step))]
        if project:
            tracks.append(stack.enter_context(_wandb(folder, project, config)))

        def track(row: Row) -> None:
            for show in tracks:
                show(row)

        yield track


@contextmanager
def _tensorboard(folder: Path, step: int) -> Iterator[Track]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        logger.warning("no TensorBoard events are written: pip install 'stemwise[train]'")
        yield lambda row: None
        return
    board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def show(row: Row) -> None:
        for name in row.keys() - {"step"}:
            board.add_scalar(name, row[name], int(row["step"]))

    try:
        yield show
    finally:
        board.close()


def check_wandb(project: str) -> None:
    """Raise ValueError where a project of Weights & Biases is named and its package is missing."""
    if project and find_spec("wandb") is None:
        raise ValueError("wandb: is not installed: pip install 'stemwise[wandb]'")


@contextmanager
def _wandb(folder: Path, project: str, config: Mapping[str, Any]) -> Iterator[Track]:
    import wandb

    place = folder / "wandb.json"
    if not place.is_file():
        write_json(place, {"project": project, "id": uuid4().hex})
    identity = json.loads(place.read_text())
    plain = json.loads(json.dumps(config, default=str))
    board = wandb.init(**identity, name=folder.name, dir=str(folder), resume="allow", config=plain)
    board.define_metric("*", step_metric="step")  # steps that are taken again lie where they did
    try:
        yield board.log
    finally:
        board.finish()


@contextmanager
def log_file(folder: Path) -> Iterator[Callable[[str], object]]:
    """Write what stemwise logs to the run's log too, and yield a function that writes a line to it alone."""
    ours = logging.getLogger("stemwise")
    handler = logging.FileHandler(folder / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    before = ours.level
    if not logging.getLogger().handlers and before == logging.NOTSET:
        ours.setLevel(logging.INFO)  # nobody asked for messages: the log gets them, the terminal warnings
    ours.addHandler(handler)
    try:
        yield lambda text: handler.handle(logging.LogRecord("stemwise", logging.INFO, "", 0, text, (), None))
    finally:
        ours.removeHandler(handler)
        ours.setLevel(before)
        handler.close()


@contextmanager
def progress_bar(title: str, total: int, done: int = 0, shown: bool = True) -> Iterator[Move]:
    """Yield a function that moves a bar to a position with a note behind it; quiet when not on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task(title, total=total, completed=done, note="")

        def move(position: int, note: str = "") -> None:
            bar.update(task, completed=position, note=note)

        yield move
