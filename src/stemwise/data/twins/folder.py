"""A twin of a folder of one's own labelled audio."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from stemwise.data.tracks import Track


def twin(tracks: Sequence[Track], out: Path) -> None:
    """Write `audio/NAME.flac` and `labels.csv` with genre and instruments as labels."""
    from stemwise.data.audio import read
    from stemwise.data.writing import write

    rows = [("path", "label", "split")]
    for track in tracks:
        audio, rate = read(track.mixture)
        write(out / "audio" / f"{track.name}.flac", audio, rate, "pcm16")
        labels = (track.labels["genre"], *track.labels.get("instruments", ()))
        rows.append((f"audio/{track.name}.flac", ";".join(labels), track.split))
    with (out / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
