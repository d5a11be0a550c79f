"""Tagging of streams: window by window, the same as the whole file at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from stemwise.data.audio import read_resampled
from stemwise.embedding import WINDOWS, tag, tag_windows
from stemwise.models.tail import TailClassifier
from stemwise.signal.chunk import window_count
from synth import CLASSES, classifier, cut, noise

CLOSE = {"atol": 1e-5}


@pytest.fixture(scope="module")
def model() -> TailClassifier:
    found = classifier("msspt-tail")
    assert isinstance(found, TailClassifier)
    return found


def stream(model: TailClassifier, audio: np.ndarray, *lengths: int) -> np.ndarray:
    blocks = cut(audio, lengths or (audio.shape[1],))
    return np.concatenate(list(tag_windows(model, blocks, model.sample_rate, len(audio))))


@torch.no_grad()
def whole(model: TailClassifier, audio: np.ndarray) -> np.ndarray:
    return model.logits(torch.from_numpy(audio)[None])[0].sigmoid().T.numpy()


@pytest.mark.parametrize("windows", [1, 2, WINDOWS - 1, WINDOWS, WINDOWS + 1, 2 * WINDOWS + 3])
@pytest.mark.parametrize("more", [0, 1, 30_719])
def test_stream_equals_the_whole_file(model: TailClassifier, windows: int, more: int) -> None:
    audio = noise(1, model.window + (windows - 1) * model.hop + more)
    found = stream(model, audio)
    assert len(found) == window_count(audio.shape[1], model.window, model.hop) == windows
    np.testing.assert_allclose(found, whole(model, audio), **CLOSE)


@pytest.mark.parametrize("lengths", [(1000,), (7, 100_000), (400_000,)])
def test_any_cutting_into_blocks_gives_the_same(model: TailClassifier, lengths: tuple[int, ...]) -> None:
    audio = noise(1, 350_000)
    np.testing.assert_allclose(stream(model, audio, *lengths), whole(model, audio), **CLOSE)


@pytest.mark.parametrize("samples", [1, 1000, 61_791])
def test_short_stream_is_one_window_filled_with_silence(model: TailClassifier, samples: int) -> None:
    audio = noise(1, samples)
    padded = np.pad(audio, ((0, 0), (0, model.window - samples)))
    np.testing.assert_allclose(stream(model, audio), whole(model, padded), **CLOSE)


def test_stream_of_nothing_is_a_window_of_silence(model: TailClassifier) -> None:
    silence = whole(model, np.zeros((1, model.window), np.float32))
    np.testing.assert_allclose(stream(model, np.zeros((1, 0), np.float32), 1), silence, **CLOSE)


def test_channels_are_averaged(model: TailClassifier) -> None:
    audio = noise(2, 100_000)
    np.testing.assert_allclose(stream(model, audio), whole(model, audio.mean(0, keepdims=True)), **CLOSE)


def test_tags_are_the_mean_over_windows(model: TailClassifier) -> None:
    audio = noise(1, 350_000)
    found = tag(model, [audio], model.sample_rate, 1)
    assert found.shape == (len(CLASSES),)
    np.testing.assert_allclose(found, whole(model, audio).mean(0), **CLOSE)


def test_other_rates_are_resampled(model: TailClassifier, tmp_path: Path) -> None:
    audio = noise(2, 300_000)
    soundfile.write(tmp_path / "song.wav", audio.T, 44_100, subtype="FLOAT")
    direct = read_resampled(tmp_path / "song.wav", 16_000, mono=True)
    found = tag(model, cut(audio, (10_000,)), 44_100, 2)
    np.testing.assert_allclose(found, whole(model, direct).mean(0), atol=1e-4)


def test_chances_of_one_class_out_of_many_sum_to_one() -> None:
    model = replace(classifier("msspt-tail").config, target="multiclass").build().eval()
    found = tag(model, [noise(1, 100_000)], model.sample_rate, 1)
    assert found.sum() == pytest.approx(1)
