"""Models on disk: a folder with `model.safetensors` and `card.json`. Nothing is ever unpickled.

The card holds the network's config and what a person should know: what it was trained on and how, what its
numbers are and on which protocol, its licence. Its SHA-256 of the weights is checked on loading.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from uuid import uuid4

import platformdirs
from safetensors.torch import load_file, save_file
from torch import nn

from stemwise.models import CONFIGS

logger = logging.getLogger(__name__)

WEIGHTS, CARD = "model.safetensors", "card.json"


@dataclass(frozen=True)
class StoredModel:
    """A model that lies on disk: its name, its folder, and its card."""

    name: str
    folder: Path
    card: Mapping[str, Any]


def home() -> Path:
    """Return the folder of this user's models: `$STEMWISE_HOME/models`, or under the user's data folder."""
    root = os.environ.get("STEMWISE_HOME")
    return (Path(root).expanduser() if root else Path(platformdirs.user_data_dir("stemwise"))) / "models"


def save(model: nn.Module, folder: Path, about: Mapping[str, Any]) -> Path:
    """Write a model of ours and its card; the folder appears whole or not at all, in place of an older one.

    Args:
        model: built from a config in `stemwise.models`.
        folder: of the model; its last part is the model's name.
        about: plain values for the card: `title`, `data`, `licence`, `scores`, …

    Raises:
        ValueError: there is something else than a model where the folder should be.
    """
    _check_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.parent / f".saving-{uuid4().hex}"
    aside.mkdir()
    try:
        state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        save_file(state, aside / WEIGHTS)
        config: Any = model.config
        card = {
            **about,
            **_plain(config),
            "sha256": sha256(aside / WEIGHTS),
        }
        (aside / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False))
        if folder.exists():
            folder.rename(aside / "before")
        aside.rename(folder)
        shutil.rmtree(folder / "before", ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def load(name: str | Path) -> nn.Module:
    """Return a model in evaluation mode, by its name under `home()` or by its folder.

    Raises:
        ValueError: there is no such model, its card is damaged or unknown, or its weights are not those of
            the card.
    """
    stored = find(name)
    expected, got = stored.card.get("sha256"), sha256(stored.folder / WEIGHTS)
    if expected != got:
        raise ValueError(
            f"{stored.folder / WEIGHTS}: SHA-256 is {got}, its card says {expected}; copy it again"
        )
    model = config_from(stored.card["architecture"], stored.card["config"], stored.folder).build()
    model.load_state_dict(load_file(stored.folder / WEIGHTS), strict=True)
    return model.eval()


def find(name: str | Path) -> StoredModel:
    """Return a stored model by name or folder, without its weights."""
    folder = next((path for path in (Path(name), home() / str(name)) if (path / CARD).is_file()), None)
    if folder is None:
        known = [model.name for model in stored_models()]
        near = get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
        raise ValueError(f"{name}: no such model, neither a folder nor in {home()}; {hint}")
    try:
        card = json.loads((folder / CARD).read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{folder / CARD}: expected JSON ({error}); copy the model again") from error
    missing = {"architecture", "config", "sha256"} - card.keys() if isinstance(card, dict) else {"everything"}
    if missing:
        raise ValueError(f"{folder / CARD}: {', '.join(sorted(missing))} missing; copy the model again")
    return StoredModel(folder.name, folder, card)


def stored_models() -> list[StoredModel]:
    """Return the models under `home()`, by name; one with a damaged card is left out with a warning."""
    models = []
    for path in sorted(home().glob("[!.]*/" + CARD)):
        try:
            models.append(find(path.parent))
        except ValueError as error:
            logger.warning("%s", error)
    return models


def config_from(architecture: str, values: Mapping[str, Any], where: Path) -> Any:
    """Return a config from a card's values; JSON's lists become tuples again."""
    if architecture not in CONFIGS:
        raise ValueError(f"{where}: architecture {architecture!r}, expected one of {', '.join(CONFIGS)}")
    kind: Any = CONFIGS[architecture]
    known = [field.name for field in fields(kind)]
    for name in values.keys() - set(known):
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "update stemwise"
        raise ValueError(f"{where}: {architecture} has no {name}; {hint}")
    return kind(**{name: _value(value, where) for name, value in values.items()})


def _plain(config: Any) -> dict[str, Any]:
    """Return a config as a card has it; one inside of it likewise."""
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    inner = {name: _plain(value) for name, value in values.items() if type(value).__name__ in CONFIGS}
    return {"architecture": type(config).__name__, "config": {**asdict(config), **inner}}


def _value(value: Any, where: Path) -> Any:
    if isinstance(value, dict) and value.keys() == {"architecture", "config"}:
        return config_from(value["architecture"], value["config"], where)
    return tuple(value) if isinstance(value, list) else value


def _check_free(folder: Path) -> None:
    """Refuse to replace anything but a model."""
    if not folder.exists():
        return
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else ["a file"]
    if others := [name for name in found if name not in (WEIGHTS, CARD)]:
        raise ValueError(f"{folder}: expected a model or nothing there, found {', '.join(others[:3])}")


def sha256(path: Path) -> str:
    """Return a file's SHA-256, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
