"""Meta-TasNet written plainly, layer by layer, as a yardstick: the same weights, the same answer.

Each stem's weights are put side by side into grouped convolutions and group norms, every stage decodes its
stems, and nothing is folded into anything else.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stemwise.models.meta_tasnet import MetaTasNet


@torch.inference_mode()
def plain_stems(model: MetaTasNet, mixtures: list[Tensor]) -> Tensor:
    """Return the stems at the highest rate (b, s, 1, t), of mixtures (b, 1, t) from low to high."""
    before, audio = None, torch.zeros(())
    stages: Any = model.stages
    for stage, mixture in zip(stages, model.filled_up(mixtures), strict=True):
        latent = stage.encoder(mixture)
        masks = _masks(stage.mask, latent, before, stage.instrument_embedding.weight)
        before = masks * latent[:, None]
        audio = _decoded(stage.decoder, before.flatten(0, 1)).unflatten(0, before.shape[:2])
    return audio[:, :, None, : mixtures[-1].shape[-1]]


def _masks(mask: Any, latent: Tensor, before: Tensor | None, embedding: Tensor) -> Tensor:
    stems = len(embedding)

    def conv(x: Tensor, source: Any, **options: Any) -> Tensor:
        weight, _ = source(embedding)
        return F.conv1d(x, weight.flatten(0, 1), groups=x.shape[1] // weight.shape[2], **options)

    def norm(x: Tensor, source: Any) -> Tensor:
        scale, shift = source(embedding)
        return F.group_norm(x, 8 * stems, scale.flatten(), shift.flatten(), 1e-8)

    def rectified(x: Tensor, slope: Any) -> Tensor:
        return F.prelu(x, slope.weight)

    x = latent[:, None].expand(-1, stems, -1, -1)
    x = x if before is None else torch.cat([x, before], dim=2)
    x = norm(rectified(x.flatten(1, 2), mask.prelu_1), mask.norm_1)
    x = norm(rectified(conv(x, mask.in_conv), mask.prelu_2), mask.norm_2)
    skips = torch.zeros_like(x)
    for block in mask.tcn:
        y = norm(rectified(conv(x, block.conv1d), block.prelu_1), block.norm_1)
        y = conv(y, block.dconv1d, dilation=block.dilation, padding=block.dilation)
        y = norm(rectified(y, block.prelu_2), block.norm_2)
        x, skips = x + conv(y, block.res_out), skips + conv(y, block.skip_out)
    x = conv(norm(rectified(skips, mask.prelu_3), mask.norm_3), mask.mask_output)
    x = norm(rectified(x, mask.prelu_4), mask.norm_4)
    return x.unflatten(1, (stems, -1)).softmax(1)


def _decoded(decoder: Any, latents: Tensor) -> Tensor:
    hidden = F.relu(F.conv_transpose1d(latents, decoder.bottleneck[0].weight))
    parts = zip(decoder.filters, hidden.split(decoder.widths, dim=1), strict=True)
    return torch.stack([conv(part)[:, 0] for conv, part in parts]).sum(0)
