"""stemwise: networks that learn to take music apart, and use what they learned to understand it.

>>> import stemwise
>>> stemwise.STEMS
('drums', 'bass', 'other', 'vocals')

`stemwise.load(name)` gives a trained model, `stemwise.read(path)` any file's audio. `stemwise.separate`,
`remix`, `tag` and `embed` take a file's path or its audio (channels, samples), and a model or its name.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stemwise.catalogue.pipeline import Cancelled
    from stemwise.data.audio import read
    from stemwise.separation import separate_file
    from stemwise.songs import embed, remix, separate, tag
    from stemwise.weights.store import load

STEMS = ("drums", "bass", "other", "vocals")
"""The order of stems everywhere inside the package; other orders are mapped by name at the boundary."""

__version__ = "0.1.0"
__all__ = [
    "STEMS",
    "Cancelled",
    "__version__",
    "embed",
    "load",
    "read",
    "remix",
    "separate",
    "separate_file",
    "tag",
]

_HOMES = {
    "Cancelled": "stemwise.catalogue.pipeline",
    "embed": "stemwise.songs",
    "load": "stemwise.weights.store",
    "read": "stemwise.data.audio",
    "remix": "stemwise.songs",
    "separate": "stemwise.songs",
    "separate_file": "stemwise.separation",
    "tag": "stemwise.songs",
}


def __getattr__(name: str) -> Any:
    """Import the few names that most users need when they are first asked for: torch takes seconds."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'stemwise' has no attribute {name!r}")
