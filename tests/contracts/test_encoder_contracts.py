"""What every encoder of the registry keeps, at a tiny size; costly contracts over one of each kind."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from stemwise.interfaces import Encoder
from stemwise.models import CONFIGS, WAVEFORM_ENCODERS
from stemwise.weights.store import config_from, load, save
from synth import scrambled, tiny_encoder

WINDOW = 59_049
KINDS = (
    *("tune-vanilla", "tune-2cont", "tune-3expa", "tune-5tail", "tune-plus"),
    *("tune-hybrid-frozen", "tune-hybrid-defrosted", "sample-cnn", "pitch-net"),
)

encoders = pytest.mark.parametrize("name", WAVEFORM_ENCODERS)
kinds = pytest.mark.parametrize("name", KINDS)


def build(name: str) -> Any:
    return scrambled(tiny_encoder(WAVEFORM_ENCODERS[name]).build())


def audio(batch: int, samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(batch, 1, samples, generator=torch.Generator().manual_seed(seed))


@encoders
def test_config_is_known_to_model_cards_and_survives_json(name: str) -> None:
    config = tiny_encoder(WAVEFORM_ENCODERS[name])
    assert CONFIGS[type(config).__name__] is type(config)
    values = json.loads(json.dumps(asdict(config)))
    assert config_from(type(config).__name__, values, Path("card.json")) == config


@encoders
@torch.inference_mode()
def test_taps_have_the_sizes_and_hops_that_they_declare(name: str) -> None:
    model = build(name)
    assert isinstance(model, Encoder)
    found = model.features(audio(1, WINDOW), tuple(model.taps))
    assert {key: value.shape for key, value in found.items()} == {
        key: (1, tap.size, WINDOW // tap.hop) for key, tap in model.taps.items()
    }


@kinds
@pytest.mark.parametrize("samples", (1, WINDOW - 1, WINDOW + 1, 60_000, 2 * WINDOW + 100))
@torch.inference_mode()
def test_any_length_gives_a_vector_per_whole_window(name: str, samples: int) -> None:
    model = build(name)
    found = model(audio(2, samples))
    assert found.shape == (2, model.taps["embedding"].size, max(1, samples // WINDOW))
    assert found.isfinite().all()


@kinds
@torch.inference_mode()
def test_audio_is_filled_up_with_silence_behind_its_end(name: str) -> None:
    model = build(name)
    clip = audio(1, 59_000)
    assert torch.equal(model(clip), model(torch.cat([clip, torch.zeros(1, 1, 49)], dim=-1)))


@torch.inference_mode()
@pytest.mark.parametrize(("name", "grid"), [("tune-5tail", 81), ("tune-3expa", 81), ("tune-2cont", 729)])
def test_longer_audio_is_filled_up_to_the_next_legal_length_and_no_further(name: str, grid: int) -> None:
    model = build(name)
    assert model.legal_length(WINDOW + 1) == WINDOW + grid
    assert model.legal_length(WINDOW + grid) == WINDOW + grid
    finest = f"down{WAVEFORM_ENCODERS[name].finest}"
    frames = model.features(audio(1, WINDOW + 1), (finest,))[finest].shape[-1]
    assert frames == (WINDOW + grid) // model.taps[finest].hop


@kinds
@torch.inference_mode()
def test_only_what_is_asked_for_is_given_and_it_is_the_same(name: str) -> None:
    model = build(name)
    clip = audio(1, WINDOW)
    everything = model.features(clip, tuple(model.taps))
    some = tuple(model.taps)[1::3]
    found = model.features(clip, some)
    assert set(found) == set(some)
    assert all(torch.equal(value, everything[key]) for key, value in found.items())
    assert torch.equal(model(clip), everything["embedding"])


@kinds
def test_unknown_tap_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"taps: expected some of .*embedding.*; got conv1"):
        build(name).features(audio(1, WINDOW), ("conv1",))


@kinds
def test_every_trained_parameter_gets_a_finite_gradient(name: str) -> None:
    model = tiny_encoder(WAVEFORM_ENCODERS[name]).build().train()
    model(audio(2, WINDOW)).square().mean().backward()
    weights = [(key, weight) for key, weight in model.named_parameters() if weight.requires_grad]
    assert [key for key, weight in weights if weight.grad is None or not weight.grad.isfinite().all()] == []


@kinds
@torch.inference_mode()
def test_evaluation_does_not_depend_on_batch_mates(name: str) -> None:
    model = build(name)
    clips = torch.cat([audio(1, WINDOW), 5 * audio(1, WINDOW, seed=1)])
    torch.testing.assert_close(model(clips)[:1], model(clips[:1]), atol=1e-4, rtol=1e-3)


@kinds
@torch.inference_mode()
def test_silence_in_is_finite_out(name: str) -> None:
    assert build(name)(torch.zeros(1, 1, WINDOW)).isfinite().all()


@kinds
@torch.inference_mode()
def test_saved_and_loaded_encoder_answers_identically(name: str, tmp_path: Path) -> None:
    model, clip = build(name), audio(1, WINDOW)
    loaded: Any = load(save(model, tmp_path / name, {"title": "a test"}))
    assert torch.equal(loaded(clip), model(clip))


def test_frozen_sample_cnn_takes_no_gradient_and_moves_its_statistics_all_the_same() -> None:
    model = tiny_encoder(WAVEFORM_ENCODERS["tune-hybrid-frozen"]).build().train()
    assert not any(weight.requires_grad for weight in model.sample_cnn.parameters())
    assert all(weight.requires_grad for weight in model.down.parameters())
    before = model.sample_cnn.blocks[0][1].running_mean.clone()
    model(audio(2, WINDOW))
    assert not torch.equal(model.sample_cnn.blocks[0][1].running_mean, before)


PENC = {
    "sample-cnn": 2_368_512,
    "tune-vanilla": 2_340_396,
    "tune-1cont": 2_258_700,
    "tune-2cont": 2_118_606,
    "tune-3cont": 1_630_744,
    "tune-1expa": 2_319_248,
    "tune-2expa": 2_355_846,
    "tune-3expa": 2_318_776,
    "tune-1tail": 2_295_912,
    "tune-2tail": 2_232_858,
    "tune-3tail": 2_241_186,
    "tune-4tail": 2_290_134,
    "tune-5tail": 2_096_970,
    "tune-plus": 2_220_390,
    "tune-5tail-1024": 9_768_774,
    "tune-5tail-256": 1_423_446,
    "tune-5tail-128": 582_486,
    "tune-5tail-64": 332_142,
    "tune-5tail-32": 246_606,
    "tune-vanilla-xs": 339_258,
    "tune-5tail-xl": 4_361_466,
    "tune-plus-xl": 7_407_132,
    "tune-vanilla-free": 1_649_448,
    "tune-1cont-free": 5_266_600,
    "tune-2cont-free": 19_726_248,
    "tune-3cont-free": 77_546_920,
    "tune-1expa-free": 1_635_056,
    "tune-2expa-free": 1_578_048,
    "tune-3expa-free": 1_351_136,
    "tune-2tail-free": 3_083_880,
    "tune-3tail-free": 3_871_848,
    "tune-4tail-free": 4_659_816,
    "tune-5tail-free": 5_447_784,
    "tune-plus-free": 6_247_464,
    "tune-hybrid-frozen": 2_522_505,
    "tune-hybrid-defrosted": 2_522_505,
    "pitch-net": 39_040,
}
"""Parameters without a head, as the original's classes have them; the last is our own."""


@encoders
def test_size_is_the_published_one(name: str) -> None:
    classes = tuple(map(str, range(50)))
    with torch.device("meta"):
        model = WAVEFORM_ENCODERS[name].build()
        headed = replace(WAVEFORM_ENCODERS[name], classes=classes).build()
    size = sum(weight.numel() for weight in model.parameters())
    assert size == PENC[name]
    head = 50 * model.taps["embedding"].size + 50
    assert sum(weight.numel() for weight in headed.parameters()) == size + head
    if name == "tune-hybrid-frozen":
        assert sum(w.numel() for w in headed.parameters() if w.requires_grad) == 179_643


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tail": ()}, "tail: expected widths of its blocks, or a sample_cnn instead"),
        ({"sample_cnn": "trained"}, "tail: expected widths of its blocks, or a sample_cnn instead"),
        ({"finest": 4}, "finest: expected 0 to 3, got 4"),
        ({"tail": (4,) * 10}, "tail: expected at most 9 blocks behind level 0, got 10"),
        ({"links": True, "finest": 1, "tail": (4,) * 5}, "links: expected finest 0"),
    ],
)
def test_config_that_cannot_be_built_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(WAVEFORM_ENCODERS["tune-5tail"], **changes)
