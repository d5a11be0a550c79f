"""Rendered multitrack music: songs composed by rule, played on a soundfont, sung by a synthetic singer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stemwise.data.tracks import DatasetInfo, listed_stem_folders

INFO = DatasetInfo(
    name="rendered",
    title="Rendered multitrack music, composed by rule",
    licence="yours; check the soundfont's own licence before you pass the audio on",
    source="stemwise data render OUT",
    size="0.9 MB of audio for each second of music (five stereo files at 44.1 kHz, 16 bits)",
    layout="SPLIT/NAME/{mixture,drums,bass,other,vocals}.wav, labels.json; dataset.json",
)

tracks = listed_stem_folders

MIN_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """What to render.

    Attributes:
        tracks: how many, over all splits.
        seconds: length of each.
        seed: of everything; the same seed and soundfont give the same bytes with any number of workers.
        soundfont: path of an sf2 or sf3 file; `None` takes the one that pretty_midi brings.
        workers: processes; 0 takes all cores, 1 stays in this process.
        valid_share, test_share: of the tracks; at least one of each genre where there are enough tracks.
        vocal_share: of the tracks that are sung.

    Raises:
        ValueError: a value is out of range.
    """

    tracks: int = 48
    seconds: float = 12.0
    seed: int = 0
    soundfont: str | None = None
    workers: int = 0
    valid_share: float = 0.1
    test_share: float = 0.27
    vocal_share: float = 0.8

    def __post_init__(self) -> None:
        for name, least in (("tracks", 1), ("seed", 0), ("workers", 0), ("seconds", MIN_SECONDS)):
            if not least <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")
        for name in ("valid_share", "test_share", "vocal_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        if self.valid_share + self.test_share >= 1:
            raise ValueError(
                f"valid_share + test_share: expected less than 1, got {self.valid_share + self.test_share}"
            )


def render(
    out: Path, settings: RenderSettings, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Renders a set in MUSDB18-HQ's layout, and returns the folders of its tracks.

    Tracks that are already whole are left alone, so an interrupted command goes on when it is run again.
    With more than one worker, a script that calls this needs the guard `if __name__ == "__main__":`. Only
    one process may render into a folder at a time.

    Args:
        out: folder of the set; made where it is missing.
        settings: what to render.
        progress: called with the number of whole tracks and of all tracks, first before any is rendered.

    Raises:
        ValueError: the soundfont is missing, no soundfont or lacks an instrument; the folder holds another
            set; or the extra `render` is not installed.
    """
    try:
        from stemwise.data.rendered.files import render_set
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is not installed; pip install 'stemwise[render]'") from error
    return render_set(Path(out), settings, progress)


__all__ = ["INFO", "RenderSettings", "render", "tracks"]
