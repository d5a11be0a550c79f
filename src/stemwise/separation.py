"""Separation: any stream of audio in, its stems out, block by block, in bounded memory.

A network works at its own rate and on its own number of channels. Around it: the stream is resampled, cut
into chunks that lie on the network's grid and carry its context, each channel is separated, the stems are
made to sum to the mixture, resampled back, and joined with what lies above the network's band. There each
stem takes the share that it has of the network's top octave, so that the stems sum to the input.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from itertools import chain
from pathlib import Path
from uuid import uuid4

import numpy as np
from jaxtyping import Float32

from stemwise.chunks import ChunkSeparator, stem_names
from stemwise.data.audio import open_audio
from stemwise.data.writing import AudioWriter, Subtype
from stemwise.interfaces import Separator, SpanSeparator
from stemwise.memory import lay_out
from stemwise.signal.consistency import HOP
from stemwise.signal.resample import Resampler
from stemwise.spans import Resampling, Spans, resampler

CHUNK_S, SPAN_S = 30.0, 10.0
"""Seconds that are computed at a time; by a `SpanSeparator`, between two joints."""

_PIECE = 2**15  # samples at the network's rate that are joined with what lies above it at a time


def check_resampling(model: Separator, resampling: Resampling) -> None:
    """Refuse a filter that a model was not made for.

    Raises:
        ValueError: `kaiser` for a model that hears its input at one rate, in chunks with context.
    """
    if resampling not in ("soxr", "kaiser"):
        raise ValueError(f"resampling: expected soxr or kaiser, got {resampling!r}")
    if resampling == "kaiser" and not isinstance(model, SpanSeparator):
        raise ValueError(
            "resampling: expected soxr; kaiser is the filter of Meta-TasNet's training audio, "
            f"and this model hears one rate, {model.sample_rate} Hz; leave the option out"
        )


def separate(
    model: Separator,
    blocks: Iterable[Float32[np.ndarray, "c n"]],
    sample_rate: int,
    channels: int,
    *,
    chunk_s: float | None = None,
    resampling: Resampling = "soxr",
) -> Iterator[Float32[np.ndarray, "s c n"]]:
    """Yield the stems of a stream, in the order of `stem_names`, as long as the stream in all.

    They sum to the input. Any `chunk_s` gives the same answer, since chunks lie on the model's grid and
    carry its context; but a `SpanSeparator` has no such context, and its chunks are faded into each other.

    Args:
        model: on the device where it shall run, in evaluation mode.
        blocks: of any length.
        sample_rate: of the blocks, Hz.
        channels: of the blocks; separated one by one.
        chunk_s: seconds that are computed at a time; more needs more memory and less time. By default
            `CHUNK_S`, or `SPAN_S` for a `SpanSeparator`.
        resampling: soxr's filter, or, of a `SpanSeparator`, `kaiser`.

    Raises:
        ValueError: the model takes more than one channel, has neither a context nor spans its input, or
            was not made for that resampling.
    """
    spanning = isinstance(model, SpanSeparator)
    if (model.context is None and not spanning) or model.channels != 1:
        raise ValueError("separate: expected a mono model, with a finite context or a SpanSeparator")
    check_resampling(model, resampling)
    lay_out(model)
    network, stems = ChunkSeparator(model), len(stem_names(model))
    chunk_s = chunk_s or (SPAN_S if spanning else CHUNK_S)
    up = resampler(resampling, model.sample_rate, sample_rate, stems * channels)
    with ExitStack() as stack:
        if spanning:
            source = Spans(model, blocks, sample_rate, channels, chunk_s=chunk_s, resampling=resampling)
            stack.enter_context(closing(source))
        else:
            source = _Source(blocks, sample_rate, model.sample_rate, channels)
        gains = _Gains(stems, channels, sample_rate, model.sample_rate)
        rows = channels * (1 + len(model.stems)) if spanning else channels
        chunk = network.step * max(1, round(chunk_s * model.sample_rate / network.step))
        computed = network(_reaches(source, network, rows, chunk), channels)
        for audio, top in stack.enter_context(closing(computed)):
            gains.append(top)
            for at in range(0, audio.shape[2], _PIECE):
                piece = audio[:, :, at : at + _PIECE].reshape(stems * channels, -1)
                yield from _join(up.push(piece), source, gains)
        yield from _join(up.finish(), source, gains, last=True)


def separate_file(
    model: Separator,
    path: str | Path,
    folder: str | Path,
    *,
    chunk_s: float | None = None,
    subtype: Subtype = "float",
    resampling: Resampling = "soxr",
) -> dict[str, Path]:
    """Write the stems of a file as `folder/STEM.wav`, all of them whole or none; return them by name.

    They have the file's sample rate, channels and length, and sum to it.

    Args:
        model: on its device, in evaluation mode.
        path: any audio or video file.
        folder: made if it is not there.
        chunk_s: as in `separate`.
        subtype: `float`, `pcm24` or `pcm16`.
        resampling: as in `separate`.
    """
    folder = Path(folder)
    aside = folder / f".separating-{uuid4().hex}"
    names = [f"{name}.wav" for name in stem_names(model)]
    try:
        with open_audio(path) as audio, ExitStack() as stack:
            blocks = audio.blocks(audio.sample_rate * 5)
            stream = separate(
                model, blocks, audio.sample_rate, audio.channels, chunk_s=chunk_s, resampling=resampling
            )
            first = next(stream)  # a file that cannot be decoded leaves no folder behind
            files = [AudioWriter(aside / name, audio.sample_rate, audio.channels, subtype) for name in names]
            writers = [stack.enter_context(file) for file in files]
            for stems in chain([first], stream):
                for writer, stem in zip(writers, stems, strict=True):
                    writer.write(stem)
        targets = [(aside / name).replace(folder / name) for name in names]
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):
            folder.rmdir()  # if nothing is in it
    return dict(zip(stem_names(model), targets, strict=True))


class _Source:
    """The input at the network's rate, with the original kept until its stems are ready."""

    def __init__(self, blocks: Iterable[np.ndarray], rate: int, model_rate: int, channels: int) -> None:
        self._blocks, self._down = iter(blocks), Resampler(rate, model_rate, channels)
        self._kept: deque[np.ndarray] = deque()

    def __iter__(self) -> Iterator[np.ndarray]:
        for block in self._blocks:
            self._kept.append(block)
            yield self._down.push(block)
        yield self._down.finish()

    def take(self, samples: int | None) -> np.ndarray:
        """Return the next so many original samples, or as many as are kept; all of them for None."""
        taken, count = [], 0
        while self._kept and (samples is None or count < samples):
            block = self._kept.popleft()
            room = block.shape[1] if samples is None else samples - count
            if block.shape[1] > room:
                self._kept.appendleft(block[:, room:])
                block = block[:, :room]
            taken.append(block)
            count += block.shape[1]
        return np.concatenate(taken, axis=1) if taken else np.zeros((1, 0), np.float32)


