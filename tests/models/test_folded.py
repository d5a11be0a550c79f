"""The U-Net rearranged for inference: the same masks, whichever frames are wanted."""

import pytest
import torch

from stemwise.models import folded
from stemwise.models.folded import FoldedUNet
from stemwise.models.unet import UNet, UNetConfig
from synth import scrambled

SAME = 1e-5
FRAMES = 64
CONFIGS = {
    "average": UNetConfig(widths=(4,) * 3, head_width=4),
    "softmax": UNetConfig(widths=(4,) * 3, head_width=4, mask="softmax"),
    "one stem": UNetConfig(widths=(4, 6, 8), head_width=5, stems=("bass",), pool="max"),
    "as deep as the published one": UNetConfig(widths=(4,) * 6, head_width=4),
}


@pytest.fixture(params=CONFIGS)
def unet(request: pytest.FixtureRequest) -> UNet:
    """Scrambled, but not so that rounding grows from layer to layer."""
    return scrambled(CONFIGS[request.param].build(), gain=0.8).unet


def picture(batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, 1, 256, FRAMES, generator=torch.Generator().manual_seed(3))


def joined(taken: FoldedUNet, batch: torch.Tensor, first: int, last: int) -> torch.Tensor:
    return torch.cat(list(taken(batch.transpose(2, 3), first, last)), dim=2).transpose(2, 3)


@torch.inference_mode()
def masks(unet: UNet, first: int, last: int, batch: int = 1) -> torch.Tensor:
    return joined(FoldedUNet(unet), picture(batch), first, last)


@pytest.mark.parametrize("strip", [6, 17, 256])
@pytest.mark.parametrize(("first", "last"), [(0, FRAMES), (0, 1), (21, 40), (30, 31), (62, FRAMES)])
def test_masks_are_the_networks_own(
    unet: UNet, first: int, last: int, strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folded, "STRIP", strip)
    with torch.inference_mode():
        expected = unet(picture())[..., first:last]
    torch.testing.assert_close(masks(unet, first, last), expected, atol=SAME, rtol=0)


def test_batch_is_as_one_by_one(unet: UNet) -> None:
    torch.testing.assert_close(masks(unet, 5, 60, batch=3)[:1], masks(unet, 5, 60), atol=SAME, rtol=0)


def test_masks_do_not_follow_later_weights(unet: UNet) -> None:
    taken = FoldedUNet(unet)
    before = joined(taken, picture(), 0, FRAMES)
    scrambled(unet, seed=1)
    assert torch.equal(joined(taken, picture(), 0, FRAMES), before)


@pytest.mark.parametrize(("first", "last"), [(0, 9000), (3000, 3001), (4000, 20_480), (20_000, 21_000)])
def test_stems_of_some_samples_are_the_separators_own(first: int, last: int) -> None:
    model = scrambled(CONFIGS["average"].build(), gain=1.0)
    audio = 0.1 * torch.randn(2, 1, 21_000, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        found = model.for_inference()(audio, first, last)
        torch.testing.assert_close(found, model(audio)[..., first:last], atol=SAME, rtol=0)
