"""MSCOL's published variable names, one by one, beside ours, and what its five checkpoints are.

The encoder is a Keras model of 131 weighted layers inside a model of three: itself, the projection's dense
layer, and its layer normalisation. The five have the same shapes: which source an encoder was pre-trained
with is known by its folder alone.
"""

from __future__ import annotations

from itertools import count

from stemwise import STEMS
from stemwise.models.mscol import MscolConfig
from stemwise.weights.kind import Kind, NameMap, Shapes, Variable, dense_names, norm_names

MODEL = "embedding_model"
BILINEAR = "_similarity_layer/bilinear_product_weight"
MULTISOURCE = "multi-source"
"""What the folder of the encoder is called that was pre-trained with all four sources."""

CITATION = (
    "Christos Garoufis, Athanasia Zlatintsi, Petros Maragos: Multi-Source Contrastive Learning from Musical "
    "Audio, SMC 2023, arXiv 2302.07077"
)
PROTOCOL = "the released code of November 2023, its quirks included"


def belongs(shapes: Shapes) -> bool:
    """Return whether variables are those of a contrastive model, by their names."""
    return any(key.startswith((f"{MODEL}/", f"{BILINEAR.split('/')[0]}/")) for key in shapes)


def recognise(source: str | None = None) -> Kind:
    """Return what a checkpoint of MSCOL holds.

    Args:
        source: a stem or the name of the checkpoint's folder.
    """
    spoken = {**{stem: stem for stem in STEMS}, MULTISOURCE: "all four sources"}.get(source or "")
    return Kind(
        config=MscolConfig(),
        names=mscol_names(),
        title=f"MSCOL's encoder, pre-trained with {spoken or 'sources that no checkpoint names'}",
        data="MagnaTagATune's clips and what open-unmix separates them into (so the released code prepares "
        "them; a checkpoint does not say)",
        citation=CITATION,
        protocol=PROTOCOL,
    )


def mscol_names() -> NameMap:
    """Return the map of the encoder with its projection and the bilinear form."""
    config = MscolConfig()
    return {
        **efficientnet_names(config.repeats, f"{MODEL}/layer_with_weights-0/"),
        **dense_names("projection.dense", f"{MODEL}/layer_with_weights-1"),
        "projection.norm.weight": Variable(f"{MODEL}/layer_with_weights-2/gamma"),
        "projection.norm.bias": Variable(f"{MODEL}/layer_with_weights-2/beta"),
        "projection.bilinear": Variable(BILINEAR),
    }


def efficientnet_names(repeats: tuple[int, ...], prefix: str, name: str = "network") -> NameMap:
    """Return the map of an EfficientNet whose layers have these keys' beginning."""
    keys = (f"{prefix}layer_with_weights-{number}" for number in count())
    first = next(keys)
    names = {f"{name}.normalisation.{leaf}": Variable(f"{first}/{leaf}") for leaf in _NORMALISATION}
    names |= _unit(f"{name}.stem", next(keys), next(keys))
    for stage, blocks in enumerate(repeats):
        for turn in range(blocks):
            block = f"{name}.stages.{stage}.{turn}"
            if stage:  # the first stage does not widen
                names |= _unit(f"{block}.expand", next(keys), next(keys))
            names |= _unit(f"{block}.depthwise", next(keys), next(keys), depthwise=True)
            names |= dense_names(f"{block}.reduce", next(keys))
            names |= dense_names(f"{block}.restore", next(keys))
            names |= _unit(f"{block}.project", next(keys), next(keys))
    return names | _unit(f"{name}.top", next(keys), next(keys))


_NORMALISATION = ("mean", "variance", "count")


def _unit(name: str, conv: str, norm: str, depthwise: bool = False) -> NameMap:
    leaf = "depthwise_kernel" if depthwise else "kernel"
    kernel = Variable(f"{conv}/{leaf}", depthwise=depthwise)
    return {f"{name}.conv.weight": kernel, **norm_names(f"{name}.norm", norm)}
