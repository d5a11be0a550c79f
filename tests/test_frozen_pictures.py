"""What a frozen separator makes of a set: the same as computing it directly, and computed once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stemwise.data.cache import AudioCache, prepare
from stemwise.data.clips import ArrayBatches
from stemwise.data.material import Material
from stemwise.data.tracks import Track, stem_folders
from stemwise.models import CLASSIFIERS
from stemwise.models.joint import JointClassifier, JointConfig, from_separator
from stemwise.recipes import pictures
from stemwise.recipes.pictures import frozen_pictures
from synth import separator, stem_tree, tiny

MIXTURES = Material(sources=("mixture",), sample_rate=16_000)
WINDOWS = 3  # of a track of eight seconds


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return stem_tree(tmp_path / "set", {"train": 3}, samples=8 * 16_000)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the tracks that are taken apart from now on."""
    names: list[str] = []
    windows = pictures._windows

    def watched(model: JointClassifier, audio: AudioCache, track: int):
        names.append(audio.names[track])
        return windows(model, audio, track)

    monkeypatch.setattr(pictures, "_windows", watched)
    return names


def frozen(seed: int = 0, classes: tuple[str, ...] = ("a", "b", "c")) -> JointClassifier:
    config = tiny(CLASSIFIERS["half-joint-multisource"])
    assert isinstance(config, JointConfig)
    source = separator("half-multisource")
    if seed:
        torch.nn.init.normal_(source.unet.mask.weight)
    return from_separator(source, replace(config, skips=0, classes=classes)).freeze_unet()


def batches(root: Path, model: JointClassifier, tracks: list[Track] | None = None) -> ArrayBatches:
    audio = prepare(tracks or stem_folders(root), MIXTURES, root)
    labels = np.eye(3)[: len(audio.tracks)]
    return frozen_pictures(model, audio, labels, root / "cache", batch_size=2, seed=0)


@pytest.mark.parametrize("at_once", [1, 2, 16])
def test_pictures_are_those_of_the_whole_track(root: Path, at_once: int, monkeypatch) -> None:
    monkeypatch.setattr(pictures, "_AT_ONCE", at_once)
    model = frozen()
    found = batches(root, model).arrays
    audio = prepare(stem_folders(root), MIXTURES, root)
    for track in range(3):
        whole = torch.from_numpy(audio.excerpt(track, 0, 0, audio.samples(track)))[None]
        with torch.inference_mode():
            expected, _ = model.eval().pictures(model.window_magnitudes(whole))
        rows = torch.arange(WINDOWS) + WINDOWS * track
        assert len(expected) == WINDOWS
        torch.testing.assert_close(found["picture"][rows].float(), expected, atol=5e-3, rtol=2e-3)
        assert (found["label"][rows].argmax(1) == track).all()


def test_they_are_mapped_and_computed_once(root: Path, computed: list[str]) -> None:
    first = batches(root, frozen())
    again = batches(root, frozen(classes=("x", "y")))  # what the tail learns makes no difference
    assert computed == ["track-0", "track-1", "track-2"]
    assert isinstance(first.arrays["picture"].array, np.memmap)
    assert torch.equal(first.batch(1)["picture"], again.batch(1)["picture"])
    assert first.batch(1)["picture"].dtype == torch.float16


def test_fewer_tracks_use_what_is_there_and_more_only_add(root: Path, computed: list[str]) -> None:
    tracks = stem_folders(root)
    few = batches(root, frozen(), tracks[1:2])
    assert few.rows == WINDOWS
    batches(root, frozen(), tracks)
    assert computed == ["track-1", "track-0", "track-2"]


def test_other_weights_make_other_pictures(root: Path, computed: list[str]) -> None:
    first, second = batches(root, frozen()), batches(root, frozen(seed=1))
    assert len(computed) == 6
    assert not torch.equal(first.batch(0)["picture"], second.batch(0)["picture"])
    assert first.card()["separator"] != second.card()["separator"]
    assert len(list((root / "cache").glob("pictures-*"))) == 2


def test_card_says_what_they_are_made_of(root: Path) -> None:
    card = batches(root, frozen()).card()
    assert (card["dataset"], card["tracks"], card["rows"]) == ("set", 3, 3 * WINDOWS)
