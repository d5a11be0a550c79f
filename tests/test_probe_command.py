"""`stemwise probe`, end to end on small music; what its features are."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from stemwise.cli import main
from stemwise.data.tracks import Track
from stemwise.models.sample_cnn import SampleCNNConfig
from stemwise.probing.descriptions import RATE, chroma, mfcc
from stemwise.probing.extraction import Features, rows_of
from stemwise.probing.sources import Source, extractor
from stemwise.tasks import TASKS
from stemwise.weights.store import load, save
from synth import noise, stem_tree, tone

TINY = SampleCNNConfig(widths=(2,) * 10 + (4,))
FOREIGN = """
import torch
class Model(torch.nn.Module):
    sample_rate = 8000
    def forward(self, audio):
        frames = audio.unfold(-1, 400, 400)[:, 0]
        return torch.stack([frames.std(-1), frames.abs().mean(-1)], 1)
def build(checkpoint):
    assert checkpoint is None or checkpoint.endswith(".txt")
    return Model()
def wrong(checkpoint):
    return lambda audio: audio
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of twelve songs, a tiny encoder, and a model from elsewhere."""
    home = tmp_path_factory.mktemp("probes")
    stem_tree(home / "set", {"train": 6, "valid": 3, "test": 3}, samples=16_000)
    torch.manual_seed(0)
    save(TINY.build(), home / "encoder", {"title": "tiny"})
    (home / "mine.py").write_text(FOREIGN)
    (home / "mine.txt").write_text("weights")
    return home


def probe(home: Path, task: str, *words: str, out: str) -> Mapping[str, Any]:
    command = ["probe", *words, "--task", task, "--root", str(home / "set"), "--out", str(home / out)]
    assert main([*command, "--device", "cpu"]) == 0
    return json.loads((home / out / "probe.json").read_text())


@pytest.fixture(scope="module")
def genres(home: Path) -> Mapping[str, Any]:
    words = [str(home / "encoder"), f"{home / 'mine.py'}:build", "--checkpoint", str(home / "mine.txt")]
    return probe(home, "rendered-genre", *words, "--grid", "small", "--most-steps", "16", out="genres")


def test_each_encoder_and_both_descriptions_are_probed(home: Path, genres: Mapping[str, Any]) -> None:
    rows = genres["representations"]
    assert [(row["name"], row["size"]) for row in rows] == [
        *(("encoder", 4), ("mine:build", 2), ("mfcc", 120), ("chroma", 72))
    ]
    for row in rows:
        assert len(row["sweep"]) == 16
        assert row["chosen"]["score"] == max(probe["score"] for probe in row["sweep"])
        assert row["valid"]["primary"] == pytest.approx(row["chosen"]["score"])
        truth, said = (np.array(row["answers"][key]) for key in ("truth", "said"))
        assert (truth == said).mean() == row["test"]["accuracy"]
        assert row["interval"][0] <= row["test"]["accuracy"] <= row["interval"][1]
    assert genres["protocol"]["tracks"] == {"train": 6, "valid": 3, "test": 3}
    with (home / "genres" / "table.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 4 * 16 and sum(int(row["chosen"]) for row in table) >= 4
    page = (home / "genres" / "report.html").read_text()
    assert "mine:build" in page and "Who is taken for whom" in page and "<script" not in page


def test_second_time_nothing_is_computed(home: Path, genres: Mapping[str, Any]) -> None:
    kept = {path: path.stat().st_mtime_ns for path in (home / "set" / "cache").rglob("data.bin")}
    kept |= {path: path.stat().st_mtime_ns for path in (home / "genres" / "sweeps").rglob("*.safetensors")}
    words = [str(home / "encoder"), f"{home / 'mine.py'}:build", "--checkpoint", str(home / "mine.txt")]
    again = probe(home, "rendered-genre", *words, "--grid", "small", "--most-steps", "16", out="genres")
    assert again == genres
    assert len(kept) == 4 + 4 * 16
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_another_task_in_the_same_folder_is_another_sweep(home: Path, genres: Mapping[str, Any]) -> None:
    words = [f"{home / 'mine.py'}:build", "--grid", "one", "--most-steps", "16", "--baselines", "none"]
    tempo, mood = (probe(home, f"rendered-{task}", *words, out="both") for task in ("tempo", "mood"))
    alone = probe(home, "rendered-mood", *words, out="alone")
    assert mood["representations"] == alone["representations"]
    assert tempo["classes"] != mood["classes"]


def test_every_layer_is_probed_when_asked(home: Path) -> None:
    words = [str(home / "encoder"), "--taps", "all", "--grid", "one", "--most-steps", "8"]
    found = probe(home, "rendered-key", *words, "--baselines", "none", out="layers")
    taps = [*(f"block{i}" for i in range(11)), "embedding"]
    assert [row["tap"] for row in found["representations"]] == taps
    assert found["kind"] == "key" and found["representations"][0]["test"]["ensemble"] == "vote"
    assert "circle of fifths" in (home / "layers" / "report.html").read_text()


@pytest.mark.parametrize(("task", "score"), [("rendered-tags", "roc_auc"), ("rendered-emotion", "r2")])
def test_tags_and_numbers_are_probed_too(home: Path, task: str, score: str) -> None:
    words = [f"{home / 'mine.py'}:build"]
    for path in (home / "set").rglob("labels.json"):
        known = json.loads(path.read_text())
        numbers = np.random.default_rng(list(path.parent.name.encode())).standard_normal(2).tolist()
        path.write_text(json.dumps(known | dict(zip(("arousal", "valence"), numbers, strict=True))))
    found = probe(home, task, *words, "--grid", "one", "--most-steps", "16", "--baselines", "none", out=task)
    assert found["primary"] == score
    assert np.isfinite(found["representations"][0]["test"][score])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["encoder", "--taps", "block99"], "expected all or some of block0"),
        (["encoder", "--checkpoint", "x"], "is for FILE.py:FUNCTION"),
        (["mine.py:nothing"], "expected a function 'nothing'"),
        (["mine.py:wrong"], "a callable with a sample_rate"),
        (["none.py:build"], "no such file"),
        (["untrained:unet"], "no 'unet'"),
    ],
)
def test_what_cannot_be_probed_is_refused(
    home: Path, words: Sequence[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = words[0] if words[0].startswith("untrained") else str(home / words[0])
    command = ["probe", name, *words[1:], "--task", "rendered-genre", "--root", str(home / "set")]
    assert main([*command, "--out", str(home / "refused"), "--baselines", "none"]) == 2
    assert reason in capsys.readouterr().err


def test_vector_is_the_mean_over_whole_windows(home: Path) -> None:
    made = extractor(Source(name=str(home / "encoder")))
    audio = noise(1, 2 * 59_049 + 30_000)[0]
    encoder: Any = load(home / "encoder")
    with torch.inference_mode():
        parts = encoder(torch.from_numpy(audio[: 2 * 59_049]).reshape(2, 1, -1))[:, :, 0]
    np.testing.assert_allclose(made.vector(audio), parts.mean(0), rtol=1e-4, atol=1e-6)


def test_song_of_a_task_with_clips_is_cut(home: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", noise(1, 8000 * 65)[0], 8000)
    _, rows = rows_of(Source(name=f"{home / 'mine.py'}:build"), "giantsteps", (0, tmp_path / "song.wav"))
    assert rows.shape == (2, 2)
    tracks = tuple(
        Track(name=split, split=split, mixture=tmp_path / "song.wav", labels={"key": "A minor"})
        for split in ("train", "valid", "test")
    )
    features = Features(tracks=tracks, rows=(rows,) * 3, spans={"": slice(0, 2)})
    found = features.items(TASKS["giantsteps"], "").splits["valid"]
    assert (found.names, found.songs) == (("valid-0", "valid-1"), ("valid", "valid"))
    assert found.targets.tolist() == [21, 21]


def test_descriptions_hear_pitch_and_timbre_and_no_level() -> None:
    made = extractor(Source(name="chroma"))
    found = made.vector(tone(440, RATE * 2, RATE))
    np.testing.assert_allclose(made.vector(tone(440, RATE * 2, RATE, level=0.02)), found, atol=1e-3)
    assert found.shape == (72,) and found[:12].argmax() == 9  # the mean of the twelve pitch classes: an A
    assert chroma(tone(523.25, RATE * 2, RATE))[:12].argmax() == 0
    low, high = (mfcc(tone(hz, RATE, RATE)) for hz in (110, 3520))
    assert low.shape == (120,) and np.abs(low - high).max() > 10
