"""The tables of a study of probes, for the terminal and the page alike."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from stemwise.report.evaluation_tables import span
from stemwise.report.tables import DASH, Table, number

Study = Mapping[str, Any]
TITLES: dict[str, str] = {
    "roc_auc": "ROC-AUC",
    "average_precision": "avg. precision",
    "accuracy": "accuracy",
    "score": "weighted score",
    "r2": "R²",
    "arousal_r2": "R² arousal",
    "valence_r2": "R² valence",
}
SHOWN = {
    "multilabel": ("roc_auc", "average_precision"),
    "multiclass": ("accuracy",),
    "key": ("score", "accuracy"),
}


def shown(study: Study) -> tuple[str, ...]:
    """Return the scores that a study's tables show, the one that chooses first."""
    return SHOWN.get(study["kind"]) or ("r2", *(f"{name}_r2" for name in study["classes"]))


def scores_table(study: Study) -> Table:
    """Return each representation's scores of the test split; of several runs also mean and deviation."""
    keys = shown(study)
    rows = [_row(found, keys) for found in study["representations"]]
    for title, runs in _runs(study["representations"]).items():
        cells = (_spread([run["test"][key] for run in runs]) for key in keys)
        rows.append((f"{title}: {len(runs)} runs", DASH, *cells, DASH, DASH))
    header = ("representation", "features", *(TITLES.get(key, key) for key in keys), "95 % interval", "valid")
    return Table(header, tuple(rows))


def _row(found: Mapping[str, Any], keys: Sequence[str]) -> tuple[str, ...]:
    cells = (number(found["test"][key], 3) for key in keys)
    valid = number(found["valid"]["primary"], 3)
    return (found["name"], number(found["size"], 0), *cells, span(found["interval"]), valid)


def _runs(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the runs of one training, by its name and the representation's."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        training, mark, _ = row["encoder"].rpartition("/run-")
        if mark:
            title = training + row["name"].removeprefix(row["encoder"])
            found.setdefault(title, []).append(row)
    return {title: runs for title, runs in found.items() if len(runs) > 1}


def _spread(values: Sequence[float]) -> str:
    return f"{number(statistics.fmean(values), 3)} ± {number(statistics.stdev(values), 3)}"


def chosen_table(study: Study) -> Table:
    """Return the settings of the probe that was chosen for each representation."""
    rows = []
    for found in study["representations"]:
        config = found["chosen"]
        decay = config["weight_decay"]
        rows.append(
            (
                found["name"],
                "standardised" if config["standardise"] else "as they are",
                " ".join(map(str, config["hidden"])) or "none",
                number(config["batch_size"], 0),
                f"{config['learning_rate']:g}",
                f"{config['dropout']:g}",
                DASH if decay is None else f"{decay:g}",
                number(config["best_step"], 0),
            )
        )
    header = ("representation", "inputs", "hidden", "batch", "rate", "dropout", "decay", "best step")
    return Table(header, tuple(rows), words=2)


def published_table(study: Study) -> Table:
    """Return published scores of the same task."""
    systems = study["published"]
    keys: list[str] = list(dict.fromkeys(key for scores in systems.values() for key in scores))
    rows = ((name, *(number(scores.get(key), 3) for key in keys)) for name, scores in systems.items())
    return Table(("published", *(TITLES.get(key, key) for key in keys)), tuple(rows))
