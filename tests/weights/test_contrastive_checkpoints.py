"""TUNe's and CLMR's checkpoints: recognised, each tensor used once, nothing in them run."""

import argparse
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from stemwise.cli import main
from stemwise.models import CLMR_FAMILY
from stemwise.weights.contrastive import import_checkpoint, recognise, taken_apart
from stemwise.weights.store import find, load
from stemwise.weights.torch_file import read_around_code
from stemwise.weights.tune import published_names
from synth import scrambled

SMALL = "tune-5tail-32"
State = dict[str, Tensor]


def published(name: str = SMALL) -> State:
    """An encoder's tensors under the names of the released code."""
    model = scrambled(CLMR_FAMILY[name].build())
    names = published_names(model)
    return {names[key]: value for key, value in model.state_dict().items()}


def doubled(encoder: State, size: int = 32) -> State:
    """As PyTorch Lightning saves it: the encoder twice, and the projector."""
    projector = {"0.weight": torch.ones(size, size), "2.weight": torch.ones(64, size)}
    return {
        **{f"encoder.{name}": value for name, value in encoder.items()},
        **{f"model.encoder.{name}": value for name, value in encoder.items()},
        **{f"model.projector.{name}": value for name, value in projector.items()},
    }


def lightning(state: State, **more: Any) -> dict[str, Any]:
    settings = {"dataset": "magnatagatune", "batch_size": 48, "args": argparse.Namespace(seed=42)}
    optimiser = {"state": {0: {"step": 1, "exp_avg": torch.zeros(3)}}, "param_groups": []}
    about = {"pytorch-lightning_version": "1.8.0", "epoch": 9999, "hyper_parameters": settings}
    return {**about, "state_dict": state, "optimizer_states": [optimiser], **more}


