"""Training in several processes: torchrun over gloo, on this machine."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stemwise.training import Run, fit
from synth import stem_tree
from training_runs import CPU, RUNS, contrastive, farthest, forked, losses, measured, plain, steps_done

SCRIPT = Path(__file__).with_name("training_runs.py")


TORCHRUN = (sys.executable, "-m", "torch.distributed.run")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def torchrun(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in two processes of one node."""
    command = [*TORCHRUN, "--standalone", "--nproc-per-node", "2", *words]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)


def two_nodes(*words: str) -> list[int]:
    """Run a command in one process on each of two nodes, both of which are this machine."""
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{free_port()}", "--rdzv-id", "1"]
    command = [*TORCHRUN, "--nnodes", "2", "--nproc-per-node", "1", *meeting, *words]
    both = [subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL) for _ in range(2)]
    return [process.wait(120) for process in both]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that one process took to its end."""
    run = plain()
    losses(run, tmp_path_factory.mktemp("alone"))
    return run


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in two processes, the second of which was killed at step 5."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    done = torchrun(str(SCRIPT), "plain", str(folder), "killed", "1", "5")
    assert done.returncode != 0
    assert "SIGKILL" in done.stderr
    assert steps_done(folder) == 5
    return folder


@pytest.mark.slow
def test_two_processes_killed_and_resumed_on_two_nodes_end_like_one(
    alone: Run, killed: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(killed, tmp_path / "run"))
    assert two_nodes(str(SCRIPT), "plain", str(folder)) == [0, 0]
    assert_like(alone, folder)
    log = (folder / "train.log").read_text()
    assert "2 processes of 1 threads" in log
    assert "steps 5 to 8" in log
    assert "no batch statistics" in log


def test_run_split_over_two_processes_goes_on_in_one(alone: Run, killed: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(killed, tmp_path / "run"))
    losses(plain(), folder)
    assert_like(alone, folder)


def assert_like(alone: Run, folder: Path) -> None:
    """What a folder holds is within 1e-5 of what one process ended with."""
    again = plain()
    rows = fit(again, folder, CPU, progress=False)
    difference = farthest(again.model, alone.model)
    assert 0 < difference <= 1e-5, "the same sums in another order, no more and no less"
    assert [row["step"] for row in rows] == [*range(1, 9)]


@pytest.mark.slow
def test_command_in_two_processes_says_whose_statistics_and_speaks_once(tmp_path: Path) -> None:
    root = stem_tree(tmp_path / "set", {"train": 2}, samples=62_000)
    command = ["-m", "stemwise", "train", "rendered-separator", "--root", str(root), "--steps", "2"]
    done = torchrun(*command, "--batch-size", "2", "--device", "cpu", "--out", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the model is in") == 1
    said = "batch statistics of each process's own one row, running statistics of the first process"
    assert done.stderr.count(said) == 1
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


def together(*arguments: str) -> list[int]:
    """Run `train` in two processes as torchrun would start them, and return how they ended."""
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    shared |= {"TORCHELASTIC_RUN_ID": "test", "GROUP_RANK": "0"}
    both = [
        forked(*arguments, environment={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(2)
    ]
    for process in both:
        process.join(120)
    return [process.exitcode for process in both]


@pytest.mark.parametrize("name", ["plain", "everything"])
def test_loss_that_is_not_finite_in_one_process_stops_all_with_its_items(name: str, tmp_path: Path) -> None:
    assert together(name, str(tmp_path), "bad", "1", "4") == [1, 1]
    batch = RUNS[name]().data.batch(4)
    log = (tmp_path / "train.log").read_text()
    assert "batch 4 is not finite" in log
    assert batch["names"][2] in log
    assert batch["names"][0] not in log
    assert steps_done(tmp_path) == 4


def test_two_processes_agree_on_the_best_of_averaged_weights(tmp_path: Path) -> None:
    assert together("measured", str(tmp_path / "two")) == [0, 0]
    one, two = measured(), measured()
    expected = fit(one, tmp_path / "one", CPU, progress=False)
    found = fit(two, tmp_path / "two", CPU, progress=False)
    assert 0 < farthest(two.model, one.model) <= 1e-10
    scores = [[row["valid_loss"] for row in rows if "valid_loss" in row] for rows in (expected, found)]
    assert scores[1] == pytest.approx(scores[0], rel=1e-6)


def test_negatives_are_those_of_all_processes(tmp_path: Path) -> None:
    assert together("contrastive", str(tmp_path / "two")) == [0, 0]
    one, two = contrastive(), contrastive()
    expected, found = losses(one, tmp_path / "one"), losses(two, tmp_path / "two")
    assert found == pytest.approx(expected, abs=1e-5)
    assert farthest(two.model, one.model) <= 1e-5
    assert farthest(two.objective, one.objective) <= 1e-5
    assert farthest(contrastive().model, one.model) > 1e-3, "it has learned"


def test_batch_that_two_processes_cannot_share_is_refused(tmp_path: Path) -> None:
    assert together("uneven", str(tmp_path / "run")) == [1, 1]
    assert not (tmp_path / "run").exists()
