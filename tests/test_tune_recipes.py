"""The recipes of TUNe and CLMR train on a folder of audio, and what they refuse."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from stemwise.cli import main
from stemwise.data import DATASETS
from stemwise.models import WAVEFORM_ENCODERS
from stemwise.recipes.tune import contrastive, supervised
from stemwise.weights.store import load, save
from synth import song, stem_tree

RATE = 22_050


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four songs of three seconds in folders, one of them shorter, and a text."""
    root = tmp_path_factory.mktemp("music")
    for row in range(4):
        (root / f"album {row % 2}").mkdir(exist_ok=True)
        samples = 66_150 if row else 20_000
        audio = song(samples, RATE, seed=row).sum(0).T
        soundfile.write(root / f"album {row % 2}" / f"{row}.wav", audio, RATE)
    (root / "album 0" / "notes.txt").write_text("not audio")
    return root


def test_folder_of_audio_is_read_at_any_depth(music: Path) -> None:
    names = [track.name for track in DATASETS["audio"].tracks(music)]
    assert sorted(names) == [f"album {row % 2}/{row}.wav" for row in (0, 2, 1, 3)]


@pytest.mark.parametrize(
    ("name", "size", "pitch"), [("tune-5tail-32", 32, "published"), ("pitch-net", 384, "none")]
)
def test_command_pretrains_an_encoder_on_a_folder_of_audio(
    name: str, size: int, pitch: str, music: Path, tmp_path: Path
) -> None:
    command = ["train", "tune-clmr", "--root", str(music), "--split", "all", "--model", name]
    command += ["--pitch", pitch]
    command += ["--steps", "2", "--batch-size", "2", "--device", "cpu", "--precision", "fp32"]
    assert main([*command, "--out", str(tmp_path / "run"), "--cache", str(tmp_path / "cache")]) == 0
    with (tmp_path / "run" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert np.isfinite([[float(row[key]) for key in ("loss", "nt_xent", "matched")] for row in rows]).all()
    model: Any = load(tmp_path / "run" / "model")
    assert model.config == WAVEFORM_ENCODERS[name]
    assert model(torch.zeros(1, 1, 59_049)).shape == (1, size, 1)


def test_supervised_baseline_trains_and_tags(tmp_path: Path) -> None:
    root = stem_tree(tmp_path / "set", {"train": 3, "valid": 1, "test": 1}, samples=44_000)
    command = ["train", "tune-supervised", "--root", str(root), "--model", "tune-5tail-32", "--steps", "2"]
    command += ["--batch-size", "2", "--valid-every", "1", "--device", "cpu", "--precision", "fp32"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    mixture = root / "test" / "track-4" / "mixture.wav"
    assert main(["tag", str(mixture), "--model", str(tmp_path / "run" / "model")]) == 0


def test_published_rates_are_the_defaults(music: Path, tmp_path: Path) -> None:
    given = {"root": music, "split": "all", "model": "tune-5tail-32", "batch_size": 3, "cache": tmp_path}
    adam, lars = contrastive(**given), contrastive(**given, optimiser="lars")
    assert (adam.optimiser.learning_rate, adam.schedule.shape) == (3e-4, "constant")
    assert lars.optimiser.learning_rate == pytest.approx(0.3 * 3 / 256)
    assert (lars.optimiser.momentum, lars.optimiser.weight_decay) == (0.9, 1e-6)
    assert lars.schedule.shape == "cosine"


def test_hybrid_takes_a_trained_sample_cnn_and_keeps_it(music: Path, tmp_path: Path) -> None:
    given = {"root": music, "split": "all", "batch_size": 3, "cache": tmp_path / "cache"}
    with pytest.raises(ValueError, match="sample_cnn: expected the name or folder of a trained SampleCNN"):
        contrastive(**given, model="tune-hybrid-frozen")
    trained = WAVEFORM_ENCODERS["sample-cnn"].build()
    folder = save(trained, tmp_path / "clmr", {"title": "a test"})
    run: Any = contrastive(**given, model="tune-hybrid-frozen", sample_cnn=str(folder))
    weight = run.model.sample_cnn.blocks[3][0].weight
    assert torch.equal(weight, trained.blocks[3][0].weight)
    assert not weight.requires_grad
    with pytest.raises(ValueError, match="sample_cnn: tune-5tail has none"):
        contrastive(**given, sample_cnn=str(folder))


def test_pitch_can_be_kept(music: Path, tmp_path: Path) -> None:
    given = {"root": music, "split": "all", "model": "tune-5tail-32", "batch_size": 3, "cache": tmp_path}
    none: Any = contrastive(**given, pitch="none").objective
    octaves: Any = contrastive(**given, pitch="octaves").objective
    assert none.augmentation.p_pitch == 0
    assert (octaves.augmentation.pitch_cents, octaves.augmentation.pitch_step_cents) == ((-1200, 1200), 1200)


def test_supervised_task_of_another_set_says_what_it_expects(music: Path) -> None:
    with pytest.raises(ValueError, match="expected"):
        supervised(root=music)
