"""MSSPT's published variable names, one by one, beside ours.

The released Keras models number their weighted layers: `layer_with_weights-0` to `-58` are the U-Net in
separators and joint classifiers alike, `-59` to `-89` the tail behind it; a stand-alone tail begins at 0.
Each map here says, for every tensor of ours, which variable it comes from and how its axes change.
"""

from __future__ import annotations

from itertools import count

from stemwise.weights.kind import NameMap, dense_names, norm_names

MULTISOURCE_ORDER = ("vocals", "other", "drums", "bass")
"""The order of sources in the released multi-source networks."""


def unet_names(stems: tuple[str, ...], prefix: str = "unet.") -> NameMap:
    """Return the map of a U-Net of depth six: `layer_with_weights-0` to `-58`."""
    layer, names = count(), {}
    for i in range(6):
        names |= _pre_activation(f"{prefix}encoder.{i}", layer)
    for i in range(6):
        names |= _weights(f"{prefix}up.{i}", next(layer))
        names |= _pre_activation(f"{prefix}decoder.{i}", layer)
    names |= _pre_activation(f"{prefix}head", layer)
    names |= _weights(f"{prefix}mask", next(layer), sources=(0, source_order(stems)))
    return names


def tail_names(first_layer: int = 0, stems: tuple[str, ...] = ()) -> NameMap:
    """Return the map of a tail that begins at this layer and reads these sources beside the mixture."""
    layer, names = count(first_layer), {}
    for block in range(7):
        for conv in (0, 3):
            reads_sources = bool(stems) and block == conv == 0
            sources = (1, (*source_order(stems), len(stems))) if reads_sources else None
            names |= _weights(f"tail.blocks.{block}.{conv}", next(layer), sources)
            names |= _norm(f"tail.blocks.{block}.{conv + 1}", next(layer))
    names |= _weights("tail.dense", next(layer))
    names |= _norm("tail.norm", next(layer))
    return names | _weights("tail.output", next(layer))


def joint_names(stems: tuple[str, ...]) -> NameMap:
    """Return the map of a joint classifier."""
    return unet_names(stems) | tail_names(59, stems)


def source_order(stems: tuple[str, ...]) -> tuple[int, ...]:
    """Return the published index of each stem: 0 in a single-source network."""
    return (0,) if len(stems) == 1 else tuple(MULTISOURCE_ORDER.index(stem) for stem in stems)


def _key(layer: int) -> str:
    return f"layer_with_weights-{layer}"


def _weights(name: str, layer: int, sources: tuple[int, tuple[int, ...]] | None = None) -> NameMap:
    return dense_names(name, _key(layer), sources)


def _norm(name: str, layer: int) -> NameMap:
    return norm_names(name, _key(layer))


def _pre_activation(name: str, layer: count) -> NameMap:
    names = {}
    for norm, conv in ((0, 2), (3, 5)):  # positions in the block: norm, activation, convolution, twice
        names |= _norm(f"{name}.{norm}", next(layer))
        names |= _weights(f"{name}.{conv}", next(layer))
    return names
