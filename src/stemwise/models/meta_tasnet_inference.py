"""Meta-TasNet's masking network without gradients: the same answer, in fewer passes over less memory.

A group norm has to know all frames before any of them can go on, so a signal is written between two norms;
but what lies between them is done some frames at a time, while they are near the processor. On a CPU the
stems go one after the other; on other devices all of them and all frames at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stemwise.models.meta_tasnet_layers import GROUPS, affine_of_moments

if TYPE_CHECKING:
    from stemwise.models.meta_tasnet_masker import Block, Masker

FRAMES = 1400
"""That a CPU works on at a time: 160 channels of them are about a megabyte."""

Affine = tuple[Float[Tensor, "r c"], Float[Tensor, "r c"]]


@dataclass
class Moments:
    """Sums and sums of squares of each channel, collected part by part of the frames."""

    frames: int = 0
    parts: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def add(self, x: Float[Tensor, "r c n"]) -> None:
        """Take a part in."""
        self.frames += x.shape[-1]
        self.parts.append((x.sum(-1), torch.linalg.vector_norm(x, dim=-1).square()))

    def affine(self, scales: Affine, groups: int = GROUPS) -> Affine:
        """Return gain and offset of a group norm with these scales and shifts."""
        total, square = (torch.stack(kind).sum(0) for kind in zip(*self.parts, strict=True))
        return affine_of_moments(total, square, self.frames, scales, groups)


@dataclass(frozen=True)
class Weights:
    """A block's weights for some rows, a row for each stem of each item.

    Attributes:
        narrow: of the first convolution.
        norms: scales and shifts of both norms.
        taps: of the depthwise convolution.
        heads: of the residual and the skip output, one below the other.
        biases: of both, zeros where they have none.
        slopes: of both rectifiers.
        dilation: of the depthwise convolution.
    """

    narrow: Float[Tensor, "r i o"]
    norms: tuple[Affine, Affine]
    taps: Float[Tensor, "r i 3"]
    heads: Float[Tensor, "r o2 i"]
    biases: Float[Tensor, "r o2 1"]
    slopes: tuple[float, float]
    dilation: int

    def rows(self, rows: slice) -> Weights:
        """Return those of some rows."""
        first, second = ((scale[rows], shift[rows]) for scale, shift in self.norms)
        parts = (each[rows] for each in (self.narrow, self.taps, self.heads, self.biases))
        narrow, taps, heads, biases = parts
        return Weights(narrow, (first, second), taps, heads, biases, self.slopes, self.dilation)


def skip_sum(
    masker: Masker, x: Float[Tensor, "b s c n"], embedding: Float[Tensor, "s e"] | None
) -> Float[Tensor, "b s c n"]:
    """Return the sum of the blocks' skips, without gradients.

    Args:
        masker: whose blocks.
        x: what the first of them reads.
        embedding: of the stems, if weights are generated.
    """
    flat = x.flatten(0, 1)
    blocks = [_weights(block, embedding, slopes, len(x)) for block, slopes in _with_slopes(masker)]
    step = at_a_time(x.device, len(flat), 1)
    out = torch.empty_like(flat)
    for row in range(0, len(flat), step):
        rows = slice(row, row + step)
        _run([block.rows(rows) for block in blocks], flat[rows], out[rows])
    return out.unflatten(0, x.shape[:2])


def _with_slopes(masker: Masker) -> Iterator[tuple[Block, tuple[float, float]]]:
    """Yield the blocks with their rectifiers' slopes, all fetched at once."""
    blocks: list[Block] = list(masker.tcn)  # type: ignore[arg-type]
    slopes = torch.cat([each.weight for block in blocks for each in (block.prelu_1, block.prelu_2)]).tolist()
    return zip(blocks, zip(slopes[::2], slopes[1::2], strict=True), strict=True)


def _weights(
    block: Block, embedding: Float[Tensor, "s e"] | None, slopes: tuple[float, float], items: int
) -> Weights:
    heads = block.res_out(embedding), block.skip_out(embedding)
    matrix = torch.cat([weight[..., 0] for weight, _ in heads], dim=1)
    biases = [torch.zeros_like(weight[:, :, 0, 0]) if bias is None else bias for weight, bias in heads]
    found = [
        *(block.conv1d(embedding)[0][..., 0], *block.norm_1(embedding), *block.norm_2(embedding)),
        *(block.dconv1d(embedding)[0][:, :, 0], matrix, torch.cat(biases, dim=1)[..., None]),
    ]
    narrow, scale_1, shift_1, scale_2, shift_2, taps, matrix, bias = (
        each.repeat(items, *[1] * (each.ndim - 1)) if items > 1 else each for each in found
    )
    norms = (scale_1, shift_1), (scale_2, shift_2)
    return Weights(narrow, norms, taps, matrix, bias, slopes, block.dilation)


