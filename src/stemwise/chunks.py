"""Chunks of audio to the stems of a separator, which then sum to the mixture."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from stemwise import STEMS
from stemwise.interfaces import Separator
from stemwise.signal.consistency import HOP, SIZE, share_out_inside

logger = logging.getLogger(__name__)

REST = "rest"
"""Name of what a separator of some stems leaves over."""


ROWS = 2
"""Channels that are computed side by side on a CPU."""


def stem_names(model: Separator) -> tuple[str, ...]:
    """Return what `separate` yields: the model's stems, and the rest where they are not all of them."""
    return model.stems if set(model.stems) == set(STEMS) else (*model.stems, REST)


class ChunkSeparator:
    """A separator on its device: chunks of audio with what it has to see around them in, stems out.

    Attributes:
        step: samples; where chunks may begin.
        left, right: samples that a chunk needs before and behind it.
    """

    def __init__(self, model: Separator) -> None:
        self.step = math.lcm(model.grid, HOP)
        context = (model.context or 0) + SIZE  # what the transform behind the model looks at, too
        self.left = self.step * -(-context // self.step)
        self.right = -(-context // HOP) * HOP
        self._estimate, self._device = model.for_inference(), next(model.parameters()).device
        self._on_cpu, self._model = self._device.type == "cpu", model
        self._leaves_rest = len(stem_names(model)) > len(model.stems)

    def __call__(
        self, reaches: Iterable[tuple[Float32[np.ndarray, "r t"], int]], channels: int
    ) -> Generator[tuple[Float32[np.ndarray, "s c n"], Float32[np.ndarray, "s c m"]]]:
        """Yield each chunk's stems at the network's rate, and their shares of its top octave.

        The next chunk is computed while the caller works on one. On a CPU, `ROWS` channels are computed at a
        time, each with its part of the cores: small convolutions do not fill more.

        Args:
            reaches: chunks with their surroundings, and the samples of the chunk itself: rows are the
                mixture's channels, and behind them those of its stems where they are known.
            channels: of the mixture.
        """
        count = min(ROWS, torch.get_num_threads()) if self._on_cpu else 1
        ahead = max(1, count // channels)  # chunks that keep every thread busy
        begun: deque[list[Future[tuple[Tensor, Tensor]]]] = deque()
        with _sharing_cores(count) as pool:
            for reach, samples in reaches:
                given = torch.from_numpy(np.ascontiguousarray(reach)).unflatten(0, (-1, channels))
                rows = given.transpose(0, 1).split(1 if self._on_cpu else channels)
                begun.append([pool.submit(self._row, row, samples) for row in rows])
                if len(begun) > ahead:
                    yield _finished(begun.popleft())
            while begun:
                yield _finished(begun.popleft())

    @torch.inference_mode()
    def _row(self, given: Float[Tensor, "c _ t"], samples: int) -> tuple[Tensor, Tensor]:
        """Return stems and shares, in main memory."""
        stems, top = self._halving(given.to(self._device), samples)
        return stems.cpu(), top.cpu()

    def _halving(self, given: Float[Tensor, "c _ t"], samples: int) -> tuple[Tensor, Tensor]:
        """Return stems and shares; of half the channels or half the chunk where memory is too small."""
        try:
            return self._separated(given, samples)
        except torch.OutOfMemoryError:
            half = self.step * (-(-samples // self.step) // 2)
            if len(given) == 1 and not half:
                raise
            logger.info("out of the device's memory at %d times %d samples; halving", len(given), samples)
        if len(given) > 1:  # out here the failed attempt's tensors are free
            return _joined([self._halving(part, samples) for part in given.tensor_split(2)], dim=0)
        first = self._halving(given[..., : self.left + half + self.right], half)
        second = self._halving(given[..., half:], samples - half)
        return _joined([(first[0], first[1][..., :-1]), second], dim=2)  # the frame between is in both

    def _separated(self, given: Float[Tensor, "c _ t"], samples: int) -> tuple[Tensor, Tensor]:
        """Return stems (c s n) that sum to the mixture, and shares (c s m)."""
        frames = -(-samples // HOP)
        first, last = self.left - SIZE, self.left + frames * HOP + SIZE
        if given.shape[1] > 1:
            stems = given[:, 1:, first:last]
        else:
            with self._model.in_precision():
                stems = self._estimate(given, first, last)[:, :, 0].float()
        mixture = given[:, 0, first:last]
        if self._leaves_rest:
            stems = torch.cat([stems, (mixture - stems.sum(1))[:, None]], dim=1)
        stems, top = share_out_inside(mixture, stems)
        return stems[..., :samples], top


@contextmanager
def _sharing_cores(count: int) -> Iterator[ThreadPoolExecutor]:
    """Start threads for torch's calculations, each with its part of the cores, and end them."""
    cores = torch.get_num_threads()
    pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(max(1, cores // count),))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)  # for threads to come, which take the number that was set last


def _finished(
    rows: list[Future[tuple[Tensor, Tensor]]],
) -> tuple[Float32[np.ndarray, "s c n"], Float32[np.ndarray, "s c m"]]:
    stems, top = _joined([row.result() for row in rows], dim=0)
    return stems.transpose(0, 1).numpy(), top.transpose(0, 1).numpy()


def _joined(parts: list[tuple[Tensor, Tensor]], dim: int) -> tuple[Tensor, Tensor]:
    stems, top = (torch.cat(found, dim) for found in zip(*parts, strict=True))
    return stems, top
