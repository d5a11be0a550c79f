"""Meta-TasNet gives what the original code gives, with weights under the original names."""

import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipes import loss_inputs, meta_tasnet_batch, meta_tasnet_entry, meta_tasnet_songs, resample_input
from torch import Tensor
from vector_files import OWN, VECTORS, ids, seeded

from stemwise import STEMS
from stemwise.interfaces import Loss
from stemwise.models.meta_tasnet import Masked, MetaTasNet, Stage
from stemwise.objectives.meta_tasnet import MetaTasNetLoss, dissimilarity, mean_si_snr, si_snr, similarity
from stemwise.signal.chunk import equal_chunks
from stemwise.signal.kaiser import kaiser_resampled
from stemwise.training import Optimiser, Schedule
from stemwise.weights.meta_tasnet import config_of, converted, published_names

NETWORKS = [case for case in seeded("meta_tasnet/*_seed*.npz") if not case[0].name.startswith("evaluate")]
SMALL = [case for case in NETWORKS if not case[0].name.startswith("default")]
EXACT, SAMPLED = 1e-9, 1e-6  # of the reference, in float64; samples were kept in float32
WAVES, LOSSES, GRADIENTS, TRAINING = 2e-4, 2e-5, 2e-3, 2e-3  # in float32
CONTEXT = 64_000  # samples at the base rate that the original's chunks carry to either side

networks = pytest.mark.parametrize(("file", "seed"), NETWORKS, ids=ids(NETWORKS))
small = pytest.mark.parametrize(("file", "seed"), SMALL, ids=ids(SMALL))


@cache
def described() -> dict[str, Any]:
    """Each configuration's arguments, counts, and published tensors."""
    return json.loads(gzip.decompress((OWN / "meta_tasnet" / "networks.json.gz").read_bytes()))


def about(file: Path) -> dict[str, Any]:
    return described()[re.fullmatch(r"(.+)_seed\d+", file.stem)[1]]


def drawn(about: dict[str, Any], seed: int) -> dict[str, Tensor]:
    """A published state dict."""
    return {
        name: torch.hann_window(shape[0])
        if name.endswith("window")
        else torch.from_numpy(meta_tasnet_entry(seed, name, tuple(shape)))
        for name, shape in about["state_dict"].items()
    }


def network(file: Path, seed: int, dtype: torch.dtype = torch.float64) -> MetaTasNet:
    config = config_of(about(file)["config"])
    model = config.build()
    model.load_state_dict(converted(config, drawn(about(file), seed)))
    return model.to(dtype)


def batch(model: MetaTasNet, file: Path, seed: int) -> dict[str, Tensor]:
    dtype, samples = next(model.parameters()).dtype, about(file)["config"]["parity_T"]
    found = meta_tasnet_batch(seed, samples, len(model.rates))
    out = {"active": torch.from_numpy(np.stack([active for _, _, active in found], axis=1))}
    for rate, (mixture, stems, _) in zip(model.rates, found, strict=True):
        out |= {f"mixture_{rate}": torch.from_numpy(mixture).to(dtype)}
        out |= {f"stems_{rate}": torch.from_numpy(stems).to(dtype)}
    return out


def loss_of(file: Path) -> MetaTasNetLoss:
    values = about(file)["config"]
    names = ("reconstruction", "dissimilarity", "similarity")
    return MetaTasNetLoss(**{name: values[f"{name}_loss_weight"] for name in names})


def stats(losses: list[Loss]) -> np.ndarray:
    """The original's numbers: the stems' SI-SNR stage by stage, then the last stage's other parts."""
    sdrs = [loss.parts[f"si_snr_{stem}"].item() for loss in losses for stem in STEMS]
    names = ("reconstruction", "dissimilarity", "similarity")
    return np.array([*sdrs, *(losses[-1].parts[name].item() for name in names)])


