"""A checkpoint of MSCOL, its weights drawn: it gives the original outputs, and altered it is refused."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from recipes import log_mels, tf_variable
from vector_files import OWN

import stemwise
from bundles import write_bundle
from stemwise.cli import main
from stemwise.models.mscol import Mscol
from stemwise.weights.mscol import MODEL
from stemwise.weights.published import VALUE

ENTRIES: dict[str, list] = json.loads(
    gzip.decompress((OWN / "checkpoints" / "published_mscol.json.gz").read_bytes())
)["models/bass/checkpoint-10"]


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    """All variables of a checkpoint, drawn under their names."""
    model = ("embedding_model/", "_similarity_layer/")
    shapes = {
        name: tuple(shape)
        for name, (_, *shape) in ENTRIES.items()
        if name.startswith(model) and "SLOT" not in name
    }
    return {name: tf_variable(0, name.removesuffix(VALUE), shape) for name, shape in shapes.items()}


@torch.inference_mode()
def test_imported_encoder_gives_the_original_vectors(
    drawn: dict[str, np.ndarray], tmp_path: Path, capsys
) -> None:
    checkpoint = write_bundle(tmp_path / "multi-source" / "checkpoint-10", drawn)
    assert main(["weights", "import", str(checkpoint), "-o", str(tmp_path / "model")]) == 0
    assert "all four sources: 317 variables used, 0 " in capsys.readouterr().out
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    assert card["architecture"] == "MscolConfig"
    assert "2302.07077" in card["citation"]
    model = stemwise.load(tmp_path / "model")
    assert isinstance(model, Mscol)
    reference = np.load(OWN / "msspt_mscol" / "mscol_seed0.npz")["encoder_out/full"]
    found = model.network(torch.from_numpy(log_mels(0).swapaxes(1, 2).copy())).numpy()
    assert np.abs(found - reference).max() <= 1e-4 * np.abs(reference).max()


@pytest.mark.parametrize("change", ["missing", "further", "shape", "type"])
def test_checkpoint_that_is_not_exactly_the_network_is_refused(
    drawn: dict[str, np.ndarray], tmp_path: Path, change: str, capsys
) -> None:
    key = f"{MODEL}/layer_with_weights-0/layer_with_weights-0/count{VALUE}"
    others = {
        "missing": {},
        "further": {key: drawn[key], f"{MODEL}/layer_with_weights-3/kernel{VALUE}": drawn[key]},
        "shape": {key: np.zeros(2, np.int64)},
        "type": {key: np.zeros((), np.float32)},
    }
    tensors = {name: value for name, value in drawn.items() if name != key} | others[change]
    checkpoint = write_bundle(tmp_path / "bass" / "ckpt", tensors)
    assert main(["weights", "import", str(checkpoint), "-o", str(tmp_path / "model")]) == 2
    messages = {
        "missing": "count: missing, but MSCOL's encoder, pre-trained with bass needs it",
        "further": "layer_with_weights-3/kernel: unknown to MSCOL's encoder",
        "shape": "count: expected int64 () for MSCOL's encoder, pre-trained with bass, got int64 (2,)",
        "type": "got float32 ()",
    }
    assert messages[change] in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
