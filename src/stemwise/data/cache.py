"""Decoded audio for training: one memory-mapped int16 array per data set, at the rate that is trained on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import numpy as np

from stemwise.data.audio import read_resampled
from stemwise.data.streams import StemFile, file_of
from stemwise.data.tracks import Track

FULL_SCALE = 32767
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class AudioCache:
    """Mono audio of many tracks.

    Attributes:
        names: of the tracks, in order.
        sources: `("mixture",)`, or stems in order.
        starts: first sample of each track, and the end of the last.
        audio: int16, sources × all samples.
    """

    names: tuple[str, ...]
    sources: tuple[str, ...]
    starts: np.ndarray
    audio: np.ndarray

    def samples(self, track: int) -> int:
        """Return the length of a track."""
        return int(self.starts[track + 1] - self.starts[track])

    def excerpt(self, track: int, source: int, start: int, samples: int) -> np.ndarray:
        """Return so many float32 samples of one source, with silence behind a track's end."""
        begin = int(self.starts[track]) + start
        end = min(begin + samples, int(self.starts[track + 1]))
        out = np.zeros(samples, np.float32)
        out[: max(0, end - begin)] = self.audio[source, begin:end] / np.float32(FULL_SCALE)
        return out


def prepare(
    tracks: Sequence[Track],
    sources: tuple[str, ...],
    sample_rate: int,
    folder: Path,
    progress: Progress | None = None,
) -> AudioCache:
    """Return the cache of these tracks, made on the first call and mapped from disk afterwards.

    Its folder's name is a digest of what produced it: files with their sizes and times, sources, rate.
    It is written aside and renamed, so that it is there whole or not at all.

    Args:
        tracks: which tracks.
        sources: `("mixture",)`, or stem names.
        sample_rate: Hz; channels are averaged.
        folder: where caches lie.
        progress: told (tracks done, tracks in all).
    """
    home = folder / _key(tracks, sources, sample_rate)
    if not home.is_dir():
        aside = folder / f".making-{uuid4().hex}"
        aside.mkdir(parents=True)
        try:
            _write(tracks, sources, sample_rate, aside, progress)
            aside.replace(home)
        except OSError:
            if not home.is_dir():  # another process may have made the same cache meanwhile
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    starts = np.load(home / "starts.npy")
    audio = np.load(home / "audio.npy", mmap_mode="r")
    return AudioCache(tuple(track.name for track in tracks), sources, starts, audio)


def _key(tracks: Sequence[Track], sources: tuple[str, ...], sample_rate: int) -> str:
    files = [_file(track, source) for track in tracks for source in sources]
    facts = [_facts(file) for file in files]
    content = json.dumps([facts, sources, sample_rate])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _facts(source: Path | StemFile) -> tuple[str, int, int, int]:
    file = file_of(source)
    stream = source.stream if isinstance(source, StemFile) else 0
    return str(file.resolve()), stream, file.stat().st_size, file.stat().st_mtime_ns


def _file(track: Track, source: str) -> Path | StemFile:
    return track.mixture if source == "mixture" else track.stems[source]


def _write(
    tracks: Sequence[Track],
    sources: tuple[str, ...],
    sample_rate: int,
    folder: Path,
    progress: Progress | None,
) -> None:
    starts = [0]
    with (folder / "raw").open("wb") as raw:  # track by track: memory does not grow with the set
        for done, track in enumerate(tracks, 1):
            rows = [read_resampled(_file(track, s), sample_rate, mono=True)[0] for s in sources]
            length = min(map(len, rows))
            block = np.stack([row[:length] for row in rows])
            raw.write((block.clip(-1, 1) * FULL_SCALE).round().astype(np.int16).tobytes())
            starts.append(starts[-1] + length)
            if progress:
                progress(done, len(tracks))
    _interleave(folder, np.array(starts), len(sources))


def _interleave(folder: Path, starts: np.ndarray, sources: int) -> None:
    """Turn the tracks' blocks, one behind the other, into one array of sources × samples."""
    shape = (sources, int(starts[-1]))
    out = np.lib.format.open_memmap(folder / "audio.npy", mode="w+", dtype=np.int16, shape=shape)
    with (folder / "raw").open("rb") as raw:
        for start, end in pairwise(starts):
            block = np.frombuffer(raw.read(2 * sources * int(end - start)), np.int16)
            out[:, start:end] = block.reshape(sources, -1)
    out.flush()
    np.save(folder / "starts.npy", starts)
    (folder / "raw").unlink()
