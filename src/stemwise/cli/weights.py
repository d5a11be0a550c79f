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
    """Turn a published TensorFlow checkpoint into a model: safetensors and a card.

    Needs no TensorFlow. Every byte is verified, and each variable used once; what the checkpoint holds is
    recognised by its shapes.

    Examples:
      stemwise weights import separators/vocals -o models/vocals
      stemwise weights import downstream_models/MTAT/tune+/checkpoint-33 -o models/tagger
      stemwise weights import my-run/checkpoint-20.index -o models/drums --source drums

    Args:
        checkpoint: a checkpoint's folder, its prefix, or its index file.
        out: folder of the model.
        source: which stem a network of one mask is for; where not given, the checkpoint's folder if it is
            called so.
    """
    from stemwise.weights import published

    done = published.import_checkpoint(checkpoint, out, source)
    print(f"{done.title}: {done.used} variables used, {done.left} optimiser slots and counters left")
    print(f"the model is in {done.folder}")
    return 0
