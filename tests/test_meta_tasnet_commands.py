"""Meta-TasNet's steps from the command line, on a small set; and its optimiser, stopped and gone on with."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import stemwise
from stemwise.cli import main
from stemwise.models.meta_tasnet import MetaTasNet
from stemwise.recipes import RECIPES
from stemwise.recipes.meta_tasnet import take_statistics
from stemwise.training import Optimiser
from synth import stem_tree

SHORT = "--steps 3 --batch-size 2 --seconds 0.3 --statistics 4 --period 2 --device cpu --precision fp32"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of rendered layout, one second a track."""
    return stem_tree(tmp_path_factory.mktemp("set"), {"train": 2, "valid": 1, "test": 1}, channels=2)


def train(root: Path, out: Path, *more: str) -> int:
    words = ["train", "rendered-meta-tasnet", "--root", str(root), "--out", str(out), *SHORT.split()]
    return main([*words, *more])


def test_trained_and_gone_on_with_and_used(root: Path, tmp_path: Path) -> None:
    best = ("--valid-every", "1", "--weights", "best", "--recompute")
    assert main(["data", "prepare", "rendered", str(root), "--for", "rendered-meta-tasnet"]) == 0
    assert train(root, tmp_path / "run", *best) == 0
    history = (tmp_path / "run" / "history.csv").read_text()
    assert "valid_si_snr_vocals" in history.splitlines()[0]
    assert train(root, tmp_path / "run", *best) == 0  # it is at its end
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == len(history.splitlines()) == 4
    model = stemwise.load(tmp_path / "run" / "model")
    assert isinstance(model, MetaTasNet)
    audio = 0.1 * np.random.default_rng(0).standard_normal((9000, 2))
    soundfile.write(tmp_path / "song.wav", audio, 44_100)
    words = ["separate", str(tmp_path / "song.wav"), "--model", str(tmp_path / "run" / "model")]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    stems = [soundfile.read(file)[0] for file in (tmp_path / "out" / "song").iterdir()]
    assert [stem.shape for stem in stems] == [audio.shape] * 4


def test_published_draws_are_another_run(root: Path, tmp_path: Path, capsys) -> None:
    assert train(root, tmp_path / "run") == 0
    assert train(root, tmp_path / "run", "--draws", "published") == 2
    assert "other settings" in capsys.readouterr().err


def test_network_of_other_rates_is_refused(root: Path, tmp_path: Path, capsys) -> None:
    assert train(root, tmp_path / "run", "--model", "meta-tasnet") == 2
    assert "expected one at (8000, 16000) Hz" in capsys.readouterr().err


def test_network_for_another_recipe_is_refused(root: Path, tmp_path: Path, capsys) -> None:
    words = ["train", "rendered-separator", "--root", str(root), "--out", str(tmp_path)]
    assert main([*words, "--model", "meta-tasnet"]) == 2
    assert "has a recipe of its own" in capsys.readouterr().err


def test_statistics_are_those_of_the_mixtures(root: Path) -> None:
    run = RECIPES["rendered-meta-tasnet"](root=root, batch_size=2, seconds=0.5, statistics=2)
    take_statistics(run.model, run.data, 4)
    batches = [run.data.batch(k)["mixture_8000"][:, 0] for k in range(2)]
    branch = run.model.stages[0].encoder.spectrogram
    power = torch.cat([branch.log_power(batch) for batch in batches]).transpose(0, 1).flatten(1)  # f (b n)
    torch.testing.assert_close(branch.mean[0, :, 0], power.mean(1), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(branch.std[0, :, 0], power.std(1), atol=1e-4, rtol=1e-3)


def test_ranger_goes_on_from_its_state() -> None:
    def steps(stepper: torch.optim.Optimizer, weight: torch.nn.Parameter, span: range) -> None:
        for t in span:
            weight.grad = torch.full((4,), 0.1 * t) * torch.arange(4)
            stepper.step()

    def made(value: torch.Tensor) -> tuple[torch.nn.Parameter, torch.optim.Optimizer]:
        weight = torch.nn.Parameter(value.clone())
        return weight, Optimiser(name="ranger", weight_decay=0.1).build([weight])

    whole, stepper = made(torch.ones(4))
    steps(stepper, whole, range(15))
    first, stepper = made(torch.ones(4))
    steps(stepper, first, range(8))
    second, other = made(first.detach())
    other.load_state_dict(stepper.state_dict())
    steps(other, second, range(8, 15))
    assert torch.equal(second, whole)
