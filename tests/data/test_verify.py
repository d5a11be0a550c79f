"""Checking a data set on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwise.data.tracks import Track, stem_folders
from stemwise.data.verify import verify_tracks
from synth import stem_tree

RATE, SAMPLES = 8000, 100_000  # more than ten seconds: checked in two blocks


@pytest.fixture
def tracks(tmp_path: Path) -> list[Track]:
    return stem_folders(stem_tree(tmp_path, {"train": 2}, samples=SAMPLES, sample_rate=RATE))


def test_whole_set_has_no_findings(tracks: list[Track]) -> None:
    assert verify_tracks(tracks) == []


def test_progress_is_told_track_by_track(tracks: list[Track]) -> None:
    calls = []
    verify_tracks(tracks, lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]


@pytest.mark.parametrize("place", [0, SAMPLES - 1])
def test_one_sample_that_does_not_sum_is_found(tracks: list[Track], place: int) -> None:
    audio, _ = soundfile.read(tracks[1].mixture)
    audio[place] += 0.01
    soundfile.write(tracks[1].mixture, audio, RATE, subtype="PCM_16")
    (finding,) = verify_tracks(tracks)
    assert str(finding).startswith(f"{tracks[1].mixture}: stems differ from it by up to 0.0")


@pytest.mark.parametrize(
    ("fact", "channels", "rate", "samples"),
    [("samples", 1, RATE, SAMPLES - 1), ("sample_rate", 1, 11_025, SAMPLES), ("channels", 2, RATE, SAMPLES)],
)
def test_stem_unlike_its_mixture_is_found(
    tracks: list[Track], fact: str, channels: int, rate: int, samples: int
) -> None:
    path = tracks[0].stems["bass"]
    soundfile.write(path, np.zeros((samples, channels)), rate, subtype="PCM_16")
    (finding,) = verify_tracks(tracks)
    assert str(finding).startswith(f"{path}: {fact} is ")


def test_damaged_file_is_found_and_the_rest_is_checked(tracks: list[Track]) -> None:
    tracks[0].stems["drums"].write_bytes(b"RIFF")
    soundfile.write(tracks[1].stems["bass"], np.zeros(SAMPLES), RATE, subtype="PCM_16")
    first, second = verify_tracks(tracks)
    assert str(tracks[0].stems["drums"]) in str(first)
    assert str(tracks[1].mixture) in str(second)


def test_truncated_stem_is_found(tracks: list[Track]) -> None:
    path = tracks[0].stems["vocals"]
    path.write_bytes(path.read_bytes()[:SAMPLES])
    assert any(str(tracks[0].mixture.parent) in str(finding) for finding in verify_tracks(tracks))


def test_name_that_occurs_twice_is_found(tracks: list[Track]) -> None:
    (finding,) = verify_tracks([tracks[0], replace(tracks[1], name=tracks[0].name)])
    assert "the name track-0 occurs twice" in str(finding)


def test_mixture_without_stems_is_decoded_to_its_end(tracks: list[Track]) -> None:
    path = tracks[0].mixture
    audio, _ = soundfile.read(path, dtype="float32")
    audio[-1] = np.nan
    soundfile.write(path, audio, RATE, subtype="FLOAT")
    (finding,) = verify_tracks([replace(tracks[0], stems={})])
    assert "NaN" in str(finding)
