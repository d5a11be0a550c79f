"""MSCOL from songs to numbers at a tiny size: the log-mel cache, pre-training, the classifier, the scores."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from stemwise import STEMS
from stemwise.cli import main
from stemwise.data import pairs
from stemwise.data.cache import prepare
from stemwise.data.material import Material
from stemwise.data.tracks import stem_folders
from stemwise.models import ENCODERS, SEPARATORS, mscol
from stemwise.models.frontends import ColaLogMel
from stemwise.models.mscol import Mscol, MscolClassifier
from stemwise.objectives.contrastive import SourceContrastPictures
from stemwise.recipes import RECIPES, mscol_classifier
from stemwise.recipes.logmels import log_mels
from stemwise.recipes.measures import Retrieval
from stemwise.signal.level import unit_norm
from stemwise.training import Machine, Run, fit
from stemwise.weights.store import load, save
from synth import stem_tree, tiny, write_stems

CPU = Machine(device="cpu", precision="fp32", checkpoint_s=1000.0)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return stem_tree(tmp_path / "set", {"train": 4, "valid": 2, "test": 2}, samples=32_000)


@pytest.fixture(autouse=True)
def _tiny_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", tiny(mscol.MscolConfig()))


def cached(root: Path, sources: tuple[str, ...] = ("mixture", *STEMS)):
    audio = prepare(stem_folders(root, "train"), Material(sources=sources, sample_rate=16_000), root)
    return audio, log_mels(audio, root / "cache")


def run(root: Path, recipe: str = "mscol", **values: Any) -> Run:
    small = {"model": "tiny", "segment": 98, "batch_size": 4}
    return RECIPES[recipe](root=root, **(small | values))


def test_cache_holds_the_log_mels_of_whole_tracks_of_norm_one(tree: Path) -> None:
    audio, found = cached(tree)
    for source in range(5):
        samples = torch.from_numpy(audio.excerpt(1, source, 0, audio.samples(1)))[0]
        expected = ColaLogMel()(unit_norm(samples)).numpy()
        assert found.lengths[1] == expected.shape[1] == 198
        np.testing.assert_allclose(found.excerpt(1, source, 0, 198), expected, atol=6e-3)
    assert found.frames.dtype == np.float16


def test_cache_is_filled_once(tree: Path) -> None:
    first = cached(tree)[1]
    data = tree / "cache" / "logmels-cola" / "data.bin"
    before = data.stat()
    again = cached(tree)[1]
    assert data.stat().st_mtime_ns == before.st_mtime_ns
    assert again.about == first.about
    assert isinstance(again.frames, np.memmap)


def test_changed_track_is_computed_anew_and_the_others_are_not(tree: Path) -> None:
    before = cached(tree)[1]
    write_stems(
        tree / "train" / "track-1", 0.1 * np.random.default_rng(0).standard_normal((4, 1, 24_000)), 16_000
    )
    after = cached(tree)[1]
    assert after.lengths.tolist() == [198, 148, 198, 198]
    assert np.array_equal(after.starts[0], before.starts[0])
    assert (after.starts[1] >= len(before.frames)).all()


def test_stem_that_shortens_its_track_brings_the_mixture_up_to_date(tree: Path) -> None:
    cached(tree)
    soundfile.write(tree / "train" / "track-0" / "bass.wav", np.full(20_000, 0.1), 16_000, subtype="PCM_16")
    audio, found = cached(tree)
    assert found.lengths[0] == ColaLogMel().frames(20_000) == ColaLogMel().frames(audio.samples(0))
    samples = torch.from_numpy(audio.excerpt(0, 0, 0, 20_000))[0]
    expected = ColaLogMel()(unit_norm(samples)).numpy()
    np.testing.assert_allclose(found.excerpt(0, 0, 0, expected.shape[1]), expected, atol=6e-3)


def test_unfinished_cache_is_gone_on_with(tree: Path) -> None:
    whole = cached(tree)[1]
    folder = tree / "cache" / "logmels-cola"
    lines = (folder / "index.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "index.jsonl").write_bytes(b"".join(lines[:7]) + lines[7][:20])
    again = cached(tree)[1]
    assert again.about == whole.about


RUNS: dict[str, Mapping[str, Any]] = {
    "all": {},
    "all with silence": {"silent": True},
    **{stem: {"sources": stem} for stem in STEMS},
    "vocals with silence": {"sources": "vocals", "silent": True},
    "COLA": {"sources": "none"},
    "COLA with masking": {"sources": "none", "mask": True},
    "both directions": {"symmetric": True, "silent": True},
}


@pytest.mark.parametrize("case", RUNS)
def test_every_arm_trains_and_says_how_well_it_retrieves(tree: Path, tmp_path: Path, case: str) -> None:
    given = run(tree, steps=3, valid_every=2, valid_batches=1, **RUNS[case])
    rows = fit(given, tmp_path / "run", CPU, progress=False)
    sources = {"COLA": ["mixture"], "COLA with masking": ["mixture"]}.get(case, [case.split()[0]])
    sources = list(STEMS) if sources[0] in ("all", "both") else sources
    assert all(np.isfinite(row["loss"]) and 0 <= row["accuracy"] <= 1 for row in rows)
    own = {key.removeprefix("accuracy_") for row in rows for key in row if key.startswith("accuracy_")}
    assert own <= set(sources)
    assert {f"valid_accuracy_{source}" for source in sources} <= rows[-1].keys()
    assert rows[-1].keys() >= {"valid_loss", "valid_accuracy"}


def test_rate_is_halved_once_behind_the_first_half(tree: Path) -> None:
    given = run(tree, steps=10)
    rates = [given.schedule.factor(step, 10) for step in range(10)]
    assert rates == [1.0] * 5 + [0.5] * 5
    odd = run(tree, steps=7)
    assert [odd.schedule.factor(step, 7) for step in range(7)][-1] == 0.5


def test_published_settings_are_the_defaults() -> None:
    keys = inspect.signature(RECIPES["mscol"]).parameters
    defaults = {name: keys[name].default for name in ("steps", "batch_size", "learning_rate", "segment")}
    assert defaults == {"steps": 640_000, "batch_size": 128, "learning_rate": 1e-3, "segment": 392}


REFUSED = {
    "silence without sources": ({"sources": "none", "silent": True}, "silent: without sources"),
    "masking with sources": ({"mask": True}, "mask: only mixtures"),
    "one pair": ({"batch_size": 1}, "batch_size: expected at least 2, got 1"),
    "no such model": ({"model": "mscoll"}, "did you mean mscol"),
    "no such set": ({"dataset": "musdb"}, "data set: no 'musdb'; did you mean musdb18"),
    "too few to retrieve": (
        {"segment": 198, "valid_every": 1, "root": "one"},
        "valid_every: expected at least 2",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_settings_that_contradict_are_refused(tree: Path, tmp_path: Path, case: str) -> None:
    values, message = REFUSED[case]
    root = tree
    if "root" in values:
        root = stem_tree(tmp_path / "one", {"train": 4, "valid": 1}, samples=32_000)
    with pytest.raises(ValueError, match=message):
        run(root, **{key: value for key, value in values.items() if key != "root"})


def test_retrieval_is_measured_for_each_source_on_its_own(tree: Path) -> None:
    given = run(tree)
    batches = given.data
    assert isinstance(batches, pairs.SourcePairs)
    data = {
        stem: pairs.SourcePairs(batches.excerpts, batches.segments, sources=(stem,), batch_size=4, length=98)
        for stem in STEMS
    }
    measure = Retrieval(objective=SourceContrastPictures(), data=data, batches=2)
    scores = measure(given.model.eval())
    assert scores.keys() == {"loss", "accuracy", *(f"accuracy_{stem}" for stem in STEMS)}
    assert scores["accuracy"] == pytest.approx(np.mean([scores[f"accuracy_{stem}"] for stem in STEMS]))


@pytest.mark.parametrize("task", ["rendered-genre", "rendered-tags", "rendered-emotion"])
def test_classifier_learns_on_a_frozen_encoder_and_is_scored(
    tree: Path, tmp_path: Path, task: str, capsys
) -> None:
    encoder = save(ENCODERS["tiny"].build(), tmp_path / "encoder", {"title": "tiny"})
    given = run(tree, "mscol-classifier", task=task, encoder=str(encoder), epochs=2)
    assert isinstance(given.model, MscolClassifier)
    source = load(encoder)
    assert isinstance(source, Mscol)
    before = source.network.state_dict()
    rows = fit(given, tmp_path / "run", CPU, progress=False)
    assert len(rows) == 2 * 2  # epochs × batches of 4 in 8 segments
    assert np.isfinite(rows[-1]["valid_loss" if task == "rendered-emotion" else "valid_accuracy"])
    assert all(torch.equal(value, before[key]) for key, value in given.model.network.state_dict().items())
    save(given.model, tmp_path / "model", {"title": "tiny"})
    command = ["evaluate", str(tmp_path / "model"), "--dataset", "rendered", "--root", str(tree)]
    out = tmp_path / "scores"
    assert main([*command, "--task", task, "--split", "test", "--out", str(out)]) == 0
    document = json.loads(next(out.rglob("*.json")).read_text())
    text = json.dumps(document)
    pooled = "estimate" if task == "rendered-emotion" else given.model.pooling
    assert f"mean {pooled} over a track's whole windows" in text
    assert "windows of 0.995 s, 0.98 s apart" in text


def test_head_and_rate_are_those_of_the_data_set(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linear = run(tree, "mscol-classifier")
    monkeypatch.setitem(mscol_classifier._HEADS, "rendered", (512, 3e-4))
    hidden = run(tree, "mscol-classifier")
    assert isinstance(linear.model, MscolClassifier)
    assert isinstance(hidden.model, MscolClassifier)
    assert (len(linear.model.head), linear.optimiser.learning_rate) == (1, 5e-4)
    assert (len(hidden.model.head), hidden.optimiser.learning_rate) == (3, 3e-4)
    assert (linear.optimiser.name, hidden.model.head[0].out_features) == ("keras-adam", 512)


def test_classifier_stops_when_it_gets_no_better(tree: Path, tmp_path: Path) -> None:
    given = run(tree, "mscol-classifier", epochs=30, patience=2, learning_rate=1e-12)
    rows = fit(given, tmp_path / "run", CPU, progress=False)
    assert len(rows) == 2 * 3  # the first epoch is the best: two more, of two batches each


def test_encoder_of_another_kind_is_refused(tree: Path, tmp_path: Path) -> None:
    other = save(tiny(SEPARATORS["half-multisource"]).build(), tmp_path / "other", {"title": "tiny"})
    with pytest.raises(ValueError, match=r"encoder: expected an encoder of MSCOL, .* is a UNetSeparator"):
        run(tree, "mscol-classifier", encoder=str(other))


def test_pretraining_that_was_killed_ends_with_the_same_weights(tree: Path, tmp_path: Path) -> None:
    machine = replace(CPU, checkpoint_s=0.0)
    whole, parted = (run(tree, steps=4, silent=True) for _ in range(2))
    fit(whole, tmp_path / "whole", machine, progress=False)
    batch, count = parted.data.batch, 0

    def cut_off(k: int, *rest: Any) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return batch(k, *rest)

    parted.data.batch = cut_off  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        fit(parted, tmp_path / "parted", machine, progress=False)
    again = run(tree, steps=4, silent=True)
    fit(again, tmp_path / "parted", machine, progress=False)
    expected = whole.model.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in again.model.state_dict().items())
