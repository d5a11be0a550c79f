"""What an experiment found: a verdict, a summary for a terminal, and a page that holds everything.

`results` is what the demo leaves in `results.json`: plain values, None where a number is undefined.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemwise.files import write_text
from stemwise.report.comparison import Comparison, compare, verdict
from stemwise.report.terminal import summary

__all__ = ["Comparison", "compare", "summary", "verdict", "write_report"]


def write_report(results: Mapping[str, Any], path: Path) -> None:
    """Write one HTML file that needs nothing else: plots, sound and style are inside.

    Args:
        results: of the demo; the wav files of its song must exist.
        path: of the file, written aside and renamed.

    Raises:
        ValueError: matplotlib is missing, or a file of the song cannot be read.
    """
    from stemwise.report.page import page

    write_text(path, page(results))
