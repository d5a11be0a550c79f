"""A run's folder, which explains itself: what is trained, on which data, with which versions."""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stemwise.data import locking
from stemwise.files import write_text
from stemwise.training.settings import Run

logger = logging.getLogger(__name__)

RUN, DATA, VERSIONS = "run.json", "data.json", "versions.json"


def held(folder: Path) -> AbstractContextManager[None]:
    """Hold a run's folder, made if need be, so that no second run writes to it.

    Raises:
        ValueError: another process holds it.
    """
    return locking.held(folder, f"{folder}: another process trains there; wait for it, or stop it")


def claim(folder: Path, run: Run) -> None:
    """Write what the run is and what its data are; a folder that holds another run is refused.

    Raises:
        ValueError: the folder holds a run with other settings or data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {RUN: _text(run.describe()), DATA: _text(run.data.card())}
    for name, text in texts.items():
        path = folder / name
        if path.is_file() and path.read_text() != text:
            what = "settings" if name == RUN else "data"
            raise ValueError(f"{folder}: holds a run with other {what} (see {name}); choose another folder")
    for name, text in texts.items():
        write_text(folder / name, text)


def note_versions(folder: Path, device: str) -> None:
    """Write which versions and which device the run goes on with, with a warning where they are others."""
    now = {
        **{name: version(name) for name in ("stemwise", "torch", "numpy", "lightning-fabric")},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": device,
    }
    path = folder / VERSIONS
    before = json.loads(path.read_text()) if path.is_file() else now
    changed = [
        f"{name} {before.get(name)} → {value}" for name, value in now.items() if before.get(name) != value
    ]
    if changed:
        logger.warning("the run goes on with other versions, so not to the last bit: %s", ", ".join(changed))
    write_text(path, _text(now))


def sweep(folder: Path) -> None:
    """Delete what killed processes left half-written."""
    for left in folder.glob(".*.[0-9]*"):
        left.unlink()


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=1, sort_keys=True, default=str)
