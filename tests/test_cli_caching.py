"""`stemwise data prepare`: what is told, what is decoded, and what survives a kill."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemwise import STEMS, files
from stemwise.cli import main
from stemwise.data import filling
from stemwise.data.cache import prepare
from stemwise.data.material import Material
from stemwise.data.tracks import stem_folders
from stemwise.models.meta_tasnet import VARIANTS
from stemwise.recipes import MATERIALS, RECIPES
from synth import stem_tree, tiny

MATERIAL = Material(sources=STEMS, sample_rate=16_000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return stem_tree(tmp_path / "set", {"train": 2, "valid": 1}, samples=11_025, sample_rate=22_050)


def prepare_words(root: Path, recipe: str = "rendered-separator", *more: str) -> list[str]:
    return ["data", "prepare", "rendered", str(root), "--for", recipe, *more]


def command(root: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "stemwise", *prepare_words(root)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def content(root: Path) -> list[np.ndarray]:
    cache = prepare(stem_folders(root, "train"), MATERIAL, root)
    return [cache.whole(track, source) for track in range(len(cache.tracks)) for source in range(4)]


def test_every_recipe_says_what_it_reads() -> None:
    assert set(MATERIALS) == set(RECIPES)


SHORT = {
    "rendered-separator": "--steps 1 --batch-size 2",
    "rendered-classifier": "--steps 1 --batch-size 2",
    "msspt-separator": "--dataset rendered --mixing crops --valid-every 0 --steps 1 --batch-size 2",
    "msspt-classifier": "--task rendered-tags --network tail --epochs 1 --batch-size 2",
    "tune-clmr": "--dataset rendered --model tune-5tail-32 --steps 1 --batch-size 2",
    "tune-supervised": "--model tune-5tail-32 --steps 1 --batch-size 2",
    "linear-evaluation": "--model tune-5tail-32 --epochs 1 --batch-size 2",
    "mscol": "--model half-mscol --sources bass --segment 98 --steps 1 --batch-size 2 --valid-every 0",
    "mscol-classifier": "--model half-mscol --segment 98 --epochs 1 --batch-size 2",
    "meta-tasnet": "--dataset rendered --steps 1 --batch-size 2 --seconds 0.2 --statistics 2",
    "rendered-meta-tasnet": "--steps 1 --batch-size 2 --seconds 0.2 --statistics 2",
}
"""Options that make each recipe's training short, on songs of 2.7 s."""


@pytest.mark.parametrize("recipe", RECIPES)
def test_after_it_training_decodes_nothing(recipe: str, monkeypatch, tmp_path: Path) -> None:
    root = stem_tree(tmp_path / "set", {"train": 2, "valid": 1}, samples=60_000, sample_rate=22_050)
    assert main(prepare_words(root, recipe)) == 0

    def decoded(path: Path, _: Any) -> Any:
        raise AssertionError(f"{path} is decoded")

    monkeypatch.setattr(filling, "decoded", decoded)
    words = ["train", recipe, "--root", str(root), "--out", str(tmp_path / "run")]
    monkeypatch.setitem(VARIANTS, "meta-tasnet", tiny(VARIANTS["meta-tasnet"]))  # the whole one takes long
    assert main([*words, *SHORT[recipe].split()]) == 0


def test_sizes_are_told_and_a_table_ends_it(root: Path, capsys) -> None:
    rates = ("--rates", "8000", "16000", "8000")
    assert main(prepare_words(root, "rendered-separator", *rates)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{root} for rendered-separator: 2 tracks, 8 files, 0.00 h of audio"
    assert lines[1].startswith("8000 Hz mono: 0 files, 0.0 MB there; 8 files, 0.1 MB to decode, into ")
    assert lines[2].startswith("16000 Hz mono: 0 files, 0.0 MB there; 8 files, 0.1 MB to decode, into ")
    assert lines[3].endswith("GB are free there")
    assert lines[4].split() == ["cached", "files", "missing", "hours", "MB"]
    assert [line.split()[:5] for line in lines[5:]] == [
        ["8000", "Hz", "mono", "8", "0"],
        ["16000", "Hz", "mono", "8", "0"],
    ]
    assert {path.name for path in (root / "cache").iterdir()} == {"audio-8000hz-mono", "audio-16000hz-mono"}


def test_unreadable_files_are_listed_with_exit_code_1(root: Path, capsys) -> None:
    (root / "train/track-1/vocals.wav").write_bytes(b"words " * 50)
    for _ in range(2):
        assert main(prepare_words(root)) == 1
        out = capsys.readouterr().out
        assert "1 unreadable" in out
        assert "16000 Hz mono            7        1" in out
        assert out.splitlines()[-1].startswith(f"unreadable  {root}/train/track-1/vocals.wav: expected")
    words = ["train", "rendered-separator", "--root", str(root), "--out", str(root / "run")]
    assert main([*words, "--steps", "1"]) == 2
    assert "1 of the files cannot be read" in capsys.readouterr().err
    assert not (root / "run").exists()
    small = ["--steps", "1", "--batch-size", "1", "--skip-unreadable"]
    assert main([*words, *small]) == 0


def test_too_little_room_is_one_line(root: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: _Full())
    assert main(prepare_words(root)) == 2
    assert "of free space, got 0.00 GB; make room" in capsys.readouterr().err
    assert not (root / "cache").exists()


class _Full:
    free = 0


def test_cache_may_lie_elsewhere(root: Path, tmp_path: Path) -> None:
    assert main(prepare_words(root, "rendered-classifier", "--cache", str(tmp_path / "fast"))) == 0
    assert (tmp_path / "fast" / "audio-16000hz-mono" / "data.bin").is_file()
    assert not (root / "cache").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_killed_at_any_moment_the_same_command_completes_it(tmp_path: Path) -> None:
    root = stem_tree(tmp_path / "set", {"train": 24}, samples=44_100, sample_rate=44_100)
    index = root / "cache/audio-16000hz-mono/index.jsonl"
    draw = np.random.default_rng(1)
    for lines in (5, 30, 60):
        process = command(root)
        while process.poll() is None and not (index.is_file() and index.read_bytes().count(b"\n") >= lines):
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.01))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    out, errors = (again := command(root)).communicate()
    assert again.returncode == 0, errors
    assert int(out.splitlines()[1].split()[3]) > 0, "what was there before is not decoded again"
    for killed, direct in zip(content(root), _direct(root, tmp_path), strict=True):
        assert np.array_equal(killed, direct)
    assert len(set(index.read_text().splitlines())) == 96


def _direct(root: Path, tmp_path: Path) -> list[np.ndarray]:
    cache = prepare(stem_folders(root, "train"), MATERIAL, root, folder=tmp_path / "undisturbed")
    return [cache.whole(track, source) for track in range(len(cache.tracks)) for source in range(4)]


@pytest.mark.skipif(sys.platform == "win32", reason="locks as POSIX does")
def test_two_commands_at_once_decode_every_file_once(tmp_path: Path) -> None:
    root = stem_tree(tmp_path / "set", {"train": 12}, samples=44_100, sample_rate=44_100)
    processes = [command(root) for _ in range(2)]
    ends = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    index = (root / "cache/audio-16000hz-mono/index.jsonl").read_text().splitlines()
    assert len(index) == 48
    for found, direct in zip(content(root), _direct(root, tmp_path), strict=True):
        assert np.array_equal(found, direct)
