"""What an experiment found, what a data set holds: verdicts, a summary for a terminal, and pages.

`results` is what the demo leaves in `results.json`: plain values, None where a number is undefined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stemwise.data.tracks import DatasetInfo, Track
from stemwise.files import write_text
from stemwise.report.comparison import Comparison, compare, verdict
from stemwise.report.terminal import audit_text, evaluation_text, probes_text, summary

__all__ = [
    "Comparison",
    "audit_text",
    "compare",
    "evaluation_text",
    "probes_text",
    "summary",
    "verdict",
    "write_audit",
    "write_card",
    "write_evaluation",
    "write_probes",
    "write_report",
]

CARD, LISTENING, AUDIT, REPORT = "card.html", "listen.html", "audit.html", "report.html"


def write_report(results: Mapping[str, Any], path: Path) -> None:
    """Write one HTML file that needs nothing else: plots, sound and style are inside.

    Args:
        results: of the demo; the wav files of its song must exist.
        path: of the file, written aside and renamed.

    Raises:
        ValueError: matplotlib is missing, or a file of the song cannot be read.
    """
    from stemwise.report.page import page

    write_text(path, page(results))


def write_audit(results: Mapping[str, Any], root: Path, info: DatasetInfo) -> Path:
    """Write an audit's page into the data set's folder, and return where it is.

    Args:
        results: of the audit.
        root: folder of the set.
        info: what is known of the data set.

    Raises:
        ValueError: matplotlib is missing.
    """
    from stemwise.report.audit_page import page

    card = CARD if (root / CARD).is_file() else ""
    write_text(root / AUDIT, page(results, info.title, card))
    return root / AUDIT


def write_evaluation(
    runs: Mapping[str, Mapping[str, Any]], summary: Mapping[str, Any] | None, title: str, folder: Path
) -> Path:
    """Write the page of an evaluation into a folder, and return where it is.

    Args:
        runs: name → what was found of it.
        summary: of several runs; None where there is one model.
        title: of the task.
        folder: of the page.

    Raises:
        ValueError: matplotlib is missing.
    """
    from stemwise.report.evaluation_page import page

    write_text(folder / REPORT, page(runs, summary, title))
    return folder / REPORT


def write_probes(study: Mapping[str, Any], folder: Path) -> Path:
    """Write the page of a study of probes into a folder, and return where it is.

    Args:
        study: as `probing.study.document` gives it.
        folder: of the page.

    Raises:
        ValueError: matplotlib is missing.
    """
    from stemwise.report.probe_page import page

    write_text(folder / REPORT, page(study))
    return folder / REPORT


def write_card(
    tracks: Sequence[Track],
    root: Path,
    info: DatasetInfo,
    *,
    samples: int = 3,
    split: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Path, Path]:
    """Write a data set's card and its listening page into its folder, and return where they are.

    Both are whole but for the audio, which the listening page plays from the files beside it.

    Args:
        tracks: of all splits.
        root: folder of the set.
        info: what is known of the data set.
        samples: tracks to listen to, of each genre.
        split: where these come from; all splits in turn where not given.
        progress: told (tracks done, tracks in all).

    Raises:
        ValueError: no tracks, a file cannot be read, or matplotlib is missing.
    """
    from stemwise.data.labels import find_labels
    from stemwise.data.levels import measure
    from stemwise.memory import keep_freed_memory
    from stemwise.report.card import card
    from stemwise.report.listening import listening_page, pick, sample

    if samples < 1 or not tracks:
        raise ValueError(f"expected a track and a sample or more, got {len(tracks)} and {samples}")
    keep_freed_memory()
    labels = find_labels(tracks)
    chosen = pick([track for track in tracks if split in (None, track.split)], labels, samples)
    heard = {track.mixture for found in chosen.values() for track in found}
    levels, shown = {}, {}
    for done, track in enumerate(tracks, 1):
        levels[track.mixture] = measure(track)
        if track.mixture in heard:
            shown[track.mixture] = sample(track, levels[track.mixture], labels, root)
        if progress:
            progress(done, len(tracks))
    groups = {name: [shown[track.mixture] for track in found] for name, found in chosen.items()}
    write_text(root / LISTENING, listening_page(groups, info.title, CARD))
    write_text(root / CARD, card(tracks, list(levels.values()), root, info, LISTENING))
    return root / CARD, root / LISTENING
