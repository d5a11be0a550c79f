"""TUNe's and CLMR's published checkpoints become encoders of ours: each tensor used once, with its shape.

What PyTorch Lightning saved holds every tensor of the encoder twice, `encoder.…` and `model.encoder.…`, and
the projector; both copies must be equal. A plain file holds `encoder.…` alone, or bare names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stemwise.models import CLMR_FAMILY
from stemwise.models.sample_cnn import SampleCNN
from stemwise.models.tune import TuneEncoder
from stemwise.weights import store
from stemwise.weights.published import Imported
from stemwise.weights.torch_file import read_around_code
from stemwise.weights.tune import published_names

PREFIXES = ("model.encoder.", "encoder.", "model.", "")
"""What stands before an encoder's names, the longest first; that of a supervised training is `model.`."""

BESIDE = ("projector.0.weight", "projector.2.weight", "fc.weight", "fc.bias")
"""What may stand beside an encoder: a projector's two layers without biases, a head."""

CITATIONS = {
    "sample-cnn": "Janne Spijkervet, John Ashley Burgoyne: Contrastive Learning of Musical Representations, "
    "ISMIR 2021, arXiv 2103.09410",
    "tune": "Marcel Vélez Vásquez, John Ashley Burgoyne: Tailed U-Net: Multi-Scale Music Representation "
    "Learning, ISMIR 2022",
}
LICENCES = {"sample-cnn": "Apache-2.0 (CLMR's code)", "tune": "none stated by the authors"}


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a state dict holds.

    Attributes:
        encoder: by published name.
        beside: projector and head.
        copies: how many tensors of the encoder were there again.
    """

    encoder: Mapping[str, Tensor]
    beside: Mapping[str, Tensor]
    copies: int


def belongs(path: Path) -> bool:
    """Return whether a file of torch's names layers of this family."""
    try:
        content = read_around_code(path)
    except ValueError:
        return False
    state = content.get("state_dict", content)
    names = [str(key).removeprefix(prefix) for key in state for prefix in PREFIXES]
    return any(name.startswith(("conv1.layers.", "sequential.0.")) for name in names)


def import_checkpoint(path: Path, folder: Path) -> Imported:
    """Write a published checkpoint as an encoder of ours, with a card.

    Args:
        path: of PyTorch Lightning, or a plain state dict.
        folder: of the model; its last part is the model's name.

    Raises:
        ValueError: the file is damaged, its copies differ, or it is none of the family.
    """
    content = read_around_code(path)
    lightning = "state_dict" in content
    state = content["state_dict"] if lightning else content
    try:
        parts = taken_apart(state)
        name = recognise(parts.encoder)
        _expect_beside(parts.beside, name)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    model = CLMR_FAMILY[name].build().eval()
    assert isinstance(model, TuneEncoder | SampleCNN)
    names = published_names(model)
    model.load_state_dict({ours: parts.encoder[theirs] for ours, theirs in names.items()}, strict=True)
    store.save(model, folder, _card(name, path, content if lightning else {}))
    return Imported(
        folder=folder,
        title=f"{name}, an encoder",
        used=len(names),
        left=len(parts.beside) + parts.copies,
        leaves=f"{parts.copies} equal copies and {len(parts.beside)} of projector or head left",
    )


def taken_apart(state: Mapping[str, Any]) -> Parts:
    """Return the encoder and what else there is.

    Raises:
        ValueError: there is no encoder, or its copies differ.
    """
    strange = [key for key, value in state.items() if not isinstance(value, Tensor)]
    if strange:
        raise ValueError(f"{strange[0]}: expected a tensor, got a {type(state[strange[0]]).__name__}")
    copies: dict[str, dict[str, Tensor]] = defaultdict(dict)
    beside = {}
    for key, value in state.items():
        prefix = next(prefix for prefix in PREFIXES if key.startswith(prefix))
        name = key.removeprefix(prefix)
        if name in BESIDE:
            beside[key] = value
        elif name.startswith(("projector.", "fc.")):
            raise ValueError(f"{key}: expected no more than {', '.join(BESIDE)} beside an encoder")
        else:
            copies[prefix][name] = value
    if not copies:
        raise ValueError(f"expected an encoder, found {len(state)} tensors, none of them of one")
    first, *others = copies.values()
    for other in others:
        _expect_equal(first, other)
    return Parts(encoder=first, beside=beside, copies=sum(map(len, others)))


