"""Papers and experiments as functions: each returns a `Run`.

This module and those beside it import nothing heavy at the top, so that the command line can list them.
"""

from collections.abc import Callable
from typing import Any

from stemwise.recipes import rendered

RECIPES: dict[str, Callable[..., Any]] = {
    "rendered-separator": rendered.separator,
    "rendered-classifier": rendered.classifier,
}
