"""Reverberation as SoX does it: Freeverb, one response per clip, in the frequency domain.

SoX 14.4.2's `reverb` is Freeverb (Jezar at Dreampoint, public domain): eight combs with a low-pass in their
loops, side by side, then four all-passes in a row, for each of two channels; here followed by the mean of the
channels, as CLMR's `channels 1`. All of it is linear, so a clip's response is written down as a rational
function and evaluated on a circle outside the unit circle: a response that rings for longer than a clip
would otherwise wrap around.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from stemwise.signal.augment.lengths import fast_length

COMBS = (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617)
ALL_PASSES = (225, 341, 441, 556)
SPREAD = 12  # samples between the channels' delays, to and fro
FREEVERB_RATE = 44_100
WET = 0.015
DAMPED = 1e4  # by how much what wraps around is smaller
_AT_ONCE = 4  # clips in a CPU's cache


def reverberated(
    audio: Float[Tensor, "b t"],
    reverberance: Int[Tensor, "b"],
    damping: Int[Tensor, "b"],
    room: Int[Tensor, "b"],
    sample_rate: int,
) -> Float[Tensor, "b t"]:
    """Return audio in a room: dry and wet together, cut to its length and off at full scale as SoX does.

    Args:
        audio: one clip per row.
        reverberance: how long it rings, 0 to 100, one per clip; on the CPU like the others.
        damping: of high frequencies, 0 to 100.
        room: its size, 0 to 100.
        sample_rate: Hz.
    """
    rows = _AT_ONCE if audio.device.type == "cpu" else len(audio)
    settings = torch.stack([reverberance, damping, room])
    parts = zip(audio.split(rows), settings.split(rows, dim=1), strict=True)
    wet = [_wet(part, ring, dull, size, sample_rate) for part, (ring, dull, size) in parts]
    return (audio + torch.cat(wet)).clamp(-1, 1)


def _wet(
    audio: Float[Tensor, "b t"],
    reverberance: Int[Tensor, "b"],
    damping: Int[Tensor, "b"],
    room: Int[Tensor, "b"],
    sample_rate: int,
) -> Float[Tensor, "b t"]:
    samples = audio.shape[-1]
    size = fast_length(samples + samples // 2)
    growth = DAMPED ** (1 / size)
    fading = (growth ** -torch.arange(samples, dtype=torch.float64)).to(audio)
    response = _response(reverberance, damping, room, sample_rate, size, growth, audio.device)
    return torch.fft.irfft(torch.fft.rfft(audio * fading, size) * response, size)[:, :samples] / fading


def _response(
    reverberance: Int[Tensor, "b"],
    damping: Int[Tensor, "b"],
    room: Int[Tensor, "b"],
    sample_rate: int,
    size: int,
    growth: float,
    device: torch.device,
) -> Complex[Tensor, "b f"]:
    """Return the mean of both channels' transfer functions at `growth` times the unit circle's points."""
    loop = _feedback(reverberance).to(device)[:, None]
    dull = (damping / 100 * 0.3 + 0.2).float().to(device)[:, None]
    back = _circle(size, growth, device)  # 1 / z
    loop_filter = loop * (1 - dull) / (1 - dull * back)
    scale = (room.double() / 100 * 0.9 + 0.1) * sample_rate / FREEVERB_RATE
    total = torch.zeros_like(loop_filter)
    for channel in (0, 1):
        combs = torch.zeros_like(loop_filter)
        for i, delay in enumerate(COMBS):
            delays = (scale * (delay + SPREAD * channel * (-1) ** i) + 0.5).long().to(device)
            combs += 1 / (_powers(size, growth, delays) - loop_filter)
        total += combs * _all_passes(size, growth, sample_rate, channel, device)
    return total * (WET / 2)


def _feedback(reverberance: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
    """Return the combs' feedback: 0.3 at 0, 0.98 at 100."""
    low = -1 / math.log(1 - 0.3)
    high = 100 / (math.log(1 - 0.98) * low + 1)
    return (1 - torch.exp((reverberance.double() - high) / (low * high))).float()


@lru_cache(maxsize=8)
def _roots(size: int, device: torch.device) -> Complex[Tensor, "r"]:
    """Return all roots of unity of this order."""
    angle = torch.arange(size, dtype=torch.float64) * (2 * math.pi / size)
    return torch.polar(torch.ones_like(angle), angle).to(torch.complex64).to(device)


def _powers(size: int, growth: float, delays: Int[Tensor, "b"]) -> Complex[Tensor, "b f"]:
    """Return z to the power of each delay at the points z of the circle."""
    points = torch.arange(size // 2 + 1, device=delays.device)
    growths = (growth ** delays.double().cpu()).float().to(delays.device)
    return _roots(size, delays.device)[points * delays[:, None] % size] * growths[:, None]


def _circle(size: int, growth: float, device: torch.device) -> Complex[Tensor, "f"]:
    """Return 1 / z at the points z of the circle."""
    return 1 / _powers(size, growth, torch.ones(1, dtype=torch.int64, device=device))[0]


@lru_cache(maxsize=16)
def _all_passes(
    size: int, growth: float, sample_rate: int, channel: int, device: torch.device
) -> Complex[Tensor, "f"]:
    """Return the transfer function of a channel's all-passes, the same for every clip."""
    product = torch.ones(size // 2 + 1, dtype=torch.complex64, device=device)
    for i, length in enumerate(ALL_PASSES):
        delay = int(sample_rate / FREEVERB_RATE * (length + SPREAD * channel * (-1) ** i) + 0.5)
        back = 1 / _powers(size, growth, torch.tensor([delay], device=device))[0]
        product = product * (1.5 * back - 1) / (1 - 0.5 * back)
    return product
