"""What papers report of separators, to stand beside what is measured here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stemwise import STEMS


@dataclass(frozen=True, kw_only=True)
class Published:
    """A table of a paper.

    Attributes:
        source: where it stands.
        protocol: what was measured, and on what.
        sdr: system → dB per stem, in the order of `STEMS`.
    """

    source: str
    protocol: str
    sdr: Mapping[str, tuple[float, float, float, float]]

    def rows(self) -> dict[str, dict[str, float]]:
        """Return system → stem → dB."""
        return {system: dict(zip(STEMS, values, strict=True)) for system, values in self.sdr.items()}


META_TASNET = Published(
    source="Samuel, Ganeshan, Naradowsky: Meta-learning extractors for music source separation, 2020, "
    "arXiv 2002.07016; the table of results in its repository",
    protocol="SDR of BSSEval v4 in dB on the 50 test songs of MUSDB18: median over windows of 1 s, "
    "then over songs",
    sdr={
        "DeepConvSep": (3.14, 0.17, -2.13, 2.37),
        "WaveNet": (4.13, 2.49, 0.41, 3.35),
        "Wave-U-Net": (4.22, 3.21, 2.25, 3.25),
        "Spectrogram U-Net (JY3)": (4.66, 3.67, 3.40, 5.74),
        "Open-Unmix": (5.73, 5.23, 4.02, 6.32),
        "MMDenseLSTM": (6.41, 5.16, 4.15, 6.60),
        "Meta-TasNet": (5.91, 5.58, 4.19, 6.40),
    },
)
