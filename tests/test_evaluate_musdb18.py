"""`stemwise evaluate --task musdb18`: what museval reads, what is continued, what is shown."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemwise import STEMS
from stemwise.cli import main
from stemwise.data import DATASETS
from stemwise.data.tracks import stem_folders
from stemwise.evaluation.track_scores import references
from stemwise.metrics.separation import bss_eval
from stemwise.models import CLASSIFIERS
from stemwise.models.unet import UNetConfig
from stemwise.processes import spread
from stemwise.separation import separate
from stemwise.weights.store import load, save
from synth import noise, scrambled, stem_tree, tiny, write_stems

RATE = 16_000


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = scrambled(UNetConfig(widths=(4,) * 3, head_width=4).build())
    return save(network, tmp_path_factory.mktemp("models") / "apart", {"title": "drawn"})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noisy_tree(tmp_path_factory.mktemp("set"), 2, 1)


def noisy_tree(root: Path, tracks: int, channels: int) -> Path:
    """A set of songs with noise in every stem: BSSEval's filters are well determined, and so fast to find."""
    stem_tree(root, {"test": tracks}, samples=2 * RATE, channels=channels)
    for track in stem_folders(root):
        stems = references(STEMS, track)
        noisy = stems + np.stack([noise(channels, 2 * RATE, seed, 0.02) for seed in range(4)])
        write_stems(track.mixture.parent, noisy, RATE)
    return root


def evaluate(model: Path, data: Path, *more: str | Path) -> int:
    return main(["evaluate", str(model), "--root", str(data), "--task", "musdb18", *map(str, more)])


@pytest.fixture(scope="module")
def out(model: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scores")
    assert evaluate(model, data, "--out", folder) == 0
    return folder


def scores(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "scores.json").read_text())


def test_frames_are_those_of_bss_eval(model: Path, tmp_path: Path) -> None:
    track = stem_folders(noisy_tree(tmp_path / "set", 1, 2))[0]
    assert evaluate(model, tmp_path / "set", "--out", tmp_path / "out") == 0
    reference = references(STEMS, track)
    network, mixture = load(model), reference.sum(0)
    estimate = np.concatenate(list(separate(network, [mixture], RATE, 2)), axis=2)
    frames = bss_eval(reference, estimate, RATE)
    kept = json.loads((tmp_path / "out" / "test" / f"{track.name}.json").read_text())
    assert [target["name"] for target in kept["targets"]] == list(STEMS)
    for stem, target in enumerate(kept["targets"]):
        assert [(row["time"], row["duration"]) for row in target["frames"]] == [(0.0, 1.0), (1.0, 1.0)]
        for name in ("SDR", "ISR", "SIR", "SAR"):
            found = [row["metrics"][name] for row in target["frames"]]
            np.testing.assert_allclose(found, frames[name][stem], atol=0.01)  # the mixture is of 16 bit


