"""Checkpoints that the original code saved: imported, they give its outputs; damaged, one line each."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from rebuilt import SHA256, SHARD, rebuild
from test_msspt import LOGIT_TOLERANCE, TOLERANCE, assert_close, magnitudes, mixtures, samples
from vector_files import OWN

import stemwise
from bundles import write_bundle
from stemwise.cli import main
from stemwise.data.classes import MTAT_TAGS
from stemwise.data.magnatagatune import MSSPT_COLUMNS
from stemwise.models.joint import JointClassifier
from stemwise.weights.bundle import open_bundle
from stemwise.weights.published import VALUE

UNI, TUNE = "separators_unisource_seed0", "tune+_mtat_s5_seed0"
INDEX = "checkpoint-1.index"


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both checkpoints, rebuilt: their shards have the original's SHA-256."""
    folder = tmp_path_factory.mktemp("originals")
    for name in SHA256:
        rebuild(name, folder)
    return folder


@pytest.fixture(scope="module")
def models(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both checkpoints, imported."""
    folder = tmp_path_factory.mktemp("models")
    assert (
        main(["weights", "import", str(originals / UNI), "-o", str(folder / UNI), "--source", "vocals"]) == 0
    )
    assert main(["weights", "import", str(originals / TUNE / "checkpoint-1"), "-o", str(folder / TUNE)]) == 0
    return folder


@pytest.fixture
def copies(originals: Path, tmp_path: Path) -> Path:
    """The checkpoints, to be damaged: files are links until one is rewritten."""
    for name in SHA256:
        folder = tmp_path / "copies" / name
        folder.mkdir(parents=True)
        for file in (originals / name).iterdir():
            (folder / file.name).symlink_to(file)
    return tmp_path / "copies"


def rewrite(file: Path, change: Callable[[bytearray], Any]) -> None:
    """Put a changed file in the place of a link."""
    data = bytearray(file.read_bytes())
    change(data)
    file.unlink()
    file.write_bytes(data)


def flip(at: int) -> Callable[[bytearray], Any]:
    def change(data: bytearray) -> None:
        data[at] ^= 1

    return change


def refused(checkpoint: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Import what cannot be: exit code 2, one line, nothing left behind. Return the line."""
    out = checkpoint.parent / "made" / "model"
    assert main(["weights", "import", str(checkpoint), "-o", str(out), *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert not out.parent.exists()
    return line


@torch.inference_mode()
def test_imported_separator_gives_the_original_waveforms(models: Path) -> None:
    reference = np.load(OWN / "msspt_mscol" / "msspt_sep_uni_seed0.npz")
    out = stemwise.load(models / UNI)(mixtures("uni", 0))[:, 0, 0].numpy()
    assert_close(samples(out, reference["out/samples"]), reference["out/samples"], TOLERANCE)
    assert_close(out[:, :640], reference["out/head"], TOLERANCE)
    assert_close(out[:, -640:], reference["out/tail"], TOLERANCE)


@torch.inference_mode()
def test_imported_classifier_gives_the_original_logits(models: Path) -> None:
    reference = np.load(OWN / "msspt_mscol" / "msspt_tune_mtat_s5_seed0.npz")
    model = stemwise.load(models / TUNE)
    logits = model.magnitude_logits(magnitudes("tune_mtat_s5", 0))
    assert_close(logits.numpy(), reference["logits/full"], LOGIT_TOLERANCE)
    assert model.classes == MSSPT_COLUMNS


def test_card_says_where_the_weights_come_from(originals: Path, models: Path) -> None:
    card = json.loads((models / UNI / "card.json").read_text())
    assert card["architecture"] == "UNetConfig"
    assert card["config"]["stems"] == ["vocals"]
    assert card["licence"] == "none stated by the authors"
    assert "2310.15845" in card["citation"]
    assert "MUSDB18" in card["data"]
    assert card["origin"]["folder"] == UNI
    assert card["origin"]["sha256"][SHARD] == SHA256[UNI]
    assert card["origin"]["sha256"].keys() == {SHARD, INDEX}
    assert str(originals) not in json.dumps(card)


def test_imported_separator_takes_a_song_apart(models: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, 0.1 * np.random.default_rng(0).standard_normal((20_000, 2)), 22_050)
    assert main(["separate", str(song), "--model", str(models / UNI), "-o", str(tmp_path / "out")]) == 0
    files = [tmp_path / "out" / "song" / f"{name}.wav" for name in ("vocals", "rest")]
    stems = [soundfile.read(file)[0] for file in files]
    np.testing.assert_allclose(sum(stems), soundfile.read(song)[0], atol=1e-4)


def test_imported_classifier_tags_a_song(models: Path, tmp_path: Path, capsys) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, 0.1 * np.random.default_rng(0).standard_normal(70_000), 16_000)
    assert main(["tag", str(song), "--model", str(models / TUNE), "--top", "50"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line[:20].rstrip() for line in lines} == set(MTAT_TAGS)


def test_source_is_the_folders_name_where_it_is_one(originals: Path, tmp_path: Path, capsys) -> None:
    named = tmp_path / "drums"
    named.mkdir()
    for file in (originals / UNI).iterdir():
        (named / file.name).symlink_to(file)
    assert main(["weights", "import", str(named), "-o", str(tmp_path / "model")]) == 0
    assert stemwise.load(tmp_path / "model").stems == ("drums",)
    assert "MSSPT's separator of drums: 170 variables used, 243 " in capsys.readouterr().out


def test_source_that_nobody_names_is_called_source(originals: Path, tmp_path: Path, caplog) -> None:
    assert main(["weights", "import", str(originals / UNI / INDEX), "-o", str(tmp_path / "model")]) == 0
    assert stemwise.load(tmp_path / "model").stems == ("source",)
    assert "--source names it" in caplog.text


TENSORS = (
    "_CHECKPOINTABLE_OBJECT_GRAPH",
    f"layer_with_weights-0/beta{VALUE}",
    f"layer_with_weights-24/kernel{VALUE}",
    f"layer_with_weights-58/bias{VALUE}",
    f"layer_with_weights-3/kernel/.OPTIMIZER_SLOT/optimizer/v{VALUE}",
    f"optimizer/beta_2{VALUE}",
    f"save_counter{VALUE}",
)


@pytest.mark.parametrize("tensor", TENSORS)
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_damaged_byte_of_the_shard_is_refused_with_its_tensor(
    copies: Path, tensor: str, place: float, capsys
) -> None:
    entry = open_bundle(copies / UNI).entries[tensor]
    rewrite(copies / UNI / SHARD, flip(entry.offset + int(place * (entry.size - 1))))
    assert f"{SHARD}: {tensor} is damaged: its CRC32C is not the index's" in refused(copies / UNI, capsys)


@pytest.mark.parametrize("place", [0, 100, 5000, 0.5, 0.9, -100, -48, -30, -10, -1])
def test_damaged_byte_of_the_index_is_refused(copies: Path, place: float, capsys) -> None:
    size = (copies / UNI / INDEX).stat().st_size
    rewrite(copies / UNI / INDEX, flip(int(place * size) if isinstance(place, float) else place))
    assert f"stemwise: {copies / UNI / INDEX}: " in refused(copies / UNI, capsys)


def test_missing_shard_is_refused(copies: Path, capsys) -> None:
    (copies / UNI / SHARD).unlink()
    assert f"{SHARD}: no such file" in refused(copies / UNI, capsys)


def test_shard_that_is_cut_off_is_refused(copies: Path, capsys) -> None:
    rewrite(copies / UNI / SHARD, lambda data: data.__delitem__(slice(-1, None)))
    assert f"{SHARD}: expected 47130782 bytes, got 47130781" in refused(copies / UNI, capsys)


def test_index_that_is_cut_off_is_refused(copies: Path, capsys) -> None:
    rewrite(copies / UNI / INDEX, lambda data: data.__delitem__(slice(len(data) // 2, None)))
    assert f"{INDEX}: expected a TensorFlow checkpoint's index" in refused(copies / UNI, capsys)


def test_index_of_another_checkpoint_is_refused(copies: Path, capsys) -> None:
    other = (copies / TUNE / INDEX).read_bytes()
    rewrite(copies / UNI / INDEX, lambda data: data.__setitem__(slice(None), other))
    assert f"{SHARD}: expected 29036910 bytes, got 47130782" in refused(copies / UNI, capsys)


WRONG = {
    "another system": (["model/layer_with_weights-0/kernel"], "expected one of MSSPT's networks"),
    "no Keras model": (["dense.weight"], "dense.weight: neither a variable nor a slot of one"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_architecture_is_refused(tmp_path: Path, case: str, capsys) -> None:
    keys, message = WRONG[case]
    suffix = VALUE if case == "another system" else ""
    write_bundle(tmp_path / "other" / "ckpt", {f"{key}{suffix}": np.zeros(3, np.float32) for key in keys})
    assert f"ckpt.index: {message}" in refused(tmp_path / "other", capsys)


def test_variable_of_another_shape_is_refused(originals: Path, tmp_path: Path, capsys) -> None:
    bundle = open_bundle(originals / UNI)
    tensors = {
        name: bundle.read(name) for name in bundle.entries if name.startswith("layer") and "SLOT" not in name
    }
    key = "layer_with_weights-1/kernel"
    tensors[key + VALUE] = tensors[key + VALUE][..., :8]
    write_bundle(tmp_path / "wide" / "ckpt", tensors)
    line = refused(tmp_path / "wide", capsys)
    assert f"{key}: expected float32 (3, 3, 1, 16) for MSSPT's separator" in line
    assert "got float32 (3, 3, 1, 8); another architecture" in line


def test_source_that_is_none_is_refused(copies: Path, capsys) -> None:
    assert main(["weights", "import", str(copies / UNI), "-o", "x", "--source", "vocal"]) == 2
    assert "vocal" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_out_that_holds_something_else_is_left_alone(
    originals: Path, tmp_path: Path, kind: str, capsys
) -> None:
    out, kept = tmp_path / "mine", tmp_path / "mine" / "song.wav"
    if kind == "folder":
        out.mkdir()
    else:
        kept = out
    kept.write_text("precious")
    assert main(["weights", "import", str(originals / UNI), "-o", str(out), "--source", "bass"]) == 2
    assert "expected a model or nothing there, found" in capsys.readouterr().err
    assert kept.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set in MagnaTagATune's layout."""
    root = tmp_path_factory.mktemp("twin") / "mtat"
    size = ("--tracks", "6", "--seconds", "4", "--workers", "1")
    assert main(["data", "twin", "magnatagatune", str(root), *size]) == 0
    return root


def evaluated(model: Path, twin: Path, out: Path) -> dict[str, Any]:
    words = ["--dataset", "magnatagatune", "--root", str(twin), "--resamples", "20", "--json", str(out)]
    assert main(["evaluate", str(model), *words]) == 0
    return json.loads(out.read_text())


def test_imported_classifier_is_evaluated(models: Path, twin: Path, tmp_path: Path) -> None:
    scores = evaluated(models / TUNE, twin, tmp_path / "scores.json")
    assert scores["protocol_fields"]["task"] == "magnatagatune"
    assert [row["label"] for row in scores["labels"]] == list(MTAT_TAGS)
    assert scores["sha256"] == json.loads((models / TUNE / "card.json").read_text())["sha256"]


def test_imported_separator_is_fine_tuned(models: Path, twin: Path, tmp_path: Path) -> None:
    words = ["--root", str(twin), "--epochs", "1", "--batch-size", "2", "--patience", "0"]
    start = ["--separator", str(models / UNI)]
    assert main(["train", "msspt-classifier", *words, *start, "--out", str(tmp_path / "run")]) == 0
    model = stemwise.load(tmp_path / "run" / "model")
    assert isinstance(model, JointClassifier)
    assert model.config.stems == ("vocals",)
    assert evaluated(tmp_path / "run" / "model", twin, tmp_path / "scores.json")["tracks"] == 2
