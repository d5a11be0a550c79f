"""`stemwise data info|verify|twin|download`: real data sets, their twins, and one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from stemwise.data.tracks import Dataset
    from stemwise.data.verify import Verified


def info(name: Annotated[str, Positional, arg(metavar="NAME")] = "") -> int:
    """Say what a data set is: citation, licence, size, where from, layout.

    Examples:
      stemwise data info
      stemwise data info musdb18

    Args:
        name: of a data set; all of them where not given.
    """
    from stemwise.data import DATASETS
    from stemwise.names import named

    chosen = [named(DATASETS, name, "data set")] if name else list(DATASETS.values())
    for dataset in chosen:
        about = dataset.info
        print(f"{about.name}: {about.title}")
        for field in ("licence", "source", "size", "layout", "citation"):
            if value := getattr(about, field):
                print(f"  {field + ':':<10}{value}")
        print(f"  {'get it:':<10}{_how_to_get(dataset)}")
        if dataset.known_bad and name:
            print("  left out, since their audio is known to be bad:")
            print("\n".join(f"    {track}  {reason}" for track, reason in dataset.known_bad.items()))
    return 0


def _how_to_get(dataset: Dataset) -> str:
    name = dataset.info.name
    twin = f"; a synthetic twin: stemwise data twin {name} OUT" if dataset.twin else ""
    if not dataset.downloads:
        return f"{dataset.info.source}{twin}"
    return f"stemwise data download {name} ROOT ({dataset.megabytes / 1000:.1f} GB){twin}"


def verify(name: Positional[str], root: Positional[Path], leave_out: bool = False) -> int:
    """Check a data set on disk: decode all of it, count, compare checksums where they are published.

    Missing, unreadable and double files are listed, as are stems that do not sum to their mixture. Exit
    code 1 when something is wrong.

    Examples:
      stemwise data verify rendered my-set
      stemwise data verify magnatagatune mtat --leave-out

    Args:
        name: of the data set.
        root: its folder.
        leave_out: write the tracks with missing or unreadable files to ROOT/left_out.txt; from then on they
            take no part in anything.
    """
    from stemwise.data import DATASETS
    from stemwise.data.verify import leave_out as write_list
    from stemwise.data.verify import verify as check
    from stemwise.logs import progress_bar
    from stemwise.names import named

    dataset = named(DATASETS, name, "data set")
    tracks = dataset.reader(root, None)
    with progress_bar("verifying", len(tracks)) as move:
        found = check(dataset, root, lambda done, _: move(done), tracks)
    _print_verified(found)
    if leave_out and found.findings:
        print(f"{write_list(root, found.findings)} tracks are left out from now on: {root / 'left_out.txt'}")
    return 1 if found.findings else 0


def _print_verified(found: Verified) -> None:
    heads = ("split", "tracks", "missing", "unreadable", "duplicate", "wrong", "hours")
    print("  ".join(f"{head:>10}" for head in heads))
    for split in found.tracks:
        *cells, hours = found.row(split)
        print("  ".join(f"{cell:>10}" for cell in (*cells, f"{hours:.2f}")))
    for finding in found.findings:
        print(f"{finding.kind:<11}{finding}")
    for track, reason in found.left_out.items():
        print(f"{'left out':<11}{track}: {reason}")
    print("nothing is wrong" if not found.findings else f"{len(found.findings)} findings")


def twin(
    name: Positional[str],
    out: Positional[Path],
    tracks: int = 24,
    seconds: float = 6.0,
    seed: int = 0,
    workers: int = 0,
) -> int:
    """Write a small synthetic twin of a data set: rendered music in exactly its layout, with its names.

    Everything that reads the real set reads its twin. Numbers measured on it say nothing of the real set.

    Examples:
      stemwise data twin magnatagatune mtat-twin --tracks 48
      stemwise data twin musdb18 musdb-twin --tracks 12 --seconds 10

    Args:
        name: of the data set.
        out: a new folder.
        tracks: how many, over all splits.
        seconds: length of each; MagnaTagATune's real clips have 29.1, FMA's 30.
        seed: of the music.
        workers: processes; 0 for all cores.
    """
    from stemwise.data import DATASETS
    from stemwise.data.twins import render_twin
    from stemwise.logs import progress_bar
    from stemwise.names import named

    dataset = named(DATASETS, name, "data set")
    with progress_bar("rendering", tracks) as move:
        render_twin(
            dataset,
            out,
            tracks=tracks,
            seconds=seconds,
            seed=seed,
            workers=workers,
            progress=lambda done, _: move(done),
        )
    print(f"a synthetic twin of {name} in {out}: {tracks} tracks of {seconds:g} s")
    return 0


def download(name: Positional[str], root: Positional[Path], unpack: bool = True) -> int:
    """Fetch a data set from its public server; the same command goes on where it stopped.

    Mind the licence, which `stemwise data info` names. Checksums are verified; archives are kept in
    ROOT/downloads, where they may be deleted afterwards.

    Examples:
      stemwise data download magnatagatune mtat
      stemwise data download musdb18-hq musdb --no-unpack

    Args:
        name: of the data set.
        root: its folder.
        unpack: unpack the archives into the folder.
    """
    from stemwise.data import DATASETS
    from stemwise.data.download import download as fetch
    from stemwise.logs import progress_bar
    from stemwise.names import named

    dataset = named(DATASETS, name, "data set")
    with progress_bar("downloading, MB", round(dataset.megabytes)) as move:
        lines = fetch(dataset, root, unpack=unpack, progress=move)
    print("\n".join(lines))
    print(f"{dataset.info.title} in {root}; licence: {dataset.info.licence}")
    print(f"check it with `stemwise data verify {name} {root}`")
    return 0
