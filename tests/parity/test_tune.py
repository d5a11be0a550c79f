"""TUNe's encoders and SampleCNN give what the original PyTorch code gives, with weights under its names."""

from pathlib import Path

import numpy as np
import pytest
import torch
from recipes import noise_waves
from tune_models import activations, drawn, encoder, ours, tap
from vector_files import ids, seeded

TOLERANCE = 2e-5  # absolute; activations are of the order of one

ENCODERS = seeded("tune/enc_*_seed*.npz")
LAYERS = seeded("tune/evallayer_*_seed*.npz")

EVAL_LAYERS = (*(f"convDown{level}" for level in range(8, 0, -1)), *(f"conv{k}" for k in range(9, 0, -1)))
"""The block behind each number of the original's `eval_layer`, from 1."""


def published(file: Path) -> str:
    """The class that a vector file is of."""
    return file.stem.split("_")[1]


def waves(seed: int, items: int) -> torch.Tensor:
    return torch.from_numpy(noise_waves(seed)[:items])


def assert_close(value: torch.Tensor, reference: np.ndarray, tolerance: float = TOLERANCE) -> None:
    assert value.shape == reference.shape
    worst = np.abs(value.detach().numpy() - reference).max()
    assert worst <= tolerance, f"off by {worst:.2e}"


@pytest.mark.parametrize(("file", "seed"), ENCODERS, ids=ids(ENCODERS))
@torch.inference_mode()
def test_encoders_give_the_original_representations(file: Path, seed: int) -> None:
    reference = np.load(file)
    model = encoder(published(file), seed)
    items = 8 if "h" in reference else 1
    representation = model(waves(seed, items))[..., 0]
    assert_close(representation[:1], reference["h_item0"])
    assert_close(representation, reference["h"] if items > 1 else reference["h_item0"])
    size = representation.shape[1]
    weight, bias = drawn(seed, "fc.weight", (50, size)), drawn(seed, "fc.bias", (50,))
    assert_close(representation[:1] @ weight.T + bias, reference["logits50_item0"])


@pytest.mark.parametrize(("file", "seed"), ENCODERS, ids=ids(ENCODERS))
@torch.inference_mode()
def test_blocks_give_the_original_activations(file: Path, seed: int) -> None:
    reference = np.load(file)
    model = encoder(published(file), seed)
    blocks = [str(name) for name in reference["act_names"]]
    found = activations(model, waves(seed, 1), blocks)
    assert {name: tuple(found[name].shape[1:]) for name in blocks} == {
        name: tuple(shape) for name, shape in zip(blocks, reference["act_shape"], strict=True)
    }
    for name in blocks:
        assert_close(found[name][0].mean(-1), reference[f"actmean:{name}"])
        assert_close(found[name][0, :, -1], reference[f"actlast:{name}"])


@pytest.mark.parametrize(("file", "seed"), LAYERS, ids=ids(LAYERS))
@torch.inference_mode()
def test_taps_averaged_over_time_are_the_originals_layers(file: Path, seed: int) -> None:
    reference = np.load(file)
    model = encoder(published(file), seed)
    layers = {k: tap(block) for k, block in enumerate(EVAL_LAYERS, 1) if f"h{k}" in reference}
    assert len(layers) in (17, 9)  # the original fails for the others
    found = model.features(waves(seed, 2), tuple(layers.values()))
    for k, name in layers.items():
        assert_close(found[name].mean(-1), reference[f"h{k}"])


def test_every_published_class_has_a_name_of_ours() -> None:
    from stemwise.models import CLMR_FAMILY as registry

    assert {ours(published(file)) for file, _ in ENCODERS} <= set(registry)
    assert [ours(name) for name in ("Tune1ContFree", "TuneHybridFrozen", "TunePlusXL", "Tune5Tail1024")] == [
        *("tune-1cont-free", "tune-hybrid-frozen", "tune-plus-xl", "tune-5tail-1024")
    ]