def written(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("name", [SMALL, "sample-cnn"])
def test_lightning_checkpoint_becomes_the_encoder(name: str, tmp_path: Path) -> None:
    encoder = published(name)
    size = 512 if name == "sample-cnn" else 32
    path = written(tmp_path / "a.ckpt", lightning(doubled(encoder, size)))
    done = import_checkpoint(path, tmp_path / "model")
    assert (done.used, done.left) == (len(encoder), len(encoder) + 2)
    model: Any = load(tmp_path / "model")
    names = published_names(model)
    assert all(torch.equal(value, encoder[names[key]]) for key, value in model.state_dict().items())
    card = find(tmp_path / "model").card
    assert (card["data"], card["training"]["batch_size"]) == ("magnatagatune", 48)
    assert card["origin"]["epoch"] == 9999


LAYOUTS = {
    "plain": lambda e: {f"encoder.{k}": v for k, v in e.items()} | {"projector.0.weight": torch.ones(32, 32)},
    "bare, with a head": lambda e: {**e, "fc.weight": torch.ones(50, 32), "fc.bias": torch.ones(50)},
    "supervised": lambda e: {f"{p}{k}": v for p in ("encoder.", "model.") for k, v in e.items()},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_layouts_are_read_too(layout: str, tmp_path: Path) -> None:
    encoder = published()
    done = import_checkpoint(written(tmp_path / "a.pt", LAYOUTS[layout](encoder)), tmp_path / "model")
    assert done.used == len(encoder)


@pytest.mark.parametrize("name", CLMR_FAMILY)
def test_each_of_the_family_is_recognised_by_its_shapes(name: str) -> None:
    with torch.device("meta"):
        model: Any = CLMR_FAMILY[name].build()
    names = published_names(model)
    state = {names[key]: value for key, value in model.state_dict().items()}
    assert recognise(state) == name.replace("frozen", "defrosted").replace("dedefrosted", "defrosted")


def without(state: State, name: str) -> State:
    return {key: value for key, value in state.items() if key != name}


BIAS = "conv1.layers.0.bias"
WRONG = {
    "missing in one copy": (lambda s: without(s, f"encoder.{BIAS}"), rf"{BIAS}: expected it in both copies"),
    "missing": (
        lambda s: without(without(s, f"encoder.{BIAS}"), f"model.encoder.{BIAS}"),
        rf"nearest is {SMALL}, but {BIAS} and 0 more are missing",
    ),
    "copies that differ": (
        lambda s: {**s, f"encoder.{BIAS}": s[f"encoder.{BIAS}"] + 1},
        rf"{BIAS}: expected both copies of the encoder to be equal",
    ),
    "another shape": (
        lambda s: {key: value[:7] if key.endswith(BIAS) else value for key, value in s.items()},
        rf"{BIAS} is \(7,\), expected \(11,\)",
    ),
    "half precision": (
        lambda s: {k: v.half() if k.endswith(BIAS) else v for k, v in s.items()},
        rf"{BIAS}: expected torch.float32, got torch.float16",
    ),
    "unknown": (lambda s: {**s, "model.encoder.x": torch.ones(1)}, "x: expected it in both copies"),
    "another projector": (
        lambda s: {**s, "model.projector.0.weight": torch.ones(32, 33)},
        r"projector.0.weight: expected 32 inputs",
    ),
    "a projector with a bias": (
        lambda s: {**s, "model.projector.0.bias": torch.ones(32)},
        "model.projector.0.bias: expected no more than",
    ),
    "no tensor": (lambda s: {**s, "model.encoder.x": 3}, "x: expected a tensor, got a int"),
    "nothing": (lambda s: {}, "expected an encoder, found 0 tensors"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_exactly_an_encoder_is_refused(case: str, tmp_path: Path) -> None:
    change, message = WRONG[case]
    path = written(tmp_path / "a.ckpt", lightning(change(doubled(published()))))
    with pytest.raises(ValueError, match=message) as raised:
        import_checkpoint(path, tmp_path / "model")
    assert str(path) in str(raised.value)
    assert not (tmp_path / "model").exists()


FOREIGN = """
ran = []
class Settings(dict):
    pass
class Callback:
    def __init__(self):
        self.best = 3
def run(x):
    ran.append(x)
class Trap:
    def __reduce__(self):
        return run, (3,)
"""


@pytest.fixture
def foreign() -> Iterator[types.ModuleType]:
    """A module that a checkpoint names and that is gone when the checkpoint is read."""
    module = types.ModuleType("somebodys_trainer")
    exec(FOREIGN, vars(module))
    sys.modules[module.__name__] = module
    yield module
    sys.modules.pop(module.__name__, None)


@pytest.mark.parametrize("gone", [True, False])
def test_nothing_in_a_checkpoint_is_run(foreign: Any, gone: bool, tmp_path: Path) -> None:
    more = {"callbacks": {"x": foreign.Callback()}, "trap": foreign.Trap(), "path": Path("/x")}
    content = {**lightning(doubled(published())), **more, "hyper_parameters": foreign.Settings(a=1)}
    path = written(tmp_path / "a.ckpt", content)
    if gone:
        sys.modules.pop(foreign.__name__)
    import_checkpoint(path, tmp_path / "model")
    assert foreign.ran == []
    assert find(tmp_path / "model").card["training"] == {"a": 1}


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ckpt", lightning(doubled(published())))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"a\.ckpt: expected a whole file of torch.save's"):
        read_around_code(path)


def test_empty_state_is_no_encoder() -> None:
    with pytest.raises(ValueError, match="found 1 tensors, none of them of one"):
        taken_apart({"projector.0.weight": torch.ones(2, 2)})


def test_command_recognises_the_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "a.ckpt", lightning(doubled(published())))
    assert main(["weights", "import", str(path), "-o", str(tmp_path / "model")]) == 0
    out = capsys.readouterr().out
    assert "tune-5tail-32, an encoder: 134 variables used, 134 equal copies and 2 of projector" in out
    assert main(["weights", "import", str(path), "-o", str(tmp_path / "b"), "--source", "bass"]) == 2
    assert "is an encoder" in capsys.readouterr().err
