"""Probes: what a frozen encoder's features tell, by small networks trained on them under a fixed protocol.

Castellon, Donahue, Liang: "Codified audio language modeling learns useful representations for music
information retrieval", ISMIR 2021: "jukemir". Each item is one vector; 216 configurations of a linear or
one-hidden-layer network are trained; the best on the valid split is tested, once.
"""

from stemwise.probing.grid import GRIDS, ProbeConfig
from stemwise.probing.items import Items, Split
from stemwise.probing.sweep import Outcome, choose, sweep

__all__ = ["GRIDS", "Items", "Outcome", "ProbeConfig", "Split", "choose", "sweep"]
