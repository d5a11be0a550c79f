"""Notebooks as plain Python: cells run one after the other, without Jupyter; as a script, this runs files.

`python tests/notebooks.py [--write] NOTEBOOK ...`: with `--write`, what the cells print and draw is kept in
the notebook.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import matplotlib as mpl
from PIL import Image


def run(path: Path, *, write: bool = False, **parameters: Any) -> dict[str, Any]:
    """Run a notebook's cells; return what they left behind.

    Args:
        path: of the notebook.
        write: keep prints and drawings in it.
        parameters: replace those that the cell tagged `parameters` sets.
    """
    mpl.use("agg")
    import matplotlib.pyplot as plt

    book = json.loads(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells, 1):
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names |= parameters
        drawings = [plt.figure(figure) for figure in plt.get_fignums()]
        cell["outputs"] = [*_stream(printed.getvalue()), *map(_image, drawings)]
        cell["execution_count"] = number
        plt.close("all")
    if write:
        path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return names


def _stream(text: str) -> list[dict[str, Any]]:
    lines = text.splitlines(keepends=True)
    return [{"output_type": "stream", "name": "stdout", "text": lines}] if lines else []


def _image(figure: Any) -> dict[str, Any]:
    drawn, file = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=60)
    Image.open(drawn).convert("RGB").quantize(32).save(file, format="png", optimize=True)  # smaller
    picture = base64.b64encode(file.getvalue()).decode()
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": picture}}


if __name__ == "__main__":
    keep = "--write" in sys.argv
    for name in sys.argv[1:]:
        if name != "--write":
            run(Path(name), write=keep)
