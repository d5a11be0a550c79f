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


def tracks_with_stems(
    dataset: str, root: Path, split: str, stems: "Sequence[str]", folder: Path | None, skip: bool = False
) -> "list[Track]":
    """Return the tracks of a split that have these stems, their own or those of `stemwise data stems`.

    Args:
        dataset: what the set is.
        root: its folder.
        split: of the tracks.
        stems: that are needed; none is needed of a set without stems.
        folder: of extracted stems, to be used in place of a set's own; where it is None, those in the root
            serve the tracks that have none.
        skip: leave out tracks that lack a stem, and say so, instead of an error.

    Raises:
        ValueError: stems are missing.
    """
    from stemwise.data.extracted import FOLDER, is_home, maker, with_stems

    tracks = tracks_of(dataset, root, split)
    if not stems:
        return tracks
    home = folder or root / FOLDER
    if folder is not None:
        maker(folder)
        tracks = with_stems(tracks, folder)
    elif is_home(home):
        tracks = [track if track.stems else with_stems([track], home)[0] for track in tracks]
    whole = [track for track in tracks if all(stem in track.stems for stem in stems)]
    if len(whole) == len(tracks) or (whole and skip):
        _note_left_out(len(tracks) - len(whole), len(tracks), home)
        return whole
    raise ValueError(
        f"{root}: {len(tracks) - len(whole)} of {len(tracks)} tracks of the split {split} lack a stem of "
        f"{', '.join(stems)}; extract them with `stemwise data stems {dataset} {root}`"
        + (", or leave these tracks out with skip_unreadable" if whole else "")
    )


def _note_left_out(lacking: int, tracks: int, home: Path) -> None:
    import logging

    if lacking:
        message = "%d of %d tracks have no stems in %s and are left out"
        logging.getLogger(__name__).warning(message, lacking, tracks, home)


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
