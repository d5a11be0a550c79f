"""The contrast between mixtures and sources: silence, both directions, any encoder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stemwise.interfaces import Objective
from stemwise.models import CLASSIFIERS, ENCODERS, mscol
from stemwise.models.projection import Projection
from stemwise.objectives.contrastive import (
    Matching,
    SourceContrast,
    SourceContrastPictures,
    default_size,
    match,
)
from synth import classifier, tiny
from training_runs import CPU, losses, sources

ACTIVE = torch.tensor([True, False, True, True, False])
COSINE = Projection(4, 4, "dot")


def vectors(seed: int = 0, count: int = 5) -> Tensor:
    return F.normalize(torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)), dim=-1)


def matching(active: Tensor = ACTIVE) -> Matching:
    return match(COSINE, vectors(0), vectors(1), active)


def batch(kind: str = "picture", active: Tensor | None = None) -> dict[str, Any]:
    shape = (4, 64, 98) if kind == "picture" else (4, 1, 16_000)
    draw = torch.Generator().manual_seed(0)
    return {
        "anchor": torch.randn(shape, generator=draw),
        "positive": torch.randn(shape, generator=draw),
        "active": torch.ones(4, dtype=torch.bool) if active is None else active,
        "source": "bass",
        "names": list("abcd"),
    }


def test_silent_positives_are_one_row_and_their_anchors_belong_to_it() -> None:
    anchors, positives = vectors(0), vectors(1)
    rows = torch.stack([positives[0], positives[2], positives[3], (positives[1] + positives[4]) / 2])
    torch.testing.assert_close(matching().logits, anchors @ rows.T / 0.2)
    assert matching().labels.tolist() == [0, 3, 1, 2, 3]


def test_loss_is_the_cross_entropy_written_out() -> None:
    found, loss = matching(), 0.0
    for row, label in zip(found.logits, found.labels, strict=True):
        loss -= (row[label].exp() / row.exp().sum()).log().item() / 5
    assert found.cross_entropy().item() == pytest.approx(loss, rel=1e-5)


def test_without_silence_it_is_the_square_matrix() -> None:
    found = matching(torch.ones(5, dtype=torch.bool))
    assert found.logits.shape == (5, 5)
    assert found.labels.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("symmetric", [False, True])
def test_silence_alone_has_nothing_to_tell_apart(symmetric: bool) -> None:
    found = matching(torch.zeros(5, dtype=torch.bool))
    loss = found.symmetric() if symmetric else found.cross_entropy()
    assert found.logits.shape == (5, 1)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert found.accuracy() == 1


def test_silence_is_what_active_says_not_what_sums_to_zero() -> None:
    model = tiny(ENCODERS["mscol"]).build().eval()
    objective, given = SourceContrastPictures(), batch()
    given["positive"][1] = 0
    assert objective.matching(model, given).logits.shape == (4, 4)
    given["active"] = torch.tensor([True, True, False, False])  # and these are no zeros
    assert objective.matching(model, given).logits.shape == (4, 3)


def test_symmetric_loss_is_the_mean_of_both_directions() -> None:
    found = matching(torch.ones(5, dtype=torch.bool))
    both = (F.cross_entropy(found.logits, found.labels) + F.cross_entropy(found.logits.T, found.labels)) / 2
    torch.testing.assert_close(found.symmetric(), both)


def test_silent_row_may_find_any_of_its_anchors() -> None:
    found = matching()
    chances = found.logits.softmax(0)
    right = [chances[0, 0], chances[2, 1], chances[3, 2], chances[1, 3] + chances[4, 3]]
    backward = -torch.stack(right).log().mean()
    torch.testing.assert_close(found.symmetric(), (found.cross_entropy() + backward) / 2)


def test_symmetric_loss_has_finite_gradients() -> None:
    logits = matching().logits.requires_grad_()
    Matching(logits, matching().labels).symmetric().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad.any()


def test_retrieval_is_right_where_anchors_are_their_positives() -> None:
    same = vectors()
    found = match(COSINE, same, same, torch.ones(5, dtype=torch.bool))
    assert found.accuracy() == 1
    assert match(COSINE, same, same.roll(1, 0), torch.ones(5, dtype=torch.bool)).accuracy() == 0


@pytest.mark.parametrize("name", mscol.VARIANTS)
@pytest.mark.parametrize("symmetric", [False, True])
def test_every_weight_of_the_encoder_learns_from_pictures(name: str, symmetric: bool) -> None:
    model = tiny(ENCODERS[name]).build().train()
    objective = SourceContrastPictures(symmetric=symmetric)
    assert isinstance(objective, Objective)
    loss = objective(model, batch(active=torch.tensor([True, True, True, False])))
    loss.total.backward()
    assert loss.parts.keys() == {"accuracy", "accuracy_bass"}
    assert all(w.grad is not None and w.grad.isfinite().all() for w in model.parameters())


@pytest.mark.parametrize(
    "name", ["mscol", "mscol-window", "mscol-classifier", "msspt-tail", "msspt-joint-multisource"]
)
def test_any_encoder_learns_from_audio(name: str) -> None:
    config = tiny({**ENCODERS, **CLASSIFIERS}[name])
    model = config.build().train()
    objective = SourceContrast(model, size=8)
    loss = objective(model, batch("audio"))
    loss.total.backward()
    assert all(w.grad is not None and w.grad.any() for w in objective.parameters() if w.ndim > 1)
    assert any(w.grad is not None and w.grad.any() for w in model.parameters())


def test_looking_for_the_size_changes_no_statistics() -> None:
    model = replace(tiny(CLASSIFIERS["half-tail"])).build().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert default_size(model) == 512
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_encoder_moves_towards_telling_pairs_apart() -> None:
    model = tiny(ENCODERS["mscol-dot"]).build().train()
    given = batch()
    given["positive"] = given["anchor"] + 0.1 * given["positive"]
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = SourceContrastPictures()(model, given).total
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_frozen_classifier_is_an_encoder_too() -> None:
    model = classifier("msspt-tail")
    assert default_size(model) == 512


def test_pairs_in_half_precision_are_trained_on_in_another_half_precision(tmp_path: Path) -> None:
    there = losses(sources(), tmp_path / "bf16", replace(CPU, precision="bf16"))
    here = losses(sources(), tmp_path / "fp32", CPU)
    assert there[0] == pytest.approx(here[0], rel=0.2)
