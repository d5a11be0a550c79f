"""The append-only store: what is in it whatever became of its writer."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from stemwise.data import locking
from stemwise.data.store import Entry, Fingerprint, Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills and locks as POSIX has them")


def store(folder: Path) -> Store:
    return Store(folder, "<i2", (2,), {"what": "test"})


def name(number: int, mtime_ns: int = 0) -> Fingerprint:
    return Fingerprint(path=f"train/{number}.wav", size=number, mtime_ns=mtime_ns, maker=1)


def content(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(-100, 100, (100 + number, 2), np.int16)


def fill(folder: Path, numbers: range) -> None:
    with store(folder).writing() as writer:
        for number in numbers:
            if name(number) not in writer.entries:
                writer.add(name(number), [content(number)[:50], content(number)[50:]])


def found(folder: Path) -> dict[Fingerprint, np.ndarray]:
    entries = store(folder).entries()
    rows = store(folder).rows()
    return {key: rows[entry.start : entry.start + entry.rows] for key, entry in entries.items()}


def expect(folder: Path, numbers: range) -> None:
    there = found(folder)
    assert set(there) == {name(number) for number in numbers}
    assert all(np.array_equal(there[name(number)], content(number)) for number in numbers)


def test_what_was_added_is_there(tmp_path: Path) -> None:
    fill(tmp_path, range(5))
    expect(tmp_path, range(5))
    assert json.loads((tmp_path / "about.json").read_text()) == {"what": "test"}


def test_store_that_nobody_wrote_is_empty(tmp_path: Path) -> None:
    assert found(tmp_path / "none") == {}
    assert store(tmp_path / "none").rows().shape == (0, 2)
    assert not (tmp_path / "none").exists()


def test_later_writers_append(tmp_path: Path) -> None:
    fill(tmp_path, range(2))
    before = (tmp_path / "data.bin").read_bytes()
    fill(tmp_path, range(5))
    assert (tmp_path / "data.bin").read_bytes().startswith(before)
    expect(tmp_path, range(5))


def test_rows_are_mapped_and_not_read(tmp_path: Path) -> None:
    fill(tmp_path, range(2))
    assert isinstance(store(tmp_path).rows(), np.memmap)


def test_other_fingerprints_of_a_path_are_other_entries(tmp_path: Path) -> None:
    fill(tmp_path, range(1))
    with store(tmp_path).writing() as writer:
        writer.add(name(0, mtime_ns=1), [content(9)])
    assert np.array_equal(found(tmp_path)[name(0)], content(0))
    assert np.array_equal(found(tmp_path)[name(0, mtime_ns=1)], content(9))


def test_error_on_the_way_leaves_nothing_of_its_file(tmp_path: Path) -> None:
    def breaks():
        yield content(1)
        raise ValueError("broken")

    with store(tmp_path).writing() as writer:
        writer.add(name(0), [content(0)])
        with pytest.raises(ValueError, match="broken"):
            writer.add(name(1), breaks())
        writer.add(name(2), [content(2)])
    assert set(found(tmp_path)) == {name(0), name(2)}
    assert np.array_equal(found(tmp_path)[name(2)], content(2))
    assert (tmp_path / "data.bin").stat().st_size == 4 * (len(content(0)) + len(content(2)))


@pytest.mark.parametrize("damage", ["cut", "text", "half", "other keys", "number"])
def test_entries_end_at_a_line_that_is_not_whole_and_are_made_again(tmp_path: Path, damage: str) -> None:
    fill(tmp_path, range(5))
    index = tmp_path / "index.jsonl"
    lines = index.read_bytes().splitlines(keepends=True)
    lines[3] = {
        "cut": lines[3][:-1],
        "text": b"words\n",
        "half": lines[3][:20],
        "other keys": b"{}\n",
        "number": b"7\n",
    }[damage]
    index.write_bytes(b"".join(lines[: 4 if damage in ("cut", "half") else 5]))
    expect(tmp_path, range(3))
    fill(tmp_path, range(5))
    expect(tmp_path, range(5))
    assert (tmp_path / "data.bin").stat().st_size == 4 * sum(len(content(n)) for n in range(5))


def test_data_behind_the_index_are_cut_off(tmp_path: Path) -> None:
    fill(tmp_path, range(3))
    with (tmp_path / "data.bin").open("ab") as data:
        data.write(b"what a killed writer left")
    expect(tmp_path, range(3))
    fill(tmp_path, range(5))
    expect(tmp_path, range(5))


def test_entries_whose_data_are_gone_do_not_count(tmp_path: Path) -> None:
    fill(tmp_path, range(5))
    data = tmp_path / "data.bin"
    data.write_bytes(data.read_bytes()[:-1])
    expect(tmp_path, range(4))
    fill(tmp_path, range(5))
    expect(tmp_path, range(5))


def test_digest_is_of_the_rows(tmp_path: Path) -> None:
    with store(tmp_path).writing() as writer:
        first: Entry = writer.add(name(0), [content(7)])
        cut = writer.add(name(1), [content(7)[:10], content(7)[10:]])
        other = writer.add(name(2), [content(8)])
    assert first.digest == cut.digest != other.digest


def test_without_locks_it_says_that_one_process_may_write(tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(locking, "fcntl", None)
    fill(tmp_path, range(2))
    expect(tmp_path, range(2))
    assert "this system has no file locks; let one process write at a time" in caplog.text


def child(folder: Path, count: int, pause_s: float = 0.0, held: bool = False) -> subprocess.Popen[str]:
    """A process of its own that fills the store and rests within each file; `held`, until told to go on."""
    code = f"""
import logging, sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_append_store import content, name, store
logging.basicConfig(level=logging.INFO)
def blocks(number):
    yield content(number)[:50]
    time.sleep({pause_s})
    yield content(number)[50:]
made = 0
with store(Path({str(folder)!r})).writing() as writer:
    print("in", flush=True)
    if {held}:
        sys.stdin.readline()
    for number in range({count}):
        if name(number) not in writer.entries:
            writer.add(name(number), blocks(number))
            made += 1
print(made, flush=True)
"""
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_killed_at_any_moment_it_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for _ in range(4):
        process = child(tmp_path, 200, pause_s=0.002)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.uniform(0.01, 0.12))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        there = found(tmp_path)
        expect(tmp_path, range(len(there)))
    assert 0 < len(there) < 200
    fill(tmp_path, range(200))
    expect(tmp_path, range(200))
    assert (tmp_path / "data.bin").stat().st_size == 4 * sum(len(content(n)) for n in range(200))


def test_second_process_waits_says_so_and_finds_it_done(tmp_path: Path) -> None:
    first = child(tmp_path, 30, held=True)
    assert first.stdout is not None
    first.stdout.readline()
    second = child(tmp_path, 30)
    assert second.stderr is not None
    assert "another process is writing; waiting for it" in second.stderr.readline()
    made = [int(process.communicate("go on\n")[0].split()[-1]) for process in (first, second)]
    assert made == [30, 0]
    expect(tmp_path, range(30))
