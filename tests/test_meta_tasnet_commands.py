"""Meta-TasNet's steps from the command line, on small sets; and its training, killed and gone on with."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import stemwise
from notebooks import run as run_notebook
from stemwise.cli import main
from stemwise.data.rendered import RenderSettings, render
from stemwise.models import SEPARATORS
from stemwise.models.meta_tasnet import MetaTasNet
from stemwise.recipes import RECIPES
from stemwise.recipes.meta_tasnet import take_statistics
from stemwise.training import Optimiser
from stemwise.weights.store import save
from synth import scrambled, separator, stem_tree, tiny

SHORT = "--steps 3 --batch-size 2 --seconds 0.3 --statistics 4 --period 2 --device cpu --precision fp32"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of rendered layout, one second a track."""
    return stem_tree(tmp_path_factory.mktemp("set"), {"train": 2, "valid": 1, "test": 1}, channels=2)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds a track of rendered music, and a Meta-TasNet and a U-Net with drawn weights."""
    home = tmp_path_factory.mktemp("home")
    render(home / "set", RenderSettings(tracks=3, seconds=3.0, workers=1))
    save(scrambled(tiny(SEPARATORS["small-meta-tasnet"]).build()), home / "meta", {"title": "drawn"})
    save(separator(), home / "unet", {"title": "drawn"})
    return home


@pytest.fixture(scope="module")
def mixture(home: Path) -> Path:
    """A rendered song, stereo at 44.1 kHz."""
    return next((home / "set" / "test").glob("*/mixture.wav"))


def stems_in(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: soundfile.read(path, always_2d=True)[0] for path in folder.rglob("*.wav")}


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


@pytest.mark.parametrize("resampling", ["soxr", "kaiser"])
@pytest.mark.parametrize("shifts", [1, 2])
def test_song_is_taken_apart(home: Path, mixture: Path, tmp_path: Path, resampling: str, shifts: int) -> None:
    words = ["separate", str(mixture), "--model", str(home / "meta"), "-o", str(tmp_path)]
    assert main([*words, "--resampling", resampling, "--shifts", str(shifts)]) == 0
    stems = stems_in(tmp_path)
    np.testing.assert_allclose(sum(stems.values()), soundfile.read(mixture)[0], atol=1e-5)
    options = {"resampling": resampling, "shifts": shifts}
    found = stemwise.separate(mixture, home / "meta", **options)
    for name, stem in stems.items():
        assert stem.std() > 1e-4
        np.testing.assert_allclose(found[name].T, stem, atol=1e-5)


def test_other_filter_is_another_answer_and_done_anew(home: Path, mixture: Path, tmp_path: Path) -> None:
    words = ["separate", str(mixture), "--model", str(home / "meta"), "-o", str(tmp_path)]
    assert main(words) == 0
    first = stems_in(tmp_path)
    assert main([*words, "--resampling", "kaiser"]) == 0
    other = stems_in(tmp_path)
    gap = max(np.abs(other[name] - stem).max() for name, stem in first.items())
    assert 1e-4 < gap < 0.2


@pytest.mark.parametrize("verb", [["separate"], ["remix", "--vocals", "mute"]])
def test_filter_is_refused_for_a_network_of_one_rate(
    home: Path, mixture: Path, tmp_path: Path, capsys, verb: list[str]
) -> None:
    words = [*verb, str(mixture), "--model", str(home / "unet"), "-o", str(tmp_path / "out")]
    assert main([*words, "--resampling", "kaiser"]) == 2
    assert "this model hears one rate, 16000 Hz" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="hears one rate"):
        stemwise.separate(mixture, home / "unet", resampling="kaiser")


def test_song_is_mixed_anew(home: Path, mixture: Path, tmp_path: Path) -> None:
    words = ["remix", str(mixture), "--model", str(home / "meta"), "-o", str(tmp_path / "new.wav")]
    assert main([*words, "--vocals", "mute", "--drums", "+6.0206", "--peaks", "keep"]) == 0
    stems = stemwise.separate(mixture, home / "meta")
    expected = 2 * stems["drums"] + stems["bass"] + stems["other"]
    np.testing.assert_allclose(soundfile.read(tmp_path / "new.wav")[0].T, expected, atol=1e-4)


def test_notebook_runs(home: Path) -> None:
    book = Path(__file__).parents[1] / "examples" / "meta_tasnet.ipynb"
    names = run_notebook(book, MODEL=str(home / "meta"), SECONDS=2.0)
    assert names["trained"]
    masks = [found.masks for found in names["stages"]]
    assert [mask.shape[1] for mask in masks] == [4, 4]
    for mask in masks:
        torch.testing.assert_close(mask.sum(1), torch.ones_like(mask[:, 0]))
    cells = json.loads(book.read_text())["cells"]
    assert any(output.get("data") for cell in cells for output in cell.get("outputs", []))


def test_network_is_scored(home: Path, tmp_path: Path, capsys) -> None:
    words = ["evaluate", str(home / "meta"), "--root", str(home / "set")]
    assert main([*words, "--json", str(tmp_path / "scores.json")]) == 0
    found = json.loads((tmp_path / "scores.json").read_text())["stems"]
    heard = {stem: row for stem, row in found.items() if row["audible"]}
    assert len(heard) >= 3
    assert all(
        row["improvement"] == pytest.approx(row["si_sdr"] - row["mixture_si_sdr"]) for row in heard.values()
    )
    assert main([*words, "--task", "musdb18", "--out", str(tmp_path / "scores")]) == 0
    assert "SI-SDR" in capsys.readouterr().out
    assert (tmp_path / "scores" / "report.html").is_file()


@pytest.fixture
def _own_threads() -> Iterator[None]:
    """Runs that are compared to the bit compute in one thread."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("_own_threads")
def test_training_that_is_killed_ends_like_one_left_alone(root: Path, tmp_path: Path) -> None:
    longer = [*SHORT.replace("--steps 3", "--steps 6").split(), "--threads", "1", "--checkpoint-s", "0"]
    command = ["train", "rendered-meta-tasnet", "--root", str(root), *longer, "--out"]
    process = subprocess.Popen([sys.executable, "-m", "stemwise", *command, str(tmp_path / "killed")])
    checkpoints = tmp_path / "killed" / "checkpoints"
    while not list(checkpoints.glob("step-*[2-4].pt")) and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model").exists()
    ends = []
    for name in ("whole", "killed"):
        assert main([*command, str(tmp_path / name)]) == 0
        ends.append((tmp_path / name / "model" / "model.safetensors").read_bytes())
    assert ends[0] == ends[1]
