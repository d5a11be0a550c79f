"""`stemwise data render`: music made here."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional


def render(
    out: Positional[Path],
    tracks: int = 48,
    seconds: float = 12.0,
    seed: int = 0,
    soundfont: Path | None = None,
    workers: int = 0,
) -> int:
    """Render music with stems and labels, in MUSDB18-HQ's layout.

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
    return 0
