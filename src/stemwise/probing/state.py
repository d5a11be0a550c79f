"""What a sweep leaves on disk: each probe that is finished, and from time to time those that are not."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from stemwise.probing.grid import ProbeConfig

if TYPE_CHECKING:
    from stemwise.probing.sweep import Outcome, Race

SAVE_S = 60.0
"""Seconds between two notes of where unfinished probes are."""


def digest(config: ProbeConfig) -> str:
    """Return a name for settings, all of them."""
    return hashlib.sha1(json.dumps(asdict(config), sort_keys=True).encode()).hexdigest()[:16]


def save_outcome(folder: Path, outcome: Outcome) -> None:
    """Write down a probe that is finished."""
    about = {"score": outcome.score, "best_step": outcome.best_step, "steps": outcome.steps}
    layers = {str(i): layer for i, layer in enumerate(outcome.layers)}
    _write(folder / f"{digest(outcome.config)}.safetensors", layers, about)


def read_outcomes(folder: Path, configs: Sequence[ProbeConfig]) -> dict[int, Outcome]:
    """Return the probes that are finished, by their places among the configs."""
    from stemwise.probing.sweep import Outcome

    found: dict[int, Outcome] = {}
    for place, config in enumerate(configs):
        stored = _read(folder / f"{digest(config)}.safetensors")
        if stored:
            layers, about = stored
            ordered = tuple(layers[str(i)] for i in range(len(layers)))
            found[place] = Outcome(config=config, layers=ordered, **about)
    return found


def save_race(folder: Path, race: Race) -> None:
    """Write down where the probes of one shape are."""
    configs = [digest(config) for config in race.stack.configs]
    about = {"configs": configs, "steps": race.stack.steps}
    _write(_file(folder, race), _tensors(race), about)


def load_race(folder: Path, race: Race) -> None:
    """Bring probes to where they were; without a file, or for other probes, leave them as they are."""
    stored = _read(_file(folder, race))
    wanted = [digest(config) for config in race.stack.configs]
    if not stored or not set(wanted) <= set(stored[1]["configs"]):
        return
    tensors, about = stored
    places = torch.tensor([about["configs"].index(name) for name in wanted])
    for name, tensor in _tensors(race).items():
        tensor.copy_(tensors[name].index_select(0, places))
    race.stack.steps = race.stack.adam.steps = about["steps"]


def forget_race(folder: Path, race: Race) -> None:
    """Remove what `save_race` wrote."""
    _file(folder, race).unlink(missing_ok=True)


def _file(folder: Path, race: Race) -> Path:
    shape = race.stack.shape
    layers = "-".join(map(str, shape.hidden)) or "linear"
    return folder / f"going-{layers}-{shape.batch_size}-{shape.every}-{shape.seed}.safetensors"


def _tensors(race: Race) -> dict[str, Tensor]:
    """Return all that a race has to remember, probes first."""
    adam = race.stack.adam
    lists = {"layer": race.stack.layers, "mean": adam.means, "square": adam.squares, "best": race.best}
    named = {f"{name}{i}": part for name, parts in lists.items() for i, part in enumerate(parts)}
    return {**named, "scores": race.scores, "best_steps": race.best_steps, "bored": race.bored}


def _write(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(whole, aside, metadata={"about": json.dumps(about)})
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return tensors and what was written of them; nothing where there is no whole file."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["about"])
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError):
        return None
