"""`stemwise weights …`: published checkpoints become models of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


def import_checkpoint(
    checkpoint: Positional[Path],
    out: Annotated[Path, arg(aliases=["-o"])],
    source: Literal["drums", "bass", "other", "vocals"] | None = None,
) -> int:
    """Turn a published checkpoint into a model: safetensors and a card.

    TensorFlow's are read without TensorFlow, and every byte is verified; torch's and Lightning's without
    executing what a pickle may ask for. Each variable is used once; what a checkpoint holds is recognised by
    its shapes.

    Examples:
      stemwise weights import separators/vocals -o models/vocals
      stemwise weights import downstream_models/MTAT/tune+/checkpoint-33 -o models/tagger
      stemwise weights import best_model.pt -o models/meta-tasnet
      stemwise weights import my-run/checkpoint-20.index -o models/drums --source drums
      stemwise weights import clmr_checkpoint_10000.pt -o models/clmr

    Args:
        checkpoint: a TensorFlow checkpoint's folder, its prefix, or its index file; or a file of torch's.
        out: folder of the model.
        source: which stem a network of one mask is for; where not given, the checkpoint's folder if it is
            called so.
    """
    from stemwise.weights import contrastive, published
    from stemwise.weights.torch_file import is_torch_file

    if is_torch_file(checkpoint) and contrastive.belongs(checkpoint):
        if source:
            raise ValueError(f"source: got {source!r}, but {checkpoint} is an encoder; leave it out")
        done = contrastive.import_checkpoint(checkpoint, out)
    else:
        done = published.import_checkpoint(checkpoint, out, source)
    print(f"{done.title}: {done.used} variables used, {done.leaves}")
    print(f"the model is in {done.folder}")
    return 0
