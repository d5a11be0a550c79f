"""A command over a catalogue, from the first input to the journal's last line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any

from stemwise.catalogue.inputs import Item, items, lone
from stemwise.catalogue.journal import WHOLE, Journal, Shard, journal
from stemwise.catalogue.ledger import digest
from stemwise.catalogue.pipeline import Compute, Sink, run
from stemwise.catalogue.planning import Existing, Layout, Plan, Planned
from stemwise.catalogue.tally import Tally

Runner = Callable[[Iterable[Planned], Compute, Sink, Tally, Event | None], None]
"""Works on all files of a plan: `pipeline.run`."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked for.

    Attributes:
        inputs, lists: see `inputs.items`.
        out: the output folder.
        shard: which of the inputs are ours.
        existing: what happens to results that are there.
        settings: plain values that stand for the model and all options; results of others are done anew.
        layout: of files; None for rows of a table.
        found: the inputs, where others have found them already.
    """

    inputs: Sequence[str]
    out: Path
    settings: Mapping[str, Any]
    lists: Sequence[str] = ()
    shard: Shard = WHOLE
    existing: Existing = "resume"
    layout: Layout | None = None
    found: Sequence[Item] = ()

    @property
    def about(self) -> dict[str, Any]:
        """The settings as JSON gives them back."""
        return json.loads(json.dumps(dict(self.settings), default=str))

    @property
    def mark(self) -> int:
        """64 bits that stand for the settings."""
        return digest(json.dumps(self.about, sort_keys=True))

    @property
    def lone(self) -> bool:
        """Whether a single file was named."""
        return lone(self.inputs, self.lists)

    def items(self) -> Iterator[Item]:
        """Yield the inputs.

        Raises:
            ValueError: there are none.
        """
        empty = True
        for item in chain(self.found, items(self.inputs, self.lists, self.out)):
            empty = False
            yield item
        if empty:
            where = ", ".join([*self.inputs, *self.lists]) or "nothing"
            raise ValueError(f"{where}: expected audio or video files, found none; check the path")


def work(
    order: Order,
    compute: Compute,
    sink: Callable[[Journal], Sink],
    tally: Tally,
    *,
    cancel: Event | None = None,
    runner: Runner = run,
) -> list[Path]:
    """Do what is asked for, all that is not done yet; return the files of a lone input.

    Args:
        order: what is asked for.
        compute: what the network makes of a file.
        sink: makes the place of results for a journal.
        tally: counts, and says what failed.
        cancel: stops the run when it is set.
        runner: how files are worked on.

    Raises:
        ValueError: there are no inputs, the folder is taken or holds a table of other settings, or the only
            file that was named failed.
        OSError: an output cannot be written.
        Cancelled: by `cancel`.
    """
    with journal(order.out, order.shard, again=order.existing == "replace") as book:
        if order.layout is None:
            _expect_same_table(book, order)

        files: list[Path] = []

        def skipped(item: Item, there: Sequence[Path], changed: bool) -> None:
            tally.add(skipped=1, outdated=int(changed))
            files.extend(there if order.lone else ())

        def planned() -> Iterator[Planned]:
            plan = Plan(book, order.shard, order.mark, order.layout, order.existing, skipped)
            for one in plan(order.items()):
                files.extend(one.targets.values() if order.lone else ())
                yield one

        runner(planned(), compute, sink(book), tally, cancel)
        if tally.done or book.path.exists():
            book.add({"finished": True, "done": tally.done, "failed": tally.failed})
    if order.lone and tally.reasons:
        raise ValueError(tally.reasons[0][1])
    return files


def planned_places(order: Order, skipped: Callable[[Item, Sequence[Path], bool], None]) -> Iterator[Planned]:
    """Yield what would be done, without doing or writing any of it."""
    book = Journal(order.out, order.shard)
    if order.existing != "replace":
        book.read(again=False)
    return Plan(book, order.shard, order.mark, order.layout, order.existing, skipped)(order.items())


def _expect_same_table(book: Journal, order: Order) -> None:
    differing = [name for name, value in order.about.items() if value != book.about.get(name)]
    if book.about and differing:
        raise ValueError(
            f"{order.out}: holds rows of another {', '.join(differing)}; "
            "choose another folder, or --existing replace"
        )
