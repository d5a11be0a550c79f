"""How this process keeps its memory, and how a network's tensors lie in it."""

from __future__ import annotations

import ctypes
import logging
import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger(__name__)

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's names in malloc.h
_applied = False


def keep_freed_memory() -> bool:
    """Tell glibc to keep what is freed, and return whether it does.

    glibc hands every large array back to the kernel when it is freed, and each step's activations are
    mapped and zeroed anew: up to a quarter of a U-Net's training step on a CPU, and more in one thread.
    With the two thresholds raised freed memory is used again; the process stays as large as it ever was.
    Other systems' allocators behave already. Safe to call again.
    """
    global _applied
    if not _applied and platform.system() == "Linux" and platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        accepted = [libc.mallopt(_MMAP_THRESHOLD, 2**31 - 1), libc.mallopt(_TRIM_THRESHOLD, -1)]
        _applied = all(accepted)
        if not _applied:
            logger.warning("glibc refused to keep freed memory; training will be slower")
    return _applied


def lay_out(model: nn.Module) -> None:
    """Bring a network's convolutions into channels-last memory, and keep freed memory.

    oneDNN's and cuDNN's kernels want it so: on a CPU a U-Net separates several times faster. Values do not
    change, and a network that lies so already is left as it is.
    """
    import torch

    keep_freed_memory()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
