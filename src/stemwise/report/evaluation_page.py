"""An evaluation as one page: the scores, label by label, who is taken for whom, and the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stemwise.report import bss_page, markup
from stemwise.report import evaluation_tables as tables
from stemwise.report.evaluation_plots import intervals_plot
from stemwise.report.page import NOTICE
from stemwise.report.plots import stem_bars
from stemwise.report.tables import number

Results = Mapping[str, Any]
KINDS = (("mixture", "mixture_si_sdr", "#999999"), ("estimate", "si_sdr", "#0072b2"))
KINDS = (*KINDS, ("ideal ratio mask", "oracle_si_sdr", "#56b4e9"))
LABELS_NOTE = (
    "A mark is the score, a line its interval, a tick what chance reaches: 0.5 for the ROC-AUC, the label's "
    "share of the tracks for the average precision. Labels that never occur have no score."
)
REGRESSION_NOTE = (
    "R² is one less the share of the variance that is left; naming the mean reaches 0. Intervals hold the "
    "middle {} % of {} drawings of the tracks with replacement (seed {})."
)
CONFUSION_NOTE = "Rows are the truth, columns the predictions; a cell is as dark as its share of its row."
STEMS_NOTE = (
    "In dB, medians over tracks. Mixture, SI-SDR, gain and oracle are SI-SDR: of the mixture taken for the "
    "stem, of the estimate, the median of their differences, and of an ideal ratio mask. Leakage is the "
    "level, relative to the mixture, in tracks where the stem is silent."
)
RUNS_NOTE = (
    "The best run is chosen by its score on these very tracks, which flatters it; the mean and its standard "
    "deviation over the runs are what to compare methods by. What follows is of the best run."
)


def page(runs: Mapping[str, Results], summary: Mapping[str, Any] | None, title: str) -> str:
    """Return the whole document.

    Args:
        runs: name → what was found of it.
        summary: of several runs; None where there is one model.
        title: of the task.

    Raises:
        ValueError: matplotlib is missing.
    """
    shown = runs[summary["best"]["run"]] if summary else next(iter(runs.values()))
    parts = [_head(shown, title, len(runs)), _runs(summary)]
    parts += (
        [_separation(shown)]
        if "stems" in shown
        else [_classification(shown), _confusion(shown), _published(shown)]
    )
    parts += [_missing(runs), _protocol(runs, shown)]
    return markup.document(f"{shown['protocol_fields']['model']}: {title}", parts)


def _head(shown: Results, title: str, runs: int) -> str:
    fields = shown["protocol_fields"]
    what = f"{runs} runs" if runs > 1 else fields["model"]
    kicker = f"stemwise evaluate · {what} · {fields['dataset']}, {fields['split']} · {shown['tracks']} tracks"
    rendered = fields["dataset"] == "rendered" or fields["music"] != "as distributed"
    notice = f'<p class="notice">{markup.text(NOTICE)}</p>\n' if rendered else ""
    return (
        f'<header>\n<p class="kicker">{markup.text(kicker)}</p>\n<h1>{markup.text(title)}</h1>\n'
        f"{notice}</header>\n"
    )


def _runs(summary: Mapping[str, Any] | None) -> str:
    if not summary:
        return ""
    return markup.section("Runs", (markup.table(tables.runs_table(summary)), markup.note(RUNS_NOTE)))


def _classification(shown: Results) -> str:
    drawn = shown["bootstrap"]
    if "labels" not in shown:
        note = REGRESSION_NOTE.format(number(100 * drawn["confidence"], 0), drawn["resamples"], drawn["seed"])
        return markup.section("Scores", (markup.table(tables.scores_table(shown)), markup.note(note)))
    note = (
        f"ROC-AUC and average precision are means over {shown['scored_labels']} of {len(shown['labels'])} "
        f"labels: those that have tracks with and without them. Intervals hold the middle "
        f"{number(100 * drawn['confidence'], 0)} % of {drawn['resamples']} drawings of the tracks with "
        f"replacement (seed {drawn['seed']}); labels without a score in a drawing are left out of its mean. "
        "They say nothing of other trainings. Chance: accuracy by naming the most frequent class."
    )
    warning = tables.few_text(shown)
    said = f'<p class="notice">{markup.text(warning)}</p>\n' if warning else ""
    whole = (markup.table(tables.scores_table(shown)), said, markup.note(note))
    labels = (markup.figure(intervals_plot(shown)), markup.note(LABELS_NOTE))
    return markup.section("Scores", whole) + markup.section(
        "Label by label", (*labels, markup.table(tables.labels_table(shown)))
    )


def _published(shown: Results) -> str:
    if "published_scores" not in shown:
        return ""
    note = markup.note(tables.published_text(shown))
    return markup.section("Beside published numbers", (markup.table(tables.published_table(shown)), note))


def _confusion(shown: Results) -> str:
    if "confusion" not in shown:
        return ""
    found = shown["confusion"]
    rows = dict(zip(found["classes"], found["counts"], strict=True))
    cells = markup.heat("", found["classes"], rows)
    return markup.section("Who is taken for whom", (cells, markup.note(CONFUSION_NOTE)))


def _separation(shown: Results) -> str:
    if "published" in shown:
        return bss_page.sections(shown)
    plot = markup.figure(stem_bars(shown["stems"], KINDS, "SI-SDR per stem"))
    parts = (markup.table(tables.stems_table(shown)), markup.note(STEMS_NOTE), plot)
    return markup.section("Scores", parts)


def _missing(runs: Mapping[str, Results]) -> str:
    found = {name: reason for run in runs.values() for name, reason in run["unreadable"].items()}
    if not found:
        return ""
    about = f"<p>{len(found)} tracks could not be read and are in no number above.</p>\n"
    return markup.section("Left out", (about, markup.facts("Tracks", found)))


def _protocol(runs: Mapping[str, Results], shown: Results) -> str:
    fields = markup.flat(shown["protocol_fields"])
    if len(runs) > 1:
        fields |= {f"sha256 of {name}": run["sha256"] for name, run in runs.items()}
    return markup.section("Protocol", (f'<div class="protocol">{markup.facts("", fields)}</div>\n',))
