"""The audit tells what is trivial, what is at chance, and the key of a cadence."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labelled import RATE, TONICS, cadence, labelled_set, noise
from stemwise.audit import audit
from stemwise.audit.features import describe
from stemwise.audit.key_template import likeliest_key
from stemwise.cli import main
from stemwise.data import DATASETS
from stemwise.metrics.key import parse
from stemwise.report import audit_text, write_audit


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled_set(tmp_path_factory.mktemp("audited"))


@pytest.fixture(scope="module")
def results(root: Path) -> dict:
    assert main(["data", "audit", str(root)]) == 0
    return json.loads((root / "audit.json").read_text())


def best(results: dict, label: str, method: str = "") -> dict:
    rows = [row for row in results["labels"] if row["label"] == label and method in row["method"]]
    return max(rows, key=lambda row: row["score"])


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("detune", [0.0, 0.3, -0.4])
def test_the_template_finds_the_key_of_a_cadence(mode: str, detune: float) -> None:
    for tonic, name in enumerate(TONICS):
        chroma = describe([cadence(tonic, mode, detune=detune).astype(np.float32)], RATE).chroma
        assert parse(likeliest_key(chroma)) == parse(f"{name} {mode}")


def test_features_do_not_depend_on_rate_or_blocks() -> None:
    draw = np.random.default_rng(0)
    audio = (cadence(3, "minor", 8.0) + noise(20, 9000, 8 * RATE, draw)).astype(np.float32)
    whole = describe([audio], RATE)
    cut = describe([audio[:, : 4 * RATE], audio[:, 4 * RATE :]], RATE)
    np.testing.assert_allclose(cut.chroma, whole.chroma, atol=0.02)
    np.testing.assert_allclose(cut.mfcc, whole.mfcc, atol=0.3)
    assert whole.chroma.sum() == pytest.approx(1)


@pytest.mark.parametrize("samples", [1, 700, 9000])
def test_short_and_silent_sounds_have_features(samples: int) -> None:
    found = describe([np.zeros((2, samples), np.float32)], 44_100)
    assert np.isfinite(found.mfcc).all()
    np.testing.assert_allclose(found.chroma, 1 / 12)


def test_stems_in_bands_of_their_own_are_trivial(results: dict) -> None:
    stems = results["stems"]
    assert stems["vocals"]["verdict"] == "trivial"
    assert stems["vocals"]["audible"] == 10  # of sixteen: every third has none
    for row in stems.values():
        assert row["mixture"] <= row["equaliser"] + 1e-3


def test_labels_are_told_apart_by_what_can_be_heard_of_them(results: dict) -> None:
    verdicts = {row["measure"]: row["verdict"] for row in results["labels"] if row["label"] == "genre"}
    assert verdicts.keys() == {"accuracy", "class ROC-AUC"}
    assert best(results, "genre", "MFCC")["score"] == 1
    assert "Labels, each by the best of the simple methods: trivial: genre" in flat(audit_text(results))
    assert best(results, "mood")["verdict"] == "at chance"
    assert best(results, "key", "template")["score"] == 1
    assert best(results, "mode", "template")["verdict"] == "trivial"
    assert best(results, "vocals", "MFCC")["verdict"] == "trivial"
    assert best(results, "instruments")["parts"] == {}  # the voice alone differs
    assert {row["train"] for row in results["labels"]} == {0, 24}
    assert {row["test"] for row in results["labels"]} == {16}


def test_labels_that_cannot_be_asked_have_a_reason(results: dict) -> None:
    assert {"label": "voice", "reason": "no class occurs in both splits"} in results["skipped"]
    assert not {"presets", "chords"} & {row["label"] for row in results["labels"] + results["skipped"]}


def test_the_page_holds_the_numbers_and_fetches_nothing(root: Path, results: dict) -> None:
    page = (root / "audit.html").read_text()
    assert "http" not in page and "<script" not in page
    assert page.count("<svg") == 2
    assert results["protocol"][:50] in page
    assert "None" not in page and ">nan<" not in page


def test_the_text_fits_a_terminal(results: dict) -> None:
    text = audit_text(results)
    assert max(map(len, text.splitlines())) <= 110
    assert "Stems: trivial: " in text


def test_without_training_tracks_the_template_alone_is_scored(root: Path) -> None:
    tracks = DATASETS["rendered"].tracks(root, None)
    found = audit(tracks, split="train")
    assert found["train_tracks"] == 0
    assert {row["method"] for row in found["labels"]} == {"chroma template"}
    assert {"label": "genre", "reason": "no tracks to learn from"} in found["skipped"]


def test_keys_of_other_names_are_plain_classes(root: Path) -> None:
    tracks = DATASETS["rendered"].tracks(root, None)
    named = [
        replace(track, labels={"key": track.labels["key"].replace("major", "ionian")}) for track in tracks
    ]
    rows = [row for row in audit(named)["labels"] if row["label"] == "key"]
    assert {row["measure"] for row in rows} == {"accuracy", "class ROC-AUC"}


def test_tracks_without_labels_are_audited_for_separation(root: Path, tmp_path: Path) -> None:
    tracks = DATASETS["rendered"].tracks(root, "test")[:5]
    found = audit([replace(track, labels={}) for track in tracks])
    assert (found["labels"], found["skipped"]) == ([], [])
    write_audit(found, tmp_path, DATASETS["rendered"].info)
    assert "No label could be asked for" in (tmp_path / "audit.html").read_text()


def test_bad_input_is_one_line(root: Path, tmp_path: Path, capsys) -> None:
    assert main(["data", "audit", str(root), "--split", "valid"]) == 2
    assert "expected tracks of 'valid'" in capsys.readouterr().err
    broken = labelled_set(tmp_path / "broken", train=1, test=1)
    (broken / "test" / "test 00" / "mixture.wav").write_text("no sound")
    assert main(["data", "audit", str(broken)]) == 2
    assert "mixture.wav" in capsys.readouterr().err
    assert not list(broken.glob("audit*"))
