"""NT-Xent, its gradients, training steps and LARS are those of the original code."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipes import noise_waves, tones
from torch import Tensor
from tune_models import drawn, encoder
from vector_files import ids, seeded, vector

from stemwise.interfaces import Batch, Loss
from stemwise.objectives.simclr import SimCLR, nt_xent
from stemwise.signal.augment.chain import STEPS, Augmentation
from stemwise.training import Optimiser
from stemwise.weights.tune import published_names

NOTHING = Augmentation(**{f"p_{step}": 0.0 for step in STEPS})  # the vectors' views come as they are
FULL = [(file, seed) for file, seed in seeded("tune/enc_*_seed*.npz") if "z" in np.load(file).files]
TRAINED = [(file, seed) for file, seed in FULL if "z_train" in np.load(file).files]
TONES = seeded("tune/tones_*_seed*.npz")
REFERENCE = np.load(vector("tune/ntxent_lars.npz"))


def batch(first: np.ndarray, second: np.ndarray) -> Batch:
    views = torch.from_numpy(np.stack([first, second], axis=1))
    return {"views": views, "seeds": torch.zeros(len(first), 2, dtype=torch.int64)}


def noise_batch(seed: int) -> Batch:
    waves = noise_waves(seed)
    return batch(waves[:4], waves[4:])


def simclr(file: Path, seed: int, temperature: float = 0.5) -> tuple[Any, SimCLR]:
    model = encoder(file.stem.split("_")[1], seed)
    size = model.taps["embedding"].size
    objective = SimCLR(size, model.sample_rate, NOTHING, temperature=temperature).eval()
    for i, shape in ((0, (size, size)), (2, (64, size))):
        objective.projector[i].weight.data = drawn(seed, f"projector.{i}.weight", shape)
    return model, objective


def both_views(model: Any, objective: SimCLR, data: Batch) -> Tensor:
    return torch.cat([objective.projected(model, data["views"][:, i]) for i in (0, 1)])


@pytest.mark.parametrize(("file", "seed"), [*FULL, *TONES], ids=ids([*FULL, *TONES]))
@torch.inference_mode()
def test_projections_and_loss_in_evaluation_are_the_originals(file: Path, seed: int) -> None:
    reference = np.load(file)
    data = batch(*tones(seed)) if file.stem.startswith("tones") else noise_batch(seed)
    model, objective = simclr(file, seed)
    torch.testing.assert_close(
        both_views(model, objective, data), torch.from_numpy(reference["z"]), atol=5e-5, rtol=0
    )
    for key in (key for key in reference.files if key.startswith("ntxent_eval_t")):
        objective.temperature = float(key.removeprefix("ntxent_eval_t"))
        assert objective(model, data).total.item() == pytest.approx(float(reference[key]), abs=1e-5)


def gradients(model: Any, objective: SimCLR, data: Batch) -> tuple[Loss, dict[str, Tensor]]:
    """The loss in training, and the gradients by published name."""
    model.train()
    objective.train()
    loss = objective(model, data)
    loss.total.backward()
    names = published_names(model)
    found = {f"encoder.{names[key]}": weight.grad for key, weight in model.named_parameters()}
    return loss, found | {key: weight.grad for key, weight in objective.named_parameters()}


def no_bias_before_norm(name: str) -> bool:
    """Those have no gradient but rounding."""
    return not (name.endswith(("layers.0.bias", ".0.bias")) and "fc" not in name)


@pytest.mark.parametrize(("file", "seed"), [*TRAINED, *TONES], ids=ids([*TRAINED, *TONES]))
def test_training_steps_have_the_originals_loss_and_gradients(file: Path, seed: int) -> None:
    reference = np.load(file)
    data = batch(*tones(seed)) if file.stem.startswith("tones") else noise_batch(seed)
    model, objective = simclr(file, seed)
    loss, found = gradients(model, objective, data)
    assert loss.total.item() == pytest.approx(float(reference["ntxent_train_t0.5"]), rel=1e-3)
    norms = dict(zip(reference["grad_names"].tolist(), reference["grad_l2"], strict=True))
    assert norms.keys() <= found.keys()
    names = [name for name in norms if no_bias_before_norm(name)]
    assert len(names) > 20
    for name in names:
        assert found[name].norm().item() == pytest.approx(norms[name], rel=2e-3, abs=1e-7), name
    if "bn_names_after_train_fwd" in reference:
        assert_statistics(model, reference)
    if "ntxent_train_after_1_adam" in reference:
        parameters = [*model.parameters(), *objective.parameters()]
        Optimiser(name="adam", learning_rate=3e-4).build(parameters).step()
        after = objective(model, data).total.item()
        assert after == pytest.approx(float(reference["ntxent_train_after_1_adam"]), abs=2e-2)


def assert_statistics(model: Any, reference: Any) -> None:
    """Both views have moved the running statistics, one after the other."""
    names = {f"encoder.{theirs}": ours for ours, theirs in published_names(model).items()}
    state = model.state_dict()
    norms = zip(reference["bn_names_after_train_fwd"], reference["bn_l2_after_train_fwd"], strict=True)
    for name, norm in norms:
        assert state[names[str(name)]].norm().item() == pytest.approx(norm, rel=1e-3), name


@pytest.mark.parametrize("key", [key for key in REFERENCE.files if key.startswith("loss0_t")])
def test_nt_xent_and_its_gradients_are_the_originals(key: str) -> None:
    temperature = float(key.removeprefix("loss0_t"))
    first, second = (torch.from_numpy(REFERENCE[name]).requires_grad_() for name in ("zi0", "zj0"))
    loss = nt_xent(first, second, temperature)
    loss.backward()
    assert loss.item() == pytest.approx(float(REFERENCE[key]), abs=1e-6)
    for value, name in ((first, "gi0"), (second, "gj0")):
        reference = torch.from_numpy(REFERENCE[f"{name}_t{temperature}"])
        torch.testing.assert_close(value.grad, reference, atol=1e-6, rtol=1e-5)


def test_lars_takes_the_originals_steps() -> None:
    weight = torch.nn.Parameter(torch.from_numpy(REFERENCE["zi0"]).clone())
    optimiser = Optimiser(name="lars", learning_rate=0.05625, momentum=0.9, weight_decay=1e-6).build([weight])
    for k in (1, 2, 3):
        weight.grad = k * torch.from_numpy(REFERENCE["zj0"])
        optimiser.step()
        reference = torch.from_numpy(REFERENCE[f"lars_after{k}"])
        torch.testing.assert_close(weight.data, reference, atol=1e-6, rtol=0)
