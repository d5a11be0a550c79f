"""What papers report, to stand beside what is measured here, each with the protocol it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, kw_only=True)
class PublishedScores:
    """Scores of classifiers that papers report.

    Attributes:
        source: where they stand.
        protocol: what was measured, and on what.
        scores: system → score → value.
    """

    source: str
    protocol: str
    scores: Mapping[str, Mapping[str, float]]

    def plain(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"source": self.source, "protocol": self.protocol, "scores": dict(self.scores)}


def _tagging(area: float, precision: float) -> dict[str, float]:
    return {"roc_auc": area, "average_precision": precision}


LINEAR = {
    "magnatagatune": PublishedScores(
        source="Vélez Vásquez, Burgoyne: Tailed U-Net, ISMIR 2022, appendix, table S1, and its repository",
        protocol="encoders pre-trained on MagnaTagATune's training clips for so many epochs and frozen; a "
        "head on one random window of 2.68 s of each clip; test clips of 29 s as 10 whole windows, mean "
        "probability; macro means over 50 tags; lists of Pons et al. 2017. Two layers: numbers in "
        "parentheses there",
        scores={
            "CLMR, 1 000 epochs": _tagging(0.883, 0.344),
            "CLMR, 3 000 epochs": _tagging(0.885, 0.351),
            "CLMR, 10 000 epochs": _tagging(0.887, 0.356),
            "CLMR, 10 000 epochs, two layers": _tagging(0.893, 0.360),
            "TUNe, 1 000 epochs": _tagging(0.892, 0.365),
            "TUNe, 3 000 epochs": _tagging(0.893, 0.369),
            "TUNe, 10 000 epochs": _tagging(0.895, 0.370),
            "TUNe, 10 000 epochs, two layers": _tagging(0.896, 0.367),
            "TUNe+, 1 000 epochs": _tagging(0.892, 0.366),
            "TUNe+, 3 000 epochs": _tagging(0.893, 0.370),
            "TUNe+, 10 000 epochs": _tagging(0.893, 0.371),
            "TUNe+, 10 000 epochs, two layers": _tagging(0.898, 0.371),
        },
    ),
}
"""Of linear evaluations, by task. Of GTZAN's none was published: numbers there are of jukemir's probes."""
