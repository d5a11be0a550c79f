"""The original checkpoints, rebuilt: their index files are kept, their shards drawn again byte for byte."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import numpy as np
from recipes import tf_variable

from stemwise.weights.bundle import Bundle, Entry, open_bundle

VECTORS = Path(__file__).parents[1] / "vectors" / "checkpoints"
SHA256 = json.loads((VECTORS / "shards.sha256.json").read_text())
SHARD = "checkpoint-1.data-00000-of-00001"
SCALARS = {
    "save_counter": 1,
    "optimizer/iter": 1,
    "optimizer/learning_rate": 1e-3,
    "optimizer/beta_1": 0.9,
    "optimizer/beta_2": 0.999,
}
UPS = {f"layer_with_weights-{24 + 5 * i}/kernel" for i in range(6)}
"""Kernels of transposed convolutions, whose fan-in lies on another axis."""


def rebuild(name: str, folder: Path) -> Path:
    """Write a checkpoint as the original code saved it; return its folder, which is called `name`."""
    folder = folder / name
    folder.mkdir(parents=True)
    (folder / "checkpoint").write_text('model_checkpoint_path: "/there/checkpoint-1"\n')
    (folder / "checkpoint-1.index").write_bytes((VECTORS / name / "checkpoint-1.index").read_bytes())
    (folder / SHARD).write_bytes(shard(open_bundle(folder), name))
    return folder


def shard(bundle: Bundle, name: str) -> bytes:
    """Draw every tensor and put it where the index says."""
    data = bytearray(max(entry.offset + entry.size for entry in bundle.entries.values()))
    for key, entry in bundle.entries.items():
        data[entry.offset : entry.offset + entry.size] = content(key, entry, name)
    assert hashlib.sha256(data).hexdigest() == SHA256[name]
    return bytes(data)


def content(key: str, entry: Entry, name: str) -> bytes:
    """Return a tensor's bytes: drawn, zero for an optimiser's slot, a scalar, or Keras' description."""
    if entry.dtype == "string":
        return gzip.decompress((VECTORS / name / "objects.gz").read_bytes())
    key = re.sub(r"/\.ATTRIBUTES/VARIABLE_VALUE$", "", key)
    if not key.startswith("layer_with_weights-") or "/.OPTIMIZER_SLOT/" in key:
        return np.full(entry.shape, SCALARS.get(key, 0), entry.dtype).tobytes()
    return tf_variable(0, key, entry.shape, transposed=key in UPS).tobytes()
