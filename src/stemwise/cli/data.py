"""`stemwise data render|card|audit`: music made here, and what a data set holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


def render(
    out: Positional[Path],
    tracks: int = 48,
    seconds: float = 12.0,
    seed: int = 0,
    soundfont: Path | None = None,
    workers: int = 0,
    card: bool = True,
) -> int:
    """Render music with stems, labels and scores, in MUSDB18-HQ's layout, with its card to look and listen.

    The same seed gives the same bytes. A stopped rendering goes on with the same command.

    Examples:
      stemwise data render my-set --tracks 160
      stemwise data render long --tracks 20 --seconds 180 --seed 7 --soundfont FluidR3.sf3

    Args:
        out: folder of the set.
        tracks: how many, over the splits train, valid and test.
        seconds: length of each.
        seed: of everything.
        soundfont: a General MIDI sf2 or sf3 file; pretty_midi's where not given.
        workers: processes; 0 for all cores.
        card: also write the set's card and its listening page, as `stemwise data card` does.
    """
    from stemwise.data.rendered import RenderSettings
    from stemwise.data.rendered import render as render_set
    from stemwise.logs import progress_bar

    settings = RenderSettings(
        tracks=tracks,
        seconds=seconds,
        seed=seed,
        soundfont=str(soundfont) if soundfont else None,
        workers=workers,
    )
    with progress_bar("rendering", tracks) as move:
        folders = render_set(out, settings, lambda done, _: move(done))
    print(f"{len(folders)} tracks of {seconds:g} s in {out}")
    return _write_card(out, "rendered", samples=3, split=None) if card else 0


def card(
    root: Positional[Path],
    dataset: str = "rendered",
    samples: int = 3,
    split: Literal["train", "valid", "test"] | None = None,
) -> int:
    """Write a data set's card and its listening page: labels by split, levels, what the splits share.

    Both lie in the set's folder, as card.html and listen.html; the players use the audio beside them.

    Examples:
      stemwise data card my-set
      stemwise data card my-set --samples 5 --split test

    Args:
        root: folder of the data set.
        dataset: its name, see `stemwise data info`.
        samples: tracks to listen to, of each genre.
        split: where these come from; all splits in turn where not given.
    """
    return _write_card(root, dataset, samples, split)


def _write_card(root: Path, dataset: str, samples: int, split: str | None) -> int:
    from stemwise.data import DATASETS
    from stemwise.logs import progress_bar
    from stemwise.names import named
    from stemwise.report import write_card

    source = named(DATASETS, dataset, "data set")
    tracks = source.tracks(root, None)
    with progress_bar("measuring", len(tracks)) as move:
        paths = write_card(
            tracks, root, source.info, samples=samples, split=split, progress=lambda done, _: move(done)
        )
    for path in paths:
        print(path)
    return 0


def audit(
    root: Positional[Path],
    dataset: str = "rendered",
    split: Literal["train", "valid", "test"] = "test",
    json_to: Annotated[Path | None, arg(name="json")] = None,
) -> int:
    """Measure whether a data set is trivial or impossible, for separating and for understanding.

    Prints two tables, and writes audit.html and audit.json into the set's folder.

    Examples:
      stemwise data audit my-set
      stemwise data audit my-set --split valid --json audit-valid.json

    Args:
        root: folder of the data set.
        dataset: its name, see `stemwise data info`.
        split: which tracks are scored; simple models learn from train.
        json_to: where the numbers go instead of audit.json.
    """
    from stemwise.audit import audit as audit_tracks
    from stemwise.data import DATASETS
    from stemwise.files import write_json
    from stemwise.logs import progress_bar
    from stemwise.names import named
    from stemwise.report import audit_text, write_audit

    source = named(DATASETS, dataset, "data set")
    tracks = source.tracks(root, None)
    heard = [track for track in tracks if track.split in ("train", split)]
    with progress_bar("auditing", len(heard)) as move:
        results = audit_tracks(tracks, split, lambda done, _: move(done))
    print(audit_text(results))
    print(f"\nprotocol: {results['protocol']}")
    write_json(json_to or root / "audit.json", {"dataset": dataset, **results})
    print(write_audit(results, root, source.info))
    return 0