def gradients(model: MetaTasNet, file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Norm and middle element of each trained tensor's gradient, in the original's order; -1 for none."""
    names = {theirs: ours for ours, (theirs, _) in published_names(model.config).items()}
    ours, weights = about(file), dict(model.named_parameters())
    grads = [weights[names[key]].grad for key in ours["state_dict"] if key not in ours["non_trainable"]]
    norms = [-1.0 if g is None else torch.linalg.vector_norm(g).item() for g in grads]
    middles = [-1.0 if g is None else g.flatten()[g.numel() // 2].item() for g in grads]
    return np.array(norms), np.array(middles)


def sampled(value: Tensor, leading: int) -> np.ndarray:
    """The elements of each item that the vectors keep."""
    flat = value.detach().reshape(*value.shape[:leading], -1)
    return flat[..., np.round(np.linspace(0, flat.shape[-1] - 1, 64)).astype(int)].numpy()


def summed(value: Tensor, leading: int) -> np.ndarray:
    """Mean, deviation and norm of each item."""
    flat = value.detach().double().reshape(*value.shape[:leading], -1)
    sums = (flat.mean(-1), flat.std(-1, correction=0), torch.linalg.vector_norm(flat, dim=-1))
    return torch.stack(sums, dim=-1).numpy()


def assert_relative(value: Any, reference: np.ndarray, tolerance: float, floor: float = 0.0) -> None:
    error = np.abs(value - reference) / np.maximum(np.abs(reference), floor or np.abs(reference).max() * 1e-3)
    assert np.max(error) <= tolerance, f"off by {np.max(error):.2e}"


def assert_samples(value: np.ndarray, reference: np.ndarray, tolerance: float) -> None:
    worst = np.abs(value - reference).max() / reference.std()
    assert worst <= tolerance, f"off by {worst:.2e} of the deviation"


@networks
def test_losses_and_gradients_are_the_originals(file: Path, seed: int) -> None:
    reference, model = np.load(file), network(file, seed)
    losses = loss_of(file).stages(model, batch(model, file, seed))
    total = sum(loss.total for loss in losses)
    total.backward()
    assert_relative(total.item(), reference["f64/loss"], EXACT)
    assert_relative(stats(losses), reference["f64/stats"][0], SAMPLED)
    for number, loss in enumerate(losses):
        assert_relative(loss.total.item(), reference[f"f64/s{number}/stage_loss"], EXACT)
        assert_relative(stats([loss]), reference[f"f64/s{number}/stage_stats"], SAMPLED)
    norms, middles = gradients(model, file)
    there = reference["f64/grad_norm"] >= 0
    assert (there == (norms >= 0)).all()
    largest = reference["f64/grad_norm"].max()
    assert_relative(norms[there], reference["f64/grad_norm"][there], EXACT, floor=1e-9 * largest)
    assert_samples(middles[there], reference["f64/grad_mid"][there], EXACT)


@networks
@torch.inference_mode()
def test_stems_and_masks_are_the_originals_at_every_stage(file: Path, seed: int) -> None:
    reference, model = np.load(file), network(file, seed)
    for number, stage, found in stages(model, file, seed):
        stems = stage.decode(found.latents)
        key = f"f64/s{number}"
        assert_samples(sampled(stems, 2), reference[f"{key}/separated/sub"], SAMPLED)
        assert_relative(summed(stems, 2), reference[f"{key}/separated/sum"], EXACT, floor=1e-3)
        assert_samples(sampled(found.masks, 2), reference[f"{key}/mask/sub"], SAMPLED)


@networks
@torch.inference_mode()
def test_float32_is_as_near_as_the_original(file: Path, seed: int) -> None:
    reference, model = np.load(file), network(file, seed, torch.float32)
    for number, stage, found in stages(model, file, seed):
        values = {
            "separated": (stage.decode(found.latents), 2),
            "mask": (found.masks, 2),
            "hidden": (found.latents, 2),
            "enc_mix": (found.latent, 1),
        }
        for name, (value, leading) in values.items():
            key = f"s{number}/{name}"
            assert value.numel() == reference[f"{key}/shape"].prod()
            assert_samples(sampled(value, leading), reference[f"{key}/sub"], WAVES)
            assert_relative(summed(value, leading), reference[f"{key}/sum"], WAVES, floor=1e-2)


@small
def test_float32_losses_and_gradients_are_near_the_float64_ones(file: Path, seed: int) -> None:
    reference, model = np.load(file), network(file, seed, torch.float32)
    losses = loss_of(file).stages(model, batch(model, file, seed))
    total = sum(loss.total for loss in losses)
    total.backward()
    assert_relative(total.item(), reference["f64/loss"], LOSSES)
    norms, _ = gradients(model, file)
    there = reference["f64/grad_norm"] > 0
    error = np.abs(norms - reference["f64/grad_norm"])[there] / reference["f64/grad_norm"][there]
    assert np.median(error) <= GRADIENTS


@small
def test_fourteen_training_steps_are_the_originals(file: Path, seed: int) -> None:
    reference, model = np.load(file), network(file, seed, torch.float32)
    schedule, objective = Schedule(shape="restarts", every=10, drop=0.85), loss_of(file)
    optimiser = Optimiser(name="ranger", learning_rate=1e-3, weight_decay=5e-4)
    stepper = optimiser.build(p for p in model.parameters() if p.requires_grad)
    inputs, rows = batch(model, file, seed), []
    for step in range(14):
        rate = optimiser.learning_rate * schedule.factor(step, 14)
        stepper.param_groups[0]["lr"] = rate
        loss = objective(model, inputs).total
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        stepper.step()
        stepper.zero_grad()
        rows.append((loss.item(), rate, norm.item()))
    losses, rates, norms = np.array(rows).T
    assert_relative(rates, reference["train/lr"], 1e-12)
    assert_relative(losses, reference["train/loss"], TRAINING)
    names = {theirs: ours for ours, (theirs, _) in published_names(model.config).items()}
    state = model.state_dict()
    ends = np.array([state[names[key]].norm().item() for key in about(file)["state_dict"]])
    assert_relative(ends, reference["train/final_param_norm"], TRAINING)
    assert np.median(np.abs(norms / reference["train/grad_norm_before_clip"] - 1)) <= 0.02


INFERENCE = [
    (file, seed, int(key.split("/")[1][1:]))
    for file, seed in NETWORKS
    for key in np.load(file).files
    if re.fullmatch(r"inf/n\d+/s0/sub", key)
]


@pytest.mark.parametrize(("file", "seed", "count"), INFERENCE, ids=[f"{f.stem}-{n}" for f, _, n in INFERENCE])
@torch.inference_mode()
def test_chunked_inference_is_the_originals(file: Path, seed: int, count: int) -> None:
    reference, model = np.load(file), network(file, seed, torch.float32)
    shape = reference[f"inf/n{count}/s0/shape"]
    samples = {"default": 8013, "small": 200_013}.get(file.stem.rsplit("_", 1)[0], 70_013)
    songs = [torch.from_numpy(song) for song in meta_tasnet_songs(seed, samples, len(model.rates))]
    parts: list[list[Tensor]] = [[] for _ in songs]
    for chunk in equal_chunks(samples, count, CONTEXT, model.config.stride):
        reach = [s[0, :, chunk.reach_start << i : chunk.reach_stop << i] for i, s in enumerate(songs)]
        for i, (stage, found) in enumerate(model.masked(reach)):
            stems = stage.decode(found.latents)[0]
            inside = slice(chunk.start - chunk.reach_start << i, chunk.stop - chunk.reach_start << i)
            parts[i].append(stems[:, inside])
    assert sum(part.shape[-1] for part in parts[0]) == shape[-1]
    for i, part in enumerate(parts):
        whole, key = torch.cat(part, dim=-1), f"inf/n{count}/s{i}"
        assert_samples(sampled(whole, 1), reference[f"{key}/sub"], 1e-3)
        assert_relative(summed(whole, 1), reference[f"{key}/sum"], 1e-3, floor=1e-2)


def stages(model: MetaTasNet, file: Path, seed: int) -> list[tuple[int, Stage, Masked]]:
    inputs = batch(model, file, seed)
    mixtures = model.filled_up([inputs[f"mixture_{rate}"] for rate in model.rates])
    return [(number, *pair) for number, pair in enumerate(model.masked(mixtures))]


def test_counts_are_the_published_ones() -> None:
    for found in described().values():
        with torch.device("meta"):
            model = config_of(found["config"]).build()
        assert sum(value.numel() for value in model.state_dict().values()) == found["n_params"]
        assert sum(value.numel() for value in model.parameters()) == found["n_trainable"]


@pytest.mark.parametrize("name", ["default", "small", "small_alt", "small_indep"])
def test_names_and_shapes_are_the_published_ones(name: str) -> None:
    found = described()[name]
    published = {key: tuple(shape) for key, shape in found["state_dict"].items()}
    assert dict(published_names(config_of(found["config"])).values()) == published


def parts_file() -> Path:
    path = VECTORS / "meta_tasnet" / "loss_resample.npz"
    return path if path.is_file() else OWN / "meta_tasnet" / "loss_resample.npz"


def seeds(what: str) -> list[int]:
    return sorted({int(key.split("/")[1][4:]) for key in np.load(parts_file()).files if key.startswith(what)})


@pytest.mark.parametrize("seed", seeds("loss"))
def test_parts_of_the_loss_are_the_originals(seed: int) -> None:
    reference = {
        k.split("/", 2)[2]: v for k, v in np.load(parts_file()).items() if k.startswith(f"loss/seed{seed}/")
    }
    inputs = {name: torch.from_numpy(value) for name, value in loss_inputs(seed).items()}
    true, estimate = inputs["true"][:, :, 0], inputs["estimate"][:, :, 0]
    active = true.any(-1)
    latents = inputs["latents"].transpose(2, 3) * active[..., None, None]
    sdr, recon = (
        mean_si_snr(estimate, true, active),
        si_snr(inputs["reconstruction"], inputs["mixture"]).mean(),
    )
    apart, alike = dissimilarity(latents, active), similarity(latents, active)
    found = {"sdr_masked": sdr, "recon": recon, "dissimilarity": apart, "similarity": alike}
    found["sdr_unmasked"] = si_snr(estimate, true).mean(0)
    found["total"] = -sdr.sum() - 0.05 * recon + 3 * apart - 2 * alike
    for name, value in found.items():
        assert_relative(value.numpy(), reference[name], 1e-12)


@pytest.mark.parametrize("seed", seeds("resample"))
@pytest.mark.parametrize("rates", [(8000,), (16_000,), (32_000,), (32_000, 44_100)], ids=str)
def test_kaiser_filter_is_the_originals(seed: int, rates: tuple[int, ...]) -> None:
    reference = np.load(parts_file())
    audio, rate = torch.from_numpy(resample_input(seed)).double(), 44_100
    for target in rates:
        audio, rate = kaiser_resampled(audio, rate, target, up=False), target
    key = f"resample/seed{seed}/old/{'-'.join(map(str, (44_100, *rates)))}"
    assert audio.shape == tuple(reference[f"{key}/shape"])
    assert_samples(sampled(audio, 1), reference[f"{key}/sub"], 1e-4)


@cache
def optimiser_reference() -> dict[str, Any]:
    return json.loads((OWN / "meta_tasnet" / "ranger_sgdr.json").read_text())


def test_ranger_takes_the_originals_steps() -> None:
    reference = optimiser_reference()["ranger"]
    weights = [torch.nn.Parameter(torch.tensor(value)) for value in reference["init"]]
    settings = {"learning_rate": reference["lr"], "weight_decay": reference["wd"]}
    stepper = Optimiser(name="ranger", **settings).build(weights)
    for t, expected in enumerate(reference["params_after_step"], 1):
        for weight, gradient in zip(weights, (0.1 * t, -0.2, np.sin(t)), strict=True):
            weight.grad = torch.tensor(float(gradient))
        stepper.step()
        np.testing.assert_allclose([weight.item() for weight in weights], expected, atol=1e-6, rtol=0)


def test_restarts_are_the_originals() -> None:
    schedule = Schedule(shape="restarts", every=10, drop=0.85)
    for step, (rate, _) in enumerate(optimiser_reference()["sgdr_t0_10_mul_.85_lr1e-3"]):
        if step:  # the original counts from one
            assert 1e-3 * schedule.factor(step - 1, 25) == pytest.approx(rate, rel=1e-12)
