"""Linear evaluation: a head on frozen encoders of every kind, from songs to numbers."""

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from stemwise.cli import main
from stemwise.data import DATASETS
from stemwise.data.audio import read
from stemwise.data.tracks import stem_folders
from stemwise.data.twins import write_twin
from stemwise.embedding import tag
from stemwise.evaluation import predict
from stemwise.evaluation.published import LINEAR
from stemwise.models import CLASSIFIERS, ENCODERS, SEPARATORS, WAVEFORM_ENCODERS
from stemwise.models.frozen import FrozenClassifier, frozen
from stemwise.models.sample_cnn import WINDOW
from stemwise.recipes import RECIPES
from stemwise.recipes.linear import MATERIAL
from stemwise.report.evaluation_page import _published
from stemwise.tasks import TASKS
from stemwise.training import Machine, fit
from stemwise.weights.store import load, save
from synth import CLASSES, noise, scrambled, stem_tree, tiny, tiny_encoder

CPU = Machine(device="cpu", precision="fp32", checkpoint_s=1000.0)
KINDS: dict[str, Any] = {
    "tune": tiny_encoder(WAVEFORM_ENCODERS["tune-5tail"]),
    "sample-cnn": tiny_encoder(WAVEFORM_ENCODERS["sample-cnn"]),
    "classifier of tune": tiny(ENCODERS["tune-5tail"]),
    "mscol": tiny(ENCODERS["mscol"]),
    "mscol-window": tiny(ENCODERS["mscol-window"]),
    "msspt": tiny(CLASSIFIERS["msspt-tail"]),
}


