"""What every separator, encoder and classifier of the registries keeps, at a tiny size."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stemwise import STEMS
from stemwise.interfaces import Classifier, Encoder, Separator
from stemwise.models import CLASSIFIERS, CONFIGS, ENCODERS, SEPARATORS, WAVEFORM_ENCODERS, Config
from stemwise.models.meta_tasnet import MetaTasNet
from stemwise.signal.chunk import window_count
from stemwise.weights.store import config_from, load, save
from synth import CLASSES, scrambled, tiny

FAR = 1.8  # a gain of the layers at which the deepest and farthest can be heard
LENGTHS = (1, 511, 512, 10_591, 61_793)
HEADED = {
    f"{name} with a head": WAVEFORM_ENCODERS[name]
    for name in ("tune-plus", "tune-hybrid-frozen", "sample-cnn", "pitch-net")
}
# Encoders of waveforms have their contracts in test_encoder_contracts.py, and some here with a head.
OTHERS = {name: config for name, config in ENCODERS.items() if name not in WAVEFORM_ENCODERS}
LISTENERS = {**OTHERS, **CLASSIFIERS, **HEADED}
MODELS = {**SEPARATORS, **LISTENERS}

IDLE = re.compile(r"stages\.\d+\.mask\.tcn\.1\.res_out\.")
"""Meta-TasNet keeps the published last residual head, which nothing reads."""

separators = pytest.mark.parametrize("name", SEPARATORS)
finite = pytest.mark.parametrize(
    "name", [n for n, c in SEPARATORS.items() if tiny(c).build().context is not None]
)
classifiers = pytest.mark.parametrize("name", {**CLASSIFIERS, **HEADED})
listeners = pytest.mark.parametrize("name", LISTENERS)
local = pytest.mark.parametrize("name", [n for n, c in LISTENERS.items() if not tiny(c).build().spans_clip])
spanning = pytest.mark.parametrize("name", [n for n, c in LISTENERS.items() if tiny(c).build().spans_clip])
models = pytest.mark.parametrize("name", MODELS)
lengths = pytest.mark.parametrize("samples", LENGTHS)


def build(name: str, gain: float = 1.4) -> Any:
    return scrambled(tiny(MODELS[name]).build(), gain=gain)


def audio(batch: int, samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(seed))


def answer(model: Separator | Encoder) -> Callable[[Tensor], Tensor]:
    """What a model is for: stems, logits, or all of its representations at once."""
    if isinstance(model, Classifier):
        return model.logits
    return model if isinstance(model, Separator) else partial(representations, model)


def representations(model: Encoder, clip: Tensor) -> Tensor:
    """The taps of each clip, one behind the other."""
    return torch.cat([found.flatten(1) for found in model.features(clip, tuple(model.taps)).values()], dim=1)


def trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Its parameters, without those that are frozen."""
    return [(key, weight) for key, weight in model.named_parameters() if weight.requires_grad]


def every_answer(model: Separator | Classifier, clip: Tensor) -> Tensor:
    """All that a network is trained to give: Meta-TasNet's earlier stages decode their stems, too."""
    if not isinstance(model, MetaTasNet):
        return answer(model)(clip)
    found = model.masked(model.filled_up([clip[..., : 20_000 << i] for i in range(len(model.rates))]))
    return torch.cat([stage.decode(masked.latents).flatten() for stage, masked in found])


def test_no_name_is_in_two_registries() -> None:
    names = [*SEPARATORS, *CLASSIFIERS, *ENCODERS]
    assert len(set(names)) == len(names)


@models
def test_config_is_known_to_model_cards(name: str) -> None:
    assert CONFIGS[type(MODELS[name]).__name__] is type(MODELS[name])


@separators
def test_separator_declares_what_it_takes_and_gives(name: str) -> None:
    model = build(name)
    assert isinstance(model, Separator)
    assert set(model.stems) <= set(STEMS)
    assert model.sample_rate > 0
    assert model.grid > 0
    assert model.context is None or model.context > 0


@separators
@lengths
@torch.no_grad()
def test_stems_are_as_declared_and_as_long_as_the_mixture(name: str, samples: int) -> None:
    model = build(name)
    assert model(audio(2, samples)).shape == (2, len(model.stems), 1, samples)


@separators
@lengths
@torch.no_grad()
def test_silence_in_is_silence_out(name: str, samples: int) -> None:
    assert not build(name)(torch.zeros(1, 1, samples)).any()


@classifiers
@lengths
@torch.no_grad()
def test_logits_have_one_row_per_class_and_one_column_per_window(name: str, samples: int) -> None:
    model = build(name)
    assert isinstance(model, Classifier)
    assert model.classes == CLASSES
    windows = window_count(samples, model.window, model.hop)
    assert model.logits(audio(2, samples)).shape == (2, len(CLASSES), windows)


