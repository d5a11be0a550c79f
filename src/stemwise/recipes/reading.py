"""What recipes do alike: check their settings, and read a data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stemwise.data.material import Material

if TYPE_CHECKING:
    from stemwise.data.cache import AudioCache
    from stemwise.data.tracks import Track
    from stemwise.tasks import Task


def at_least(least: int, **values: int) -> None:
    """Check settings.

    Raises:
        ValueError: one of them is below `least`.
    """
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")


def task_named(name: str) -> "Task":
    """Return a task by its name."""
    from stemwise.names import named
    from stemwise.tasks import TASKS

    return named(TASKS, name, "task")


def tracks_of(dataset: str, root: Path, split: str) -> "list[Track]":
    """Return the tracks of a data set's split.

    Raises:
        ValueError: an unknown set, or none of this kind in the folder.
    """
    from stemwise.data import DATASETS
    from stemwise.names import named

    return named(DATASETS, dataset, "data set").tracks(root, split)


def decoded_audio(
    tracks: "Sequence[Track]", material: Material, root: Path, folder: Path | None, skip_unreadable: bool
) -> "AudioCache":
    """Return the decoded audio of tracks, with a progress bar for what is not in the cache yet."""
    from stemwise.data.cache import prepare
    from stemwise.logs import progress_bar

    files = len(tracks) * len(material.sources)
    with progress_bar("decoding", files) as move:

        def report(done: int, total: int) -> None:
            move(files - total + done)

        return prepare(
            tracks, material, root, folder=folder, skip_unreadable=skip_unreadable, progress=report
        )
