"""Separators scored as the papers on MUSDB18 do it: BSSEval v4, a file a track, medians."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stemwise.data.tracks import Track
from stemwise.evaluation.classifiers import Progress
from stemwise.evaluation.protocol import Protocol, separator_protocol
from stemwise.evaluation.published import META_TASNET, Published
from stemwise.evaluation.stored import Evaluation
from stemwise.evaluation.track_scores import (
    METRICS,
    Document,
    document_path,
    frame_medians,
    kept_document,
    loaded,
    track_document,
    write_document,
)
from stemwise.interfaces import Separator
from stemwise.processes import spread
from stemwise.weights.store import StoredModel


@dataclass(frozen=True, kw_only=True)
class SeparationTask:
    """How separators are scored.

    Attributes:
        name: unique, also among `TASKS`.
        title: one line for a person.
        datasets: names in `DATASETS` that have what is needed.
        window_s: of BSSEval, seconds.
        hop_s: between windows, seconds.
        aggregation: how windows become one number, in words.
        published: numbers to stand beside.
        select: the score that chooses between runs.
    """

    name: str
    title: str
    datasets: tuple[str, ...]
    window_s: float
    hop_s: float
    aggregation: str
    published: Published
    select: str = "sdr"


SEPARATION_TASKS = {
    "musdb18": SeparationTask(
        name="musdb18",
        title="separation as scored on MUSDB18",
        datasets=("musdb18", "musdb18-hq", "rendered", "stems"),
        window_s=1.0,
        hop_s=1.0,
        aggregation="all channels at the file's rate; SDR, ISR, SIR and SAR as BSSEval v4 (museval 0.4.1): "
        "median over the windows in which no stem is silent; SDR, SI-SDR and SDR per octave over the whole "
        "track, SI-SDR of stems above -60 dB; medians over tracks",
        published=META_TASNET,
    )
}


def evaluate_musdb18(
    stored: StoredModel,
    tracks: Sequence[Track],
    *,
    task: SeparationTask,
    dataset: str,
    split: str,
    music: str = "as distributed",
    device: str = "cpu",
    workers: int = 1,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score a stored separator track by track; those that cannot be read are left out and named.

    Args:
        stored: the model.
        tracks: with the model's stems.
        task: of `SEPARATION_TASKS`.
        dataset: the tracks' data set.
        split: their split.
        music: what kind lies in the data set's folder, see `music_in`.
        device: of the model.
        workers: processes that score tracks; each loads the model.
        folder: where each track's scores are kept as soon as they are known. What was measured there with
            the same weights and protocol is taken and not measured again.
        progress: told (tracks done, tracks in all).

    Raises:
        ValueError: the model is no separator, a track lacks a stem, a kept file is damaged, or no track
            can be read.
    """
    model = loaded(stored.folder, device)
    _check(model, stored, tracks)
    protocol = replace(_protocol(model, stored, task, dataset, split), music=music)
    found: dict[str, Document] = {}
    todo = []
    for track in tracks:
        kept = kept_document(document_path(folder, track), asdict(protocol)) if folder else None
        if kept:
            found[track.name] = kept
        else:
            todo.append(track)
    if progress:
        progress(len(found), len(tracks))
    unreadable: dict[str, str] = {}
    threads = max(1, (os.cpu_count() or 1) // workers) if workers > 1 else 0
    job = _Job(stored.folder, device, threads, task, asdict(protocol), folder)
    for track, document, reason in spread(partial(_scored, job), todo, workers):
        if document:
            found[track.name] = document
        else:
            unreadable[track.name] = reason
        if progress:
            progress(len(found) + len(unreadable), len(tracks))
    if not found:
        first = next(iter(unreadable.values()), "there are none")
        raise ValueError(f"{task.name}: none of {len(tracks)} tracks could be read: {first}")
    ordered = {track.name: found[track.name] for track in tracks if track.name in found}
    return Evaluation(
        title=task.title,
        select=task.select,
        document=_document(protocol, model.stems, ordered, task.published, unreadable),
    )


@dataclass(frozen=True)
class _Job:
    """What a process needs to score tracks."""

    model: Path
    device: str
    threads: int
    task: SeparationTask
    protocol: Mapping[str, Any]
    folder: Path | None


def _scored(job: _Job, track: Track) -> tuple[Track, Document | None, str]:
    """Return a track's scores, or why it cannot be read."""
    if job.threads:
        import torch

        torch.set_num_threads(job.threads)
    try:
        model = loaded(job.model, job.device)
        document = track_document(model, track, job.task.window_s, job.task.hop_s, job.protocol)
    except (ValueError, OSError) as error:
        return track, None, str(error)
    if job.folder:
        write_document(document_path(job.folder, track), document)
    return track, document, ""


def _check(model: Any, stored: StoredModel, tracks: Sequence[Track]) -> None:
    if not isinstance(model, Separator):
        raise ValueError(f"{stored.name}: expected a separator for this task, got {type(model).__name__}")
    for track in tracks:
        missing = [stem for stem in model.stems if stem not in track.stems]
        if missing:
            raise ValueError(f"{track.mixture}: expected the stem {missing[0]} beside it, found none")


def _protocol(
    model: Separator, stored: StoredModel, task: SeparationTask, dataset: str, split: str
) -> Protocol:
    plain = separator_protocol(model, stored, dataset, split)
    return replace(
        plain, task=task.name, window_s=task.window_s, hop_s=task.hop_s, aggregation=task.aggregation
    )


def _document(
    protocol: Protocol,
    stems: Sequence[str],
    found: Mapping[str, Document],
    published: Published,
    unreadable: Mapping[str, str],
) -> dict[str, Any]:
    per_track = {name: _track_row(document) for name, document in found.items()}
    rows = list(per_track.values())
    octaves = [document["stemwise"]["whole"] for document in found.values()]
    facts = {key: getattr(protocol, key) for key in ("model", "sha256", "dataset", "split")}
    return {
        **facts,
        "tracks": len(rows),
        "stems": {stem: _column([row[stem] for row in rows]) for stem in stems},
        "sdr_per_octave": {stem: _bands([whole[stem]["octaves"] for whole in octaves]) for stem in stems},
        "per_track": per_track,
        "published": {**asdict(published), "sdr": published.rows()},
        "protocol": protocol.words(),
        "protocol_fields": asdict(protocol),
        "unreadable": dict(unreadable),
    }


def _track_row(document: Document) -> dict[str, dict[str, float | None]]:
    """Return stem → score: `sdr`, `isr`, `sir`, `sar` over windows, the others over the whole track."""
    whole = document["stemwise"]["whole"]
    rows = {}
    for stem, medians in frame_medians(document).items():
        one = whole[stem]
        row = {key.lower(): medians[key] for key in METRICS}
        row |= {"whole_sdr": one["sdr"], "si_sdr": one["si_sdr"], "mixture_si_sdr": one["mixture_si_sdr"]}
        row["improvement"] = one["si_sdr"] - one["mixture_si_sdr"]
        rows[stem] = {key: value if np.isfinite(value) else None for key, value in row.items()}
    return rows


def _column(rows: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    column: dict[str, Any] = {key: _median([row[key] for row in rows]) for key in rows[0]}
    column["scored"] = sum(row["sdr"] is not None for row in rows)
    return column


def _bands(rows: Sequence[Sequence[float]]) -> list[float | None]:
    """Return the median of each octave, from 62.5 Hz up, over the tracks that reach so high."""
    width = max(map(len, rows))
    return [_median([row[band] for row in rows if band < len(row)]) for band in range(width)]


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.median(known)) if known else None
