"""Training data from a rendered set: decoding it once, then batches of remixed stems."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from stemwise import STEMS
from stemwise.data.cache import prepare
from stemwise.data.mixing import RemixBatches
from stemwise.data.rendered import RenderSettings, render, tracks

BATCHES = 50


def run() -> list[dict[str, Any]]:
    """One row for the cache and one for the batches."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        render(root, RenderSettings(tracks=12, seconds=12.0, workers=1))
        train = tracks(root, "train")
        began = time.perf_counter()
        cache = prepare(train, STEMS, 16_000, root / "cache")
        decoding = time.perf_counter() - began
        batches = RemixBatches(cache, batch_size=4, samples=61_792, seed=0)
        began = time.perf_counter()
        for k in range(BATCHES):
            batches.batch(k)
        each = (time.perf_counter() - began) / BATCHES
    audio_s = 12.0 * len(train) * len(STEMS)
    return [
        {
            "what": "decode and resample",
            "ms": f"{1e3 * decoding:.0f}",
            "audio_s_per_s": f"{audio_s / decoding:.0f}",
        },
        {
            "what": "batch of 4 mixtures",
            "ms": f"{1e3 * each:.1f}",
            "audio_s_per_s": f"{4 * 3.862 / each:.0f}",
        },
    ]


if __name__ == "__main__":
    print(run())
