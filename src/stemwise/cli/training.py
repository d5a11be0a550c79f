"""`stemwise train` and `stemwise recipes`: a recipe's parameters are the command's options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import field, fields, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from stemwise.training import Machine, Run

TRAIN_HELP = """usage: stemwise train RECIPE [--KEY VALUE ...] [--out FOLDER] [--config FILE] [--print-config]

Trains a recipe; the same command goes on where it was stopped. `stemwise train RECIPE --help` lists the
recipe's keys. A config file holds the same keys, as `--print-config` writes them; the command line wins.

Several processes, GPUs or nodes: put torchrun in front, the same on every node (here 2 nodes of 4 processes
that share the folders; one node needs --nproc-per-node alone).
  torchrun --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-endpoint FIRST-NODE:29500 \\
      -m stemwise train rendered-separator --root my-set --out runs/separator --batch-size 32

Examples:
  stemwise train rendered-separator --root my-set --out runs/separator --steps 400
  stemwise train rendered-classifier --root my-set --out runs/tail --runs 5
  stemwise train rendered-classifier --root my-set --out runs/joint --network joint \\
      --separator runs/separator/model
  stemwise train rendered-separator --root my-set --out runs/separator --print-config > separator.yaml
"""


def train(arguments: list[str]) -> int:
    """Train a recipe: pre-train a separator, train a classifier."""
    from stemwise.names import named
    from stemwise.recipes import RECIPES

    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{TRAIN_HELP}\nRecipes:\n{_recipe_lines()}")
        return 0 if arguments else 2
    name = arguments[0]
    recipe = named(RECIPES, name, "recipe")
    from stemwise.training import Machine

    settings = _settings(name, recipe, Machine, arguments[1:])
    if settings.pop("print_config"):
        print(_as_yaml(settings), end="")
        return 0
    out, runs = settings.pop("out"), settings.pop("runs")
    machine = Machine(**{f.name: settings.pop(f.name) for f in fields(Machine)})
    if runs < 1:
        raise ValueError(f"runs: expected at least 1, got {runs}")
    for seed in range(settings["seed"], settings["seed"] + runs):
        run = recipe(**{**settings, "seed": seed})
        _train_one(name, run, out / f"run-{seed}" if runs > 1 else out, machine)
    if runs > 1:
        print(f"stemwise evaluate {out} gives the best of them, and their mean")
    return 0


def _train_one(name: str, run: Run, folder: Path, machine: Machine) -> None:
    """Train a run, save its model beside its history, and say so."""
    from stemwise.training import fit, is_first_process
    from stemwise.weights.store import save

    history = fit(run, folder, machine)
    if is_first_process():
        about = {"title": f"trained by stemwise train {name}", "training": _plain(run.config)}
        model = save(run.model, folder / "model", about)
        last = history[-1]
        print(f"{last['step']:.0f} steps, loss {last['loss']:.4f}; the model is in {model}")


def recipes() -> int:
    """List the recipes that `stemwise train` knows.

    Examples:
      stemwise recipes
    """
    print(_recipe_lines())
    return 0


def _recipe_lines() -> str:
    from stemwise.recipes import RECIPES

    lines = [(name, (recipe.__doc__ or "").strip().splitlines()[0]) for name, recipe in RECIPES.items()]
    return "\n".join(f"  {name:<24}{summary}" for name, summary in lines)


def _settings(name: str, recipe: Callable[..., Any], machine: type, arguments: list[str]) -> dict[str, Any]:
    """Return a recipe's keys and the machine's, from the config file and then the command line."""
    import tyro

    kind = make_dataclass("Settings", _options(name, recipe, machine), kw_only=True, frozen=True)
    about, _, keys = inspect.cleandoc(recipe.__doc__ or "").partition("Args:\n")
    _, _, machine_keys = inspect.cleandoc(machine.__doc__ or "").partition("Attributes:\n")
    kind.__doc__ = f"{name}\n\nArgs:\n{keys.rstrip()}\n{machine_keys.rstrip()}\n{OWN_KEYS}"
    about += "Keys may also come from a file: --config FILE.yaml, as --print-config writes it."
    parsed = tyro.cli(kind, prog=f"stemwise train {name}", args=_with_config(arguments), description=about)
    return {f.name: getattr(parsed, f.name) for f in fields(parsed)}


OWN_KEYS = """    runs: how many trainings, with seeds from `seed` on, each in a folder run-SEED of its own.
    out: folder of the run; its last checkpoint is found there.
    print_config: print all keys as YAML, and do nothing.
"""


def _options(name: str, recipe: Callable[..., Any], machine: type) -> list[Any]:
    """Return the fields of the options: those of the recipe, of the machine, and the command's own."""
    options: list[Any] = []
    for key in inspect.signature(recipe).parameters.values():
        default = () if key.default is key.empty else (field(default=key.default),)
        options.append((key.name, key.annotation, *default))
    hints = get_type_hints(machine)
    options += [(f.name, hints[f.name], field(default=f.default)) for f in fields(machine)]
    options.append(("runs", int, field(default=1)))
    options.append(("out", Path, field(default=Path("runs") / name)))
    return [*options, ("print_config", bool, field(default=False))]


def _with_config(arguments: list[str]) -> list[str]:
    """Put a config file's keys before the arguments, as if they had been typed: the later ones win."""
    import yaml

    arguments = [part for word in arguments for part in _split_config(word)]
    if "--config" not in arguments:
        return arguments
    at = arguments.index("--config")
    if at + 1 == len(arguments):
        raise ValueError("--config: expected a YAML file behind it")
    path = Path(arguments[at + 1])
    try:
        values = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected YAML: {error}") from error
    if not isinstance(values, Mapping):
        raise ValueError(f"{path}: expected keys and values, as --print-config writes them")
    typed = [word for key, value in values.items() for word in _typed(str(key), value)]
    return [*typed, *arguments[:at], *arguments[at + 2 :]]


def _split_config(word: str) -> list[str]:
    return ["--config", word.removeprefix("--config=")] if word.startswith("--config=") else [word]


def _typed(key: str, value: Any) -> list[str]:
    option = key.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    return [f"--{option}", *(map(str, value) if isinstance(value, list) else [str(value)])]


def _as_yaml(values: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(_plain(values), sort_keys=False)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that YAML and JSON can hold."""
    kept = (str, int, float, bool)
    listed = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
    return {k: v if isinstance(v, (*kept, list)) else str(v) for k, v in listed.items()}
