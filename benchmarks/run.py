"""Every benchmark in a process of its own, as one table: median of several rounds, and peak memory.

`python benchmarks/run.py [NAME ...]`; the table that was measured last is kept in `benchmarks/results.md`.
Machines differ and are noisy: read ratios within one run.
"""

from __future__ import annotations

import importlib
import json
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

NAMES = (
    *("training", "separating", "meta_tasnet", "evaluating", "bss_eval", "msspt", "loading", "rendering"),
    *("augmenting", "probes"),
)
HERE = Path(__file__).parent


def main(names: list[str]) -> None:
    """Print a table per benchmark, and write them to `results.md`."""
    parts = [
        f"# Benchmarks\n\n{platform.machine()}, {platform.system()}, Python {platform.python_version()}\n"
    ]
    for name in names or NAMES:
        lines = subprocess.run(
            [sys.executable, __file__, "--one", name], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.splitlines()
        parts.append(f"## {name}\n\n{_table(json.loads(lines[-1]))}\n")
        print(parts[-1], flush=True)
    if not names:
        (HERE / "results.md").write_text("\n".join(parts))


def one(name: str) -> None:
    """Run one benchmark here and print its rows as JSON."""
    rows = importlib.import_module(name).run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps([{"peak_rss_mib": peak, **row} for row in rows]))


def _table(rows: list[dict[str, Any]]) -> str:
    columns = [name for name in rows[0] if name != "peak_rss_mib"] + ["peak_rss_mib"]
    lines = [columns, ["---"] * len(columns), *([str(row[c]) for c in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        sys.path.insert(0, str(HERE))
        one(sys.argv[2])
    else:
        main(sys.argv[1:])
