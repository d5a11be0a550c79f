"""The features of a data set's clips, computed once and kept on disk: a row for each clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from stemwise.data.audio import read_resampled
from stemwise.data.filling import fingerprint
from stemwise.data.store import Store
from stemwise.data.tracks import SPLITS, Track
from stemwise.names import named
from stemwise.probing.items import Items, Kind, Split
from stemwise.probing.sources import Source, extractor, shared
from stemwise.processes import spread
from stemwise.tasks import TASKS, Task

MAKER = 1
"""Version of the code that makes rows; raised where they change."""

Progress = Callable[[int, int], None]
Job = tuple[int, Path]
"""A file to look at, and its number."""

Spread = Callable[[Callable[[Job], tuple[int, np.ndarray]], Sequence[Job]], Iterable[tuple[int, np.ndarray]]]
"""Does the same work on many files, in any order."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """Vectors of a data set's clips.

    Attributes:
        tracks: that were looked at.
        rows: of each track, one vector for each clip.
        spans: where each representation lies in a row.
    """

    tracks: tuple[Track, ...]
    rows: tuple[Float32[np.ndarray, "n d"], ...]
    spans: Mapping[str, slice]

    def items(self, task: Task, name: str) -> Items:
        """Return what probes learn from, of one representation.

        Raises:
            ValueError: a split has no tracks of the task, or labels are missing.
        """
        places = {split: [i for i, t in enumerate(self.tracks) if t.split == split] for split in SPLITS}
        empty = [split for split, found in places.items() if not found]
        if empty:
            raise ValueError(f"{task.name}: expected tracks in every split, found none in {', '.join(empty)}")
        splits = {split: self._split(task, self.spans[name], found) for split, found in places.items()}
        return Items(kind=kind_of(task), classes=task.classes, splits=splits)

    def _split(self, task: Task, span: slice, places: Sequence[int]) -> Split:
        tracks = [self.tracks[place] for place in places]
        answers = task.matrix(tracks)
        answers = answers.argmax(1) if task.target == "multiclass" else answers
        counts = [len(self.rows[place]) for place in places]
        owners = [track.name for track, count in zip(tracks, counts, strict=True) for _ in range(count)]
        clips = [f"{track.name}-{k}" for track, n in zip(tracks, counts, strict=True) for k in range(n)]
        return Split(
            names=tuple(clips if task.clip_s else owners),
            features=np.concatenate([self.rows[place][:, span] for place in places]),
            targets=np.repeat(answers, counts, axis=0),
            songs=tuple(owners) if task.clip_s else None,
        )


def kind_of(task: Task) -> Kind:
    """Return what kind of target a task has."""
    return "key" if task.asks_for_keys else task.target


def extract(
    source: Source,
    task: Task,
    tracks: Sequence[Track],
    root: Path,
    cache: Path,
    *,
    over: Spread | None = None,
    progress: Progress | None = None,
) -> Features:
    """Return the features of the task's tracks; those that are not in the cache are computed.

    Args:
        source: what makes them.
        task: which tracks take part, and how they are cut into clips.
        tracks: of all splits.
        root: folder of the data set.
        cache: folder of the features; a stopped extraction goes on there.
        over: does the work; where not given, this process.
        progress: told (tracks done, tracks in all).

    Raises:
        ValueError: a file cannot be read, or as `extractor`.
    """
    source = shared(source)
    made, chosen = extractor(source), task.chosen(tracks)
    about = {"what": "features, a row a clip", "from": made.title, "clip_s": task.clip_s}
    about |= {"sizes": dict(made.sizes), **made.identity}
    size = sum(made.sizes.values())
    clips = f"-{task.clip_s:g}s" if task.clip_s else ""
    store = Store(cache / f"features-{made.key}{clips}", "<f4", (size,), about)
    wanted = [fingerprint(track.mixture, root, MAKER) for track in chosen]
    missing = [place for place, found in enumerate(wanted) if found not in store.entries()]
    if missing:
        work = partial(rows_of, source, task.name)
        jobs = [(place, chosen[place].mixture.absolute()) for place in missing]
        with store.writing() as writer:
            for done, (place, rows) in enumerate((over or _here)(work, jobs), 1):
                if wanted[place] not in writer.entries:
                    writer.add(wanted[place], [rows])
                if progress:
                    progress(len(chosen) - len(missing) + done, len(chosen))
    entries, rows = store.entries(), store.rows()
    found = [entries[one] for one in wanted]
    return Features(
        tracks=tuple(chosen),
        rows=tuple(np.asarray(rows[e.start : e.start + e.rows]) for e in found),
        spans=_spans(made.sizes),
    )


def workers(count: int) -> Spread:
    """Return what spreads work over so many processes."""
    return lambda work, jobs: spread(work, jobs, count)


def rows_of(source: Source, task: str, job: Job) -> tuple[int, Float32[np.ndarray, "n d"]]:
    """Return a file's number, and the vectors of its clips.

    Raises:
        ValueError: the file cannot be read.
    """
    place, path = job
    made = extractor(source)
    audio = read_resampled(path, made.sample_rate, mono=True)[0]
    bounds = named(TASKS, task, "task").clips(len(audio), made.sample_rate)
    return place, np.stack([made.vector(audio[start:stop]) for start, stop in bounds])


def _here(
    work: Callable[[Job], tuple[int, np.ndarray]], jobs: Sequence[Job]
) -> Iterator[tuple[int, np.ndarray]]:
    yield from map(work, jobs)


def _spans(sizes: Mapping[str, int]) -> dict[str, slice]:
    ends = np.cumsum(list(sizes.values())).tolist()
    return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}
