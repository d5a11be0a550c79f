"""Training that is killed, resumed, split over processes and rejoined ends as if it had been left alone."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from stemwise.cli import main
from stemwise.logs import read_history
from stemwise.training import fit
from synth import stem_tree
from training_runs import CPU, RUNS, farthest, forked, losses, plain, weights_of

HERE = Path(__file__).parent
STEPS = 24


@pytest.fixture(autouse=True)
def _own_threads() -> Iterator[None]:
    """Runs that are compared to the bit compute in one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def wait_for(happened: Any, process: Any, seconds: float = 120.0) -> bool:
    """Wait until something has happened; return False where the process ended before."""
    end = time.monotonic() + seconds
    while not happened():
        if not process.is_alive():
            return False
        assert time.monotonic() < end, "the process hangs"
        time.sleep(0.0005)
    return True


def kill(process: Any, folder: Path, draw: random.Random, in_writing: bool) -> bool:
    """Kill a training that has taken a step, in the midst of a checkpoint or at any moment."""
    before = {path.name for path in (folder / "checkpoints").glob("step-*.pt")}
    if not wait_for(lambda: {p.name for p in (folder / "checkpoints").glob("step-*.pt")} - before, process):
        return False
    time.sleep(draw.uniform(0, 0.1))
    if in_writing and not wait_for(lambda: any((folder / "checkpoints").glob(".step-*")), process):
        return False
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    return True


def test_run_killed_anywhere_ends_like_one_left_alone(tmp_path: Path) -> None:
    whole = forked("everything", str(tmp_path / "whole"))
    folder, draw = tmp_path / "killed", random.Random(0)
    kills = torn = 0
    whole.join()
    for attempt in range(8):
        process = forked("everything", str(folder))
        if not kill(process, folder, draw, in_writing=attempt % 2 == 0):
            break
        kills += 1
        torn += any((folder / "checkpoints").glob(".step-*"))
    process.join()
    last = forked("everything", str(folder))
    last.join()
    assert (whole.exitcode, last.exitcode) == (0, 0)
    assert kills >= 5
    assert torn >= 1, "no kill fell into the writing of a checkpoint"
    expected, found = weights_of(tmp_path / "whole", STEPS), weights_of(folder, STEPS)
    assert expected.keys() == found.keys()
    assert [name for name in expected if not same(expected[name], found[name])] == []
    timeless = [
        [
            {k: v for k, v in row.items() if not k.endswith("_s") and k != "seconds"}
            for row in read_history(at)
        ]
        for at in (folder, tmp_path / "whole")
    ]
    assert timeless[0] == timeless[1]
    assert not list((folder / "checkpoints").glob(".*"))


def same(first: Any, second: Any) -> bool:
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    """One bit of a tensor is another; between tensors, there are gaps in which it would not matter."""
    with zipfile.ZipFile(path) as archive:
        tensor = archive.read(max(archive.infolist(), key=lambda entry: entry.file_size))
    content = bytearray(path.read_bytes())
    content[content.index(tensor) + len(tensor) // 2] ^= 1
    path.write_bytes(content)


damages = pytest.mark.parametrize("damage", [cut, empty, flipped])


@damages
def test_damaged_checkpoint_falls_back_on_the_one_before(damage: Any, tmp_path: Path, caplog) -> None:
    whole, again = plain(), plain()
    expected = losses(whole, tmp_path)
    newest = tmp_path / "checkpoints" / "step-00000008.pt"
    damage(newest)
    assert losses(again, tmp_path) == expected
    assert farthest(again.model, whole.model) == 0
    assert str(newest) in caplog.text
    assert newest.is_file()
    assert newest.with_name(f"{newest.name}.damaged").is_file()


@damages
def test_no_whole_checkpoint_is_an_error_again_and_again(damage: Any, tmp_path: Path) -> None:
    losses(plain(), tmp_path)
    for path in (tmp_path / "checkpoints").iterdir():
        damage(path)
    for _ in range(2):
        with pytest.raises(ValueError, match="no whole checkpoint"):
            losses(plain(), tmp_path)


@pytest.mark.parametrize(
    ("left", "rows"),
    [
        ("all", 8),
        ("all but the end of the last line", 8),
        ("all, and lines of steps that were lost", 8),
        ("all, and words", 8),
        ("nothing", 3),
    ],
)
def test_history_is_mended(left: str, rows: int, tmp_path: Path) -> None:
    whole, again = plain(), plain()
    expected = losses(whole, tmp_path)
    for path in sorted((tmp_path / "checkpoints").glob("step-*.pt"))[-1:]:
        path.unlink()
    history = tmp_path / "history.csv"
    text = history.read_text()
    if "lost" in left:
        text += text.splitlines(keepends=True)[-1].replace("8,", "9,", 1)
    elif "words" in left:
        text += "some words,\n"
    elif "last line" in left:
        text = text[:-5]
    elif left == "nothing":
        text = ""
    history.write_text(text)
    found = losses(again, tmp_path)
    assert found == (expected if rows == 8 else expected[-1:])
    assert farthest(again.model, whole.model) == 0
    with history.open(newline="") as file:
        steps = [float(row["step"]) for row in csv.DictReader(file)]
    assert steps == [*range(1, 9)][-len(found) :]


def test_second_run_in_a_folder_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    process = forked("everything", str(tmp_path))
    assert wait_for(lambda: any((tmp_path / "checkpoints").glob("step-*.pt")), process)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(ValueError, match="another process trains there"):
            fit(RUNS["everything"](), tmp_path, CPU, progress=False)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.join()


def test_what_killed_processes_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    left = [tmp_path / ".history.csv.123", tmp_path / "checkpoints" / ".step-00000003.pt.123"]
    for path in left:
        path.write_text("half")
    losses(plain(steps=1), tmp_path)
    assert not any(path.exists() for path in left)


@pytest.mark.slow
def test_command_that_is_killed_and_typed_again_ends_with_the_same_model(tmp_path: Path) -> None:
    root = stem_tree(tmp_path / "set", {"train": 2}, samples=62_000)
    command = ["train", "rendered-separator", "--root", str(root), "--steps", "4", "--batch-size", "2"]
    command += ["--threads", "1", "--device", "cpu", "--checkpoint-s", "0", "--out"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    stopped = [sys.executable, "-m", "stemwise", *command, str(tmp_path / "killed")]
    process = subprocess.Popen(stopped, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "killed" / "checkpoints" / "step-00000002.pt"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert main([*command, str(tmp_path / "killed")]) == 0
    whole, killed = (tmp_path / name / "model" / "model.safetensors" for name in ("whole", "killed"))
    assert whole.read_bytes() == killed.read_bytes()
