"""A study of probes as one page: scores, settings, what the best representation says, the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stemwise.probing.published import SOURCE
from stemwise.report import markup, probe_plots
from stemwise.report import probe_tables as tables
from stemwise.report.page import NOTICE

Study = Mapping[str, Any]
SCORES_NOTE = (
    "Of the test split, by the one probe of each representation that has the best score on the valid split; "
    "none was tested before. Intervals hold the middle 95 % of 1000 drawings of the test items, or songs, "
    "with replacement, and say nothing of other trainings."
)
SETTINGS_NOTE = (
    "Each dot is a probe of the grid, parted by one setting after the other; a line marks the best. The "
    "chosen probe's score of the valid split flatters it: it is the best of many."
)
CIRCLE_NOTE = (
    "The truth is at the top; +1 is a fifth above, in the inner ring from minor truths a fifth below. Green "
    "is right, orange what the weighted score forgives in part: a fifth above, the relative and the parallel "
    "key."
)


def page(study: Study) -> str:
    """Return the whole document.

    Raises:
        ValueError: matplotlib is missing.
    """
    title, best = tables.TITLES[study["primary"]], best_of(study)
    scores = [markup.table(tables.scores_table(study)), markup.note(SCORES_NOTE)]
    if study["published"]:
        scores += [markup.table(tables.published_table(study)), markup.note(SOURCE)]
    scores.append(markup.figure(probe_plots.representations_plot(study, title)))
    settings = [
        markup.table(tables.chosen_table(study)),
        *(markup.figure(probe_plots.settings_plot(row, title)) for row in (best,)),
        markup.note(f"Plotted: {best['name']}. {SETTINGS_NOTE}"),
    ]
    parts = [_head(study), markup.section("Scores", scores), markup.section("Settings", settings)]
    parts += [_answers(study, best), _protocol(study)]
    return markup.document(f"Probes: {study['title']}", parts)


def best_of(study: Study) -> Mapping[str, Any]:
    """Return the representation with the best score of the valid split; choosing by the test's flatters."""
    return max(study["representations"], key=lambda row: row["valid"]["primary"])


def _head(study: Study) -> str:
    protocol = study["protocol"]
    counts = ", ".join(f"{count} {split}" for split, count in protocol["tracks"].items())
    kicker = f"stemwise probe · {study['task']} · {counts} · {protocol['probes']} probes a representation"
    rendered = protocol["music"] != "as distributed"
    notice = f'<p class="notice">{markup.text(NOTICE)}</p>\n' if rendered else ""
    return (
        f'<header>\n<p class="kicker">{markup.text(kicker)}</p>\n<h1>{markup.text(study["title"])}</h1>\n'
        f"{notice}</header>\n"
    )


def _answers(study: Study, best: Mapping[str, Any]) -> str:
    if best["answers"] is None:
        return ""
    if study["kind"] == "regression":
        drawn = markup.figure(probe_plots.plane_plot(best, study["classes"]))
        return markup.section(f"Answers beside the truth: {best['name']}", (drawn,))
    classes = study["classes"]
    counts = [[0] * len(classes) for _ in classes]
    for truth, said in zip(best["answers"]["truth"], best["answers"]["said"], strict=True):
        counts[truth][said] += 1
    cells = markup.heat("", classes, dict(zip(classes, counts, strict=True)))
    note = markup.note("Rows are the truth, columns the answers; a cell is as dark as its share of its row.")
    parts = [cells, note]
    if study["kind"] == "key":
        circle = markup.figure(probe_plots.key_circle(best, classes))
        parts = [circle, markup.note(CIRCLE_NOTE), *parts]
    return markup.section(f"Who is taken for whom: {best['name']}", parts)


def _protocol(study: Study) -> str:
    fields = markup.flat(study["protocol"])
    identities = {
        f"{row['name']}: {key}": value
        for row in study["representations"]
        for key, value in row["identity"].items()
        if key != "config"
    }
    facts = markup.facts("", {**fields, **identities})
    return markup.section("Protocol", (f'<div class="protocol">{facts}</div>\n',))
