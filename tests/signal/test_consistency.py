"""Stems that are made to sum to their mixture."""

import pytest
import torch
from torch import Tensor

from stemwise.signal.consistency import HOP, SIZE, STRIP, share_out, share_out_inside


def random(*shape: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def masked(mixture: Tensor, stems: int) -> Tensor:
    """Parts of the mixture under random masks that sum to one."""
    window = torch.hann_window(SIZE)
    whole = torch.stft(mixture, SIZE, HOP, window=window, return_complex=True)
    masks = random(stems, *whole.shape[1:], seed=2).mul(30).softmax(0)
    return torch.istft(masks * whole, SIZE, HOP, window=window, length=mixture.shape[-1])[None]


@pytest.mark.parametrize("samples", [1024, 5000, 20_001])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_stems_sum_to_the_mixture(samples: int, count: int) -> None:
    mixture = random(2, samples)
    stems, _ = share_out(mixture, random(2, count, samples, seed=1))
    torch.testing.assert_close(stems.sum(1), mixture, atol=1e-6, rtol=0)


def test_stems_that_sum_already_are_left_alone() -> None:
    mixture = random(1, 20_000)
    stems = masked(mixture, 4)
    found, _ = share_out(mixture, stems)
    torch.testing.assert_close(found, stems, atol=1e-6, rtol=0)


def test_stems_of_half_the_level_are_brought_to_the_mixtures() -> None:
    mixture = random(1, 20_000)
    stems = masked(mixture, 2)
    found, _ = share_out(mixture, 0.5 * stems)
    assert (found - stems).square().sum() < 0.2 * (0.5 * stems - stems).square().sum()


def test_silent_mixture_leaves_silence_in_the_sum() -> None:
    stems, _ = share_out(torch.zeros(1, 4096), random(1, 3, 4096))
    torch.testing.assert_close(stems.sum(1), torch.zeros(1, 4096), atol=1e-6, rtol=0)


def test_shares_sum_to_one() -> None:
    _, top = share_out(random(2, 10_000), random(2, 3, 10_000, seed=1))
    torch.testing.assert_close(top.sum(1), torch.ones_like(top[:, 0]))


def test_shares_are_equal_in_silence() -> None:
    _, top = share_out(torch.zeros(1, 10_000), torch.zeros(1, 4, 10_000))
    torch.testing.assert_close(top, torch.full_like(top, 0.25))


def test_share_of_the_top_octave_goes_to_the_stem_that_is_there() -> None:
    time = torch.arange(16_000) / 16_000
    low, high = torch.sin(2 * torch.pi * 500 * time), 0.1 * torch.sin(2 * torch.pi * 6000 * time)
    _, top = share_out((low + high)[None], torch.stack([low, high])[None])
    assert (top[0, 1, 4:-4] > 0.9).all()


def test_shares_come_every_hop() -> None:
    _, top = share_out(random(1, 10 * HOP), random(1, 2, 10 * HOP, seed=1))
    assert top.shape == (1, 2, 11)


def test_gradient_is_finite_in_silence() -> None:
    stems = torch.zeros(1, 2, 4096, requires_grad=True)
    share_out(torch.zeros(1, 4096), stems)[0].square().sum().backward()
    assert stems.grad is not None
    assert stems.grad.isfinite().all()


@pytest.mark.parametrize("inner", [HOP, STRIP, 2 * STRIP + 3 * HOP])
def test_strips_give_what_the_whole_gives(inner: int) -> None:
    mixture, stems = random(2, inner + 2 * SIZE), random(2, 3, inner + 2 * SIZE, seed=1)
    whole, shares = share_out(mixture, stems)
    audio, top = share_out_inside(mixture, stems)
    torch.testing.assert_close(audio, whole[..., SIZE:-SIZE], atol=1e-6, rtol=0)
    frames = slice(SIZE // HOP, SIZE // HOP + inner // HOP + 1)
    torch.testing.assert_close(top, shares[..., frames], atol=1e-6, rtol=0)
