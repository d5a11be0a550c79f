"""Any callable that maps audio to features, probed beside MFCC and chroma. Takes some twenty seconds.

On a set of yours:
`stemwise probe examples/probe_anything.py:build --task rendered-tempo --root my-set -o out`
"""

import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from stemwise.cli import main as stemwise
from stemwise.data.rendered import RenderSettings, render


class Loudness(nn.Module):
    """The level of nine octaves: what any model from elsewhere could be wrapped like."""

    sample_rate = 16_000  # Hz of the mono audio it wants
    window = 16_000  # samples it is given at a time; without this, whole clips

    def forward(self, audio: Tensor) -> Tensor:
        """Return features (b, d, n) of audio (b, 1, t); (b, d) would do as well."""
        window = torch.hann_window(1024)
        power = torch.stft(audio[:, 0], 1024, window=window, return_complex=True).abs().square()
        octaves = [power[:, 2**k : 2 ** (k + 1)].mean(1) for k in range(9)]
        return torch.stack(octaves, 1).add(1e-6).log()


def build(checkpoint: str | None) -> nn.Module:
    """Return the model; a checkpoint would be read here."""
    return Loudness()


def main() -> None:
    """Render a few songs, and probe the model for whether anyone sings."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        render(root / "data", RenderSettings(tracks=24, seconds=3.0, workers=1))
        command = ["probe", f"{__file__}:build", "--task", "rendered-tempo", "--root", str(root / "data")]
        stemwise([*command, "--grid", "small", "--most-steps", "200", "--out", str(root / "probes")])


if __name__ == "__main__":
    main()
