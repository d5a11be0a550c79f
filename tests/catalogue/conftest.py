"""A home with tiny models for every test of the catalogue."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from catalogue_runs import store_models


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue-home")
    store_models(folder / "models")
    return folder


@pytest.fixture(autouse=True)
def _home(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The models are there, and networks run in one thread, so that processes may be forked."""
    monkeypatch.setenv("STEMWISE_HOME", str(models))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
