"""What runs on a GPU gives what it gives here; skipped on machines without one."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from catalogue_runs import write_song
from stemwise.cli import main
from stemwise.models import SEPARATORS
from stemwise.separation import separate
from synth import classifier, scrambled, song
from training_runs import CPU, classification, contrastive, losses, separation, sources

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
RATE = 44_100


@pytest.fixture(autouse=True)
def _exact_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Leave a gigabyte of the card to this process."""
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(2**30 / torch.cuda.mem_get_info()[1])
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize("name", ["half-multisource", "small-meta-tasnet"])
def test_stems_are_those_of_the_processor(name: str) -> None:
    audio = song(6 * RATE, RATE, 2).sum(0)
    model = scrambled(SEPARATORS[name].build(), gain=0.8)
    here = np.concatenate(list(separate(model, [audio], RATE, 2)), axis=2)
    there = np.concatenate(list(separate(model.cuda(), [audio], RATE, 2)), axis=2)
    np.testing.assert_allclose(there, here, atol=1e-3)
    np.testing.assert_allclose(there.sum(0), audio, atol=1e-6)


@pytest.mark.usefixtures("little_memory")
def test_song_that_is_too_large_for_the_card_is_halved(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    audio = np.tile(song(10 * RATE, RATE, 2).sum(0), 6)
    model = scrambled(SEPARATORS["msspt-multisource"].build(), gain=0.8).cuda()
    at_once = np.concatenate(list(separate(model, [audio], RATE, 2, chunk_s=60.0)), axis=2)
    halved = "out of the device's memory" in caplog.text
    in_parts = np.concatenate(list(separate(model, [audio], RATE, 2, chunk_s=5.0)), axis=2)
    np.testing.assert_allclose(at_once, in_parts, atol=1e-3)
    assert halved


@pytest.mark.parametrize("make", [separation, classification, contrastive, sources])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_starts_as_on_the_processor(make, precision: str, tmp_path: Path) -> None:
    there = losses(make(), tmp_path / "gpu", replace(CPU, device="cuda", precision=precision))
    here = losses(make(), tmp_path / "cpu", CPU)
    assert len(there) == len(here)
    assert there[0] == pytest.approx(here[0], rel=1e-3 if precision == "fp32" else 0.2)
    assert np.isfinite(there).all()


@pytest.mark.usefixtures("models")
def test_commands_find_the_card(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMWISE_HOME", str(models))
    path, out = write_song(tmp_path / "song.wav", 3.0, RATE, 2), tmp_path / "out"
    assert main(["separate", str(path), "-o", str(out), "--device", "cuda", "--precision", "bf16"]) == 0
    stems = [soundfile.read(file, dtype="float32")[0] for file in sorted(out.rglob("*.wav"))]
    np.testing.assert_allclose(sum(stems), soundfile.read(path, dtype="float32")[0], atol=1e-4)
    for device in ("cuda", "cpu"):
        assert main(["tag", str(path), "--device", device, "--json", str(tmp_path / f"{device}.json")]) == 0
    tags = [json.loads((tmp_path / f"{device}.json").read_text()) for device in ("cuda", "cpu")]
    assert tags[0].keys() == tags[1].keys()


def test_classifiers_run_on_the_card() -> None:
    audio = torch.from_numpy(song(61_792, 16_000).sum(0))[None]
    for name in ("half-tail", "msspt-tail"):
        model = classifier(name).eval()
        with torch.inference_mode():
            here = model(audio)
            there = model.cuda()(audio.cuda()).cpu()
        torch.testing.assert_close(there, here, atol=1e-3, rtol=1e-3)