def headed(kind: str = "tune", **values: Any) -> FrozenClassifier:
    torch.manual_seed(0)
    return frozen(scrambled(KINDS[kind].build()), CLASSES, "multilabel", **values).eval()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Songs of a window and a bit."""
    root = tmp_path_factory.mktemp("set")
    return stem_tree(root, {"train": 4, "valid": 2, "test": 2}, samples=70_000, sample_rate=22_050)


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", KINDS["tune"])


@pytest.mark.parametrize("kind", KINDS)
def test_head_hears_what_the_encoder_says_of_each_window(kind: str) -> None:
    model = headed(kind, hidden=5)
    samples = model.window + model.hop + 100
    audio = torch.from_numpy(noise(1, samples))[None]
    if model.encoder_spans:
        expected = model.encoder(audio)[0].T
    else:
        starts = [0, model.hop, samples - model.window]
        cut = torch.stack([audio[0, :, start : start + model.window] for start in starts])
        expected = model.encoder(cut)[..., 0]
    with torch.no_grad():
        torch.testing.assert_close(model(audio)[0].T, expected, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(model.logits(audio)[0].T, model.head(expected), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("samples", "kept", "published"),
    [(WINDOW // 2, 1, 1), (WINDOW, 1, 1), (2 * WINDOW, 2, 1), (2 * WINDOW + 1, 3, 2), (642_184, 11, 10)],
)
def test_last_piece_is_dropped_as_published_or_kept(samples: int, kept: int, published: int) -> None:
    audio = torch.zeros(1, 1, samples)
    for ending, expected in (("kept", kept), ("published", published)):
        assert headed(ending=ending)._windows(audio).shape[2] == expected


def test_published_answer_is_the_mean_over_all_pieces_but_the_last() -> None:
    model: Any = headed(ending="published")
    audio = torch.from_numpy(noise(1, 3 * WINDOW))
    pieces = torch.split(audio, WINDOW, dim=1)[:-1]
    with torch.no_grad():
        vectors = torch.cat([model.encoder(piece[None])[..., 0] for piece in pieces])
        expected = model.head(vectors).sigmoid().mean(0).numpy()
    found = tag(model, np.split(audio.numpy(), 9, axis=1), MATERIAL.sample_rate, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_head_learns_as_by_torchs_plateau_and_early_stopping_and_the_encoder_stays(
    tree: Path, tmp_path: Path, encoder: None
) -> None:
    given = {"task": "rendered-genre", "model": "tiny", "batch_size": 4, "epochs": 60, "learning_rate": 0.5}
    run = RECIPES["linear-evaluation"](root=tree, drop_after=2, patience=5, **given)
    head, valid = copy.deepcopy(run.model.head), run.validation.measure.data.batch(0)
    before = {name: value.clone() for name, value in run.model.encoder.state_dict().items()}
    rows = fit(run, tmp_path / "run", CPU, progress=False)
    assert all(torch.equal(value, before[name]) for name, value in run.model.encoder.state_dict().items())
    assert rows[-1]["loss"] < rows[0]["loss"]
    adam = torch.optim.Adam(head.parameters(), lr=0.5, weight_decay=1e-6)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(adam, factor=0.1, patience=1, threshold=0.0)
    losses, k = [], 0
    while k < 60 and k - 1 - int(np.argmin(losses or [0])) < 5:  # five in a row without a new best
        batch = run.data.batch(k)
        adam.zero_grad()
        torch.nn.functional.cross_entropy(head(batch["feature"]), batch["label"]).backward()
        adam.step()
        with torch.no_grad():
            losses.append(torch.nn.functional.cross_entropy(head(valid["feature"]), valid["label"]).item())
        plateau.step(losses[-1])
        k += 1
    assert len(rows) == k
    assert 6 < k < 60
    for ours, theirs in zip(run.model.head.parameters(), head.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_vectors_are_those_of_fixed_crops_and_are_computed_once(tmp_path: Path, encoder: None) -> None:
    root = stem_tree(tmp_path, {"train": 1, "valid": 1}, samples=WINDOW, sample_rate=22_050)
    stem_tree(tmp_path / "longer", {"train": 1}, samples=WINDOW + 9000, sample_rate=22_050)
    (tmp_path / "longer" / "train" / "track-0").rename(root / "train" / "track-9")
    given = {"root": root, "model": "tiny", "batch_size": 2, "crops": 3}
    run = RECIPES["linear-evaluation"](**given)
    (folder,) = (root / "cache").glob("features-*")
    written = (folder / "data.bin").stat().st_mtime_ns
    features = run.data.arrays["feature"]
    assert torch.equal(features, RECIPES["linear-evaluation"](**given).data.arrays["feature"])
    assert (folder / "data.bin").stat().st_mtime_ns == written
    with torch.no_grad():  # one crop alone fits into the first track
        whole = run.model.encoder(torch.from_numpy(read(root / "train/track-0/mixture.wav")[0])[None])
    torch.testing.assert_close(features[:3], whole[..., 0].expand(3, -1), atol=1e-4, rtol=1e-3)
    assert len({tuple(row) for row in features[3:].tolist()}) == 3


@pytest.mark.parametrize("kind", ["tune", "mscol", "msspt"])
def test_stored_model_says_the_same(kind: str, tmp_path: Path) -> None:
    model = headed(kind, hidden=3, ending="published")
    again: Any = load(save(model, tmp_path / "model", {}))
    assert again.config == model.config
    audio = torch.from_numpy(noise(1, 70_000))[None]
    with torch.no_grad():
        torch.testing.assert_close(again.logits(audio), model.logits(audio), atol=0, rtol=0)


def test_regression_is_the_mean_estimate_of_the_windows(tree: Path) -> None:
    task = TASKS["rendered-emotion"]
    model = frozen(scrambled(KINDS["tune"].build()), task.classes, task.target).eval()
    tracks = stem_folders(tree, "test")
    found = predict(model, task, tracks)
    with torch.no_grad():
        expected = [model.logits(torch.from_numpy(read(t.mixture)[0])[None])[0].mean(1) for t in tracks]
    np.testing.assert_allclose(found.chances, torch.stack(expected).numpy(), atol=1e-4)
    np.testing.assert_allclose(found.targets[:, 0], [t.labels["arousal"] for t in tracks], atol=1e-6)


def test_separator_is_no_encoder(tmp_path: Path, tree: Path) -> None:
    stored = save(tiny(SEPARATORS["msspt-multisource"]).build(), tmp_path / "model", {})
    with pytest.raises(ValueError, match=r"expected a model with a representation, .* is a UNetSeparator"):
        RECIPES["linear-evaluation"](root=tree, encoder=str(stored))


@pytest.mark.parametrize(("name", "score"), [("magnatagatune", "ROC-AUC"), ("emomusic", "arousal, R²")])
def test_trained_and_evaluated_on_a_twin_from_the_command_line(
    name: str, score: str, tree: Path, tmp_path: Path, capsys, encoder: None
) -> None:
    root, out = write_twin(DATASETS[name], stem_folders(tree), tmp_path / name), tmp_path / "run"
    words = ["--root", str(root), "--task", name, "--model", "tiny", "--epochs", "2", "--batch-size", "4"]
    assert main(["train", "linear-evaluation", *words, "--ending", "published", "--out", str(out)]) == 0
    test = ["--dataset", name, "--root", str(root), "--resamples", "20"]
    assert main(["evaluate", str(out / "model"), *test, "--json", str(tmp_path / "scores.json")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert score in said
    assert "as CLMR's code drops its last piece" in said
    assert ("TUNe, 10 000 epochs 0.895 0.370" in said) == (name == "magnatagatune")
    assert ("twin of rendered music, test split: the two do not compare" in said) == (name == "magnatagatune")


def test_page_has_the_published_numbers_beside_their_protocol() -> None:
    table = LINEAR["magnatagatune"].plain()
    fields = {"music": "as distributed", "split": "test"}
    shown = {"published_scores": table, "roc_auc": 0.5, "average_precision": 0.25, "protocol_fields": fields}
    drawn = _published(shown)
    assert "Tailed U-Net, ISMIR 2022" in drawn
    assert "10 whole windows" in drawn
    assert re.search(r"here.*0\.500.*CLMR, 10 000 epochs.*0\.887.*0\.356", drawn, re.DOTALL)


def test_clip_shorter_than_a_window_is_filled_up(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(1, 1000)[0], 22_050)
    audio, rate = read(tmp_path / "a.wav")
    assert tag(headed(), [audio], rate, 1).shape == (3,)
