"""The same work on many items, in this process or spread over others."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """Yield what becomes of each item, in the order in which they are done.

    Processes leave Ctrl-C to their parent and end with it, even when it is killed; what is not begun when
    the caller stops is dropped.

    Args:
        work: a function of a module, or a `partial` of one, with arguments that can be sent.
        items: what to work on.
        workers: processes, at most one for each item; with 1, all happens here.
    """
    if min(workers, len(items)) <= 1:
        yield from map(work, items)
        return
    with ProcessPoolExecutor(
        min(workers, len(items)), get_context("spawn"), initializer=_start_worker
    ) as pool:
        try:
            with _workers_deaf_to_ctrl_c():
                futures = [pool.submit(work, item) for item in items]
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def wait_asleep() -> None:
    """Let the threads of torch's calculations sleep while they wait for each other; before torch is imported.

    By default they spin. Where decoding, writing or other programs want the same cores, that costs several
    times what it saves. `OMP_WAIT_POLICY` from outside counts.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@contextmanager
def _workers_deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes that leave Ctrl-C to the parent from their first moment, which only it can arrange."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
