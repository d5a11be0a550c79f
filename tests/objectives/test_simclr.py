"""Contrastive learning: which vectors count against which, views by themselves, pairs of crops."""

import logging
import math

import numpy as np
import pytest
import torch

from stemwise.data.decoding import FULL_SCALE
from stemwise.data.views import ViewBatches
from stemwise.models import WAVEFORM_ENCODERS
from stemwise.objectives.simclr import SimCLR, nt_xent
from stemwise.signal.augment.chain import Augmentation
from stemwise.training import LARS, Optimiser
from synth import memory_cache, tiny_encoder
from training_runs import Averages

RATE = 16_000


def loop(first: torch.Tensor, second: torch.Tensor, temperature: float) -> float:
    """NT-Xent as the paper's formula says it, one vector after the other."""
    z, total = [*first, *second], 0.0
    for i, anchor in enumerate(z):
        cosines = [float(torch.cosine_similarity(anchor, other, dim=0)) / temperature for other in z]
        partner = (i + len(first)) % len(z)
        others = sum(math.exp(value) for j, value in enumerate(cosines) if j != i)
        total -= math.log(math.exp(cosines[partner]) / others)
    return total / len(z)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent_is_the_papers_formula(temperature: float) -> None:
    first, second = torch.randn(2, 5, 7)
    expected = loop(first, second, temperature)
    assert nt_xent(first, second, temperature).item() == pytest.approx(expected, rel=1e-5)


def test_nt_xent_does_not_depend_on_lengths_or_on_which_view_is_first() -> None:
    first, second = torch.randn(2, 4, 6)
    loss = nt_xent(first, second)
    torch.testing.assert_close(nt_xent(3 * first, 0.1 * second), loss)
    torch.testing.assert_close(nt_xent(second, first), loss)


def batches(**given: int) -> ViewBatches:
    settings = {"batch_size": 3, "samples": 8192, "seed": 0} | given
    return ViewBatches(memory_cache(tracks=5, sources=1), **settings)


def is_cut(song: np.ndarray, view: np.ndarray) -> bool:
    """Whether a view is somewhere in a song."""
    places = np.flatnonzero(song[: len(song) - 64] == view[0])
    return any(np.array_equal(song[at : at + 64], view[:64]) for at in places)


def test_views_are_two_crops_of_the_same_song_and_each_song_is_once_in_a_batch() -> None:
    data = batches()
    for k in range(6):
        batch = data.batch(k)
        assert batch["views"].shape == (3, 2, 1, 8192)
        assert len(set(batch["names"])) == 3
        songs = [data.cache.whole(data.cache.names.index(name), 0)[:, 0] for name in batch["names"]]
        for song, views in zip(songs, batch["views"].numpy(), strict=True):
            assert all(is_cut(song, view[0]) for view in views)
        assert not torch.equal(batch["views"][:, 0], batch["views"][:, 1])
        assert batch["seeds"].unique().numel() == 6


def test_rows_of_a_batch_do_not_depend_on_which_are_asked_for() -> None:
    data = batches()
    whole, some = data.batch(4), data.batch(4, slice(1, 3))
    assert some["names"] == whole["names"][1:]
    assert torch.equal(some["views"], whole["views"][1:])
    assert torch.equal(some["seeds"], whole["seeds"][1:])


def test_short_songs_are_left_out_aloud_and_too_few_are_an_error(caplog: pytest.LogCaptureFixture) -> None:
    cache = memory_cache(tracks=5, sources=1)
    cache.lengths[2] = 4000
    with caplog.at_level(logging.WARNING, "stemwise"):
        data = ViewBatches(cache, batch_size=4, samples=8192, seed=0)
    assert "1 of 5 tracks are shorter than a crop" in caplog.text
    assert all("song-2" not in data.batch(k)["names"] for k in range(5))
    with pytest.raises(ValueError, match=r"batch_size: expected at most 4, .* got 5"):
        ViewBatches(cache, batch_size=5, samples=8192, seed=0)


def test_views_are_augmented_each_by_itself() -> None:
    objective = SimCLR(8, RATE, Augmentation(p_polarity=1.0, p_pitch=1.0))
    same = 0.1 * torch.randn(1, 1, 8192).expand(2, 1, 8192)
    out = objective.augmented(same, torch.tensor([3, 4]))
    assert not torch.equal(out[0], out[1])
    assert torch.equal(out, objective.augmented(same, torch.tensor([3, 4])))
    alone = objective.augmented(same[:1], torch.tensor([4]))
    torch.testing.assert_close(out[1:], alone, atol=1e-6, rtol=0)


def test_separate_passes_have_statistics_of_one_view_and_joint_ones_of_both() -> None:
    batch = batches().batch(0)
    counts, losses = {}, {}
    for passes in ("separate", "joint"):
        torch.manual_seed(0)
        model = tiny_encoder(WAVEFORM_ENCODERS["sample-cnn"]).build().train()
        objective = SimCLR(4, RATE, Augmentation(), passes=passes)
        losses[passes] = objective(model, batch).total.item()
        counts[passes] = int(model.blocks[0][1].num_batches_tracked)
    assert counts == {"separate": 2, "joint": 1}
    assert losses["separate"] != losses["joint"]


def test_without_batch_statistics_both_ways_are_the_same() -> None:
    batch, losses = batches().batch(0), []
    for passes in ("separate", "joint"):
        torch.manual_seed(0)
        losses.append(SimCLR(8, RATE, Augmentation(), passes=passes)(Averages(), batch).total)
    torch.testing.assert_close(*losses)


def test_16_bit_views_are_the_same_as_floats() -> None:
    batch, objective = batches().batch(0), SimCLR(8, RATE, Augmentation())
    assert batch["views"].dtype == torch.int16
    view, seeds = batch["views"][:, 0], batch["seeds"][:, 0]
    floats = objective.augmented(view.float() / FULL_SCALE, seeds)
    torch.testing.assert_close(objective.augmented(view, seeds), floats)


def test_augmentation_and_loss_run_under_autocast() -> None:
    torch.manual_seed(0)
    model, objective, batch = Averages(), SimCLR(8, RATE, Augmentation()), batches().batch(0)
    exact = objective(model, batch).total
    with torch.autocast("cpu", torch.bfloat16):
        rough = objective(model, batch).total
    assert rough.dtype == torch.float32
    assert rough.item() == pytest.approx(exact.item(), abs=0.05)


def test_temperature_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature: expected more than 0, got 0"):
        SimCLR(8, RATE, Augmentation(), temperature=0.0)


def test_lars_moves_each_tensor_by_a_share_of_its_norm() -> None:
    small, large = (torch.nn.Parameter(scale * torch.ones(4)) for scale in (1.0, 100.0))
    optimiser = Optimiser(name="lars", learning_rate=0.1, weight_decay=0.0).build([small, large])
    assert isinstance(optimiser, LARS)
    for weight in (small, large):
        weight.grad = torch.tensor([0.0, 0.0, 0.0, 7.0])
    optimiser.step()
    assert (1 - small[3]).item() == pytest.approx(0.1 * 1e-3 * 2, rel=1e-3)
    assert (100 - large[3]).item() == pytest.approx(0.1 * 1e-3 * 200, rel=1e-3)


def test_lars_has_momentum_and_no_nesterov() -> None:
    assert Optimiser(name="lars", momentum=0.9).momentum == 0.9
    with pytest.raises(ValueError, match="nesterov: expected sgd"):
        Optimiser(name="lars", momentum=0.9, nesterov=True)
