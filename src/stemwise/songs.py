"""What to do with one song from Python: separate, remix, tag, embed; arrays or files in, arrays out.

Audio is (channels, samples) float32, as `stemwise.read` gives it. Models are names or folders, as for
`stemwise.load`, or loaded ones; a name is loaded anew at each call, so load it once for many songs. What
does not fit into memory goes block by block through `stemwise.separation.separate` and
`stemwise.embedding.tag_windows`, and many files through `stemwise separate FOLDER`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from stemwise import embedding
from stemwise.catalogue.mixing import Mix, balance_mix, mixed, stems_mix
from stemwise.catalogue.pipeline import Cancelled, Compute
from stemwise.data.audio import read
from stemwise.data.decoders import AudioInfo
from stemwise.embedding import embed_windows
from stemwise.interfaces import Classifier, Separator
from stemwise.spans import Resampling
from stemwise.weights.store import load

SEPARATOR, TAGGER = "demo-separator", "demo-tagger"
Song = str | os.PathLike[str] | np.ndarray
"""A file's path, or its audio (channels, samples)."""

Progress = Callable[[float], None]
"""Called with the share that is done, from 0 to 1."""

_BLOCK_S = 5


def separate(
    song: Song,
    model: str | Path | Separator = SEPARATOR,
    *,
    sample_rate: int | None = None,
    stems: Sequence[str] = (),
    two_stems: str | None = None,
    shifts: int = 1,
    resampling: Resampling = "soxr",
    progress: Progress | None = None,
    cancel: Event | None = None,
) -> dict[str, Float32[np.ndarray, "c t"]]:
    """Return a song's stems by name, each of the song's rate, channels and length; they sum to it.

    Args:
        song: a path, or audio (channels, samples); a single axis is mono.
        model: a separator.
        sample_rate: Hz, of audio; a file says it itself.
        stems: some of them; all where empty.
        two_stems: one stem, beside which all others become one, `rest`.
        shifts: mean over so many time shifts.
        resampling: soxr's filter, or, for Meta-TasNet, `kaiser`: that of its training audio.
        progress: called with the share that is done.
        cancel: stops it when it is set, from another thread for instance.

    Raises:
        ValueError: not audio, audio without its rate, no such model or stem, `kaiser` for another network.
        stemwise.Cancelled: by `cancel`.
    """
    network = _network(model, Separator)
    mix = stems_mix(network, stems, two_stems)
    compute = partial(mixed, network, mix, shifts=shifts, resampling=resampling)
    return _results(compute, mix, song, sample_rate, progress, cancel)


def remix(
    song: Song,
    gains: Mapping[str, int | float | str],
    model: str | Path | Separator = SEPARATOR,
    *,
    sample_rate: int | None = None,
    shifts: int = 1,
    resampling: Resampling = "soxr",
    progress: Progress | None = None,
    cancel: Event | None = None,
) -> Float32[np.ndarray, "c t"]:
    """Return a song with a new balance; its levels are left as they come, also above 1.

    Args:
        song: as for `separate`.
        gains: decibels by stem, or "mute"; stems that are not named stay as they are.
        model: a separator.
        sample_rate, shifts, resampling, progress, cancel: as for `separate`.

    Raises:
        ValueError, stemwise.Cancelled: as `separate`; or no gain, or one that is no number.
    """
    network = _network(model, Separator)
    mix = balance_mix(network, gains)
    compute = partial(mixed, network, mix, shifts=shifts, resampling=resampling)
    return next(iter(_results(compute, mix, song, sample_rate, progress, cancel).values()))


def tag(
    song: Song,
    model: str | Path | Classifier = TAGGER,
    *,
    sample_rate: int | None = None,
    progress: Progress | None = None,
    cancel: Event | None = None,
) -> dict[str, float]:
    """Return the probability of each tag, the likeliest first: over all of the song's windows.

    Args:
        song, sample_rate, progress, cancel: as for `separate`.
        model: a tagger.

    Raises:
        ValueError, stemwise.Cancelled: as `separate`.
    """
    network = _network(model, Classifier)
    audio, rate = _audio(song, sample_rate)
    blocks = _blocks(audio, rate, progress, cancel)
    chances = embedding.tag(network, blocks, rate, len(audio))
    return dict(sorted(zip(network.classes, chances.tolist(), strict=True), key=lambda pair: -pair[1]))


def embed(
    song: Song,
    model: str | Path | Classifier = TAGGER,
    *,
    sample_rate: int | None = None,
    progress: Progress | None = None,
    cancel: Event | None = None,
) -> Float32[np.ndarray, "n d"]:
    """Return a vector for each window of a song; windows begin `model.hop / model.sample_rate` s apart.

    Args:
        song, sample_rate, progress, cancel: as for `separate`.
        model: a tagger.

    Raises:
        ValueError, stemwise.Cancelled: as `separate`.
    """
    network = _network(model, Classifier)
    audio, rate = _audio(song, sample_rate)
    blocks = _blocks(audio, rate, progress, cancel)
    return np.concatenate(list(embed_windows(network, blocks, rate, len(audio))))


def _results(
    compute: Compute,
    mix: Mix,
    song: Song,
    sample_rate: int | None,
    progress: Progress | None,
    cancel: Event | None,
) -> dict[str, Float32[np.ndarray, "c t"]]:
    audio, rate = _audio(song, sample_rate)
    info = AudioInfo(path=Path(), sample_rate=rate, channels=len(audio), samples=audio.shape[1])
    found = np.empty((len(mix.results), *audio.shape), np.float32)
    position = 0
    for piece in compute(info, _blocks(audio, rate, progress, cancel)):
        found[:, :, position : position + piece.shape[2]] = piece
        position += piece.shape[2]
    return {name: found[row] for row, name in enumerate(mix.results)}


def _network(model: Any, kind: type) -> Any:
    if isinstance(model, str | Path):
        model = load(model)
    if not isinstance(model, kind):
        raise ValueError(f"model: expected a {kind.__name__.lower()}, got a {type(model).__name__}")
    return model


def _audio(song: Song, sample_rate: int | None) -> tuple[Float32[np.ndarray, "c t"], int]:
    """Return audio and its rate."""
    if not isinstance(song, np.ndarray):
        if sample_rate is not None:
            raise ValueError(f"sample_rate: is for arrays; {os.fspath(song)} says its own: leave it out")
        return read(Path(song))
    if sample_rate is None or sample_rate < 1:
        raise ValueError(f"sample_rate: expected the array's rate in Hz, got {sample_rate}")
    audio = np.atleast_2d(song)
    if audio.ndim != 2 or not audio.size or (len(audio) > audio.shape[1] and len(audio) > 64):
        raise ValueError(f"song: expected audio (channels, samples), got shape {song.shape}; transpose it")
    if not np.issubdtype(audio.dtype, np.floating) or not np.isfinite(audio).all():
        raise ValueError(f"song: expected finite floating-point samples within ±1, got {song.dtype}")
    return np.ascontiguousarray(audio, np.float32), sample_rate


def _blocks(
    audio: Float[np.ndarray, "c t"], rate: int, progress: Progress | None, cancel: Event | None
) -> Iterator[Float32[np.ndarray, "c n"]]:
    for at in range(0, audio.shape[1], rate * _BLOCK_S):
        if cancel is not None and cancel.is_set():
            raise Cancelled("stopped")
        yield audio[:, at : at + rate * _BLOCK_S]
        if progress is not None:
            progress(min(1.0, (at + rate * _BLOCK_S) / audio.shape[1]))
