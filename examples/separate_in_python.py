"""Take audio apart in Python, block by block: here one rendered track and an untrained network.

With a trained one, from `stemwise demo`: `model = stemwise.load("demo-separator")`.
"""

import tempfile
from pathlib import Path

import numpy as np

import stemwise
from stemwise.data.audio import open_audio
from stemwise.data.rendered import RenderSettings, render
from stemwise.models import SEPARATORS
from stemwise.separation import separate, stem_names


def main() -> None:
    """Render, separate, and check that the stems sum to the song."""
    with tempfile.TemporaryDirectory() as folder:
        song = render(Path(folder), RenderSettings(tracks=1, seconds=6.0, workers=1))[0] / "mixture.wav"
        model = SEPARATORS["half-multisource"].build().eval()
        with open_audio(song) as audio:
            stream = separate(model, audio.blocks(44_100), audio.sample_rate, audio.channels)
            stems = np.concatenate(list(stream), axis=2)
        mixture = stemwise.read(song)[0]
    for name, stem in zip(stem_names(model), stems, strict=True):
        print(f"{name:<8}{stem.shape[1]} samples, RMS {np.sqrt(np.square(stem).mean()):.4f}")
    print(f"largest difference of their sum from the song: {np.abs(stems.sum(0) - mixture).max():.1e}")


if __name__ == "__main__":
    main()
