"""Checking a data set on disk."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwise.cli import main
from stemwise.data import DATASETS
from stemwise.data.tracks import TWIN, Track, stem_folders
from stemwise.data.twins import write_twin
from stemwise.data.verify import verify, verify_tracks
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


@pytest.fixture
def musdb(tracks: list[Track], tmp_path: Path) -> Path:
    return write_twin(DATASETS["musdb18-hq"], tracks, tmp_path / "musdb")


def test_every_missing_stem_is_listed_with_its_track(tracks: list[Track]) -> None:
    tracks[0].stems["bass"].unlink()
    tracks[1].stems["drums"].unlink()
    tracks[1].stems["vocals"].unlink()
    findings = verify_tracks(tracks)
    assert [(f.kind, f.track) for f in findings] == [
        ("missing", "track-0"),
        ("missing", "track-1"),
        ("missing", "track-1"),
    ]


def test_file_that_was_cut_short_is_unreadable(tracks: list[Track]) -> None:
    path = tracks[0].mixture.with_suffix(".mp3")
    soundfile.write(path, *soundfile.read(tracks[0].mixture), format="MP3")
    path.write_bytes(path.read_bytes()[:4000])
    (finding,) = verify_tracks([replace(tracks[0], mixture=path, stems={})])
    assert finding.kind == "unreadable"
    assert "cut short; only its first" in finding.text


def test_same_audio_under_two_names_is_found_across_splits(tracks: list[Track]) -> None:
    twin = replace(tracks[1], split="test")
    twin.mixture.write_bytes(tracks[0].mixture.read_bytes())
    finding = next(f for f in verify_tracks([tracks[0], replace(twin, stems={})]) if f.kind == "duplicate")
    assert str(finding) == f"{twin.mixture}: the same bytes as {tracks[0].mixture}, which is in train"


def test_silent_stems_are_no_duplicates(tracks: list[Track]) -> None:
    silent = [replace(track, stems={}) for track in tracks]
    assert verify_tracks(silent) == []


def test_counts_and_hours_are_told_by_split(musdb: Path) -> None:
    found = verify(DATASETS["musdb18-hq"], musdb)
    assert found.tracks == {"train": 2}
    assert found.row("train") == ("train", 2, 0, 0, 0, 0, pytest.approx(2 * SAMPLES / RATE / 3600))


def test_incomplete_set_is_found_by_the_published_counts_and_a_twin_is_not_asked(musdb: Path) -> None:
    assert verify(DATASETS["musdb18-hq"], musdb).findings == []
    (musdb / TWIN).unlink()
    findings = verify(DATASETS["musdb18-hq"], musdb).findings
    assert [str(finding) for finding in findings] == [
        "train: 2 tracks, published are 86",
        "valid: 0 tracks, published are 14",
        "test: 0 tracks, published are 50",
    ]


def test_published_checksums_are_compared(tracks: list[Track], tmp_path: Path) -> None:
    root = write_twin(DATASETS["fma-small"], tracks, tmp_path / "fma")
    (root / TWIN).unlink()
    files = sorted(root.glob("fma_small/000/*.mp3"))
    sums = [f"{hashlib.sha1(file.read_bytes()).hexdigest()}  000/{file.name}" for file in files]
    (root / "fma_small" / "checksums").write_text(f"{sums[0]}\n{'0' * 40}  000/{files[1].name}\n")
    text = [str(finding) for finding in verify(DATASETS["fma-small"], root).findings]
    assert text[0] == "all: 2 tracks, published are 7994"
    assert text[1:] == [f"{files[1]}: its sha1 is {sums[1][:40]}, published is {'0' * 40}"]


def test_user_decides_what_is_left_out_and_every_reader_keeps_to_it(musdb: Path, capsys) -> None:
    name = "Actions - Devil's Words"
    (musdb / "train" / name / "bass.wav").unlink()
    with pytest.raises(ValueError, match=r"--leave-out"):
        DATASETS["musdb18-hq"].tracks(musdb)
    command = ["data", "verify", "musdb18-hq", str(musdb)]
    assert main(command) == 1
    assert not (musdb / "left_out.txt").exists()
    assert main([*command, "--leave-out"]) == 1
    assert [track.name for track in DATASETS["musdb18-hq"].tracks(musdb)] == [
        "A Classic Education - NightOwl"
    ]
    capsys.readouterr()
    assert main(command) == 0
    assert f"left out   {name}: missing: " in capsys.readouterr().out


def test_command_prints_a_table(musdb: Path, capsys) -> None:
    assert main(["data", "verify", "musdb18-hq", str(musdb)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["split", "tracks", "missing", "unreadable", "duplicate", "wrong", "hours"]
    assert lines[1].split() == ["train", "2", "0", "0", "0", "0", "0.01"]


@pytest.mark.parametrize("name", DATASETS)
def test_info_says_where_a_set_comes_from(name: str, capsys) -> None:
    assert main(["data", "info", name]) == 0
    said = capsys.readouterr().out
    assert DATASETS[name].info.licence in said
    assert "get it:" in said