def test_museval_reads_the_folder_and_finds_the_same_medians(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("ffmpeg", "ffprobe"):  # without which its package does not import; they never run
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    store = pytest.importorskip("museval").EvalStore()
    store.add_eval_dir(str(out))
    theirs = store.agg_frames_tracks_scores().unstack()
    for stem, row in scores(out)["stems"].items():
        for name in ("SDR", "ISR", "SIR", "SAR"):
            assert row[name.lower()] == pytest.approx(theirs[name][stem], abs=1e-9)


def test_medians_are_over_frames_then_tracks(out: Path) -> None:
    found = scores(out)
    assert found["tracks"] == 2
    for stem in STEMS:
        rows = [row[stem] for row in found["per_track"].values()]
        for key in ("sdr", "whole_sdr", "si_sdr", "improvement"):
            assert found["stems"][stem][key] == np.median([row[key] for row in rows])
        assert len(found["sdr_per_octave"][stem]) == 7
    assert found["stems"]["vocals"]["scored"] == 2


def test_published_numbers_stand_beside_with_their_source(out: Path, capsys) -> None:
    published = scores(out)["published"]
    assert published["sdr"]["Meta-TasNet"] == {"drums": 5.91, "bass": 5.58, "other": 4.19, "vocals": 6.40}
    page = (out / "report.html").read_text()
    for words in ("arXiv 2002.07016", "MMDenseLSTM", "so the two do not compare", "ISR in dB", "<svg"):
        assert words in page


def test_stopped_evaluation_continues(model: Path, data: Path, out: Path, tmp_path: Path) -> None:
    """What is kept is taken as it is, which a number that is put there proves."""
    shutil.copytree(out, tmp_path / "scores")
    kept, gone = (tmp_path / "scores" / "test" / f"track-{n}.json" for n in (0, 1))
    document = json.loads(kept.read_text())
    document["targets"][0]["frames"][0]["metrics"]["SDR"] = 77.0
    kept.write_text(json.dumps(document))
    gone.unlink()
    assert evaluate(model, data, "--out", tmp_path / "scores") == 0
    found = scores(tmp_path / "scores")
    assert found["per_track"]["track-0"]["drums"]["sdr"] > 30
    assert gone.read_text() == (out / "test" / "track-1.json").read_text()
    assert found["per_track"]["track-1"] == scores(out)["per_track"]["track-1"]


def test_scores_of_other_weights_are_measured_anew(data: Path, out: Path, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "scores")
    network = scrambled(UNetConfig(widths=(4,) * 3, head_width=4).build(), 1)
    other = save(network, tmp_path / "apart", {"title": "drawn"})
    assert evaluate(other, data, "--out", tmp_path / "scores") == 0
    assert scores(tmp_path / "scores")["stems"] != scores(out)["stems"]


def test_damaged_scores_are_named(model: Path, data: Path, out: Path, tmp_path: Path, capsys) -> None:
    shutil.copytree(out, tmp_path / "scores")
    (tmp_path / "scores" / "test" / "track-1.json").write_text("{")
    assert evaluate(model, data, "--out", tmp_path / "scores") == 2
    assert "track-1.json: expected a track's scores" in capsys.readouterr().err


def test_several_processes_find_the_same(model: Path, data: Path, out: Path, tmp_path: Path) -> None:
    assert evaluate(model, data, "--out", tmp_path, "--workers", "2") == 0
    apart, alone = scores(tmp_path)["stems"], scores(out)["stems"]
    for stem in STEMS:
        assert apart[stem] == pytest.approx(alone[stem], abs=1e-4)


def test_unreadable_track_is_left_out_by_name(model: Path, data: Path, tmp_path: Path, capsys) -> None:
    shutil.copytree(data, tmp_path / "set")
    (tmp_path / "set" / "test" / "track-1" / "bass.wav").write_bytes(b"no music" * 2000)
    assert evaluate(model, tmp_path / "set", "--json", tmp_path / "scores.json") == 1
    assert list(scores(tmp_path)["unreadable"]) == ["track-1"]
    assert "track-1: left out" in capsys.readouterr().err


def test_track_with_a_silent_stem_has_no_score_and_museval_s_nan(model: Path, tmp_path: Path) -> None:
    noisy_tree(tmp_path / "set", 2, 1)
    stems = references(STEMS, stem_folders(tmp_path / "set")[0])
    stems[3] = 0
    write_stems(tmp_path / "set" / "test" / "track-0", stems, RATE)
    assert evaluate(model, tmp_path / "set", "--out", tmp_path / "out") == 0
    assert "NaN" in (tmp_path / "out" / "test" / "track-0.json").read_text()
    found = scores(tmp_path / "out")
    assert found["per_track"]["track-0"]["drums"]["sdr"] is None
    assert found["stems"]["drums"]["scored"] == 1


def test_what_a_model_does_not_separate_is_one_more_reference(data: Path, tmp_path: Path) -> None:
    network = scrambled(UNetConfig(stems=("vocals",), widths=(2,) * 3, head_width=2).build())
    one = save(network, tmp_path / "vocals", {"title": "drawn"})
    assert evaluate(one, data, "--json", tmp_path / "scores.json") == 0
    found = scores(tmp_path)["stems"]
    assert list(found) == ["vocals"]
    assert all(np.isfinite(list(found["vocals"].values())))  # a lone reference would have no interference


@pytest.mark.parametrize("name", ["musdb18", "musdb18-hq", "stems"])
def test_other_sets_of_stems_are_scored_too(name: str, model: Path, tmp_path: Path) -> None:
    tracks = stem_folders(noisy_tree(tmp_path / "set", 1, 2))
    root = tmp_path / "set"
    if name == "musdb18":
        root = tmp_path / "twin"
        DATASETS[name].twin(tracks, root)
    assert evaluate(model, root, "--dataset", name, "--json", tmp_path / "scores.json") == 0
    assert scores(tmp_path)["protocol_fields"]["dataset"] == name


def test_set_without_stems_is_refused(model: Path, data: Path, capsys) -> None:
    assert evaluate(model, data, "--dataset", "folder") == 2
    assert "is a task of musdb18, musdb18-hq" in capsys.readouterr().err


def test_classifier_is_refused(data: Path, tmp_path: Path, capsys) -> None:
    tagger = save(scrambled(tiny(CLASSIFIERS["half-tail"]).build()), tmp_path / "tags", {"title": "drawn"})
    assert evaluate(tagger, data) == 2
    assert "tags: expected a separator for this task" in capsys.readouterr().err


def test_runs_are_compared(data: Path, tmp_path: Path, capsys) -> None:
    for seed in (0, 1):
        network = scrambled(UNetConfig(widths=(4,) * 3, head_width=4).build(), seed)
        save(network, tmp_path / "runs" / f"run-{seed}" / "model", {"title": "drawn"})
    assert evaluate(tmp_path / "runs", data, "--out", tmp_path / "out") == 0
    assert "highest SDR" in capsys.readouterr().out
    assert (tmp_path / "out" / "run-1" / "test" / "track-0.json").is_file()


def test_no_workers_are_refused(model: Path, data: Path, capsys) -> None:
    assert evaluate(model, data, "--workers", "0") == 2
    assert "workers: expected at least 1" in capsys.readouterr().err


def test_work_is_spread_over_processes_and_comes_back_whole() -> None:
    assert sorted(spread(abs, [-3, 1, -2], 2)) == [1, 2, 3]
    assert list(spread(abs, [-3, 1, -2], 1)) == [3, 1, 2]
    with pytest.raises(TypeError):
        list(spread(abs, [1, "no number"], 2))
