"""Published checkpoints become models of ours: each variable used once, with its shape.

Of TensorFlow's, only optimiser slots, counters and Keras' description of its objects are left; a variable
that is neither these nor the network's is an error, as is one that is missing.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stemwise import STEMS
from stemwise.weights import meta_tasnet, mscol, store
from stemwise.weights.bundle import Bundle, Entry, open_bundle
from stemwise.weights.kind import Kind, Variable, convert, load_published
from stemwise.weights.msspt_kinds import UNNAMED, recognise
from stemwise.weights.torch_file import is_torch_file

logger = logging.getLogger(__name__)

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
LEFT = re.compile(rf"_CHECKPOINTABLE_OBJECT_GRAPH|(save_counter|optimizer/\w+){re.escape(VALUE)}")
SLOT = re.compile(rf"(.+)/\.OPTIMIZER_SLOT/optimizer/\w+{re.escape(VALUE)}")


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What came of an import.

    Attributes:
        folder: of the model.
        title: what it is.
        used: variables that the network took.
        left: optimiser slots and counters that it did not.
        leaves: what is left, in words.
    """

    folder: Path
    title: str
    used: int
    left: int
    leaves: str


def import_checkpoint(path: str | Path, folder: str | Path, source: str | None = None) -> Imported:
    """Write a published checkpoint as a model of ours, with a card; every byte is verified before.

    Args:
        path: a TensorFlow checkpoint's prefix, its index, or its folder; or a file that torch saved.
        folder: of the model; its last part is the model's name.
        source: which stem a network of one mask is for; the checkpoint's folder where it is called so.

    Raises:
        ValueError: the checkpoint is damaged or incomplete, or is none that is known.
    """
    if is_torch_file(Path(path)):
        return _import_meta_tasnet(Path(path), Path(folder))
    bundle = open_bundle(path)
    try:
        variables = model_variables(bundle.entries)
        kind = _kind(variables, source, _folder(bundle))
        check(variables, kind)
    except ValueError as error:
        raise ValueError(f"{bundle.index}: {error}") from error
    bundle.verify()
    model = kind.config.build().eval()

    def read(variable: Variable) -> Any:
        return bundle.read(variable.key + VALUE)

    load_published(model, convert(kind.names, read))
    store.save(model, Path(folder), _card(bundle, kind))
    if getattr(kind.config, "stems", ()) == (UNNAMED,):
        logger.warning(
            "which source its mask is for, no checkpoint says: called %r; --source names it", UNNAMED
        )
    left = len(bundle.entries) - len(variables)
    return Imported(
        folder=Path(folder),
        title=kind.title,
        used=len(variables),
        left=left,
        leaves=f"{left} optimiser slots and counters left",
    )


def _import_meta_tasnet(path: Path, folder: Path) -> Imported:
    model = meta_tasnet.network_of(path)
    about = {
        "title": meta_tasnet.TITLE,
        "data": "MUSDB18 (says the paper; a checkpoint does not)",
        "licence": "MIT",
        "citation": meta_tasnet.CITATION,
        "protocol": "the released code of 2020",
        "origin": {"format": "torch checkpoint", "sha256": {path.name: store.sha256(path)}},
    }
    store.save(model, folder, about)
    used = len(model.state_dict())
    return Imported(folder=folder, title=meta_tasnet.TITLE, used=used, left=0, leaves="none left")


def model_variables(entries: dict[str, Entry]) -> dict[str, Entry]:
    """Return the entries of the network itself, by key: without slots, counters and Keras' description.

    Raises:
        ValueError: an entry is neither, or a slot belongs to no variable.
    """
    rest = [name for name in entries if not LEFT.fullmatch(name) and not SLOT.fullmatch(name)]
    variables = {name.removesuffix(VALUE): entries[name] for name in rest if name.endswith(VALUE)}
    slots = [name for name in entries if (found := SLOT.fullmatch(name)) and found[1] not in variables]
    strange = [*(name for name in rest if not name.endswith(VALUE)), *slots]
    if strange:
        raise ValueError(f"{_first(strange)}: neither a variable nor a slot of one; not a checkpoint we know")
    return variables


def check(variables: dict[str, Entry], kind: Kind) -> None:
    """Refuse variables that are not exactly the network's, in name, shape and type."""
    with torch.device("meta"):
        ours = kind.config.build().state_dict()
    expected = {
        variable.key: (variable.published_shape(ours[name].shape), str(ours[name].dtype)[6:])  # torch.float32
        for name, variable in kind.names.items()
    }
    if missing := expected.keys() - variables.keys():
        raise ValueError(f"{_first(missing)}: missing, but {kind.title} needs it")
    if unknown := variables.keys() - expected.keys():
        raise ValueError(f"{_first(unknown)}: unknown to {kind.title}")
    for key, (shape, dtype) in expected.items():
        got = variables[key]
        if (got.shape, got.dtype) != (shape, dtype):
            raise ValueError(
                f"{key}: expected {dtype} {shape} for {kind.title}, got {got.dtype} {got.shape}; "
                "another architecture"
            )


def _kind(variables: dict[str, Entry], source: str | None, folder: str) -> Kind:
    """Return what the checkpoint holds; which source it is about, as said or as its folder is called."""
    if source not in (None, *STEMS):
        raise ValueError(f"source: expected one of {', '.join(STEMS)}, got {source!r}")
    shapes = {key: entry.shape for key, entry in variables.items()}
    if mscol.belongs(shapes):
        return mscol.recognise(source or folder)
    kind = recognise(shapes, source)
    if getattr(kind.config, "stems", ()) != (UNNAMED,):
        return kind
    return recognise(shapes, folder) if folder in STEMS else kind


def _folder(bundle: Bundle) -> str:
    """Return the name of a checkpoint's folder; a link's own name, not its target's."""
    return bundle.index.absolute().parent.name


def _card(bundle: Bundle, kind: Kind) -> dict[str, Any]:
    return {
        "title": kind.title,
        "data": kind.data,
        "licence": "none stated by the authors",
        "citation": kind.citation,
        "protocol": kind.protocol,
        "origin": {
            "format": "TensorFlow checkpoint",
            "folder": _folder(bundle),
            "sha256": {path.name: store.sha256(path) for path in (bundle.index, *bundle.shards)},
        },
    }


def _first(names: Any) -> str:
    first, *others = sorted(names)
    return f"{first} and {len(others)} more" if others else first
