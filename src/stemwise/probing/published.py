"""What papers report under jukemir's protocol, to stand beside what is measured here."""

from __future__ import annotations

from collections.abc import Mapping

SOURCE = (
    "Test scores of Castellon, Donahue, Liang (ISMIR 2021) and of Vélez Vásquez, Burgoyne (ISMIR 2022; its "
    "supplement and repository), on the real data sets."
)

PUBLISHED: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "magnatagatune-unfiltered": {
        "Jukebox": {"roc_auc": 0.915, "average_precision": 0.414},
        "CLMR": {"roc_auc": 0.894, "average_precision": 0.361},
        "TUNe": {"roc_auc": 0.903, "average_precision": 0.381},
        "TUNe+": {"roc_auc": 0.903, "average_precision": 0.380},
    },
    "gtzan": {
        "Jukebox": {"accuracy": 0.797},
        "CLMR": {"accuracy": 0.686},
        "TUNe": {"accuracy": 0.676},
        "TUNe+": {"accuracy": 0.645},
    },
    "giantsteps": {
        "Jukebox": {"score": 0.667},
        "CLMR": {"score": 0.149},
        "TUNe": {"score": 0.137},
        "TUNe+": {"score": 0.155},
    },
    "emomusic": {
        "Jukebox": {"arousal_r2": 0.721, "valence_r2": 0.617},
        "CLMR": {"arousal_r2": 0.678, "valence_r2": 0.458},
        "TUNe": {"arousal_r2": 0.605, "valence_r2": 0.557},
        "TUNe+": {"arousal_r2": 0.647, "valence_r2": 0.459},
    },
}
"""Task → system → score, as shares of one."""
