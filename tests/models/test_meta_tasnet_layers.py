"""Meta-TasNet's layers against plain ones, its memory, its lengths, and its options."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stemwise.models import SEPARATORS, meta_tasnet_inference
from stemwise.models.meta_tasnet import MetaTasNet, MetaTasNetConfig
from stemwise.models.meta_tasnet_layers import norm_as_affine, normed_depthwise
from stemwise.models.meta_tasnet_passes import moments, three_taps
from stemwise.objectives.meta_tasnet import MetaTasNetLoss, si_snr
from synth import scrambled, tiny

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from plain_meta_tasnet import plain_stems


def network(**changes: Any) -> MetaTasNet:
    return scrambled(replace(tiny(SEPARATORS["meta-tasnet"]), **changes).build())


def mixtures(model: MetaTasNet, samples: int = 4000, batch: int = 2) -> list[Tensor]:
    draw = torch.Generator().manual_seed(1)
    return [torch.randn(batch, 1, samples << n, generator=draw) for n in range(len(model.rates))]


def batch(model: MetaTasNet, samples: int = 4000) -> dict[str, Tensor]:
    found = {"active": torch.ones(2, len(model.rates), 4, dtype=torch.bool)}
    found["active"][1, :, 2] = False
    for rate, mixture in zip(model.rates, mixtures(model, samples), strict=True):
        stems = torch.stack([mixture, mixture.roll(7, -1), mixture.flip(-1), -mixture], dim=1)
        stems[1, 2] = 0
        found |= {f"stems_{rate}": stems, f"mixture_{rate}": stems.sum(1)}
    return found


@torch.inference_mode()
def test_folded_layers_answer_as_plain_ones() -> None:
    model = network().double()
    inputs = [mixture.double() for mixture in mixtures(model)]
    torch.testing.assert_close(model.from_rates(inputs), plain_stems(model, inputs), atol=1e-8, rtol=1e-8)


@torch.inference_mode()
@pytest.mark.parametrize("step", [lambda on_cpu, _: min(on_cpu, 7), lambda _, count: count])
def test_parts_and_the_whole_give_the_same(
    step: Callable[[int, int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is a CPU's way, with dilations beyond a part; the second that of other devices."""
    model = network(layers=4, stages=2).double()
    inputs = [mixture.double() for mixture in mixtures(model, samples=1000)]
    plain = plain_stems(model, inputs)
    monkeypatch.setattr(meta_tasnet_inference, "at_a_time", lambda _, count, on_cpu: step(on_cpu, count))
    torch.testing.assert_close(model.from_rates(inputs), plain, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("frames", [1, 3, 50])
@pytest.mark.parametrize("dilation", [1, 4, 32])
def test_depthwise_convolution_is_that_of_the_normalised_signal(frames: int, dilation: int) -> None:
    x, weight = torch.randn(2, 4, 16, frames).double(), torch.randn(4, 16, 1, 3).double()
    affine = torch.randn(4, 16).double(), torch.randn(4, 16).double()
    normal = F.group_norm(x.flatten(1, 2), 32, affine[0].flatten(), affine[1].flatten(), 1e-8)
    plain = F.conv1d(normal, weight.flatten(0, 1), padding=dilation, dilation=dilation, groups=64)
    found = normed_depthwise(x, affine, weight, dilation).flatten(1, 2)
    torch.testing.assert_close(found, plain, atol=1e-6, rtol=1e-6)


def test_norm_of_parts_is_that_of_them_side_by_side() -> None:
    shared, own = torch.randn(2, 1, 16, 30).double(), torch.randn(2, 4, 8, 30).double()
    affine = torch.randn(4, 24).double(), torch.randn(4, 24).double()
    whole = torch.cat([shared.expand(-1, 4, -1, -1), own], dim=2)
    for part, alone in zip(
        norm_as_affine([shared, own], affine), norm_as_affine([whole], affine), strict=True
    ):
        torch.testing.assert_close(part, alone)


def test_gradients_by_hand_are_right() -> None:
    x = torch.randn(2, 3, 12, dtype=torch.float64, requires_grad=True)
    taps = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    constant = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(moments, (x,))
    for dilation in (1, 5, 12, 20):
        assert torch.autograd.gradcheck(lambda *a, d=dilation: three_taps(*a, d), (x, taps, constant))


@pytest.mark.parametrize("weights", ["generated", "trunk", "independent"])
def test_recomputed_activations_give_the_same_gradients_from_fewer_kept_bytes(weights: str) -> None:
    grads, kept = [], []
    for wanted in (False, True):
        model = network(weights=weights).train().recomputing(wanted)
        sizes: dict[int, int] = {}

        def keep(tensor: Tensor, sizes: dict[int, int] = sizes) -> Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = MetaTasNetLoss()(model, batch(model)).total
        kept.append(sum(sizes.values()))
        loss.backward()
        grads.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert grads[0].keys() == grads[1].keys()
    for name, grad in grads[0].items():
        torch.testing.assert_close(grads[1][name], grad, msg=name)
    assert kept[1] < 0.5 * kept[0]


@torch.inference_mode()
@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 400), (1600, 9000), (1601, 12_345)])
def test_part_that_is_wanted_is_that_of_the_whole(start: int, stop: int | None) -> None:
    model = network()
    inputs = mixtures(model)
    whole = model.from_rates(inputs)[..., start:stop]
    torch.testing.assert_close(model.from_rates(inputs, start, stop), whole, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_masks_of_every_stage_sum_to_one() -> None:
    model = network()
    for _, found in model.masked(model.filled_up(mixtures(model))):
        torch.testing.assert_close(found.masks.sum(1), torch.ones_like(found.latent))


@torch.inference_mode()
def test_level_of_the_mixture_is_that_of_the_stems() -> None:
    model, mixture = network().double(), torch.randn(1, 1, 9000).double()
    torch.testing.assert_close(model(100 * mixture), 100 * model(mixture))


def test_dropout_drops_in_training_alone() -> None:
    model = network(dropout=0.5)
    inputs = mixtures(model)
    with torch.no_grad():
        assert torch.equal(model.from_rates(inputs), model.from_rates(inputs))
        model.train()
        assert not torch.equal(model.from_rates(inputs), model.from_rates(inputs))


@pytest.mark.parametrize("stages", [1, 2, 4])
@torch.inference_mode()
def test_any_number_of_stages_filters_and_stems(stages: int) -> None:
    model = network(stages=stages, filters=2, stems=("drums", "vocals"))
    assert model.sample_rate == 8000 << (stages - 1)
    assert model(torch.randn(1, 1, 10_001)).shape == (1, 2, 1, 10_001)


def test_stems_that_are_silent_have_no_loss() -> None:
    model = network()
    inputs = batch(model)
    loss = MetaTasNetLoss(dissimilarity=0.0, similarity=0.0, reconstruction=0.0)(model, inputs).total
    for rate in model.rates:
        inputs[f"stems_{rate}"][1, 2] = 1
    again = MetaTasNetLoss(dissimilarity=0.0, similarity=0.0, reconstruction=0.0)(model, inputs).total
    assert loss == again


def test_si_snr_is_scale_invariant_and_clamped() -> None:
    reference = torch.randn(3, 1000).double()
    noisy = reference + 0.1 * torch.randn(3, 1000).double()
    torch.testing.assert_close(si_snr(5 * noisy, reference), si_snr(noisy, reference))
    assert (si_snr(reference, reference) > 100).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_rate": 11_025}, "multiple of 8000"),
        ({"kernel": 21}, "an even number more"),
        ({"kernel": 10}, "expected the stride"),
        ({"hidden": 20}, "multiple of 8"),
        ({"stages": 0}, "at least 1"),
    ],
)
def test_configs_that_cannot_be_built_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MetaTasNetConfig(**changes)
