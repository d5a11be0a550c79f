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

    MSSPT's are TensorFlow's, and need no TensorFlow: every byte is verified. TUNe's and CLMR's are PyTorch
    Lightning's, or plain state dicts, and need no Lightning: tensors and plain values are read, no code of a
    file is run. What a checkpoint holds is recognised by its shapes, and each variable used once.

    Examples:
      stemwise weights import separators/vocals -o models/vocals
      stemwise weights import downstream_models/MTAT/tune+/checkpoint-33 -o models/tagger
      stemwise weights import my-run/checkpoint-20.index -o models/drums --source drums
      stemwise weights import clmr_checkpoint_10000.pt -o models/clmr

    Args:
        checkpoint: a TensorFlow checkpoint's folder, its prefix, or its index file; or a PyTorch file.
        out: folder of the model.
        source: which stem a network of one mask is for; where not given, the checkpoint's folder if it is
            called so.
    """
    from stemwise.weights import contrastive, published
    from stemwise.weights.torch_file import is_torch_file

    if is_torch_file(checkpoint):
        if source:
            raise ValueError(f"source: got {source!r}, but {checkpoint} is an encoder; leave it out")
        done = contrastive.import_checkpoint(checkpoint, out)
    else:
        done = published.import_checkpoint(checkpoint, out, source)
    print(f"{done.title}: {done.used} variables used, {done.leaves}")
    print(f"the model is in {done.folder}")
    return 0
