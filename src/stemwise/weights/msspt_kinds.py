"""Which of MSSPT's networks a published checkpoint holds, as its variables' shapes tell.

The number of weighted layers gives the family, the mask's bias the sources, the output's bias the classes,
and the tail's inputs the skips. What no shape tells is *which* source a single mask is for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stemwise import STEMS
from stemwise.data.classes import FMA_GENRES
from stemwise.data.magnatagatune import MSSPT_COLUMNS
from stemwise.interfaces import Target
from stemwise.models.joint import JointConfig
from stemwise.models.tail import TailConfig
from stemwise.models.unet import UNetConfig
from stemwise.weights.kind import Kind, Shapes
from stemwise.weights.msspt import joint_names, tail_names, unet_names

CITATION = (
    "Christos Garoufis, Athanasia Zlatintsi, Petros Maragos: Pre-Training Music Classification Models via "
    "Music Source Separation, 2023, arXiv 2310.15845"
)
PROTOCOL = "v1: the released code of November 2023, its quirks included"
UNNAMED = "source"
"""What the stem is called of a network with one mask, where nobody says which source it is for."""

MUSDB18 = "MUSDB18: random sums of its stems, 16 kHz mono"
PRETRAINED = "; the U-Net began as the separator of the same source (from scratch in the authors' `tune+`)"
SAYS = " (says the paper; a checkpoint does not)"


@dataclass(frozen=True, kw_only=True)
class _Labels:
    classes: tuple[str, ...]
    target: Target
    title: str
    data: str


LABELS = {
    50: _Labels(
        classes=MSSPT_COLUMNS,
        target="multilabel",
        title="MagnaTagATune's tags",
        data="MagnaTagATune, 15 244 clips",
    ),
    16: _Labels(
        classes=FMA_GENRES, target="multiclass", title="FMA's genres", data="FMA medium without FMA small"
    ),
}
"""By the number of outputs."""


def recognise(shapes: Shapes, source: str | None = None) -> Kind:
    """Return what a checkpoint holds.

    Args:
        shapes: of the model's variables, without optimiser slots.
        source: which stem a single mask is for.

    Raises:
        ValueError: it is none of MSSPT's networks, or has no single source to name.
    """
    layers = {int(found[1]) for key in shapes if (found := re.match(r"layer_with_weights-(\d+)/", key))}
    families = {59: _separator, 31: _tail, 90: _joint}
    if len(layers) not in families or max(layers) + 1 != len(layers):
        raise ValueError(
            f"expected one of MSSPT's networks (59 weighted layers: separator, 31: tail, 90: joint), found "
            f"{len(layers)} such layers among {len(shapes)} variables"
        )
    return families[len(layers)](shapes, source)


def _separator(shapes: Shapes, source: str | None) -> Kind:
    stems = _stems(shapes, source)
    return Kind(
        config=UNetConfig(stems=stems, pool="average" if len(stems) > 1 else "max"),
        names=unet_names(stems),
        title=f"MSSPT's separator of {_spoken(stems)}",
        data=MUSDB18 + SAYS,
        citation=CITATION,
        protocol=PROTOCOL,
    )


def _tail(shapes: Shapes, source: str | None) -> Kind:
    if source:
        raise ValueError(f"source: got {source!r}, but a tail has none; leave it out")
    labels = _labels(shapes, 30)
    return Kind(
        config=TailConfig(classes=labels.classes, target=labels.target),
        names=tail_names(),
        title=f"MSSPT's tail alone, {labels.title}",
        data=labels.data + SAYS,
        citation=CITATION,
        protocol=PROTOCOL,
    )


def _joint(shapes: Shapes, source: str | None) -> Kind:
    stems, labels, skips = _stems(shapes, source), _labels(shapes, 89), _skips(shapes)
    return Kind(
        config=JointConfig(classes=labels.classes, target=labels.target, stems=stems, skips=skips),
        names=joint_names(stems),
        title=f"MSSPT's joint classifier on {_spoken(stems)}, {skips} skips, {labels.title}",
        data=labels.data + PRETRAINED + SAYS,
        citation=CITATION,
        protocol=PROTOCOL,
    )


def _stems(shapes: Shapes, source: str | None) -> tuple[str, ...]:
    masks = _size(shapes, "layer_with_weights-58/bias", 0)
    if masks == 1:
        return (source or UNNAMED,)
    if masks != len(STEMS):
        raise ValueError(f"layer_with_weights-58/bias: expected 1 or 4 masks, got {masks}")
    if source:
        raise ValueError(f"source: got {source!r}, but this network has masks for all four; leave it out")
    return STEMS


def _labels(shapes: Shapes, layer: int) -> _Labels:
    outputs = _size(shapes, f"layer_with_weights-{layer}/bias", 0)
    if outputs not in LABELS:
        known = ", ".join(f"{count} ({labels.title})" for count, labels in LABELS.items())
        raise ValueError(f"layer_with_weights-{layer}/bias: expected one of {known} outputs, got {outputs}")
    return LABELS[outputs]


def _skips(shapes: Shapes) -> int:
    """Count the tail's blocks, from the second to the sixth, that read more than the block before gives."""
    blocks = [f"layer_with_weights-{59 + 4 * i}/kernel" for i in range(1, 6)]
    before = [f"layer_with_weights-{57 + 4 * i}/kernel" for i in range(1, 6)]
    return sum(_size(shapes, b, 2) > _size(shapes, a, 3) for a, b in zip(before, blocks, strict=True))


def _size(shapes: Shapes, key: str, axis: int) -> int:
    shape = shapes.get(key)
    if shape is None or axis >= len(shape):
        raise ValueError(f"{key}: expected a variable of more than {axis} axes, got {shape or 'none'}")
    return shape[axis]


def _spoken(stems: tuple[str, ...]) -> str:
    return {STEMS: "all four stems", (UNNAMED,): "one source"}.get(stems, " and ".join(stems))
