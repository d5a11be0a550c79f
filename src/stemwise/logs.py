"""What a training run writes while it goes on: a CSV file, TensorBoard events, a progress bar."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

HISTORY = "history.csv"
Row = dict[str, int | float]


@runtime_checkable
class Move(Protocol):
    """Moves a progress bar."""

    def __call__(self, position: int, note: str = "") -> None:
        """Move to a position, with a note behind the bar."""
        ...


def read_history(folder: Path, steps: int | None = None) -> list[Row]:
    """Return the rows of a run's history, or its first so many; none where there is no history.

    Raises:
        ValueError: fewer rows than asked for.
    """
    path = folder / HISTORY
    if not path.is_file():
        rows = []
    else:
        with path.open(newline="") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    if steps is not None and len(rows) < steps:
        raise ValueError(
            f"{path}: expected {steps} rows beside the checkpoint, found {len(rows)}; start anew"
        )
    return rows[:steps]


@contextmanager
def history_log(folder: Path, past: list[Row]) -> Iterator[Callable[[Row], None]]:
    """Yield a function that appends a row to the CSV file and to TensorBoard.

    What the file holds behind `past` belongs to steps that will be taken again, and goes.
    """
    from torch.utils.tensorboard import SummaryWriter

    aside = folder / f".{HISTORY}.{os.getpid()}"
    with aside.open("w", newline="") as file:
        _write(file, past, header=bool(past))
    aside.replace(folder / HISTORY)
    board = SummaryWriter(str(folder / "tensorboard"), purge_step=len(past) + 1)
    empty = not past
    with (folder / HISTORY).open("a", newline="") as file:

        def log(row: Row) -> None:
            nonlocal empty
            _write(file, [row], header=empty)
            empty = False
            for name in row.keys() - {"step"}:
                board.add_scalar(name, row[name], int(row["step"]))

        try:
            yield log
        finally:
            board.close()


def _write(file, rows: list[Row], header: bool) -> None:
    writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
    if header:
        writer.writeheader()
    writer.writerows(rows)
    file.flush()


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
