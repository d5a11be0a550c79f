"""Files that `torch.save` wrote: their tensors and plain values, and nothing else.

Such a file may name any class or function to be called while it is read. torch's restricted reader refuses
those; here each of them is answered by an empty dict instead, so that a checkpoint with a training's
settings in it can be read, and no code of its is run.
"""

from __future__ import annotations

import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch


class _Nothing:
    """Stands for whatever a file names that is neither a tensor nor a plain value."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        return OrderedDict()


def is_torch_file(path: Path) -> bool:
    """Return whether a file looks like one of `torch.save`, of torch 1.6 or later."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("data.pkl") for name in archive.namelist())


def read_torch_file(path: Path) -> dict[str, Any]:
    """Return the dict in a file, its tensors on the CPU.

    Raises:
        ValueError: it is damaged, holds no dict, or cannot be read without running code of its own.
    """
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        with torch.serialization.safe_globals([(_Nothing, name) for name in names]):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the reader raises of every kind on bytes that it does not expect
        first = str(error).strip().partition("\n")[0]
        raise ValueError(f"{path}: expected a whole file of torch.save's, plain values ({first})") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected a dict of tensors, got a {type(found).__name__}")
    return found
