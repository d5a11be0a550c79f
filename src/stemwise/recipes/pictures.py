"""What a frozen separator makes of a set: computed once per track, kept in the cache in half precision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

from stemwise.data.cache import AudioCache
from stemwise.data.clips import ArrayBatches, Picked
from stemwise.data.decoding import DECODER
from stemwise.data.filling import fingerprint
from stemwise.data.store import Entry, Fingerprint, Store
from stemwise.files import expect_room
from stemwise.logs import progress_bar
from stemwise.memory import lay_out
from stemwise.models.joint import JointClassifier
from stemwise.models.tail import FRAMES, WindowClassifier
from stemwise.signal.chunk import window_count

_MAKER = 1
"""Version of what `_windows` makes of a track; pictures that another version made are not used."""
_AT_ONCE = 32  # windows in the network at a time


def frozen_pictures(
    model: WindowClassifier, audio: AudioCache, labels: np.ndarray, folder: Path, batch_size: int, seed: int
) -> ArrayBatches:
    """Return batches of the tail's inputs: every window of every track, with its track's labels.

    Args:
        model: whose U-Net is frozen, without links into the tail.
        audio: the mixtures.
        labels: one row per track.
        folder: where caches lie.
        batch_size: windows per batch.
        seed: of their order.
    """
    assert isinstance(model, JointClassifier)
    store = _store(model, audio, folder)
    wanted = [fingerprint(track.mixture, audio.root, _MAKER) for track in audio.tracks]
    entries = _filled(store, wanted, model, audio)
    spans = [np.arange(entry.start, entry.start + entry.rows) for entry in entries]
    rows = np.repeat(np.arange(len(spans)), [len(span) for span in spans])
    return ArrayBatches(
        {
            "picture": Picked(store.rows(), np.concatenate(spans)),
            "label": torch.from_numpy(labels[rows]).float(),
        },
        batch_size=batch_size,
        seed=seed,
        about={**audio.card(), "separator": store.about["separator"]},
    )


def _store(model: JointClassifier, audio: AudioCache, folder: Path) -> Store:
    """Return the store of these pictures: a folder of its own for each separator and each way to use it."""
    about = {
        "what": "a frozen separator's sources and the mixture, (windows, channels, mel bands, frames)",
        "dtype": "float16, little-endian",
        "separator": digest(model.unet),
        "unet": asdict(model.unet.config),
        "mixture_branch": model.config.mixture_branch,
        "log_divisor": model.config.log_divisor,
        "sample_rate": audio.material.sample_rate,
        "decoder": DECODER,
    }
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    channels = len(model.config.stems) + 1
    return Store(folder / f"pictures-{key}", "<f2", (channels, 128, FRAMES), about)


def digest(module: nn.Module) -> str:
    """Return a digest of a network's weights and statistics."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode() + tensor.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _filled(
    store: Store, wanted: list[Fingerprint], model: JointClassifier, audio: AudioCache
) -> list[Entry]:
    """Return where each track's pictures lie, once those that were missing have been computed."""
    entries: Mapping[Fingerprint, Entry] = store.entries()
    missing = [track for track, found in enumerate(wanted) if found not in entries]
    if missing:
        counts = [window_count(audio.samples(track), model.window, model.hop) for track in missing]
        expect_room(store.folder, sum(counts) * store.row_bytes)
        lay_out(model)
        with store.writing() as writer, progress_bar("taking apart", len(missing)) as move:
            for done, track in enumerate(missing, 1):
                if wanted[track] not in writer.entries:
                    writer.add(wanted[track], _windows(model, audio, track))
                move(done)
            entries = writer.entries
    return [entries[found] for found in wanted]


@torch.inference_mode()
def _windows(model: JointClassifier, audio: AudioCache, track: int) -> Iterator[np.ndarray]:
    """Yield a track's pictures, some windows at a time, so that a long track takes no more memory."""
    model.eval()
    count = window_count(audio.samples(track), model.window, model.hop)
    for first in range(0, count, _AT_ONCE):
        windows = min(_AT_ONCE, count - first)
        stretch = audio.excerpt(track, 0, first * model.hop, (windows - 1) * model.hop + model.window)
        pictures, _ = model.pictures(model.window_magnitudes(torch.from_numpy(stretch)[None]))
        yield pictures.half().numpy()
