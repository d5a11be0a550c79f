"""Fixtures of the whole suite; being here, this file also lets tests import `synth`.

Before anything of stemwise is imported, its annotations become assertions, shapes included.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook

SOURCE = Path(__file__).parents[1] / "src" / "stemwise"


COMPOSE = ("band", "compose", "genre", "genres_played", "genres_produced", "harmony", "lyrics")
COMPOSE += ("melody", "mood", "patterns", "phonemes", "score")
PACKAGES = ("", "data", "data/rendered")


def _checked() -> Iterator[str]:
    """Yield all modules but those that compose music: small functions of notes, called a million times."""
    for package in PACKAGES:
        for path in (SOURCE / package).iterdir():
            name = path.relative_to(SOURCE).with_suffix("").as_posix()
            composes = package == PACKAGES[-1] and path.stem in COMPOSE
            if not composes and name not in PACKAGES and path.stem != "__init__":
                yield "stemwise." + name.replace("/", ".")


install_import_hook(list(_checked()), "beartype.beartype")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are looked for in an empty folder, never in that of the person who runs the tests."""
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path_factory.getbasetemp() / "no-models"))


@pytest.fixture(autouse=True)
def _own_random_numbers() -> None:
    """Weights that a test draws do not depend on which tests ran before."""
    torch.manual_seed(0)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models that `load` looks in."""
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with tiny models for the tests of catalogues."""
    from catalogue_runs import store_models  # not before: jaxtyping's checks come first

    folder = tmp_path_factory.mktemp("catalogue-home")
    store_models(folder / "models")
    return folder


@pytest.fixture
def one_thread(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """These models are there, and networks run in one thread, so that processes may be forked."""
    monkeypatch.setenv("STEMWISE_HOME", str(models))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
