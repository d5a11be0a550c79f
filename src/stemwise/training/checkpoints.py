"""Checkpoints: files that are whole or not there, the last good one of which is found by itself."""

from __future__ import annotations

import logging
import os
import zlib
from pathlib import Path
from struct import error as StructError
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch

logger = logging.getLogger(__name__)

FOLDER = "checkpoints"


def write(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write the checkpoint behind a step aside, bring it to the disk, and rename it.

    A kill at any moment leaves it whole or not there, and touches none of those before.
    """
    target = path_of(folder, step)
    target.parent.mkdir(exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    with aside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(target)
    _to_disk(target.parent)
    return target


def path_of(folder: Path, step: int) -> Path:
    """Return where the checkpoint behind a step lies."""
    return folder / FOLDER / f"step-{step:08}.pt"


def prune(folder: Path, keep: int, best: int) -> None:
    """Delete all checkpoints but the last so many and the best."""
    for path in _files(folder)[:-keep]:
        if path != path_of(folder, best):
            path.unlink()


def find_last(folder: Path) -> Path | None:
    """Return the last checkpoint that is whole; damaged ones behind it are renamed, with a warning.

    What killed processes left half-written is deleted.

    Raises:
        ValueError: there are checkpoints, and none is whole.
    """
    for left in (folder / FOLDER).glob(".step-*"):
        left.unlink()
    paths = _files(folder)
    last = next((path for path in reversed(paths) if is_whole(path)), None)
    if paths and last is None:
        names = ", ".join(path.name for path in paths)
        raise ValueError(f"{folder / FOLDER}: is damaged, no whole checkpoint in {names}; delete the folder")
    for path in paths[paths.index(last) + 1 :] if last else []:
        logger.warning("%s: is damaged, and renamed; the run goes on from the one before it", path)
        path.rename(path.with_name(f"{path.name}.damaged"))
    return last


def read(path: Path, device: torch.device) -> dict[str, Any]:
    """Return what a checkpoint holds; nothing but tensors and plain values is unpickled."""
    return torch.load(path, map_location=device, weights_only=True)


def is_whole(path: Path) -> bool:
    """Return whether a checkpoint is there and all it holds has the checksum that was written with it."""
    if not path.is_file():
        return False
    try:
        with ZipFile(path) as archive:
            return archive.testzip() is None
    except (BadZipFile, EOFError, OSError, RuntimeError, StructError, ValueError, zlib.error):
        return False


def _files(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).glob("step-*.pt"))


def _to_disk(folder: Path) -> None:
    """Bring a rename to the disk, where folders can be opened for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
