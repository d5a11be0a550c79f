"""COLA's log-mels of a set: computed once per source, kept in the cache in half precision."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from stemwise.data.activity import Energy, Segments, cut
from stemwise.data.cache import AudioCache
from stemwise.data.decoding import DECODER, FULL_SCALE
from stemwise.data.filling import fingerprint, source_file
from stemwise.data.logmels import LogMelCache
from stemwise.data.material import Material
from stemwise.data.store import Entry, Fingerprint, Store
from stemwise.data.tracks import Track
from stemwise.files import expect_room
from stemwise.logs import progress_bar
from stemwise.models.frontends import COLA_BANDS, COLA_WINDOW, HOP, ColaLogMel
from stemwise.recipes.reading import decoded_audio

_MAKER = 100 * DECODER + 1
"""Version of the decoder and of what `_frames` makes; log-mels that other versions made are not used."""
_AT_ONCE = 6_000  # frames


def log_mels(audio: AudioCache, folder: Path) -> LogMelCache:
    """Return the log-mels of all sources of all tracks, each brought to norm one as a whole before.

    Args:
        audio: at 16 kHz, mono.
        folder: where caches lie.
    """
    assert (audio.material.sample_rate, audio.material.channels) == (16_000, 1)
    store, front = _store(folder), ColaLogMel()
    lengths = np.array([front.frames(audio.samples(track)) for track in range(len(audio.tracks))])
    wanted = [
        [fingerprint(source_file(track, source), audio.root, _MAKER) for source in audio.sources]
        for track in audio.tracks
    ]
    entries = _filled(store, wanted, audio, lengths, front)
    found = [[entries[source] for source in row] for row in wanted]
    digests = "".join(entry.digest for row in found for entry in row)
    return LogMelCache(
        tracks=audio.tracks,
        sources=audio.sources,
        starts=np.array([[entry.start for entry in row] for row in found]),
        lengths=lengths,
        frames=store.rows(),
        about={**audio.card(), "log_mels": hashlib.sha256(digests.encode()).hexdigest()[:16]},
    )


def segmented_log_mels(
    tracks: Sequence[Track],
    material: Material,
    root: Path,
    *,
    frames: int,
    energy: Energy = "aligned",
    folder: Path | None = None,
    skip_unreadable: bool = False,
) -> tuple[LogMelCache, Segments]:
    """Return the log-mels of tracks and their segments; what is not in the cache yet is computed.

    Args:
        tracks: which.
        material: their sources, `mixture` and perhaps stems, at 16 kHz and mono.
        root: the data set's folder.
        frames: of a segment.
        energy: which samples tell whether a source sounds.
        folder: where caches lie; `cache` in the root where not given.
        skip_unreadable: leave out tracks with files that cannot be read, instead of an error.
    """
    audio = decoded_audio(tracks, material, root, folder, skip_unreadable)
    found = log_mels(audio, folder or root / "cache")
    return found, cut(audio, found.lengths, frames, energy)


def _store(folder: Path) -> Store:
    about = {
        "what": "COLA's log-mels of sources of norm one, (frames, mel bands), every 10 ms",
        "dtype": "float16, little-endian",
        "sample_rate": 16_000,
    }
    return Store(folder / "logmels-cola", "<f2", (COLA_BANDS,), about)


def _filled(
    store: Store,
    wanted: list[list[Fingerprint]],
    audio: AudioCache,
    lengths: np.ndarray,
    front: ColaLogMel,
) -> dict[Fingerprint, Entry]:
    """Return where everything lies, once what was missing, or is of another length now, has been computed."""

    def lacks(entries: dict[Fingerprint, Entry], track: int, source: int) -> bool:
        entry = entries.get(wanted[track][source])
        return entry is None or entry.rows != int(lengths[track])

    places = [(track, source) for track in range(len(wanted)) for source in range(len(audio.sources))]
    entries = store.entries()
    missing = [place for place in places if lacks(entries, *place)]
    if missing:
        expect_room(store.folder, sum(int(lengths[track]) for track, _ in missing) * store.row_bytes)
        with store.writing() as writer, progress_bar("log-mels", len(missing)) as move:
            for done, (track, source) in enumerate(missing, 1):
                if lacks(writer.entries, track, source):
                    writer.add(wanted[track][source], _frames(audio.whole(track, source), front))
                move(done)
            entries = writer.entries
    return entries


@torch.inference_mode()
def _frames(samples: np.ndarray, front: ColaLogMel) -> Iterator[np.ndarray]:
    """Yield a source's frames, some at a time, so that a long track takes no more memory."""
    mono = samples[:, 0]
    energy = sum(
        float(np.square(mono[at : at + 2**20].astype(np.float64)).sum()) for at in range(0, len(mono), 2**20)
    )
    scale = 1 / np.sqrt(max(energy / FULL_SCALE**2, 1e-9)) / FULL_SCALE
    for first in range(0, front.frames(len(mono)), _AT_ONCE):
        stop = min(first + _AT_ONCE, front.frames(len(mono)))
        piece = mono[first * HOP : (stop - 1) * HOP + COLA_WINDOW].astype(np.float32) * np.float32(scale)
        yield front(torch.from_numpy(piece)).T.half().numpy()
