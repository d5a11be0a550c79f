"""What a classifier said of every track, as text that any program reads."""

from __future__ import annotations

import csv
import io

from stemwise.evaluation.classifiers import Predictions
from stemwise.tasks import Task


def predictions_csv(found: Predictions, task: Task) -> str:
    """Return a row per track: its name, `true CLASS` as 0 or 1, `p CLASS` as a probability to the last bit.

    Of a regression, both are numbers.

    Args:
        found: what the classifier said.
        task: what it was asked.
    """
    file = io.StringIO(newline="")
    classes, kind = task.classes, float if task.target == "regression" else int
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["track", *(f"true {name}" for name in classes), *(f"p {name}" for name in classes)])
    rows = zip(found.names, found.targets.astype(kind).tolist(), found.chances.tolist(), strict=True)
    writer.writerows([name, *truth, *chances] for name, truth, chances in rows)
    return file.getvalue()
