"""MSCOL's one sequence of commands on twins: songs, stems, log-mels, pre-training, classifier, numbers."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalogue_runs import done, forked, kill_after
from stemwise.cli import main
from stemwise.data import DATASETS
from stemwise.data.tracks import Track, stem_folders
from stemwise.data.twins import write_twin
from stemwise.models import ENCODERS, mscol
from synth import stem_tree, tiny

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = ["--segment", "98", "--batch-size", "4", "--device", "cpu", "--threads", "1", "--checkpoint-s", "0"]


@pytest.fixture(autouse=True)
def _tiny_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS, "tiny", tiny(mscol.MscolConfig()))


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    counts = {"train": 4, "valid": 2, "test": 2}
    return stem_folders(stem_tree(tmp_path_factory.mktemp("music"), counts, samples=40_000))


def chain(dataset: str, root: Path, runs: Path, task: str) -> dict[str, list[str]]:
    """The commands of docs/mscol.md, made small."""
    named, encoder, classifier = ["--root", str(root)], str(runs / "encoder"), str(runs / task)
    return {
        "stems": ["data", "stems", dataset, str(root)],
        "log-mels": ["data", "prepare", dataset, str(root), "--for", "mscol"],
        "encoder": [
            *("train", "mscol", *named, "--dataset", dataset, "--silent", "--out", encoder),
            *("--model", "tiny", "--steps", "4", "--valid-every", "2", "--valid-batches", "1", *SMALL),
        ],
        "classifier": [
            *("train", "mscol-classifier", *named, "--task", task, "--out", classifier),
            *("--encoder", f"{encoder}/model", "--epochs", "2", *SMALL),
        ],
        "numbers": [
            *("evaluate", f"{classifier}/model", "--dataset", dataset, *named, "--task", task),
            *("--json", f"{classifier}/scores.json", "--resamples", "20"),
        ],
    }


def scores(classifier: Path) -> dict[str, Any]:
    return json.loads((classifier / "scores.json").read_text())


BENCHMARKS = {
    "magnatagatune": ("magnatagatune", "magnatagatune-unfiltered"),
    "nsynth": ("nsynth", "nsynth-pitch"),
    "fma-small": ("fma-small",),
}


@pytest.mark.parametrize("dataset", BENCHMARKS)
def test_from_songs_to_numbers(dataset: str, music: list[Track], tmp_path: Path) -> None:
    root = write_twin(DATASETS[dataset], music, tmp_path / "set")
    for task in BENCHMARKS[dataset]:
        for command in chain(dataset, root, tmp_path / "runs", task).values():
            assert main(command) == 0
        protocol = json.dumps(scores(tmp_path / "runs" / task))
        assert f'"task": "{task}"' in protocol
        assert "windows" in protocol


def begun(folder: Path) -> Callable[[], bool]:
    """Whether a training has written a checkpoint that it goes on from."""
    return lambda: any((folder / "checkpoints").glob("step-*.pt"))


@pytest.mark.slow
def test_killed_anywhere_the_same_commands_end_with_the_same_numbers(
    music: list[Track], tmp_path: Path
) -> None:
    quiet = write_twin(DATASETS["nsynth"], music, tmp_path / "quiet/set")
    killed = tmp_path / "killed/set"
    shutil.copytree(quiet, killed)
    for command in chain("nsynth", quiet, tmp_path / "quiet", "nsynth").values():
        assert main(command) == 0
    commands = chain("nsynth", killed, tmp_path / "killed", "nsynth")
    moments = {
        "stems": lambda: done(killed / "stems") >= 2,
        "encoder": begun(tmp_path / "killed/encoder"),
        "classifier": begun(tmp_path / "killed/nsynth"),
    }
    for name, command in commands.items():
        if name in moments:
            assert kill_after(forked(*command), moments[name]), f"{name} ended before it was killed"
        assert main(command) == 0
    for name in ("encoder", "nsynth"):
        files = [tmp_path / way / name / "model/model.safetensors" for way in ("quiet", "killed")]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert scores(tmp_path / "quiet/nsynth") == scores(tmp_path / "killed/nsynth")
