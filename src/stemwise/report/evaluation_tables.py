"""The tables of an evaluation, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stemwise.report.tables import DASH, Table, number

Scores = Mapping[str, Any]
TITLES = {
    "key_score": "key score",
    "accuracy": "accuracy",
    "r2": "R²",
    "roc_auc": "ROC-AUC",
    "average_precision": "avg. precision",
    "si_sdr": "SI-SDR",
    "improvement": "gain",
    "sdr": "SDR",
}
MOST_CLASSES = 16
"""So many classes' confusions are shown in a terminal."""


def span(pair: Sequence[float | None] | None, digits: int = 3) -> str:
    """Return an interval as text.

    >>> span([0.25, 0.5]), span([None, None])
    ('0.250 to 0.500', '–')
    """
    if not pair or pair[0] is None or pair[0] != pair[0]:
        return DASH
    return f"{number(pair[0], digits)} to {number(pair[1], digits)}"


def scores_table(scores: Scores) -> Table:
    """Return a classifier's scores over all labels, or a regression's, each with its interval."""
    rows = (
        (
            TITLES.get(key) or key.replace("_r2", ", R²"),
            number(scores[key], 3),
            span(pair),
            _chance(scores, key),
        )
        for key, pair in scores["intervals"].items()
    )
    percent = number(100 * scores["bootstrap"]["confidence"], 0)
    return Table(("score", "value", f"{percent} % interval", "chance"), tuple(rows))


def _chance(scores: Scores, key: str) -> str:
    """Return what knowing nothing but how frequent the labels are would reach; of keys, it is not told."""
    if key.endswith("r2"):
        return number(0, 3)
    if key == "key_score":
        return DASH
    found = [row["positives"] for row in scores["labels"]]
    if key == "accuracy":
        return number(max(found) / scores["tracks"], 3)
    if key == "roc_auc":
        return number(0.5, 3)
    known = [count for count in found if count]
    return number(sum(known) / len(known) / scores["tracks"], 3) if known else DASH


def published_table(scores: Scores) -> Table:
    """Return what papers report, and what is measured here in the first row."""
    published = scores["published_scores"]["scores"]
    keys = list(next(iter(published.values())))
    rows = [("here", *(number(scores[key], 3) for key in keys))]
    rows += [(system, *(number(row[key], 3) for key in keys)) for system, row in published.items()]
    return Table(("system", *(TITLES[key] for key in keys)), tuple(rows))


def published_text(scores: Scores) -> str:
    """Return where they stand, how they were measured, and what to mind."""
    found, fields = scores["published_scores"], scores["protocol_fields"]
    said = f"Published in {found['source']}; there: {found['protocol']}."
    if fields["music"] != "as distributed" or fields["split"] != "test":
        what = f"{fields['music']}, {fields['split']} split"
        return f"{said} Ours is of {scores['tracks']} tracks, {what}: the two do not compare."
    return f"{said} They compare only where pre-training, lists and protocol are the same."


def few_text(scores: Scores) -> str:
    """Return a warning where labels are too rare for their intervals; empty where none is."""
    few, enough = (scores["bootstrap"][key] for key in ("few_positives", "few"))
    if not few:
        return ""
    return (
        f"{few} of {len(scores['labels'])} labels have fewer than {enough} tracks: their intervals are too "
        "narrow, those of their average precision lie too high, and so may those of the means over labels."
    )


def labels_table(scores: Scores) -> Table:
    """Return each label's scores, with their intervals."""
    rows = (
        (
            row["label"],
            number(row["positives"], 0),
            number(row["auc"], 3),
            span(row["auc_interval"]),
            number(row["ap"], 3),
            span(row["ap_interval"]),
        )
        for row in scores["labels"]
    )
    return Table(("label", "tracks", "ROC-AUC", "interval", "avg. prec.", "interval"), tuple(rows))


def confusion_table(scores: Scores) -> Table:
    """Return counts by true class (row) and predicted class (column, by number)."""
    found = scores["confusion"]
    numbers = tuple(str(place) for place in range(1, len(found["classes"]) + 1))
    rows = (
        (f"{place} {name}", *map(str, row), number(row[int(place) - 1] / sum(row) if sum(row) else None, 2))
        for place, name, row in zip(numbers, found["classes"], found["counts"], strict=True)
    )
    return Table(("truth", *numbers, "right"), tuple(rows))


def stems_table(scores: Scores) -> Table:
    """Return a separator's medians by stem, in dB."""
    columns = ("mixture_si_sdr", "si_sdr", "improvement", "oracle_si_sdr", "sdr", "leakage_db")
    rows = (
        (stem, *(number(row[key]) for key in columns), number(row["audible"], 0))
        for stem, row in scores["stems"].items()
    )
    return Table(("stem", "mixture", "SI-SDR", "gain", "oracle", "SDR", "leakage", "tracks"), tuple(rows))


def runs_table(summary: Mapping[str, Any]) -> Table:
    """Return the scores of each run, then the best of them, their mean and standard deviation."""
    best, rows = summary["best"], []
    keys, digits = list(summary["mean"]), 2 if "si_sdr" in summary["mean"] else 3
    for name, scores in summary["per_run"].items():
        rows.append((name, *(number(scores[key], digits) for key in keys)))
    rows.append((f"best: {best['run']}", *(number(best[key], digits) for key in keys)))
    rows.append(("mean ± std", *(_mean(summary, key, digits) for key in keys)))
    return Table(("run", *(TITLES[key] for key in keys)), tuple(rows))


def _mean(summary: Mapping[str, Any], key: str, digits: int) -> str:
    spread = summary["std"][key]
    mean = number(summary["mean"][key], digits)
    return mean if spread is None else f"{mean} ± {number(spread, digits)}"
