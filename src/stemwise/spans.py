"""Separators whose statistics span their input: chunks of a fixed length, faded into each other.

A group norm over time makes each answer depend on all of a chunk, so no context gives the whole file's. The
file is read once, to know its level; separated chunk by chunk at every rate that the network wants; and its
stems are scaled so that, channel by channel, they come closest to the mixture. All that waits lies on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32

from stemwise.data.spool import Spool
from stemwise.interfaces import SpanSeparator
from stemwise.signal.crossfade import crossfaded
from stemwise.signal.kaiser import KaiserResampler
from stemwise.signal.resample import Resampler

Resampling = Literal["soxr", "kaiser"]
"""soxr's high-quality filter, or the one that Meta-TasNet's training audio was made with."""

CONTEXT_S, FADE_S = 2.0, 1.0
_BLOCK = 1 << 17


class _Level:
    """Mean and deviation of each channel, block by block."""

    def __init__(self, channels: int) -> None:
        self._count, self._sum, self._power = 0, np.zeros(channels), np.zeros(channels)

    def add(self, block: Float32[np.ndarray, "c n"]) -> None:
        self._count += block.shape[1]
        self._sum += block.sum(1, dtype=np.float64)
        self._power += np.square(block, dtype=np.float64).sum(1)

    def deviation(self) -> Float32[np.ndarray, "c 1"]:
        """Return what to divide by: 1 for silence."""
        spread = self._power - self._sum**2 / max(1, self._count)
        found = np.sqrt(np.maximum(spread, 0) / max(1, self._count - 1))
        return np.where(found > 0, found, 1)[:, None].astype(np.float32)


def resampler(
    kind: Resampling, source_rate: int, target_rate: int, channels: int
) -> Resampler | KaiserResampler:
    """Return a resampler of a kind."""
    made = Resampler if kind == "soxr" else KaiserResampler
    return made(source_rate, target_rate, channels)


class Spans:
    """A stream that has been read to its end, and its stems at the network's rate.

    Args:
        model: on the device where it shall run, in evaluation mode.
        blocks: of the stream.
        sample_rate: of the blocks, Hz.
        channels: of the blocks; separated one by one.
        chunk_s: seconds between two joints.
        resampling: which filter.
    """

    def __init__(
        self,
        model: SpanSeparator,
        blocks: Iterable[Float32[np.ndarray, "c n"]],
        sample_rate: int,
        channels: int,
        *,
        chunk_s: float,
        resampling: Resampling = "soxr",
    ) -> None:
        self._model, self._channels = model, channels
        self._original = Spool(channels)
        self._mixtures = [Spool(channels) for _ in model.rates]
        self._levels = [_Level(channels) for _ in model.rates]
        self._stems = Spool(len(model.stems) * channels)
        self._read(blocks, [resampler(resampling, sample_rate, rate, channels) for rate in model.rates])
        self._gains, self._taken = self._separate(chunk_s), 0

    def take(self, samples: int | None) -> Float32[np.ndarray, "c n"]:
        """Return the next so many samples of the stream as it was, or those that are left; all for None."""
        stop = self._original.samples if samples is None else self._taken + samples
        found = self._original.read(self._taken, stop)
        self._taken += found.shape[1]
        return found

    def __iter__(self) -> Iterator[Float32[np.ndarray, "_ n"]]:
        """Yield, at the network's rate, the mixture's channels and behind them the stems', stem by stem."""
        gains = self._gains.reshape(-1, 1)
        stems = self._stems.blocks(_BLOCK)
        for mixture, estimate in zip(self._mixtures[-1].blocks(_BLOCK), stems, strict=True):
            yield np.concatenate([mixture, gains * estimate])

    def close(self) -> None:
        """Give the disk back."""
        for spool in (self._original, self._stems, *self._mixtures):
            spool.close()

    def _read(self, blocks: Iterable[np.ndarray], down: list[Resampler | KaiserResampler]) -> None:
        for block in blocks:
            self._original.append(block)
            self._take([each.push(block) for each in down])
        self._take([each.finish() for each in down])

    def _take(self, found: list[np.ndarray]) -> None:
        for spool, level, block in zip(self._mixtures, self._levels, found, strict=True):
            spool.append(block)
            level.add(block)

    def _separate(self, chunk_s: float) -> Float32[np.ndarray, "s c"]:
        """Write all stems, and return the factor of each that brings their sum closest to the mixture."""
        count, top = len(self._model.stems), self._mixtures[-1]
        inner = np.zeros((self._channels, count, count))
        outer = np.zeros((self._channels, count, 1))
        done = 0
        for block in crossfaded(self._parts(chunk_s), 2 * self._samples(FADE_S)):
            self._stems.append(block)
            stems = block.reshape(count, self._channels, -1).transpose(1, 0, 2).astype(np.float64)  # c s n
            mixture = top.read(done, done + block.shape[1])[:, :, None].astype(np.float64)  # c n 1
            inner += stems @ stems.transpose(0, 2, 1)
            outer += stems @ mixture
            done += block.shape[1]
        return least_squares(inner, outer).astype(np.float32)

    def _samples(self, seconds: float) -> int:
        """Return whole grid steps."""
        grid = self._model.grid
        return grid * max(1, round(seconds * self._model.sample_rate / grid))

    def _parts(self, chunk_s: float) -> Iterator[Float32[np.ndarray, "sc n"]]:
        """Yield the stems of chunks of about equal length, each a fade longer on both sides."""
        total, grid = self._mixtures[-1].samples, self._model.grid
        if not total:
            return
        fade, context = self._samples(FADE_S), self._samples(CONTEXT_S)
        count = max(1, round(total / max(self._samples(chunk_s), 4 * fade)))
        chunk = grid * -(-total // (grid * count))
        for start in range(0, total, chunk):
            stop = min(start + chunk, total)
            lo, hi = max(0, start - context), min(total, stop + context)
            first, last = max(0, start - fade), min(total, stop + fade)
            yield self._chunk(lo, hi, first - lo, last - lo)

    @torch.inference_mode()
    def _chunk(self, start: int, stop: int, first: int, last: int) -> Float32[np.ndarray, "sc n"]:
        """Return stems inside a stretch, one channel after the other on a CPU to save memory."""
        model, top = self._model, self._model.sample_rate
        device = next(model.parameters()).device
        mixtures = []
        for spool, level, rate in zip(self._mixtures, self._levels, model.rates, strict=True):
            found = spool.read(start * rate // top, -(-stop * rate // top)) / level.deviation()
            mixtures.append(torch.from_numpy(np.ascontiguousarray(found)).to(device)[:, None])
        size = 1 if device.type == "cpu" else self._channels
        parts = zip(*(mixture.split(size) for mixture in mixtures), strict=True)
        with model.in_precision():
            stems = [model.from_rates(part, first, last)[:, :, 0].float() for part in parts]
        return torch.cat(stems).transpose(0, 1).flatten(0, 1).cpu().numpy()


def least_squares(
    inner: Float[np.ndarray, "c s s"], outer: Float[np.ndarray, "c s 1"]
) -> Float[np.ndarray, "s c"]:
    """Return the gains of each channel's stems whose weighted sum comes closest to the mixture.

    Args:
        inner: products of the stems among each other.
        outer: products of the stems and the mixture.
    """
    found = [np.linalg.lstsq(a, b, rcond=1e-12)[0][:, 0] for a, b in zip(inner, outer, strict=True)]
    return np.stack(found, axis=1)
