"""Checkpoints that `torch.save` wrote, read without executing anything in them.

Such a file is a pickle, and a pickle may name any function to be called. Torch's restricted reader builds
tensors and plain containers alone; beside these, only the namespace of parsed arguments is let in, as many
published checkpoints hold one.
"""

from __future__ import annotations

from argparse import Namespace
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

_STARTS = (b"PK\x03\x04", b"\x80")  # a zip archive, as of torch 1.6; before, a bare pickle
_PLAIN = (int, float, str, type(None))  # a bool is an int


def is_torch_file(path: Path) -> bool:
    """Return whether a path is a file that begins as `torch.save`'s do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4).startswith(_STARTS)


def read_torch_file(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds by its keys, on the CPU.

    Raises:
        ValueError: the file names something to be called, or is damaged, or holds no mapping.
    """
    try:
        with torch.serialization.safe_globals([Namespace]):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in any of torch's, zipfile's and the decoder's ways
        reason = str(error)
        if "Unsupported" in reason or "GLOBAL" in reason:
            raise ValueError(
                f"{path}: refused: beside tensors it holds code to be called, which is never done here "
                f"({_named(reason)}); get it from a source that you trust"
            ) from error
        raise ValueError(f"{path}: no checkpoint of torch, or a damaged one; copy it again") from error
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise ValueError(f"{path}: expected a mapping by name, got a {type(found).__name__}")
    return dict(found)


def plain_arguments(found: Any) -> dict[str, Any]:
    """Return a namespace's or a mapping's values.

    Raises:
        ValueError: it is neither, or a value is no number, text or nothing.
    """
    values = vars(found) if isinstance(found, Namespace) else found
    if not isinstance(values, Mapping):
        raise ValueError(f"expected a namespace of arguments, got a {type(found).__name__}")
    for name, value in values.items():
        if not isinstance(value, _PLAIN):
            raise ValueError(f"its argument {name}: expected a plain value, got a {type(value).__name__}")
    return {str(name): value for name, value in values.items()}


def _named(reason: str) -> str:
    """Return what torch says of the first thing that it refused, without its advice."""
    for line in reason.splitlines():
        for sign in ("GLOBAL ", "Unsupported "):
            if sign in line:
                return line[line.index(sign) :].split(" was not")[0].split(". ")[0].strip()
    return "of an unknown kind"


class _Nothing:
    """Stands for whatever a file names that is neither a tensor nor a plain value."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        return OrderedDict()


def read_around_code(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds by its keys, with an empty dict for whatever it would have called.

    PyTorch Lightning's hold settings and callbacks in classes of their own beside the tensors. Nothing of
    them is run, and their place is taken by nothing.

    Raises:
        ValueError: the file is damaged, or holds no mapping.
    """
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        with torch.serialization.safe_globals([(_Nothing, name) for name in names]):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in any of torch's, zipfile's and the decoder's ways
        first = str(error).strip().partition("\n")[0]
        raise ValueError(f"{path}: expected a whole file of torch.save's, plain values ({first})") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected a dict of tensors, got a {type(found).__name__}")
    return found
