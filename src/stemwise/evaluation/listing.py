"""What a classifier said of every track, as text that any program reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from stemwise.evaluation.classifiers import Predictions


def predictions_csv(found: Predictions, classes: Sequence[str]) -> str:
    """Return a row per track: its name, `true CLASS` as 0 or 1, `p CLASS` as a probability to the last bit.

    Args:
        found: what the classifier said.
        classes: in the order of the columns.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["track", *(f"true {name}" for name in classes), *(f"p {name}" for name in classes)])
    rows = zip(found.names, found.targets.astype(int).tolist(), found.chances.tolist(), strict=True)
    writer.writerows([name, *truth, *chances] for name, truth, chances in rows)
    return file.getvalue()
