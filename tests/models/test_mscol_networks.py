"""MSCOL's encoder: what its vectors of parity do not say."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stemwise.embedding import tag
from stemwise.models import CLASSIFIERS, ENCODERS
from stemwise.models.efficientnet import InvertedBottleneck
from stemwise.models.frontends import ColaLogMel
from stemwise.models.mscol import MscolClassifier, MscolClassifierConfig, MscolConfig
from stemwise.models.projection import Projection
from stemwise.signal.chunk import window_count
from synth import noise, scrambled, tiny


def classifier(**values: Any) -> MscolClassifier:
    config = tiny(CLASSIFIERS["mscol-classifier"])
    assert isinstance(config, MscolClassifierConfig)
    return scrambled(replace(config, **values).build())


def blocks(model: torch.nn.Module) -> list[InvertedBottleneck]:
    return [module for module in model.modules() if isinstance(module, InvertedBottleneck)]


@pytest.mark.parametrize("samples", [0, 399, 400, 559, 560, 15_920])
def test_frontend_makes_as_many_frames_as_it_says(samples: int) -> None:
    frontend = ColaLogMel()
    if samples < 400:
        assert frontend.frames(samples) == 0
    else:
        assert frontend(torch.zeros(samples)).shape == (64, frontend.frames(samples))


def test_silence_is_the_lower_limit() -> None:
    assert torch.allclose(ColaLogMel()(torch.zeros(400)), torch.tensor(1e-5).log())


@pytest.mark.parametrize(("seconds", "windows"), [(29.1226, 29), (30, 30), (4, 4)])
def test_clips_have_the_published_number_of_windows(seconds: float, windows: int) -> None:
    model = ENCODERS["mscol"].build()
    assert window_count(int(seconds * 16_000), model.window, model.hop) == windows


def test_blocks_are_dropped_with_the_published_rates() -> None:
    with torch.device("meta"):
        found = blocks(MscolConfig().build())
    rates = [block.drop for block in found if block.residual]
    assert len(found) == 16
    assert rates == pytest.approx([0.025, 0.05, 0.075, 0.0875, 0.1125, 0.125, 0.15, 0.1625, 0.175])


def test_dropped_block_passes_its_input_on_and_a_kept_one_makes_up_for_it() -> None:
    block = next(b for b in blocks(MscolConfig().build().train()) if b.residual)
    block.drop = 0.5
    ones = torch.ones(400, 2, 3, 3)
    found = block._sometimes(ones)
    assert set(found.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(found.amax((1, 2, 3)), found.amin((1, 2, 3)))  # items as a whole
    assert found.mean().item() == pytest.approx(1, abs=0.15)


def test_weights_are_drawn_by_what_a_filter_gives() -> None:
    network = MscolConfig().network()
    stem, depthwise = network.stem.conv.weight, blocks(network)[8].depthwise.conv.weight
    assert stem.std().item() == pytest.approx((2 / (9 * 32)) ** 0.5, rel=0.15)
    assert depthwise.std().item() == pytest.approx((2 / depthwise[0].numel()) ** 0.5, rel=0.1)


def test_odd_padding_lies_behind() -> None:
    """A click in the first row is seen by the first output of a stride-2 layer, at its kernel's first tap."""
    network = MscolConfig().network().eval()
    for kernel, unit in ((3, network.stem), (5, blocks(network)[3].depthwise)):
        picture = torch.zeros(1, unit.conv.in_channels, 8, 8)
        picture[0, 0, 0, 0] = 1
        padded = torch.nn.functional.pad(picture, unit.uneven)
        assert padded.shape[-1] == 8 + kernel - 2
        first = unit.conv(padded)[0, 0, 0, 0]
        tap = kernel // 2 - 1
        assert first == unit.conv.weight[0, 0, tap, tap]


@torch.no_grad()
def test_gain_of_a_clip_changes_nothing() -> None:
    audio = torch.from_numpy(noise(1, 40_000))[None]
    for name in ("mscol", "mscol-window"):
        model = scrambled(tiny(ENCODERS[name]).build())
        torch.testing.assert_close(model(7 * audio), model(audio), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_level_of_a_window_is_that_of_an_even_clip_as_long_as_the_published() -> None:
    models = [ENCODERS[name].build() for name in ("mscol", "mscol-window")]
    audio = torch.from_numpy(noise(1, 465_984))[None]
    whole, each = (model.windows(audio) for model in models)
    assert (whole - each).abs().mean() < 0.02


@torch.no_grad()
def test_many_windows_are_worked_off_in_parts() -> None:
    model = scrambled(tiny(ENCODERS["mscol-window"]).build())
    audio = torch.from_numpy(noise(1, 70 * model.hop + model.window))[None]
    last = audio[..., 70 * model.hop :]
    torch.testing.assert_close(model(audio)[..., -1:], model(last), atol=1e-4, rtol=1e-4)


def test_query_and_projection_multiply_to_the_logits() -> None:
    for similarity in ("bilinear", "dot"):
        projection = Projection(5, 7, similarity)
        anchors, rows = projection(torch.randn(3, 5)), projection(torch.randn(4, 5))
        torch.testing.assert_close(projection.logits(anchors, rows), projection.query(anchors) @ rows.T)


def test_dot_product_is_a_cosine_over_the_temperature() -> None:
    projection = Projection(5, 7, "dot", temperature=0.25)
    same = projection(torch.randn(3, 5))
    assert torch.allclose(projection.logits(same, same).diagonal(), torch.tensor(4.0))
    assert not hasattr(projection, "norm")


def head_trained(depth: str) -> tuple[MscolClassifier, Tensor]:
    model = classifier(depth=depth, drop=0.9).freeze_encoder().train()
    return model, torch.randn(6, 64, 98)


@pytest.mark.parametrize("depth", ["full", "stochastic"])
def test_frozen_encoder_keeps_its_statistics(depth: str) -> None:
    model, picture = head_trained(depth)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    model.picture_logits(picture).sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())
    assert {name for name, weight in model.named_parameters() if weight.grad is not None} == {
        "head.0.weight",
        "head.0.bias",
    }


@torch.no_grad()
def test_frozen_encoder_drops_blocks_only_by_name() -> None:
    for depth, same in (("full", True), ("stochastic", False)):
        model, picture = head_trained(depth)
        assert torch.equal(model.picture_logits(picture), model.picture_logits(picture)) is same
        model.eval()
        assert torch.equal(model.picture_logits(picture), model.picture_logits(picture))


def stream(audio: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (audio[:, at : at + size] for at in range(0, audio.shape[1], size))


@pytest.mark.parametrize("target", ["multilabel", "multiclass"])
def test_clip_is_heard_as_a_whole_however_it_comes(target: str) -> None:
    model, audio = classifier(target=target), noise(1, 20 * 15_680)
    audio[:, 200_000:] *= 9
    chances = [tag(model, stream(audio, size), 16_000, 1) for size in (7_000, 50_000)]
    np.testing.assert_allclose(chances[0], chances[1], atol=1e-5)
    with torch.no_grad():
        logits = model.logits(torch.from_numpy(audio)[None])[0]
    whole = logits.sigmoid().mean(1) if target == "multilabel" else logits.mean(1).softmax(0)
    np.testing.assert_allclose(chances[0], whole.numpy(), atol=1e-5)


def test_classifier_needs_classes() -> None:
    with pytest.raises(ValueError, match=r"classes: expected at least one name"):
        MscolClassifierConfig().build()


def test_wrong_number_of_widths_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected 9 and 7 numbers, got 2 and 7"):
        MscolConfig(widths=(1, 2)).build()
