"""The audit's tables and sentences, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stemwise.report.tables import DASH, Table, number

Audit = Mapping[str, Any]
STEMS_NOTE = (
    "SI-SDR in dB, medians over the tracks in which the stem sounds: of the mixture taken for the stem, of "
    "the best fixed equaliser for that very track and stem, above which filtering alone does not come, and "
    "of an ideal ratio mask, which is about what masking can reach. Trivial is a stem whose equaliser comes "
    "within 3 dB of the mask, impossible one whose mask is less than 6 dB above the mixture."
)
LABELS_NOTE = (
    "Chance is what one gets without listening: for accuracies and key scores that of always giving the "
    "commonest answer of the train split, 0.5 for a ROC-AUC (the mean over classes or tags), 0 for R². "
    "Beside it is the 95th percentile of the score with the scored tracks' labels shuffled 200 times. At "
    "chance is what is not above both, trivial what goes nine tenths of the way from chance to a perfect "
    "score (of classes, in accuracy), learnable the rest; luck makes one row in twenty learnable."
)


def stems_table(results: Audit) -> Table:
    """Return a row for each stem."""
    header = ("stem", "mixture", "equaliser", "ideal mask", "gain", "left to gain", "tracks", "verdict")
    rows = (
        (
            stem,
            *(number(row[key]) for key in ("mixture", "equaliser", "mask")),
            number(row["equaliser"] - row["mixture"], sign=True),
            number(row["mask"] - row["equaliser"], sign=True),
            number(row["audible"], 0),
            row["verdict"],
        )
        for stem, row in results["stems"].items()
    )
    return Table(header, tuple(rows))


def labels_table(results: Audit) -> Table:
    """Return a row for each label and method."""
    header = ("label", "method", "measure", "score", "chance", "shuffled", "train", "test", "verdict")
    rows = (
        (
            *(row[key] for key in ("label", "method", "measure")),
            *(number(row[key], 2) for key in ("score", "chance", "shuffled")),
            *(number(row[key], 0) for key in ("train", "test")),
            row["verdict"],
        )
        for row in results["labels"]
    )
    return Table(header, tuple(rows), 3)


def tags_table(results: Audit, label: str) -> Table:
    """Return the ROC-AUC of each tag of a label by each method."""
    found = {row["method"]: row["parts"] for row in results["labels"] if row["label"] == label}
    tags = dict.fromkeys(tag for parts in found.values() for tag in parts)
    rows = ((tag, *(number(parts.get(tag), 2) for parts in found.values())) for tag in tags)
    return Table(("ROC-AUC", *found), tuple(rows))


def tag_labels(results: Audit) -> list[str]:
    """Return the labels that have several tags."""
    return list(dict.fromkeys(row["label"] for row in results["labels"] if row["parts"]))


def skipped_text(results: Audit) -> str:
    """Return which labels were not asked for, and why; empty where there are none."""
    found = "; ".join(f"{row['label']} ({row['reason']})" for row in results["skipped"])
    return f"Not asked: {found}." if found else ""


def headline(results: Audit) -> str:
    """Return in two sentences which stems and labels are trivial, and which are out of reach."""
    return f"{_stems(results)} {_labels(results)}".strip()


def _stems(results: Audit) -> str:
    if not results["stems"]:
        return ""
    verdicts = {stem: row["verdict"] for stem, row in results["stems"].items()}
    words = _sorted_out(verdicts, ("trivial", "impossible"))
    return f"Stems: {words}." if words else "No stem is trivial to separate, and none impossible."


def _labels(results: Audit) -> str:
    best: dict[str, str] = {}
    for row in results["labels"]:
        ranks = ("at chance", "learnable", "trivial")
        best[row["label"]] = max(best.get(row["label"], ranks[0]), row["verdict"], key=ranks.index)
    words = _sorted_out(best, ("trivial", "learnable", "at chance"))
    return f"Labels, each by the best of the simple methods: {words or DASH}."


def _sorted_out(verdicts: Mapping[str, str], order: tuple[str, ...]) -> str:
    groups = {verdict: [name for name, found in verdicts.items() if found == verdict] for verdict in order}
    return "; ".join(f"{verdict}: {', '.join(names)}" for verdict, names in groups.items() if names)
