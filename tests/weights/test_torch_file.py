"""Torch's checkpoints are read without executing them; Meta-TasNet's become models of ours."""

import argparse
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import stemwise
from stemwise.cli import main
from stemwise.models import SEPARATORS
from stemwise.models.meta_tasnet import MetaTasNet
from stemwise.weights.meta_tasnet import ARGUMENTS, published_names
from stemwise.weights.torch_file import is_torch_file, read_torch_file
from synth import scrambled, tiny

Forms = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])


def network(**changes: Any) -> MetaTasNet:
    return scrambled(replace(tiny(SEPARATORS["meta-tasnet"]), **changes).build())


def checkpoint(model: MetaTasNet, **changes: Any) -> dict[str, Any]:
    """What the original saves: the parsed arguments and the tensors, under the published names."""
    values = {theirs: getattr(model.config, ours) for theirs, ours in ARGUMENTS.items()}
    values |= {"kernel": 3, "independent_params": model.config.weights == "independent", "debug": False}
    names, state = published_names(model.config), model.state_dict()
    tensors = OrderedDict((theirs, state[ours].reshape(shape)) for ours, (theirs, shape) in names.items())
    return {"epoch": 7, "args": argparse.Namespace(**values), "state_dict": tensors, **changes}


def save(found: Any, path: Path, zipped: bool = True) -> Path:
    torch.save(found, path, _use_new_zipfile_serialization=zipped)
    return path


def refused(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Import what cannot be: exit code 2, one line, nothing left behind. Return the line."""
    out = path.parent / "made"
    assert main(["weights", "import", str(path), "-o", str(out / "model")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert not out.exists()
    return line


@Forms
@pytest.mark.parametrize("weights", ["generated", "independent"])
@torch.inference_mode()
def test_imported_network_answers_as_the_one_that_was_saved(
    zipped: bool, weights: str, tmp_path: Path
) -> None:
    model = network(weights=weights, residual_bias=weights == "independent")
    path = save(checkpoint(model), tmp_path / "best_model.pt", zipped)
    assert main(["weights", "import", str(path), "-o", str(tmp_path / "model")]) == 0
    loaded = stemwise.load(tmp_path / "model")
    clip = torch.randn(1, 1, 9000)
    assert torch.equal(loaded(clip), model(clip))
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    assert card["licence"] == "MIT"
    assert "2002.07016" in card["citation"]
    assert card["origin"]["sha256"].keys() == {"best_model.pt"}


def test_network_of_several_gpus_is_imported(tmp_path: Path) -> None:
    found = checkpoint(network())
    found["state_dict"] = {f"module.{name}": value for name, value in found["state_dict"].items()}
    path = save(found, tmp_path / "best_checkpoint")
    assert main(["weights", "import", str(path), "-o", str(tmp_path / "model")]) == 0


class Evil:
    """Calls a function when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


@Forms
@pytest.mark.parametrize("place", ["args", "state_dict", "optimizer"])
def test_malicious_pickle_is_refused_and_not_executed(
    zipped: bool, place: str, tmp_path: Path, capsys
) -> None:
    marker = tmp_path / "executed"
    path = save(checkpoint(network(), **{place: Evil(marker)}), tmp_path / "best_model.pt", zipped)
    line = refused(path, capsys)
    assert "refused: beside tensors it holds code to be called" in line
    assert "mkdir" in line
    assert not marker.exists()
    pickled = pickle.dumps(Evil(marker))  # the proof that it would have been
    pickle.loads(pickled)
    assert marker.exists()


def test_malicious_object_inside_the_namespace_is_refused(tmp_path: Path, capsys) -> None:
    marker, found = tmp_path / "executed", checkpoint(network())
    found["args"].N = Evil(marker)
    assert "refused" in refused(save(found, tmp_path / "best_model.pt"), capsys)
    assert not marker.exists()


def test_bare_pickle_is_refused(tmp_path: Path, capsys) -> None:
    path, marker = tmp_path / "best_model.pt", tmp_path / "executed"
    path.write_bytes(pickle.dumps(Evil(marker)))
    refused(path, capsys)
    assert not marker.exists()


def test_other_classes_are_refused(tmp_path: Path, capsys) -> None:
    found = checkpoint(network(), optimizer=torch.nn.Linear(2, 2))
    assert "torch.nn.modules.linear.Linear" in refused(save(found, tmp_path / "best_model.pt"), capsys)


def test_reading_leaves_no_class_let_in_behind(tmp_path: Path) -> None:
    path = save(checkpoint(network()), tmp_path / "best_model.pt")
    read_torch_file(path)
    assert argparse.Namespace not in torch.serialization.get_safe_globals()


@pytest.mark.parametrize("kept", [10, 1000, -1])
def test_file_that_is_cut_off_is_refused(kept: int, tmp_path: Path, capsys) -> None:
    path = save(checkpoint(network()), tmp_path / "best_model.pt")
    path.write_bytes(path.read_bytes()[:kept])
    assert "no checkpoint of torch, or a damaged one; copy it again" in refused(path, capsys)


def test_zip_archive_of_something_else_is_refused(tmp_path: Path, capsys) -> None:
    with zipfile.ZipFile(tmp_path / "songs.zip", "w") as file:
        file.writestr("song.txt", "la la")
    assert "no checkpoint of torch" in refused(tmp_path / "songs.zip", capsys)


CHANGES = {
    "missing": (lambda found: found["state_dict"].popitem(), "missing: "),
    "unknown": (lambda found: found["state_dict"].update(more=torch.zeros(1)), "unknown: more"),
    "shape": (
        lambda found: found["state_dict"].update({"stages.0.mask.prelu_1.weight": torch.zeros(2)}),
        "stages.0.mask.prelu_1.weight: expected float32 (1,), got torch.float32 (2,)",
    ),
    "not finite": (
        lambda found: found["state_dict"].update({"stages.0.mask.prelu_1.weight": torch.tensor([torch.nan])}),
        "expected finite numbers",
    ),
    "another width": (lambda found: setattr(found["args"], "N", 32), "expected float32"),
    "no width": (lambda found: delattr(found["args"], "N"), "its argument N: expected int, got None"),
    "kernel": (lambda found: setattr(found["args"], "kernel", 5), "its argument kernel: expected 3, got 5"),
    "no arguments": (lambda found: found.pop("args"), "expected args and state_dict"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_another_network_is_refused(case: str, tmp_path: Path, capsys) -> None:
    change, message = CHANGES[case]
    found = checkpoint(network())
    change(found)
    assert message in refused(save(found, tmp_path / "best_model.pt"), capsys)


def test_files_of_other_kinds_are_not_taken_for_torchs(tmp_path: Path) -> None:
    (tmp_path / "song.txt").write_text("la la")
    assert not is_torch_file(tmp_path / "song.txt")
    assert not is_torch_file(tmp_path)
    assert not is_torch_file(tmp_path / "nothing")
