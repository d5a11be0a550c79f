"""Reports in a terminal's hundred columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from stemwise.report import audit_tables, bss_tables, evaluation_tables, probe_tables
from stemwise.report.audit_tables import Audit
from stemwise.report.comparison import Results, verdict
from stemwise.report.tables import (
    Table,
    arms_table,
    comparison_table,
    goal_text,
    number,
    separation_table,
)

WIDTH = 98
NOTICE = "Measured on rendered music: these numbers compare with nothing but each other."


def summary(results: Results) -> str:
    """Return the verdict, the separation, the arms and their comparisons as plain text.

    Args:
        results: of the demo.
    """
    arms = results["arms"]
    seeds = max((len(arm["runs"]) for arm in arms), default=0)
    spread = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed"
    parts = (
        _wrap(verdict(results)),
        NOTICE,
        _titled(_separation_title(results), separation_table(results)),
        _wrap(goal_text(results)),
        _titled(f"{results['task']['title']}; {spread}; seconds per run", arms_table(results)),
        _titled("difference of ROC-AUC, paired by seed and label", comparison_table(results)),
    )
    return "\n\n".join(parts)


def _separation_title(results: Results) -> str:
    model = results["separator"]
    steps, seconds = number(model["steps"], 0), number(model["seconds"], 0)
    return (
        f"separation by {model['model']}, {steps} steps in {seconds} s; "
        f"SI-SDR, SDR and leakage in dB, medians over {number(model['scores'].get('tracks'), 0)} unseen songs"
    )


def audit_text(results: Audit) -> str:
    """Return an audit as plain text.

    Args:
        results: of the audit.
    """
    parts = [_wrap(audit_tables.headline(results))]
    if results["stems"]:
        title = f"SI-SDR in dB, medians over {results['tracks']} {results['split']} tracks"
        parts.append(_titled(title, audit_tables.stems_table(results)))
    if results["labels"]:
        parts.append(_titled("scores of simple methods", audit_tables.labels_table(results)))
    if results["skipped"]:
        parts.append(_wrap(audit_tables.skipped_text(results)))
    return "\n\n".join(parts)


def evaluation_text(scores: Mapping[str, Any], summary: Mapping[str, Any] | None = None) -> str:
    """Return an evaluation as plain text: the runs where there are several, or all of one model's scores.

    Args:
        scores: of the model, or of the best run.
        summary: of the runs.
    """
    if summary:
        best = (
            f"the best is that of the highest {evaluation_tables.TITLES[summary['select']]} on these tracks"
        )
        parts = [_titled(f"{len(summary['per_run'])} runs; {best}", evaluation_tables.runs_table(summary))]
    elif "published" in scores:
        parts = _bss(scores)
    elif "stems" in scores:
        parts = [_titled("in dB, medians over tracks", evaluation_tables.stems_table(scores))]
    else:
        parts = _classification(scores)
    tracks = f"{scores['tracks']} tracks"
    model = "; model and SHA-256 are those of the best run" if summary else ""
    return "\n\n".join([*parts, _wrap(f"protocol: {tracks}; {scores['protocol']}{model}")])


def probes_text(study: Mapping[str, Any]) -> str:
    """Return a study of probes as plain text.

    Args:
        study: as `probing.study.document` gives it.
    """
    about = study["protocol"]
    title = f"{study['title']}; the test split, by the best of {about['probes']} probes on the valid split"
    parts = [_titled(title, probe_tables.scores_table(study))]
    if study["published"]:
        parts.append(_titled("published, on the real data set", probe_tables.published_table(study)))
    parts.append(_titled("chosen probes", probe_tables.chosen_table(study)))
    if about["music"] != "as distributed":
        parts.append(_wrap(f"{about['music']}: these numbers compare with nothing but each other."))
    return "\n\n".join(parts)


def _bss(scores: Mapping[str, Any]) -> list[str]:
    title = "in dB, medians over tracks, of SDR, ISR, SIR and SAR also over windows"
    published = _titled("beside published numbers", bss_tables.published_table(scores))
    note = _wrap(bss_tables.published_text(scores))
    return [_titled(title, bss_tables.bss_table(scores)), published, note]


def _classification(scores: Mapping[str, Any]) -> list[str]:
    drawn = scores["bootstrap"]
    if "labels" not in scores:
        title = f"of estimated numbers; intervals of {drawn['resamples']} drawings of the tracks"
        return [_titled(title, evaluation_tables.scores_table(scores))]
    title = f"over {scores['scored_labels']} labels; intervals of {drawn['resamples']} drawings of the tracks"
    parts = [
        _titled(title, evaluation_tables.scores_table(scores)),
        _titled("label by label", evaluation_tables.labels_table(scores)),
    ]
    if warning := evaluation_tables.few_text(scores):
        parts.insert(1, _wrap(warning))
    if len(scores.get("confusion", {}).get("classes", ())) in range(1, evaluation_tables.MOST_CLASSES + 1):
        title = "who is taken for whom: rows are the truth, columns the predictions"
        parts.append(_titled(title, evaluation_tables.confusion_table(scores)))
    if "published_scores" in scores:
        parts.append(_titled("beside published numbers", evaluation_tables.published_table(scores)))
        parts.append(_wrap(evaluation_tables.published_text(scores)))
    return parts


def _wrap(text: str) -> str:
    return textwrap.fill(text, WIDTH)


def _titled(title: str, table: Table) -> str:
    return "\n".join([_wrap(title), *_lines(table)])


def _lines(table: Table) -> list[str]:
    """Return the rows, padded: words to the left, numbers to the right."""
    rows = [table.header, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.header))]

    def line(row: tuple[str, ...]) -> str:
        cells = zip(row, widths, strict=True)
        padded = [c.ljust(w) if i < table.words else c.rjust(w) for i, (c, w) in enumerate(cells)]
        return "  " + "  ".join(padded).rstrip()

    return [line(row) for row in rows]
