"""One writer at a time, whichever process it is in."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

logger = logging.getLogger(__name__)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file; where another process holds it, say so and wait.

    The system takes the lock back from a process that dies, so none is ever left behind. Windows has no such
    lock: there it is up to the user that only one process writes.
    """
    with path.open("ab") as file:
        if fcntl is None:
            logger.warning("%s: this system has no file locks; let one process write at a time", path.parent)
        else:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("%s: another process is writing; waiting for it", path.parent)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def held(folder: Path, taken: str, *, shared: bool = False) -> Iterator[None]:
    """Hold a folder, made if need be; the end of the process frees it. It leaves no lock file behind.

    Args:
        folder: to hold.
        taken: the error's text where another process holds it.
        shared: let others hold it who share it, too.

    Raises:
        ValueError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ValueError(taken) from error
    except OSError:  # a file system without locks
        logger.debug("%s: cannot be locked", folder)
    try:
        yield
    finally:
        os.close(descriptor)
