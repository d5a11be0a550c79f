"""Pitch shift as SoX does it: stretched in time by overlapping segments, then resampled to its old length.

SoX 14.4.2's `pitch` is its `tempo` and `rate`. The first cuts segments of 82 ms that overlap by 12 ms, and
looks within 14.7 ms for the place at which a segment fits best to the end of the one before: the least sum
of squared differences (WSOLA: Verhelst, Roelands, ICASSP 1993). All clips of a batch are stretched together.

Deviations:
    SoX resamples by a linear-phase filter in the time domain; here in the frequency domain, with
    nearly the same edge. Transforms have whole lengths, so a clip may end a fraction of a sample off.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from stemwise.signal.augment.lengths import fast_length, largest_prime

SEGMENT_S, OVERLAP_S, SEARCH_S = 0.082, 0.082 / 6.833, 0.082 / 5.587
EDGE, WIDTH = 0.956, 0.0152
"""Where resampling's low-pass falls to a half, as a share of the narrower band, and how steeply: its edge is
the integral of a Gaussian. SoX's is that of a Kaiser window, from 0.912 to 1."""


def pitch_shifted(
    audio: Float[Tensor, "b t"], cents: Int[Tensor, "b"], sample_rate: int
) -> Float[Tensor, "b t"]:
    """Return audio of the same length and tempo at another pitch, cut off at full scale as SoX does.

    Args:
        audio: one clip per row.
        cents: hundredths of a semitone, up or down an octave at most, one per clip; on the CPU.
        sample_rate: Hz.

    Raises:
        ValueError: a shift is larger than an octave.
    """
    if cents.abs().max() > 1200:
        raise ValueError(f"cents: expected -1200 to 1200, got {cents.tolist()}")
    samples = audio.shape[-1]
    ratios = [2 ** (c / 1200) for c in cents.tolist()]
    stretched = _stretched(audio, [float(f"{1 / ratio:g}") for ratio in ratios], sample_rate)  # as SoX rounds
    rows = [_resampled(row, ratio, samples) for row, ratio in zip(stretched, ratios, strict=True)]
    shifted = torch.stack(rows)
    return torch.where((cents == 0).to(audio.device)[:, None], audio, shifted).clamp(-1, 1)


def _stretched(audio: Float[Tensor, "b t"], tempos: list[float], sample_rate: int) -> list[Tensor]:
    """Return each clip at another tempo, `t / tempo` long, at the same pitch."""
    segment = int(SEGMENT_S * sample_rate + 0.5)
    overlap = max(int(OVERLAP_S * sample_rate + 4.5), 16) & ~7  # SoX's, a multiple of 8
    search, hop = int(SEARCH_S * sample_rate + 0.5), segment - overlap
    lengths = [int(audio.shape[-1] / tempo + 0.5) for tempo in tempos]
    count = -(-max(lengths) // hop)
    reach = int(max(tempos) * count * hop) + segment + search
    padded = F.pad(audio, (search // 2, max(0, reach - audio.shape[-1])))
    fade = torch.arange(overlap, device=audio.device) / overlap
    within = torch.arange(segment, device=audio.device)
    pieces, end = [], padded[:, search // 2 : search // 2 + overlap]
    for k in range(count):
        starts = torch.tensor([int(tempo * k * hop + 0.5) for tempo in tempos], device=audio.device)
        around = padded.gather(1, starts[:, None] + torch.arange(search + overlap - 1, device=audio.device))
        offsets = _best_offsets(around, end) if k else torch.full_like(starts, search // 2)
        piece = padded.gather(1, (starts + offsets)[:, None] + within)
        pieces += [torch.lerp(end, piece[:, :overlap], fade), piece[:, overlap:hop]]
        end = piece[:, hop:]
    return [row[:length] for row, length in zip(torch.cat(pieces, dim=1), lengths, strict=True)]


def _best_offsets(around: Float[Tensor, "b w"], end: Float[Tensor, "b o"]) -> Int[Tensor, "b"]:
    """Return where in each stretch the end of the piece before fits best."""
    overlap = end.shape[-1]
    size = fast_length(around.shape[-1])
    spectrum = torch.fft.rfft(around, size) * torch.fft.rfft(end, size).conj()
    products = torch.fft.irfft(spectrum, size)[:, : around.shape[-1] - overlap + 1]
    energies = F.avg_pool1d(around[:, None].square(), overlap, stride=1)[:, 0] * overlap
    return (energies - 2 * products).argmin(dim=1)  # and the end's own energy, the same everywhere


def _resampled(row: Float[Tensor, "m"], ratio: float, samples: int) -> Float[Tensor, "t"]:
    """Return so many samples, one every `ratio` of the row's."""
    size, inner = _lengths(ratio, samples)
    spectrum = torch.fft.rfft(row[:inner], inner)
    bins = min(inner, size) // 2 + 1
    place = torch.arange(bins, device=row.device) / (bins - 1)
    kept = spectrum[:bins] * (0.5 * torch.erfc((place - EDGE) / WIDTH))
    return torch.fft.irfft(kept, size)[:samples] * (size / inner)


@cache
def _lengths(ratio: float, samples: int) -> tuple[int, int]:
    """Return lengths in this ratio of which transforms are fast: of the result, and of what it is made of."""
    room = 256  # behind the end, so that it does not run into the beginning
    sizes = [size for size in range(samples + room, 5 * samples // 4 + 8 * room) if largest_prime(size) <= 7]
    pairs = [(size, round(ratio * size)) for size in sizes]
    return min(pairs, key=lambda pair: largest_prime(pair[1]) + 300 * abs(pair[1] - ratio * pair[0]))
