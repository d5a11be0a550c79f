"""What a classifier says of any stream of audio, window by window, in bounded memory.

A classifier that spans its clip, since it goes by the whole clip's level, holds the stream until its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from stemwise.interfaces import Classifier
from stemwise.memory import lay_out
from stemwise.signal.resample import resampled

WINDOWS = 8
"""Windows that are computed at a time."""


def tag(
    model: Classifier, blocks: Iterable[Float32[np.ndarray, "c n"]], sample_rate: int, channels: int
) -> Float[np.ndarray, "k"]:
    """Return the probability of each class: the mean over the windows of the stream, or of their logits.

    Args:
        model: on its device, in evaluation mode.
        blocks: of any length; channels are averaged.
        sample_rate: of the blocks, Hz.
        channels: of the blocks.
    """
    logits = torch.cat(list(_window_logits(model, blocks, sample_rate, channels)))
    if model.pooling == "logit":
        logits = logits.mean(0, keepdim=True)
    return _chances(model, logits).mean(0)


def tag_windows(
    model: Classifier, blocks: Iterable[Float32[np.ndarray, "c n"]], sample_rate: int, channels: int
) -> Iterator[Float[np.ndarray, "n k"]]:
    """Yield the probabilities of some windows at a time; windows begin `model.hop` samples apart.

    A stream shorter than a window is filled up with silence; what is left over behind the last is dropped.
    """
    for logits in _window_logits(model, blocks, sample_rate, channels):
        yield _chances(model, logits)


def _window_logits(
    model: Classifier, blocks: Iterable[Float32[np.ndarray, "c n"]], sample_rate: int, channels: int
) -> Iterator[Float[Tensor, "n k"]]:
    lay_out(model)
    size, step = model.window + (WINDOWS - 1) * model.hop, WINDOWS * model.hop
    held, some = np.zeros((1, 0), np.float32), False
    mono = (block.mean(0, keepdims=True) for block in blocks)
    stream = resampled(mono, sample_rate, model.sample_rate, 1)
    if model.spans_clip:
        yield _logits(model, np.concatenate([held, *stream], axis=1))
        return
    for block in stream:
        held = np.concatenate([held, block], axis=1)
        while held.shape[1] >= size:
            yield _logits(model, held[:, :size])
            held, some = held[:, step:], True
    if held.shape[1] >= model.window or not some:
        yield _logits(model, held)


@torch.inference_mode()
def _logits(model: Classifier, audio: Float32[np.ndarray, "1 t"]) -> Float[Tensor, "n k"]:
    device = next(model.parameters()).device
    return model.logits(torch.from_numpy(np.ascontiguousarray(audio))[None].to(device))[0].T


def _chances(model: Classifier, logits: Float[Tensor, "n k"]) -> Float[np.ndarray, "n k"]:
    chances = logits.sigmoid() if model.target == "multilabel" else logits.softmax(1)
    return chances.cpu().double().numpy()
