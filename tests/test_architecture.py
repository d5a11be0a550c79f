"""The tree is the data flow: imports point back along it; and other rules that a reader can rely on."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import stemwise
from stemwise.cli import VERBS

SOURCE = Path(stemwise.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))


def name(file: Path) -> str:
    """What a file is called in the tests' names."""
    return str(file.relative_to(SOURCE))


files = pytest.mark.parametrize("file", FILES, ids=name)

FLOORS = (
    {"stemwise"},
    {"names", "memory", "logs", "files", "processes"},
    {"signal"},
    {"interfaces"},
    {"models", "data"},
    {"weights", "objectives", "metrics"},
    {"tasks", "spans", "chunks"},
    {"training", "separation", "embedding"},
    {"catalogue"},
    {"songs"},
    {"evaluation", "audit"},
    {"probing"},
    {"recipes"},
    {"report"},
    {"demo"},
    {"cli", "web"},
    {"__main__"},
)
"""From the bottom to the top. A unit imports from itself and from the floors below it."""

NEIGHBOURS = FLOORS[1]
"""These may also import one another."""

HEIGHT = {unit: height for height, floor in enumerate(FLOORS) for unit in floor}
HEAVY = (
    "torch",
    "numpy",
    "scipy",
    "sklearn",
    "matplotlib",
    "soundfile",
    "av",
    "soxr",
    "lightning_fabric",
    "symusic",
    "mutagen",
    "pyarrow",
    "ray",
)


def unit(parts: tuple[str, ...]) -> str:
    """Which unit a module belongs to: the name behind `stemwise`."""
    return parts[1] if len(parts) > 1 else "stemwise"


def module(file: Path) -> tuple[str, ...]:
    parts = ("stemwise", *file.relative_to(SOURCE).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


def running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes of code that runs: those under `if TYPE_CHECKING` do not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from (n for other in child.orelse for n in (other, *running(other)))
        else:
            yield child
            yield from running(child)


def imports(file: Path) -> Iterator[tuple[str, ...]]:
    """Every module that a file imports anywhere, as its dotted parts."""
    own = module(file)
    return imported(tree(file), own if file.name == "__init__.py" else own[:-1])


def imported(code: ast.Module, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for node in running(code):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            before = package[: len(package) - node.level + 1] if node.level else ()
            start = (*before, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                # `from stemwise import cli` names a module, `from stemwise import STEMS` a value
                yield (*start, alias.name) if start == ("stemwise",) and is_unit(alias.name) else start


def is_unit(name: str) -> bool:
    return (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").is_file()


def calls(file: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(file)) if isinstance(node, ast.Call))


def may_import(importer: str, imported: str) -> bool:
    if importer == imported or {importer, imported} <= NEIGHBOURS:
        return True
    return HEIGHT[imported] < HEIGHT[importer]


@files
def test_every_module_has_a_floor(file: Path) -> None:
    assert unit(module(file)) in HEIGHT, "give it a place in FLOORS"


@files
def test_no_import_goes_upward(file: Path) -> None:
    own = unit(module(file))
    upward = [
        ".".join(found)
        for found in imports(file)
        if found[0] == "stemwise" and not may_import(own, unit(found))
    ]
    assert upward == [], f"{own} may not import them"


def test_lazy_and_relative_imports_count_and_those_for_types_do_not() -> None:
    code = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import stemwise.recipes
def lazy():
    from stemwise import STEMS, training
    from ..models import unet
"""
    found = list(imported(ast.parse(code), ("stemwise", "signal")))
    assert found == [("typing",), ("stemwise",), ("stemwise", "training"), ("stemwise", "models")]


@pytest.mark.parametrize(
    ("importer", "wanted"),
    [("signal", "training"), ("models", "data"), ("data", "models"), ("separation", "embedding")],
)
def test_upward_and_sideways_imports_are_refused(importer: str, wanted: str) -> None:
    assert not may_import(importer, wanted)


@files
def test_file_is_short_enough_to_read(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 300


@files
def test_everything_public_is_documented(file: Path) -> None:
    assert list(_undocumented(tree(file), "module")) == []


def _undocumented(node: ast.Module | ast.ClassDef | ast.FunctionDef, name: str) -> Iterator[str]:
    if not ast.get_docstring(node):
        yield name
    if isinstance(node, ast.FunctionDef):
        return
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and not child.name.startswith("_"):
            yield from _undocumented(child, child.name)


@files
def test_name_says_what_is_inside(file: Path) -> None:
    assert not {"utils", "util", "helpers", "misc", "common", "base"} & set(module(file))


@pytest.mark.parametrize("file", [file for file in FILES if unit(module(file)) != "cli"], ids=name)
def test_only_the_command_line_prints(file: Path) -> None:
    prints = [
        call.lineno for call in calls(file) if isinstance(call.func, ast.Name) and call.func.id == "print"
    ]
    assert prints == []


@files
def test_only_training_knows_lightning_fabric(file: Path) -> None:
    found = {parts[0] for parts in imports(file)} & {"lightning_fabric", "lightning", "pytorch_lightning"}
    assert found <= ({"lightning_fabric"} if unit(module(file)) == "training" else set())


@files
def test_nothing_that_breaks_installs_or_unpickles_is_imported(file: Path) -> None:
    banned = {"torchaudio", "torchvision", "torchcodec", "pickle", "dill", "joblib", "cloudpickle"}
    assert not banned & {parts[0] for parts in imports(file)}


@files
def test_torch_load_takes_weights_only(file: Path) -> None:
    loads = [call for call in calls(file) if ast.unparse(call.func) == "torch.load"]
    unsafe = [
        call.lineno for call in loads if "weights_only=True" not in [ast.unparse(k) for k in call.keywords]
    ]
    assert unsafe == []


@files
def test_numpy_load_never_unpickles(file: Path) -> None:
    allowing = [call.lineno for call in calls(file) if "allow_pickle=True" in map(ast.unparse, call.keywords)]
    assert allowing == []


def test_verbs_are_frozen() -> None:
    assert set(VERBS) == {
        "separate",
        "remix",
        "tag",
        "embed",
        "demo",
        "train",
        "evaluate",
        "probe",
        "models",
        "recipes",
        "data render",
        "data info",
        "data verify",
        "data prepare",
        "data card",
        "data audit",
        "weights import",
        "data twin",
        "data download",
        "data stems",
    }


HELPS = (
    "--help",
    "separate --help",
    "remix --help",
    "tag --help",
    "embed --help",
    "data --help",
    "data render --help",
    "train --help",
    "data prepare --help",
    "weights --help",
    "probe --help",
)


@pytest.mark.parametrize("words", HELPS)
def test_help_imports_nothing_heavy(words: str) -> None:
    code = (
        "import sys\nfrom stemwise.cli import main\n"
        "code = main(sys.argv[1:])\n"
        f"print('heavy:', *[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words.split()], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stderr.strip().splitlines()[-1] == "heavy:"