def _expect_equal(first: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    if alone := first.keys() ^ other.keys():
        raise ValueError(f"{min(alone)}: expected it in both copies of the encoder, found it in one")
    unlike = [name for name in first if not torch.equal(first[name], other[name])]
    if unlike:
        raise ValueError(f"{unlike[0]}: expected both copies of the encoder to be equal, they differ")


def _expect_beside(beside: Mapping[str, Tensor], name: str) -> None:
    """Refuse a projector or a head that does not read the encoder's vector."""
    config = CLMR_FAMILY[name]
    size = getattr(config, "tail", ()) or getattr(config, "widths", ()) or (512,)
    for key, value in beside.items():
        if value.ndim == 2 and value.shape[1] != size[-1]:
            raise ValueError(f"{key}: expected {size[-1]} inputs, those of {name}, got {tuple(value.shape)}")


def recognise(encoder: Mapping[str, Tensor]) -> str:
    """Return which of `CLMR_FAMILY` has exactly these names and shapes.

    A hybrid's tensors do not say whether its SampleCNN was frozen: it counts as defrosted.

    Raises:
        ValueError: none has, or a tensor's type is not the network's.
    """
    shapes = {name: tuple(value.shape) for name, value in encoder.items()}
    overlaps: dict[str, int] = {}
    for name, expected in _family().items():
        if expected == shapes:
            _expect_types(encoder)
            return name
        overlaps[name] = len(expected.items() & shapes.items()) - len(expected.items() ^ shapes.items())
    nearest = max(overlaps, key=lambda name: overlaps[name])
    raise ValueError(_differs(shapes, _family()[nearest], nearest))


def _family() -> dict[str, dict[str, tuple[int, ...]]]:
    """Return every encoder's shapes by published name; of the hybrids only the defrosted."""
    found = {}
    with torch.device("meta"):
        for name in (name for name in CLMR_FAMILY if name != "tune-hybrid-frozen"):
            model = CLMR_FAMILY[name].build()
            assert isinstance(model, TuneEncoder | SampleCNN)
            names = published_names(model)
            found[name] = {names[ours]: tuple(value.shape) for ours, value in model.state_dict().items()}
    return found


def _expect_types(encoder: Mapping[str, Tensor]) -> None:
    for name, value in encoder.items():
        expected = torch.int64 if name.endswith("num_batches_tracked") else torch.float32
        if value.dtype != expected:
            raise ValueError(f"{name}: expected {expected}, got {value.dtype}")


def _differs(got: Mapping[str, Any], expected: Mapping[str, Any], nearest: str) -> str:
    if missing := expected.keys() - got.keys():
        what = f"{min(missing)} and {len(missing) - 1} more are missing"
    elif unknown := got.keys() - expected.keys():
        what = f"{min(unknown)} and {len(unknown) - 1} more are unknown to it"
    else:
        name = next(name for name in expected if expected[name] != got[name])
        what = f"{name} is {got[name]}, expected {expected[name]}"
    return f"expected an encoder of TUNe's family or CLMR's; the nearest is {nearest}, but {what}"


def _card(name: str, path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    family = "sample-cnn" if name == "sample-cnn" else "tune"
    plain = (str, int, float, bool)
    settings = content.get("hyper_parameters")
    settings = settings if isinstance(settings, dict) else {}
    return {
        "title": f"{name}, pre-trained contrastively by its authors",
        "data": str(settings.get("dataset", "not said in the checkpoint")),
        "licence": LICENCES[family],
        "citation": CITATIONS[family],
        "training": {key: value for key, value in settings.items() if isinstance(value, plain)},
        "origin": {
            "format": "PyTorch Lightning checkpoint" if content else "PyTorch state dict",
            "file": path.name,
            "sha256": store.sha256(path),
            "epoch": content.get("epoch"),
        },
    }
