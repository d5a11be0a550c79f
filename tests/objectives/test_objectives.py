"""What "better" means in training."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stemwise.objectives.separation import BalancedL1, WaveformL1
from stemwise.objectives.supervised import Supervised, SupervisedPictures
from synth import classifier


class Scaled(nn.Module):
    """A separator that gives the right stems, times a factor each."""

    def __init__(self, stems: Tensor, factors: tuple[float, ...]) -> None:
        super().__init__()
        self.stems = stems
        self.factors = nn.Parameter(torch.tensor(factors)[None, :, None, None])

    def forward(self, mixture: Tensor) -> Tensor:
        return self.factors * self.stems


class Shared(nn.Module):
    """A separator that gives half of the mixture as each stem."""

    def __init__(self, stems: int) -> None:
        super().__init__()
        self.stems = stems

    def forward(self, mixture: Tensor) -> Tensor:
        return 0.5 * mixture[:, None].expand(-1, self.stems, -1, -1)


def batch(levels: tuple[float, ...] = (0.1, 0.1), samples: int = 8192) -> dict[str, Any]:
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(3, len(levels), 1, samples, generator=draw)
    stems = noise * torch.tensor(levels)[None, :, None, None]
    active = stems.square().mean((-2, -1)) > 0
    return {"stems": stems, "mixture": stems.sum(1), "active": active, "names": ["a", "b", "c"]}


separation = pytest.mark.parametrize(
    "objective", [WaveformL1(), BalancedL1()], ids=lambda o: type(o).__name__
)


@separation
def test_right_answer_costs_nothing(objective: Any) -> None:
    item = batch()
    assert objective(Scaled(item["stems"], (1.0, 1.0)), item).total == 0


@separation
def test_worse_answer_costs_more(objective: Any) -> None:
    item = batch()
    losses = [objective(Scaled(item["stems"], (1.0, f)), item).total.item() for f in (0.9, 0.5, 0.0)]
    assert losses == sorted(losses)
    assert losses[0] > 0


@separation
def test_gradient_is_finite_where_all_is_silent(objective: Any) -> None:
    item = batch((0.0, 0.0))
    model = Scaled(item["stems"], (1.0, 1.0))
    objective(model, item).total.backward()
    assert model.factors.grad is not None
    assert model.factors.grad.isfinite().all()


@separation
def test_parts_are_cut_off_from_the_gradient(objective: Any) -> None:
    item = batch()
    loss = objective(Scaled(item["stems"], (0.5, 0.5)), item)
    assert loss.total.requires_grad
    assert not any(part.requires_grad for part in loss.parts.values())


def test_waveform_l1_is_the_mean_absolute_error() -> None:
    item = batch()
    loss = WaveformL1()(Scaled(item["stems"], (0.5, 0.5)), item)
    torch.testing.assert_close(loss.total, 0.5 * item["stems"].abs().mean())


def test_balanced_loss_counts_a_quiet_stem_as_much_as_a_loud_one() -> None:
    item = batch((0.2, 0.002))
    objective = BalancedL1(compressed=0.0)
    loud, quiet = (objective(Scaled(item["stems"], f), item).total for f in ((0.0, 1.0), (1.0, 0.0)))
    torch.testing.assert_close(loud, quiet, rtol=0.02, atol=0)


def test_balanced_loss_leaves_silent_stems_out() -> None:
    item = batch((0.1, 0.0))
    one = {**item, "stems": item["stems"][:, :1], "active": item["active"][:, :1]}
    both = BalancedL1()(Shared(2), item).total
    torch.testing.assert_close(both, BalancedL1()(Shared(1), one).total)


def test_balanced_loss_is_its_parts() -> None:
    item = batch()
    loss = BalancedL1(compressed=3.0)(Scaled(item["stems"], (0.5, 0.2)), item)
    torch.testing.assert_close(loss.total.detach(), loss.parts["waveform"] + 3 * loss.parts["magnitude"])


def test_multilabel_loss_is_binary_cross_entropy_over_windows() -> None:
    model = classifier()
    clip = 0.1 * torch.randn(2, 1, model.window + model.hop)
    label = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    with torch.no_grad():
        loss = Supervised(target="multilabel")(model, {"audio": clip, "label": label})
        logits = model.logits(clip)
    each = [F.binary_cross_entropy(logits[..., n].sigmoid(), label) for n in range(2)]
    torch.testing.assert_close(loss.total, (each[0] + each[1]) / 2)


def test_multiclass_loss_is_minus_the_log_of_the_right_classs_chance() -> None:
    model = classifier()
    clip = 0.1 * torch.randn(2, 1, model.window)
    label = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    with torch.no_grad():
        loss = Supervised(target="multiclass")(model, {"audio": clip, "label": label})
        chances = model.logits(clip)[..., 0].softmax(1)
    torch.testing.assert_close(loss.total, -(chances[0, 1].log() + chances[1, 2].log()) / 2)


@pytest.mark.parametrize("target", ["multilabel", "multiclass"])
def test_loss_on_pictures_is_that_on_their_audio(target: Any) -> None:
    model = classifier()
    clip, label = 0.1 * torch.randn(2, 1, model.window), torch.eye(3)[:2]
    with torch.no_grad():
        picture, _ = model.pictures(model.window_magnitudes(clip))
        on_audio = Supervised(target=target)(model, {"audio": clip, "label": label}).total
        on_pictures = SupervisedPictures(target=target)(model, {"picture": picture, "label": label}).total
    torch.testing.assert_close(on_pictures, on_audio)
