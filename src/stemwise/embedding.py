"""What a network makes of any stream of audio, window by window, in bounded memory: tags and vectors.

A network that spans its clip, since it goes by the whole clip's level, holds the stream until its end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from stemwise.interfaces import Classifier
from stemwise.memory import lay_out
from stemwise.signal.chunk import window_count
from stemwise.signal.resample import resampled

logger = logging.getLogger(__name__)

WINDOWS = 8
"""Windows that are computed at a time."""

_LEAST = 1e-300  # of a probability whose logarithm is taken

Look = Callable[[Tensor], Tensor]
"""Audio of some windows (1 1 t) to a row of each (k n)."""


def tag(
    model: Classifier, blocks: Iterable[Float32[np.ndarray, "c n"]], sample_rate: int, channels: int
) -> Float[np.ndarray, "k"]:
    """Return the probability of each class: the mean over the windows of the stream, or of their logits.

    Of a regression, its numbers.

    Args:
        model: on its device, in evaluation mode.
        blocks: of any length; channels are averaged.
        sample_rate: of the blocks, Hz.
        channels: of the blocks.
    """
    return over_windows(model, np.concatenate(list(tag_windows(model, blocks, sample_rate, channels))))


def over_windows(model: Classifier, chances: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "k"]:
    """Return the probability of each class in a clip: the mean over its windows, or that of their logits."""
    if model.pooling == "probability" or model.target == "regression":
        return chances.mean(0)
    logs = np.log(chances.clip(_LEAST))
    if model.target == "multiclass":  # softmax forgets what logits have in common
        return torch.from_numpy(logs.mean(0)).softmax(0).numpy()
    return torch.from_numpy((logs - np.log((1 - chances).clip(_LEAST))).mean(0)).sigmoid().numpy()


def tag_windows(
    model: Classifier, blocks: Iterable[Float32[np.ndarray, "c n"]], sample_rate: int, channels: int
) -> Iterator[Float[np.ndarray, "n k"]]:
    """Yield the probabilities of some windows at a time; windows begin `model.hop` samples apart.

    A stream shorter than a window is filled up with silence; what is left over behind the last is dropped.
    """
    for logits in _window_logits(model, blocks, sample_rate):
        yield _chances(model, logits)


def embed_windows(
    model: Classifier, blocks: Iterable[Float32[np.ndarray, "c n"]], sample_rate: int, channels: int
) -> Iterator[Float32[np.ndarray, "n d"]]:
    """Yield the default representation of some windows at a time, a vector for each; as `tag_windows`."""
    for found in _looked_at(model, lambda audio: model(audio)[0], blocks, sample_rate):
        yield found.numpy()


def _window_logits(
    model: Classifier, blocks: Iterable[Float32[np.ndarray, "c n"]], sample_rate: int
) -> Iterator[Float[Tensor, "n k"]]:
    return _looked_at(model, lambda audio: model.logits(audio)[0], blocks, sample_rate)


def _chances(model: Classifier, logits: Float[Tensor, "n k"]) -> Float[np.ndarray, "n k"]:
    if model.target == "regression":
        return logits.double().numpy()
    chances = logits.sigmoid() if model.target == "multilabel" else logits.softmax(1)
    return chances.double().numpy()


def _looked_at(
    model: Classifier, look: Look, blocks: Iterable[np.ndarray], sample_rate: int
) -> Iterator[Float[Tensor, "n k"]]:
    lay_out(model)
    size, step = model.window + (WINDOWS - 1) * model.hop, WINDOWS * model.hop
    held, some = np.zeros((1, 0), np.float32), False
    mono = (block.mean(0, keepdims=True) for block in blocks)
    stream = resampled(mono, sample_rate, model.sample_rate, 1)
    if model.spans_clip:
        yield _computed(model, look, np.concatenate([held, *stream], axis=1))
        return
    for block in stream:
        held = np.concatenate([held, block], axis=1)
        while held.shape[1] >= size:
            yield _rows(model, look, held[:, :size])
            held, some = held[:, step:], True
    if held.shape[1] >= model.window or not some:
        yield _rows(model, look, held)


def _rows(model: Classifier, look: Look, audio: np.ndarray) -> Float[Tensor, "n k"]:
    """Return a row for each window; in halves where the device's memory is too small for all at once."""
    try:
        return _computed(model, look, audio)
    except torch.OutOfMemoryError:
        count = window_count(audio.shape[1], model.window, model.hop)
        if count == 1:
            raise
        logger.info("out of the device's memory at %d windows at a time; going on with half of them", count)
    half = count // 2
    first = audio[:, : model.window + (half - 1) * model.hop]
    return torch.cat([_rows(model, look, first), _rows(model, look, audio[:, half * model.hop :])])


@torch.inference_mode()
def _computed(model: Classifier, look: Look, audio: np.ndarray) -> Float[Tensor, "n k"]:
    device = next(model.parameters()).device
    return look(torch.from_numpy(np.ascontiguousarray(audio))[None].to(device)).T.float().cpu()