class _Gains:
    """Each stem's share above the network's band, every `HOP` samples of the network's rate."""

    def __init__(self, stems: int, channels: int, rate: int, model_rate: int) -> None:
        self._frames = np.full((stems, channels, 1), 1 / stems, np.float32)
        self._first, self._position = 0, 0
        self._step = model_rate / rate / HOP  # frames per output sample

    def append(self, top: Float32[np.ndarray, "s c n"]) -> None:
        """Take a chunk's gains; its first frame is the one that ended the chunk before."""
        self._frames = np.concatenate([self._frames[:, :, :-1], top], axis=2)

    def take(self, samples: int) -> Float32[np.ndarray, "s c n"]:
        """Return the gains of the next samples, interpolated."""
        at = (self._position + np.arange(samples)) * self._step - self._first
        low = np.clip(at.astype(int), 0, self._frames.shape[2] - 1)
        rise = np.diff(self._frames, axis=2, append=self._frames[:, :, -1:]).take(low, axis=2)
        rise *= (at - low).clip(0, 1).astype(np.float32)
        gains = self._frames.take(low, axis=2)  # several times as fast as indexing
        gains += rise
        self._position += samples
        done = min(max(0, int(self._position * self._step) - self._first - 1), self._frames.shape[2] - 1)
        self._frames, self._first = self._frames[:, :, done:], self._first + done
        return gains


def _reaches(
    source: Iterable[np.ndarray], network: ChunkSeparator, channels: int, chunk: int
) -> Iterator[tuple[np.ndarray, int]]:
    """Yield each chunk with its surroundings, and the chunk's samples.

    What lies before the stream's first and behind its last sample is silence.
    """
    left, right, step = network.left, network.right, network.step
    held = np.zeros((channels, left), np.float32)
    for block in source:
        held = np.concatenate([held, block], axis=1)
        while held.shape[1] >= left + chunk + right:
            yield held[:, : left + chunk + right], chunk
            held = held[:, chunk:]
    while (rest := held.shape[1] - left) > 0:
        samples = min(chunk, rest)
        reach = left + step * -(-samples // step) + right
        padded = np.pad(held, ((0, 0), (0, max(0, reach - held.shape[1]))))
        yield padded[:, :reach], samples
        held = held[:, chunk:]


def _join(
    low: Float32[np.ndarray, "sc n"], source: _Source | Spans, gains: _Gains, last: bool = False
) -> Iterator[Float32[np.ndarray, "s c n"]]:
    """Yield stems at the input's rate: the network's band, and a share of all that it leaves of the input.

    At the end the resampler may be a sample long or short; the input's length counts.
    """
    original = source.take(None if last else low.shape[1])
    samples = original.shape[1]
    if not samples:
        return
    channels = original.shape[0]
    missing = samples - low.shape[1]
    low = np.pad(low, ((0, 0), (0, max(0, missing))))[:, :samples]
    stems = low.reshape(-1, channels, samples)
    above = original - stems.sum(0)
    yield stems + gains.take(samples) * above
