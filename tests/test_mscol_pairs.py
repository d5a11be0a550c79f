"""Anything with anything: which encoders are pre-trained with sources, and what MSCOL's is good for then.

docs/mscol.md has a table of these pairs; the tests keep it true.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stemwise.models import CLASSIFIERS, ENCODERS, joint, mscol, sample_cnn, tail, tune
from stemwise.objectives.supervised import Supervised, SupervisedPictures
from stemwise.recipes import RECIPES
from stemwise.tasks import TASKS
from stemwise.training import Machine, fit
from stemwise.weights.store import load, save
from synth import scrambled, stem_tree, tiny

CPU = Machine(device="cpu", precision="fp32", checkpoint_s=1000.0)
PRETRAINED = (
    *("mscol", "mscol-dot", "tune-5tail-32", "tune-plus", "sample-cnn"),
    *("msspt-tail", "msspt-joint-multisource"),
)
"""Encoders that take a step of the recipe `mscol`, a kind of each family."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stem_tree(tmp_path_factory.mktemp("pairs") / "set", {"train": 3, "valid": 2}, samples=66_000)


def shrink(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a tiny network in the place of an encoder of the registries."""
    for registry in (ENCODERS, CLASSIFIERS, tail.VARIANTS, joint.VARIANTS, mscol.VARIANTS):
        if name in registry:
            small = tiny(registry[name])
            headless = name in tune.VARIANTS or name in sample_cnn.VARIANTS
            monkeypatch.setitem(registry, name, replace(small, classes=()) if headless else small)


def run(root: Path, recipe: str, **values: Any) -> Any:
    return RECIPES[recipe](root=root, **values)


@pytest.mark.parametrize("name", PRETRAINED)
def test_encoder_is_pre_trained_with_sources(name: str, root: Path, tmp_path: Path, monkeypatch) -> None:
    shrink(name, monkeypatch)
    given = run(root, "mscol", model=name, steps=1, batch_size=3, silent=True, valid_every=1, valid_batches=1)
    before = {key: value.clone() for key, value in given.model.state_dict().items()}
    (row,) = fit(given, tmp_path / "run", CPU, progress=False)
    assert np.isfinite(row["loss"])
    assert {f"valid_accuracy_{stem}" for stem in ("drums", "bass", "other", "vocals")} <= row.keys()
    assert any(not torch.equal(value, before[key]) for key, value in given.model.state_dict().items())
    again = load(save(given.model, tmp_path / "model", {"title": "tiny"}))
    assert again.state_dict().keys() == before.keys()


@pytest.mark.parametrize("head", ["frozen", "fine-tuned"])
@pytest.mark.parametrize("task", TASKS)
def test_mscol_is_probed_and_fine_tuned_by_every_task(task: str, head: str) -> None:
    goal = TASKS[task]
    config = replace(tiny(CLASSIFIERS["mscol-classifier"]), classes=goal.classes, target=goal.target)
    model = scrambled(config.build())
    model = (model.freeze_encoder() if head == "frozen" else model).train()
    label = torch.eye(len(goal.classes))[torch.arange(2) % len(goal.classes)]
    pictures = {"picture": torch.randn(2, 64, 98), "label": label}
    audio = {"audio": 0.1 * torch.randn(2, 1, 16_000), "label": label}
    SupervisedPictures(target=goal.target)(model, pictures).total.backward()
    assert np.isfinite(Supervised(target=goal.target)(model, audio).total.item())
    learning = {key.split(".")[0] for key, value in model.named_parameters() if value.grad is not None}
    assert learning == ({"head"} if head == "frozen" else {"head", "network"})


def test_fine_tuned_encoder_moves_and_a_frozen_one_does_not(root: Path, tmp_path: Path, monkeypatch) -> None:
    shrink("mscol", monkeypatch)
    encoder = save(ENCODERS["mscol"].build(), tmp_path / "encoder", {"title": "tiny"})
    before = {key: value.clone() for key, value in load(encoder).state_dict().items()}
    for fine_tune in (False, True):
        how = {"task": "rendered-genre", "encoder": str(encoder), "epochs": 1, "batch_size": 3}
        given = run(root, "mscol-classifier", fine_tune=fine_tune, **how)
        fit(given, tmp_path / str(fine_tune), CPU, progress=False)
        now = given.model.network.state_dict()
        same = [torch.equal(value, before[f"network.{key}"]) for key, value in now.items()]
        assert all(same) != fine_tune


@pytest.mark.parametrize(
    ("name", "options"),
    [("msspt-tail", {"network": "tail"}), ("msspt-joint-multisource", {"multisource": True})],
)
def test_msspts_classifier_starts_from_what_was_pre_trained(
    name: str, options: dict[str, Any], root: Path, tmp_path: Path, monkeypatch
) -> None:
    shrink(name, monkeypatch)
    encoder = run(root, "mscol", model=name, steps=1, batch_size=3).model
    folder = str(save(encoder, tmp_path / "encoder", {"title": "tiny"}))
    how = {"task": "rendered-genre", "epochs": 1, "batch_size": 2}
    model = run(root, "msspt-classifier", encoder=folder, **options, **how).model
    weights = encoder.state_dict()
    for key, value in model.state_dict().items():
        assert key.startswith("tail.output.") or torch.equal(value, weights[key])
    other = {"network": "joint"} if name == "msspt-tail" else {"network": "tail", "multisource": False}
    with pytest.raises(ValueError, match="encoder: expected the network that is to be trained"):
        run(root, "msspt-classifier", encoder=folder, **(options | other), **how)


def test_table_of_the_docs_has_these_pairs() -> None:
    page = (Path(__file__).parents[1] / "docs" / "mscol.md").read_text()
    (table,) = re.findall(r"^\| encoder \|.*?\n\n", page, re.DOTALL | re.MULTILINE)
    assert set(PRETRAINED) <= set(re.findall(r"`([\w-]+)`", table))
