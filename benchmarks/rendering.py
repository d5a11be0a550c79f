"""Speed and memory of rendering music to disk, in one process: short and long, with a singer and without."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from stemwise.data.rendered import RenderSettings, render

CASES = ((24, 12.0), (6, 180.0))
"""Tracks and their length; genres take turns."""


def run() -> list[dict[str, Any]]:
    """One row per case, each in a process of its own, so that its peak memory is its own."""
    rows = []
    for tracks, seconds in CASES:
        for vocals, share in (("none", 0.0), ("all", 1.0)):
            command = [sys.executable, __file__, str(tracks), str(seconds), str(share)]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            cpu_s, peak_mib = map(float, said.split())
            row = {"seconds": seconds, "vocals": vocals, "cpu_s_per_track": f"{cpu_s / tracks:.3f}"}
            speed = f"{tracks * seconds / cpu_s:.1f}"
            rows.append({**row, "times_real_time_per_core": speed, "peak_rss_mib": round(peak_mib)})
    return rows


def cpu_seconds(tracks: int, seconds: float, vocal_share: float) -> float:
    """Return what rendering, mixing and writing the tracks takes, behind a first set that warms up."""
    settings = {"seconds": seconds, "vocal_share": vocal_share, "workers": 1}
    with tempfile.TemporaryDirectory() as folder:
        render(Path(folder) / "warm-up", RenderSettings(tracks=3, **{**settings, "seconds": 4.0}))
        began = time.process_time()
        render(Path(folder) / "set", RenderSettings(tracks=tracks, **settings))
        return time.process_time() - began


if __name__ == "__main__":
    tracks, seconds, vocal_share = sys.argv[1:]
    print(
        cpu_seconds(int(tracks), float(seconds), float(vocal_share)),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