@local
@torch.no_grad()
def test_windows_lie_a_hop_apart(name: str) -> None:
    model = build(name)
    clip = audio(1, model.window + 2 * model.hop)
    say = model.logits if isinstance(model, Classifier) else model
    alone = say(clip[..., model.hop : model.hop + model.window])
    torch.testing.assert_close(say(clip)[..., 1:2], alone, atol=1e-4, rtol=1e-4)


@spanning
@torch.no_grad()
def test_what_spans_its_clip_hears_all_of_it(name: str) -> None:
    model = build(name)
    clip = audio(1, model.window + 2 * model.hop)
    louder = torch.cat([clip[..., : model.window], 10 * clip[..., model.window :]], dim=-1)
    assert not torch.allclose(model(clip)[..., :1], model(louder)[..., :1], atol=1e-4, rtol=1e-4)


@spanning
@torch.no_grad()
def test_windows_of_a_level_clip_lie_a_hop_apart(name: str) -> None:
    model = build(name)
    period = audio(1, model.hop)
    found = model(torch.cat([period] * 3 + [period[..., : model.window - model.hop]], dim=-1))
    torch.testing.assert_close(found, found[..., :1].expand_as(found), atol=1e-4, rtol=1e-4)


@listeners
@torch.no_grad()
def test_taps_have_the_sizes_and_hops_that_they_declare(name: str) -> None:
    model = build(name)
    clip = audio(1, model.window + 2 * model.hop)
    found = model.features(clip, tuple(model.taps))
    windows = window_count(clip.shape[-1], model.window, model.hop)
    frames = {key: windows * (model.hop // tap.hop) for key, tap in model.taps.items()}
    assert {key: value.shape for key, value in found.items()} == {
        key: (1, tap.size, frames[key]) for key, tap in model.taps.items()
    }


@listeners
@torch.no_grad()
def test_tap_that_is_not_asked_for_is_not_given(name: str) -> None:
    model = build(name)
    for tap in model.taps:
        assert model.features(audio(1, model.window), (tap,)).keys() == {tap}
    with pytest.raises(ValueError, match=r"taps: expected some of .*; got nothing-such"):
        model.features(audio(1, model.window), ("nothing-such",))


@listeners
@torch.no_grad()
def test_default_representation_is_a_tap(name: str) -> None:
    model = build(name)
    clip = audio(1, model.window)
    found = model.features(clip, tuple(model.taps)).values()
    assert any(torch.equal(model(clip), value) for value in found)


@listeners
@torch.no_grad()
def test_answer_to_silence_is_finite(name: str) -> None:
    model = build(name)
    assert answer(model)(torch.zeros(1, 1, model.window)).isfinite().all()


@models
def test_every_parameter_gets_a_finite_gradient(name: str) -> None:
    model = tiny(MODELS[name]).build().train()
    every_answer(model, audio(2, 80_000)).square().mean().backward()
    without = [
        key
        for key, weight in trained(model)
        if (weight.grad is None and not IDLE.match(key))
        or not (weight.grad is None or weight.grad.isfinite().all())
    ]
    assert without == []


@models
def test_every_parameter_has_a_say(name: str) -> None:
    model = build(name)
    found = every_answer(model, audio(1, 80_000))
    (found * torch.randn(found.shape)).sum().backward()
    idle = [key for key, weight in trained(model) if weight.grad is None or not weight.grad.any()]
    assert [key for key in idle if not IDLE.match(key)] == []


@models
@torch.no_grad()
def test_evaluation_does_not_depend_on_batch_mates(name: str) -> None:
    model = build(name)
    clips = torch.cat([audio(1, 61_792), 5 * audio(2, 61_792, seed=1)])
    alone = answer(model)(clips[:1])
    torch.testing.assert_close(answer(model)(clips)[:1], alone, atol=1e-5, rtol=1e-4)


@models
def test_config_survives_json(name: str) -> None:
    config = tiny(MODELS[name])
    values = json.loads(json.dumps(asdict(config)))
    assert config_from(type(config).__name__, values, Path("card.json")) == config


@models
@torch.no_grad()
def test_saved_and_loaded_model_answers_identically(name: str, tmp_path: Path) -> None:
    model, clip = build(name), audio(1, 61_792)
    loaded: Any = load(save(model, tmp_path / name, {"title": "a test"}))
    assert torch.equal(answer(loaded)(clip), answer(model)(clip))


@finite
@torch.no_grad()
def test_context_holds_all_that_an_output_sample_looks_at(name: str) -> None:
    model = build(name, gain=FAR)
    start, stop, mixture = _middle(model)
    far = mixture.clone()
    far[..., : start - model.context] = 3 * audio(1, start - model.context, seed=1)
    far[..., stop + model.context :] = 0
    inside = slice(start, stop)
    assert torch.equal(model(far)[..., inside], model(mixture)[..., inside])


@finite
@torch.no_grad()
def test_context_is_not_far_larger_than_needed(name: str) -> None:
    model = build(name, gain=FAR)
    start, stop, mixture = _middle(model)
    near = mixture.clone()
    near[..., : start - model.context // 2] = 3 * audio(1, start - model.context // 2, seed=1)
    assert (model(near) - model(mixture))[..., start:stop].abs().max() > 1e-3


@finite
@torch.no_grad()
def test_chunk_on_the_grid_gets_the_whole_files_answer(name: str) -> None:
    model = build(name, gain=FAR)
    start, stop, mixture = _middle(model)
    left = model.grid * -(-model.context // model.grid)
    chunk = model(mixture[..., start - left : stop + model.context])[..., left : left + stop - start]
    torch.testing.assert_close(chunk, model(mixture)[..., start:stop], atol=2e-6, rtol=0)


@finite
@torch.no_grad()
def test_chunk_off_the_grid_gets_another_answer(name: str) -> None:
    model = build(name, gain=FAR)
    start, stop, mixture = _middle(model)
    left = model.grid * -(-model.context // model.grid) - model.grid // 2
    chunk = model(mixture[..., start - left : stop + model.context])[..., left : left + stop - start]
    assert (chunk - model(mixture)[..., start:stop]).abs().max() > 1e-3


def _middle(model: Separator) -> tuple[int, int, Tensor]:
    """A stretch on the grid, and a mixture that goes two grid steps beyond its context on both sides."""
    assert model.context is not None
    start = model.grid * (-(-model.context // model.grid) + 2)
    stop = start + model.grid
    return start, stop, audio(1, stop + start)


META = {"meta-tasnet": 45_545_602, "meta-tasnet-independent": 34_687_396}
UNI = {f"msspt-{stem}": 3_925_769 for stem in STEMS}
JOINT = dict(enumerate((6_549_307, 6_586_171, 6_659_899, 6_807_355, 7_028_539, 7_249_723)))
# Adapters of v2: 32, 64, 128, 192 and 192 channels to 64, 64, 128, 128 and 128, with biases.
ADAPTERS = (32 * 64 + 64) + (64 * 64 + 64) + (128 * 128 + 128) + 2 * (192 * 128 + 128)
MTAT, FMA = tuple(map(str, range(50))), tuple(map(str, range(16)))
PUBLISHED: dict[str, tuple[Config, int]] = {
    "multi": (SEPARATORS["msspt-multisource"], 3_926_636),
    **{name: (SEPARATORS[name], count) for name, count in (UNI | META).items()},
    "tail-mtat": (replace(CLASSIFIERS["msspt-tail"], classes=MTAT), 2_401_138),
    "tail-fma": (replace(CLASSIFIERS["msspt-tail"], classes=FMA), 2_383_696),
    **{
        f"joint-mtat-s{skips}": (replace(CLASSIFIERS[f"msspt-joint-s{skips}"], classes=MTAT), count)
        for skips, count in JOINT.items()
    },
    **{
        f"joint-mtat-multi-s{skips}": (
            replace(CLASSIFIERS["msspt-joint-multisource"], classes=MTAT, skips=skips),
            count + 2_595,
        )
        for skips, count in JOINT.items()
    },
    "joint-fma": (replace(CLASSIFIERS["msspt-joint-s5"], classes=FMA), 7_232_281),
    "joint-fma-multi": (replace(CLASSIFIERS["msspt-joint-multisource"], classes=FMA), 7_234_876),
    **{
        f"joint-{data}-v2{sources}": (
            replace(CLASSIFIERS[f"msspt-joint-v2{sources}"], classes=classes),
            count,
        )
        for data, classes, tail in (("mtat", MTAT, 2_401_138), ("fma", FMA, 2_383_696))
        for sources, count in (
            # U-Net, stand-alone tail, 3×3 kernels of its further inputs, adapters
            ("", 3_925_769 + tail + 9 * 64 + ADAPTERS),
            ("-multisource", 3_926_636 + tail + 4 * 9 * 64 + ADAPTERS),
        )
    },
}


PUBLISHED |= {
    "mscol": (ENCODERS["mscol"], 4_968_031),
    "mscol-mtat": (replace(CLASSIFIERS["mscol-classifier"], classes=MTAT), 4_048_991 + 1280 * 50 + 50),
    "mscol-nsynth": (
        replace(CLASSIFIERS["mscol-classifier-512"], classes=tuple("abcdefghijk")),
        4_048_991 + (1280 * 512 + 512) + (512 * 11 + 11),
    ),
}


def weights(model: nn.Module) -> int:
    """Trained weights and moving statistics, as Keras counts them."""
    state = model.state_dict()
    return sum(value.numel() for key, value in state.items() if not key.endswith("num_batches_tracked"))


@pytest.mark.parametrize("case", PUBLISHED)
def test_size_is_the_published_one(case: str) -> None:
    config, count = PUBLISHED[case]
    with torch.device("meta"):
        assert weights(config.build()) == count
