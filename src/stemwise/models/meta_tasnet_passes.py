"""Two functions of Meta-TasNet's layers with gradients by hand: on a CPU memory is what costs time.

Autograd would take several passes over the signal, and copies, where these take one or two.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


class _Moments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x)
        return x.sum(-1), torch.linalg.vector_norm(x, dim=-1).square()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        (x,), (of_sum, of_square) = ctx.saved_tensors, grad_outputs
        return torch.addcmul(of_sum[..., None], x, 2 * of_square[..., None])


class _ThreeTaps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, constant: Tensor, dilation: int) -> Tensor:
        ctx.save_for_backward(x, taps)
        ctx.dilation = dilation
        return _shifted_sum(x, taps, constant, dilation)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (x, taps), (grad,), d = ctx.saved_tensors, grad_outputs, ctx.dilation
        of_x = _shifted_sum(grad, taps.flip(-1), torch.zeros_like(taps[..., 0]), d)
        pairs = ((grad[..., d:], x[..., :-d]), (grad, x), (grad[..., :-d], x[..., d:]))
        of_taps = torch.stack([(g * v).sum(-1) for g, v in pairs], dim=-1)
        return of_x, of_taps, grad.sum(-1), None


def moments(x: Float[Tensor, "*b n"]) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b"]]:
    """Return the sum and the sum of squares over the last axis."""
    return _Moments.apply(x)  # type: ignore[return-value]


def three_taps(
    x: Float[Tensor, "*b n"], taps: Float[Tensor, "*b 3"], constant: Float[Tensor, "*b"], dilation: int
) -> Float[Tensor, "*b n"]:
    """Return `taps[0] x[t - d] + taps[1] x[t] + taps[2] x[t + d] + constant`, zeros beyond the ends.

    Args:
        x: the signal.
        taps: a filter for each row.
        constant: of each row.
        dilation: d.
    """
    return _ThreeTaps.apply(x, taps, constant, dilation)  # type: ignore[return-value]


def _shifted_sum(x: Tensor, taps: Tensor, constant: Tensor, d: int) -> Tensor:
    out = torch.addcmul(constant[..., None], x, taps[..., 1:2])
    if x.shape[-1] > d:
        out[..., d:].addcmul_(x[..., :-d], taps[..., 0:1])
        out[..., :-d].addcmul_(x[..., d:], taps[..., 2:3])
    return out
