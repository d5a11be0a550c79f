"""Text and JSON files that appear whole or not at all, and the room for more."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write a text aside and rename it; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON; NaN and infinity, which JSON lacks, become null."""
    write_text(path, json.dumps(_finite(value), indent=1, ensure_ascii=False, default=str) + "\n")


def expect_room(folder: Path, needed: int, option: str = "--cache") -> int:
    """Return the bytes that are free where a folder is or will be.

    Args:
        folder: where they are needed.
        needed: bytes.
        option: names another place.

    Raises:
        ValueError: fewer are free than needed.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise ValueError(
            f"{folder}: expected {needed / 1e9:.2f} GB of free space, got {free / 1e9:.2f} GB; "
            f"make room, or choose another disk with {option}"
        )
    return free


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
