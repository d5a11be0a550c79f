"""Gains, polarity and channel swap on batches of stems."""

import pytest
import torch

from stemwise.signal.remix import remixed


def draws(batch: int = 3, stems: int = 4, seed: int = 0) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {
        "gains_db": 10 * torch.rand(batch, stems, generator=draw) - 6,
        "flipped": torch.rand(batch, stems, generator=draw) < 0.5,
        "swapped": torch.rand(batch, stems, generator=draw) < 0.5,
    }


def audio(channels: int) -> torch.Tensor:
    return torch.randn(3, 4, channels, 50)


@pytest.mark.parametrize("channels", [1, 2])
def test_each_stem_is_changed_by_its_own_draw(channels: int) -> None:
    stems, drawn = audio(channels), draws()
    found = remixed(stems, **drawn)
    for b in range(3):
        for s in range(4):
            expected = stems[b, s] * 10 ** (drawn["gains_db"][b, s] / 20)
            expected = -expected if drawn["flipped"][b, s] else expected
            expected = expected.flip(0) if drawn["swapped"][b, s] else expected
            torch.testing.assert_close(found[b, s], expected)


def test_swap_leaves_mono_as_it_is() -> None:
    stems, drawn = audio(1), draws()
    never = {**drawn, "swapped": torch.zeros(3, 4, dtype=torch.bool)}
    assert torch.equal(remixed(stems, **drawn), remixed(stems, **never))


@pytest.mark.parametrize("channels", [1, 2])
def test_what_comes_in_is_left_alone(channels: int) -> None:
    stems = audio(channels)
    before = stems.clone()
    remixed(stems, **draws())
    assert torch.equal(stems, before)


def test_twice_upside_down_and_swapped_is_as_before() -> None:
    stems, yes = audio(2), torch.ones(3, 4, dtype=torch.bool)
    drawn = {"gains_db": torch.zeros(3, 4), "flipped": yes, "swapped": yes}
    assert torch.equal(remixed(remixed(stems, **drawn), **drawn), stems)


def test_gradients_pass() -> None:
    stems = audio(2).requires_grad_()
    remixed(stems, **draws()).square().sum().backward()
    assert stems.grad is not None
    assert (stems.grad != 0).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_another_device_gives_the_same() -> None:
    stems, drawn = audio(2), draws()
    moved = remixed(stems.cuda(), **{name: value.cuda() for name, value in drawn.items()})
    torch.testing.assert_close(moved.cpu(), remixed(stems, **drawn))
