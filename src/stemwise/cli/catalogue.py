"""What the verbs over many files share: their options, a progress line, and what is said at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from stemwise.catalogue.tally import Tally
    from stemwise.catalogue.work import Order

Existing = Literal["resume", "skip", "replace"]
Device = Literal["auto", "cpu", "cuda", "mps"]


def check_lone(inputs: tuple[str, ...], lists: tuple[str, ...]) -> None:
    """Refuse no inputs at all, and a single bad file before the model is loaded."""
    from stemwise.catalogue.inputs import lone
    from stemwise.data.audio import probe

    if not inputs and not lists:
        raise ValueError("expected a file, a folder or a pattern, or --list FILE; got nothing to work on")
    if lone(inputs, lists):
        probe(Path(inputs[0]))


def loaded(name: str, kind: type, device: str, first: str) -> tuple[Any, str]:
    """Return a stored model of this kind on its device, and its SHA-256.

    Args:
        name: of the model, or its folder.
        kind: what it must be.
        device: where it shall run.
        first: the model that the demo trains, for who has none yet.
    """
    from stemwise.training import usable_device
    from stemwise.weights.store import find, load, stored_models

    if name == first and name not in [model.name for model in stored_models()]:
        raise ValueError(f"no model {name!r} on this machine yet; `stemwise demo` trains one in ten minutes")
    model = load(name)
    if not isinstance(model, kind):
        raise ValueError(f"{name}: expected a {kind.__name__.lower()}, got a {type(model).__name__}")
    return model.to(usable_device(device)), find(name).card["sha256"]


def order(
    inputs: tuple[str, ...],
    out: Path,
    settings: Mapping[str, Any],
    lists: tuple[str, ...],
    shard: str | None,
    existing: Existing,
    layout: Any = None,
) -> Order:
    """Return what is asked for."""
    from stemwise.catalogue.journal import shard_of
    from stemwise.catalogue.work import Order

    return Order(
        inputs=inputs,
        out=out,
        settings=settings,
        lists=lists,
        shard=shard_of(shard),
        existing=existing,
        layout=layout,
    )


def carry_out(wanted: Order, compute: Any, sink: Any, verb: str, runner: Any = None) -> int:
    """Do it with a progress line; say what came of it and return the exit code."""
    from stemwise.catalogue.pipeline import run
    from stemwise.catalogue.tally import Tally
    from stemwise.catalogue.work import work

    with _progress(wanted, verb) as changed:
        tally = Tally(changed)
        files = work(wanted, compute, sink, tally, runner=runner or run)
    if wanted.lone:
        print(*files, sep="\n")
    else:
        _say(tally, verb)
    return 1 if tally.failed else 0


def cluster_runner(address: str | None, model: str, device: str, wanted: Order, **more: Any) -> Any:
    """Return what works on a cluster; None where this process does."""
    if address is None:
        return None
    from stemwise.catalogue.cluster import Errand, on_cluster
    from stemwise.catalogue.journal import Journal
    from stemwise.weights.store import find

    folder = str(find(model).folder.absolute())
    work = Journal(wanted.out.absolute(), wanted.shard).work if wanted.layout else None
    return on_cluster(address, Errand(model=folder, device=device, work=work, **more))


def _say(tally: Tally, verb: str) -> None:
    for name, reason in tally.reasons:
        shown = reason if name in reason else f"{name}: {reason}"
        print(f"stemwise: {_printable(shown)}", file=sys.stderr)
    if len(tally.reasons) < tally.failed:
        print(f"stemwise: … and {tally.failed - len(tally.reasons)} more, see the journal", file=sys.stderr)
    parts = [f"{tally.done} files {verb}"]
    parts += [f"{tally.skipped} were there"] if tally.skipped else []
    parts += [f"{tally.outdated} of them from before a change, see --existing"] if tally.outdated else []
    parts += [f"{tally.damaged} were cut short"] if tally.damaged else []
    parts += [f"{tally.failed} failed"] if tally.failed else []
    print(f"{', '.join(parts)}; {tally.seconds / 60:.1f} min of audio at {tally.speed:.0f} x real time")


def _printable(text: str) -> str:
    """Return a text whose names that are not UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


@contextmanager
def _progress(wanted: Order, verb: str) -> Iterator[Callable[[Tally], None]]:
    """Yield a function that moves a line on the terminal: files, speed, time left; quiet in a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if wanted.lone or not console.is_terminal:
        yield lambda tally: None
        return
    note = TextColumn("{task.fields[note]}")
    columns = (TextColumn(verb), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), note)
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(verb, total=None, note="")
        Thread(target=lambda: bar.update(task, total=_count(wanted)), daemon=True).start()

        def changed(tally: Tally) -> None:
            notes = f"{tally.speed:.0f} x real time" + (f", {tally.failed} failed" if tally.failed else "")
            bar.update(task, completed=tally.handled, note=notes)

        yield changed


def _count(wanted: Order) -> int | None:
    """Return how many inputs there are; None where they come from standard input, which is read once."""
    if "-" in (*wanted.inputs, *wanted.lists):
        return None
    try:
        return sum(1 for _ in wanted.items()) // wanted.shard.count
    except (OSError, ValueError):  # told where the inputs are worked on
        return None
