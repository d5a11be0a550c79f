"""Looking a name up in a registry, with an error that helps."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

Value = TypeVar("Value")


def named(registry: Mapping[str, Value], name: str, what: str) -> Value:
    """Return a registry's entry.

    Raises:
        ValueError: there is none; the nearest name is suggested.

    >>> named({"unet": 1, "tail": 2}, "unit", "model")
    Traceback (most recent call last):
    ValueError: model: no 'unit'; did you mean unet? There are: unet, tail
    """
    if name in registry:
        return registry[name]
    near = get_close_matches(name, registry, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ValueError(f"{what}: no {name!r}; {hint}There are: {', '.join(registry) or 'none'}")
