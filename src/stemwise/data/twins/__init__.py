"""Synthetic twins: small sets in exactly a real set's layout, made of rendered music, with real names.

A twin exercises all code that a real set would, label files included. No number measured on one says anything
of the real set: its folder carries a file that says so.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

from stemwise.data.tracks import TWIN, Dataset, Track
from stemwise.files import write_json


def write_twin(dataset: Dataset, tracks: Sequence[Track], out: Path) -> Path:
    """Write a set's twin of rendered tracks; the folder appears whole or not at all.

    Args:
        dataset: whose layout.
        tracks: rendered ones, with stems and labels.
        out: the folder; not there yet, or empty.

    Raises:
        ValueError: the set has no twin, or the folder holds something.
    """
    name = dataset.info.name
    if dataset.twin is None:
        raise ValueError(f"{name}: has no twin; render music with `stemwise data render {out}`")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out}: expected a new or an empty folder, it holds something; give another")
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name[:40]}.{uuid4().hex[:8]}.unfinished")
    try:
        aside.mkdir()
        dataset.twin(tracks, aside)
        about = (
            f"A synthetic twin of {dataset.info.title}: rendered music under its names. Not the set itself."
        )
        write_json(aside / TWIN, {"twin": name, "about": about, "tracks": len(tracks)})
        if out.is_dir():
            out.rmdir()
        aside.replace(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return out


def render_twin(
    dataset: Dataset,
    out: Path,
    *,
    tracks: int,
    seconds: float,
    seed: int,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Render music and write a set's twin of it, as `write_twin`."""
    from stemwise.data.rendered import RenderSettings, render
    from stemwise.data.tracks import stem_folders

    settings = RenderSettings(tracks=tracks, seconds=seconds, seed=seed, workers=workers)
    with tempfile.TemporaryDirectory(prefix="stemwise-twin-") as folder:
        render(Path(folder), settings, progress)
        return write_twin(dataset, stem_folders(Path(folder)), out)
