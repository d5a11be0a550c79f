"""Where the parity vectors lie: `STEMWISE_PARITY_VECTORS`, or the copies beside the tests."""

import os
import re
from pathlib import Path

OWN = Path(__file__).parents[1] / "vectors"
VECTORS = Path(os.environ.get("STEMWISE_PARITY_VECTORS") or OWN)


def seeded(pattern: str) -> list[tuple[Path, int]]:
    """The vector files that match, each with the seed in its name; our own where there are none."""
    if not VECTORS.is_dir():
        raise FileNotFoundError(f"{VECTORS}: no such folder; see STEMWISE_PARITY_VECTORS")
    files = sorted(VECTORS.glob(pattern)) or sorted(OWN.glob(pattern))
    return [(file, int(re.search(r"_seed(\d+)$", file.stem)[1])) for file in files]


def ids(cases: list[tuple[Path, int]]) -> list[str]:
    return [file.stem for file, _ in cases]


def vector(path: str) -> Path:
    """A vector file whose name has no seed; our own where there is none."""
    return VECTORS / path if (VECTORS / path).is_file() else OWN / path
