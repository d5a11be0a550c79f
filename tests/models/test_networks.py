"""What is particular to MSSPT's networks, beside the contracts that every network keeps."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from stemwise.models import CLASSIFIERS, SEPARATORS
from stemwise.models.frontends import Magnitude
from stemwise.models.joint import JointClassifier, JointConfig, from_separator
from stemwise.models.tail import TailConfig
from stemwise.models.unet import UNetConfig
from synth import CLASSES, classifier, scrambled, separator, tiny

WINDOW = 61_792


def audio(samples: int = WINDOW, batch: int = 1) -> Tensor:
    return 0.1 * torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(0))


def joint(name: str = "msspt-joint-multisource") -> JointConfig:
    config = tiny(CLASSIFIERS[name])
    assert isinstance(config, JointConfig)
    return config


@pytest.mark.parametrize("samples", [0, 511, 512, 671, 672, 61_792])
def test_frontend_makes_as_many_frames_as_it_says(samples: int) -> None:
    frontend = Magnitude()
    if samples < 512:
        assert frontend.frames(samples) == 0
    else:
        assert frontend(torch.zeros(samples)).shape == (256, frontend.frames(samples))


@torch.no_grad()
def test_softmax_masks_give_stems_that_sum_to_the_mixture() -> None:
    model = scrambled(replace(tiny(SEPARATORS["msspt-multisource"]), mask="softmax").build())
    mixture = audio(10_240)
    spectrum = model.spectrum(mixture[:, 0])
    torch.testing.assert_close(model.masks(spectrum).sum(1), torch.ones_like(spectrum.abs()[:, :256]))


@torch.no_grad()
def test_masks_lie_between_zero_and_one() -> None:
    model = separator()
    masks = model.masks(model.spectrum(audio()[:, 0]))
    assert masks.min() >= 0
    assert masks.max() <= 1


@torch.no_grad()
def test_masks_of_zero_leave_the_nyquist_bin_alone() -> None:
    model = separator()
    model.unet.mask.weight.zero_()
    model.unet.mask.bias.fill_(-100)
    high = 0.1 * torch.ones(1, 1, WINDOW).mul(torch.tensor([1, -1]).repeat(WINDOW // 2))
    low = 0.1 * torch.sin(torch.arange(WINDOW) / 10)[None, None]
    assert model(low)[..., 1000:-1000].abs().max() < 1e-5
    assert model(high)[..., 1000:-1000].abs().min() > 0.01


@torch.no_grad()
def test_stems_follow_their_names() -> None:
    model = separator()
    swapped = replace(model.config, stems=model.stems[::-1]).build().eval()
    state = model.state_dict()
    turned = {key: value.flip(0) if ".mask." in key else value for key, value in state.items()}
    swapped.load_state_dict(turned)
    torch.testing.assert_close(swapped(audio()), model(audio()).flip(1))


def test_other_pool_holds_the_very_same_weights() -> None:
    unet = separator().unet
    twin = unet.with_pool("max")
    mine = dict(twin.named_parameters())
    assert all(mine[name] is weight for name, weight in unet.named_parameters())


@torch.no_grad()
def test_other_pool_gives_another_answer_and_leaves_the_first_alone() -> None:
    unet = separator().unet
    picture = torch.randn(1, 1, 256, 64)
    before = unet(picture)
    assert not torch.allclose(unet.with_pool("max")(picture), before, atol=1e-4)
    assert torch.equal(unet(picture), before)


def test_joint_classifier_shares_the_separators_weights() -> None:
    source = separator()
    model = from_separator(source, joint())
    mine = dict(model.unet.named_parameters())
    assert all(mine[name] is weight for name, weight in source.unet.named_parameters())


@pytest.mark.parametrize("name", ["msspt-vocals", "half-multisource"])
def test_joint_classifier_takes_the_unets_values_from_the_separator(name: str) -> None:
    source = separator(name)
    config = from_separator(source, joint()).config
    assert config.stems == source.config.stems
    assert config.mask == source.config.mask
    assert config.unet_widths == source.config.widths


@pytest.mark.parametrize(("pool", "expected"), [(None, "max"), ("average", "average")])
def test_joint_classifier_pools_as_its_config_says_unless_told(pool: str | None, expected: str) -> None:
    assert from_separator(separator(), joint(), pool=pool).unet.config.pool == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("pool", [None, "average"])
@torch.no_grad()
def test_config_of_a_classifier_made_from_a_separator_rebuilds_it(pool: Any) -> None:
    model = scrambled(from_separator(separator("half-multisource"), joint(), pool=pool))
    rebuilt = model.config.build().eval()
    rebuilt.load_state_dict(model.state_dict(), strict=True)
    assert torch.equal(rebuilt.logits(audio()), model.logits(audio()))


def test_frozen_unet_takes_no_gradient_and_the_tail_does() -> None:
    model = joint().build().freeze_unet()
    model.logits(audio(batch=2)).sum().backward()
    assert all(weight.grad is None for weight in model.unet.parameters())
    assert all(weight.grad is not None for weight in model.tail.parameters())


@torch.no_grad()
def test_mixture_branch_of_the_paper_differs_from_that_of_the_code() -> None:
    model = scrambled(joint().build())
    paper = replace(model.config, mixture_branch="log-mel").build().eval()
    paper.load_state_dict(model.state_dict())
    ours, theirs = (m.pictures(m.window_magnitudes(audio()))[0] for m in (model, paper))
    assert torch.equal(ours[:, :-1], theirs[:, :-1])
    assert not torch.allclose(ours[:, -1], theirs[:, -1], atol=0.1)


@torch.no_grad()
def test_links_of_v2_are_added_to_the_tail_behind_a_1x1_convolution() -> None:
    model = scrambled(joint("msspt-joint-v2").build())
    picture, links = model.pictures(model.window_magnitudes(audio()))
    adapters = list(model.tail.adapters)
    assert [adapter.kernel_size for adapter in adapters] == [(1, 1)] * 5
    x = model.tail.blocks[0](picture)
    for block, adapter, link in zip(model.tail.blocks[1:], adapters, links, strict=False):
        weight = adapter.weight[:, :, 0, 0]
        x = block(x + torch.einsum("oi,bifn->bofn", weight, link) + adapter.bias[:, None, None])
    x = model.tail.blocks[6](x).permute(0, 3, 2, 1).flatten(1)
    expected = torch.relu(model.tail.norm(model.tail.dense(x)))
    torch.testing.assert_close(model.tail.embed(picture, links), expected, atol=1e-3, rtol=1e-3)


def test_v2_takes_a_stand_alone_tails_blocks_but_for_the_first_convolution() -> None:
    with torch.device("meta"):
        alone = replace(CLASSIFIERS["msspt-tail"], classes=CLASSES).build().tail.state_dict()
        joined = replace(CLASSIFIERS["msspt-joint-v2"], classes=CLASSES).build().tail.state_dict()
    other = {key for key, value in alone.items() if joined[key].shape != value.shape}
    assert other == {"blocks.0.0.weight"}
    assert all(key.startswith("adapters.") for key in joined.keys() - alone.keys())


@pytest.mark.parametrize("skips", range(6))
def test_there_are_as_many_links_as_skips(skips: int) -> None:
    model = joint(f"msspt-joint-s{skips}").build().eval()
    with torch.no_grad():
        _, links = model.pictures(model.window_magnitudes(audio()))
    shapes = [(128, 384), (64, 192), (32, 96), (16, 48), (8, 24), (4, 12)]
    assert [tuple(link.shape[2:]) for link in links] == shapes[1 : skips + 1]


@pytest.mark.parametrize("skips", [-1, 6])
def test_skips_beyond_the_decoder_are_refused(skips: int) -> None:
    with pytest.raises(ValueError, match=f"skips: expected 0 to 5, got {skips}"):
        replace(joint(), skips=skips).build()


def test_classifier_without_classes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"classes: expected at least one name.*replace\(config"):
        TailConfig().build()


def test_tail_of_another_depth_is_refused() -> None:
    with pytest.raises(ValueError, match=r"widths: expected 7 blocks.*got 3"):
        TailConfig(widths=(2, 2, 2), classes=CLASSES).build()


def test_unknown_tap_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="expected some of embedding; got middle"):
        classifier().features(audio(), ("middle",))


@pytest.mark.parametrize("depth", [2, 4, 6])
@torch.no_grad()
def test_grid_follows_the_depth(depth: int) -> None:
    model = UNetConfig(widths=(2,) * depth, head_width=2).build().eval()
    assert model.grid == 160 * 2**depth
    assert model(audio(5000)).shape[-1] == 5000


@torch.no_grad()
def test_dropout_is_silent_in_evaluation_and_heard_in_training() -> None:
    model: JointClassifier = joint().build()
    clip = audio(batch=2)
    assert torch.equal(model.eval().logits(clip), model.eval().logits(clip))
    assert not torch.equal(model.train().logits(clip), model.train().logits(clip))
