"""Speed and memory of rendering music, in one process: with a singer and without."""

from __future__ import annotations

import resource
import time
from typing import Any

from stemwise.data.rendered import RenderSettings
from stemwise.data.rendered.soundfont import default_soundfont, open_soundfont
from stemwise.data.rendered.track import plans, rendered

TRACKS = 12


def run(seconds: float = 12.0) -> list[dict[str, Any]]:
    """One row with vocals and one without, over a track of each genre."""
    font = open_soundfont(default_soundfont())
    rows = []
    for vocals, vocal_share in (("yes", 1.0), ("no", 0.0)):
        settings = RenderSettings(tracks=3 * TRACKS, seconds=seconds, vocal_share=vocal_share)
        songs = [plan for plan in plans(settings) if plan.split == "train"][:TRACKS]
        rendered(songs[0], settings, font)
        start_s = time.process_time()
        for plan in songs:
            rendered(plan, settings, font)
        elapsed_s = (time.process_time() - start_s) / len(songs)
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append(
            {
                "vocals": vocals,
                "seconds": seconds,
                "cpu_s_per_track": round(elapsed_s, 3),
                "times_real_time": round(seconds / elapsed_s, 1),
                "peak_rss_mib": round(peak_mib),
            }
        )
    return rows


def main() -> None:
    """Prints the table."""
    rows = run()
    print("  ".join(f"{name:>15}" for name in rows[0]))
    for row in rows:
        print("  ".join(f"{value!s:>15}" for value in row.values()))


if __name__ == "__main__":
    main()
