"""Levels are those of where a stem sounds."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwise.data.levels import measure
from stemwise.data.tracks import Track

RATE = 8000


def track(folder: Path, **stems: np.ndarray) -> Track:
    """A track of the stems' sum."""
    for name, audio in {**stems, "mixture": sum(stems.values())}.items():
        soundfile.write(folder / f"{name}.wav", np.asarray(audio).T, RATE, subtype="FLOAT")
    paths = {name: folder / f"{name}.wav" for name in stems}
    return Track(name="x", split="train", mixture=folder / "mixture.wav", stems=paths)


def test_level_is_relative_to_the_mixture_where_the_stem_sounds(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    drums, vocals = (0.1 * draw.normal(size=(2, 25 * RATE)) for _ in range(2))
    vocals[:, : 20 * RATE] = 0
    found = measure(track(tmp_path, drums=drums, vocals=vocals, bass=np.zeros_like(drums)))
    assert found.stems.keys() == {"drums", "vocals"}
    assert found.stems["vocals"].level_db == pytest.approx(-3, abs=0.1)
    assert found.stems["vocals"].active == pytest.approx(0.2)
    assert found.stems["drums"].active == 1
    assert found.stems["drums"].level_db == pytest.approx(10 * np.log10(1 / 1.2), abs=0.1)
    assert found.stems["drums"].width == pytest.approx(0.5, abs=0.02)
    assert (found.seconds, found.sample_rate) == (25, RATE)


def test_peaks_clipping_and_mono(tmp_path: Path) -> None:
    audio = np.full((2, RATE), 0.5)
    audio[:, 10:13] = 1.0
    found = measure(track(tmp_path, other=audio))
    assert (found.peak_db, found.clipped) == (0.0, 3)
    assert found.stems["other"].width == 0
    assert found.stems["other"].level_db == pytest.approx(0)


def test_a_stem_of_another_length_is_named(tmp_path: Path) -> None:
    wrong = track(tmp_path, bass=np.ones((1, RATE)) * 0.1)
    soundfile.write(tmp_path / "bass.wav", np.ones(RATE - 1), RATE)
    with pytest.raises(ValueError, match=r"bass\.wav: expected 8000 samples at 8000 Hz .* got 7999"):
        measure(wrong)
