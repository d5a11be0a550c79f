"""What a frozen encoder says of random crops of a set: computed once per track, kept in the cache."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stemwise.data.cache import AudioCache
from stemwise.data.clips import ArrayBatches
from stemwise.data.decoding import DECODER
from stemwise.data.filling import fingerprint
from stemwise.data.store import Store
from stemwise.files import expect_room
from stemwise.logs import progress_bar
from stemwise.memory import lay_out
from stemwise.models.frozen import FrozenClassifier
from stemwise.recipes.pictures import digest

_MAKER = 1
"""Version of what `_vectors` makes of a track; vectors that another version made are not used."""
_AT_ONCE = 16  # crops in the encoder at a time


def frozen_features(
    model: FrozenClassifier,
    audio: AudioCache,
    labels: np.ndarray,
    folder: Path,
    *,
    crops: int,
    seed: int,
    batch_size: int = 0,
) -> ArrayBatches:
    """Return batches of `feature "b d"` and `label "b k"`: so many fixed crops of every track.

    Which crops, is a function of the seed and the track's name.

    Args:
        model: whose encoder looks at them.
        audio: the mixtures, at the encoder's rate.
        labels: one row per track.
        folder: where caches lie.
        crops: windows of each track.
        seed: of the crops and of the rows' order.
        batch_size: crops per batch; 0 for all of them.
    """
    store = _store(model, audio, folder, crops, seed)
    wanted = [fingerprint(track.mixture, audio.root, _MAKER) for track in audio.tracks]
    entries = store.entries()
    missing = [track for track, found in enumerate(wanted) if found not in entries]
    if missing:
        expect_room(store.folder, len(missing) * crops * store.row_bytes)
        lay_out(model)
        with store.writing() as writer, progress_bar("listening", len(missing)) as move:
            for done, track in enumerate(missing, 1):
                if wanted[track] not in writer.entries:
                    writer.add(wanted[track], _vectors(model, audio, track, crops, seed))
                move(done)
            entries = writer.entries
    rows = np.concatenate([entries[w].start + np.arange(entries[w].rows) for w in wanted])
    return ArrayBatches(
        {
            "feature": torch.from_numpy(np.array(store.rows()[rows])),
            "label": torch.from_numpy(np.repeat(labels, crops, axis=0)).float(),
        },
        batch_size=batch_size or len(rows),
        seed=seed,
        about={**audio.card(), "encoder": store.about["encoder"], "crops": crops},
    )


def _store(model: FrozenClassifier, audio: AudioCache, folder: Path, crops: int, seed: int) -> Store:
    """Return the store of these vectors: a folder of its own for each encoder and each draw."""
    about: dict[str, Any] = {
        "what": "a frozen encoder's vectors of random crops, (crops, features)",
        "dtype": "float32, little-endian",
        "encoder": digest(model.encoder),
        "config": asdict(model.config.encoder),
        "crops": crops,
        "seed": seed,
        "sample_rate": audio.material.sample_rate,
        "decoder": DECODER,
    }
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    return Store(folder / f"features-{key}", "<f4", (model.taps["embedding"].size,), about)


@torch.inference_mode()
def _vectors(
    model: FrozenClassifier, audio: AudioCache, track: int, crops: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield some crops' vectors at a time."""
    model.eval()
    draw = np.random.default_rng([seed, zlib.crc32(audio.names[track].encode())])
    samples = audio.samples(track)
    if model.encoder_spans:  # it must hear the whole track; of its windows some are picked
        whole = torch.from_numpy(audio.excerpt(track, 0, 0, max(samples, model.window)))[None]
        found = model.encoder(whole)[0].T
        yield found[draw.integers(len(found), size=crops)].float().numpy()
        return
    starts = draw.integers(max(0, samples - model.window) + 1, size=crops)
    for some in _parts(starts.tolist(), _AT_ONCE):
        cut = np.stack([audio.excerpt(track, 0, start, model.window) for start in some])
        yield model.encoder(torch.from_numpy(cut))[..., 0].float().numpy()


def _parts(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (values[at : at + size] for at in range(0, len(values), size))