def _run(blocks: Sequence[Weights], x: Float[Tensor, "r c n"], out: Float[Tensor, "r c n"]) -> None:
    """Write the sum of the skips of some rows.

    Both outputs of a block are one product, added onto both signals; what is constant over the frames travels
    apart, and comes into the next block's product through a row of ones.
    """
    width, parts = x.shape[1], _parts(x)
    flow = torch.cat([torch.ones_like(x[:, :1]), x, torch.zeros_like(x)], dim=1)
    constant, heads = x.new_zeros(len(x), 2 * width, 1), None
    inner = x.new_empty(len(x), blocks[0].narrow.shape[1], x.shape[2])
    middle = torch.empty_like(inner)
    for block in blocks:
        matrix = torch.cat([torch.bmm(block.narrow, constant[:, :width]), block.narrow], dim=-1)
        found = Moments()
        for part in parts:
            if heads is not None:  # of the block before: its outputs are read while they are near
                _add_product(flow[:, 1:, part], heads, middle[..., part])
            torch.bmm(matrix, flow[:, : width + 1, part], out=inner[..., part])
            found.add(F.leaky_relu_(inner[..., part], block.slopes[0]))
        gain, offset = _depthwise(block, inner, found.affine(block.norms[0]), middle)
        heads = block.heads * gain[:, None]
        constant = constant + torch.bmm(block.heads, offset[..., None]) + block.biases
    assert heads is not None
    for part in parts:  # nothing reads the last block's residual output
        torch.add(flow[:, width + 1 :, part], constant[:, width:], out=out[..., part])
        _add_product(out[..., part], heads[:, width:], middle[..., part])


def _depthwise(
    block: Weights, x: Float[Tensor, "r i n"], affine: Affine, out: Float[Tensor, "r i n"]
) -> Affine:
    """Write the rectified depthwise convolution of a normalised signal; return its own norm's affine."""
    gain, offset = affine
    taps, constant = block.taps * gain[..., None], block.taps * offset[..., None]
    whole, d, frames = constant.sum(-1, keepdim=True), block.dilation, x.shape[-1]
    found = Moments()
    for part in _parts(x):
        here = out[..., part]
        torch.addcmul(whole, x[..., part], taps[..., 1:2], out=here)
        first, last = max(part.start, d), min(part.stop, frames - d)
        if first < part.stop:
            out[..., first : part.stop].addcmul_(x[..., first - d : part.stop - d], taps[..., :1])
        if last > part.start:
            out[..., part.start : last].addcmul_(x[..., part.start + d : last + d], taps[..., 2:])
        # the zeros beyond the ends are those of the normalised signal: taps there miss their offset, too
        out[..., part.start : min(d, part.stop)].sub_(constant[..., :1])
        out[..., max(frames - d, part.start) : part.stop].sub_(constant[..., 2:])
        found.add(F.leaky_relu_(here, block.slopes[1]))
    return found.affine(block.norms[1])


def _add_product(
    onto: Float[Tensor, "r o n"], matrix: Float[Tensor, "r o i"], x: Float[Tensor, "r i n"]
) -> None:
    if len(onto) == 1:  # `baddbmm_` would copy what does not lie in one piece
        onto[0].addmm_(matrix[0], x[0])
    else:
        onto.baddbmm_(matrix, x)


def at_a_time(device: torch.device, count: int, on_cpu: int) -> int:
    """Return how many rows or frames of so many are worked on at a time."""
    return on_cpu if device.type == "cpu" else max(1, count)


def _parts(x: Float[Tensor, "r c n"]) -> list[slice]:
    """Return the frames that are worked on at a time."""
    frames = x.shape[-1]
    step = at_a_time(x.device, frames, FRAMES)
    return [slice(at, min(at + step, frames)) for at in range(0, frames, step)]


def masks(
    masker: Masker, skips: Float[Tensor, "b s c n"], embedding: Float[Tensor, "s e"] | None
) -> Float[Tensor, "b s d n"]:
    """Return the masks, a group of the last norm after the other."""
    slope, last = torch.cat([masker.prelu_3.weight, masker.prelu_4.weight]).tolist()
    x = F.leaky_relu_(skips, slope).flatten(0, 1)
    found, items = Moments(), len(skips)
    found.add(x)
    gain, offset = found.affine(_repeated(masker.norm_3(embedding), items))
    weight = masker.mask_output(embedding)[0][..., 0].repeat(items, 1, 1)
    # as a further input the constant costs less than being added to every frame of the outputs
    x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    matrix = torch.cat([weight * gain[:, None], torch.bmm(weight, offset[..., None])], dim=-1)
    scale, shift = _repeated(masker.norm_4(embedding), items)
    out = x.new_empty(len(x), weight.shape[1], x.shape[2])
    each = weight.shape[1] // GROUPS
    for first in range(0, weight.shape[1], each):
        rows, found = slice(first, first + each), Moments()
        y = F.leaky_relu_(torch.bmm(matrix[:, rows], x), last)
        found.add(y)
        gain, offset = found.affine((scale[:, rows], shift[:, rows]), 1)
        for part in _parts(y):
            here = torch.addcmul(offset[..., None], y[..., part], gain[..., None])
            shares = here.unflatten(0, skips.shape[:2]).softmax(1)
            out[:, rows, part] = shares.flatten(0, 1)
    return out.unflatten(0, skips.shape[:2])


def _repeated(
    scales: tuple[Float[Tensor, "s c"], Float[Tensor, "s c"]], items: int
) -> tuple[Float[Tensor, "r c"], Float[Tensor, "r c"]]:
    scale, shift = (each.repeat(items, 1) for each in scales)
    return scale, shift
