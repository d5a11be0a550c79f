"""A training of one's own: any model, objective and data, through the one loop. Takes some seconds."""

import tempfile
from pathlib import Path

from stemwise.data.cache import prepare
from stemwise.data.material import Material
from stemwise.data.mixing import RemixBatches
from stemwise.data.rendered import RenderSettings, render, tracks
from stemwise.models.unet import UNetConfig
from stemwise.objectives.separation import WaveformL1
from stemwise.training import Machine, Optimiser, Run, Schedule, fit


def main() -> None:
    """Train a very small U-Net for three steps on four rendered tracks."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        render(root / "data", RenderSettings(tracks=4, seconds=5.0, workers=1))
        model = UNetConfig(widths=(2, 2, 4, 4, 4, 4), head_width=4).build()
        material = Material(sources=model.stems, sample_rate=model.sample_rate)
        cache = prepare(tracks(root / "data", None), material, root / "data")
        run = Run(
            model=model,
            objective=WaveformL1(),
            data=RemixBatches(cache, batch_size=2, samples=61_792, seed=0),
            optimiser=Optimiser(learning_rate=3e-4),
            schedule=Schedule(),
            steps=3,
            seed=0,
        )
        for row in fit(run, root / "run", Machine(precision="fp32")):
            print(f"step {row['step']:.0f}: loss {row['loss']:.4f}, {row['items_per_s']:.1f} mixtures/s")


if __name__ == "__main__":
    main()
