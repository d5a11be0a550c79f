"""Runs that are killed at any moment and typed again: every result whole, none twice, none missing."""

import os
import random
from functools import partial
from pathlib import Path

import pytest
import soundfile

from catalogue_runs import done, forked, kill_after, lines, results, write_broken, write_songs
from stemwise import STEMS
from stemwise.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")


def expect_whole(out: Path, songs: list[Path], root: Path) -> None:
    """Every song has its four stems, as long as it is, and nothing else is there."""
    wanted = {
        path.relative_to(root).with_suffix("") / f"{stem}.wav": soundfile.info(path).frames
        for path in songs
        for stem in STEMS
    }
    assert results(out) == sorted(wanted)
    assert {path: soundfile.info(out / path).frames for path in wanted} == wanted
    assert not any((out / ".stemwise").rglob("work*/*"))


def reached(out: Path, share: int) -> bool:
    return done(out) >= share


def test_hundred_files_with_five_broken_ones_killed_twice(tmp_path: Path, capsys) -> None:
    music, out = tmp_path / "music", tmp_path / "out"
    songs, broken = write_songs(music, 95), write_broken(music / "broken")
    command = ["separate", str(music), "-o", str(out)]
    for share in (20, 60):
        process = forked(*command)
        assert kill_after(process, partial(reached, out, share))
        assert share <= done(out) < 95
    assert main(command) == 1
    said = capsys.readouterr()
    expect_whole(out, songs, music)
    named = [line for line in said.err.splitlines() if line.startswith("stemwise: ")]
    assert len(named) == 5
    assert all(any(path.name in line for line in named) for path in broken)
    assert "5 failed" in said.out
    finished = [line["key"] for line in lines(out) if line.get("state") == "done"]
    assert len(finished) == len(set(finished)) == 95
    assert main(command) == 1  # again: nothing but the broken ones is tried
    assert "95 were there" in capsys.readouterr().out
    assert done(out) == 95


def kill_at_random(command: list[str], out: Path, kills: int, longest_s: float, seed: int) -> int:
    """Kill a command again and again, some time after none to two more songs are done.

    Returns:
        How often it was alive.
    """
    draw, killed = random.Random(seed), 0
    for _ in range(kills):
        further = partial(reached, out, done(out) + draw.randrange(3))
        killed += kill_after(forked(*command), further, draw.uniform(0, longest_s))
    return killed


@pytest.mark.parametrize("seed", [0, 1])
def test_separation_killed_at_random_moments(seed: int, tmp_path: Path) -> None:
    music, out = tmp_path / "music", tmp_path / "out"
    songs = write_songs(music, 12)
    command = ["separate", str(music), "-o", str(out)]
    assert kill_at_random(command, out, 4, 0.1, seed)
    assert main(command) == 0
    expect_whole(out, songs, music)


KILLS = int(os.environ.get("STEMWISE_KILLS", "20"))


@pytest.mark.slow
def test_separation_killed_again_and_again(tmp_path: Path) -> None:
    music, out = tmp_path / "music", tmp_path / "out"
    songs = write_songs(music, 2 * KILLS)
    command = ["separate", str(music), "-o", str(out)]
    assert kill_at_random(command, out, KILLS, 0.1, seed=2) > KILLS // 2
    assert main(command) == 0
    expect_whole(out, songs, music)


def rows(out: Path) -> list[str]:
    """The files of all rows of a table in csv, in any order."""
    parts = [(out / name).read_text().splitlines()[1:] for name in results(out)]
    return sorted(line.split(",")[0] for part in parts for line in part)


@pytest.mark.parametrize("seed", [0, 1])
def test_table_killed_at_random_moments_has_every_row_once(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemwise.catalogue.tables.PART_ROWS", 2)
    music, out = tmp_path / "music", tmp_path / "tags"
    songs = write_songs(music, 8)
    command = ["tag", str(music), "-o", str(out)]
    assert kill_at_random(command, out, 4, 0.1, seed)
    assert main(command) == 0
    assert rows(out) == sorted(map(str, songs))
    assert len(results(out)) == sum("part" in line for line in lines(out))


def test_replacing_that_is_killed_goes_on(tmp_path: Path, capsys) -> None:
    music, out = tmp_path / "music", tmp_path / "out"
    songs = write_songs(music, 12)
    command = ["separate", str(music), "-o", str(out)]
    assert main(command) == 0
    again = [*command, "--existing", "replace"]
    assert kill_after(forked(*again), lambda: done(out) >= 12 + 5)
    capsys.readouterr()
    assert main(again) == 0
    separated = int(capsys.readouterr().out.split()[0])
    assert 0 < separated <= 7
    expect_whole(out, songs, music)
    assert main(again) == 0
    assert capsys.readouterr().out.startswith("12 files")
