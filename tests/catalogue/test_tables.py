"""`stemwise tag` and `stemwise embed` over folders: rows in parts, in every format, each file's once."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import stemwise
from catalogue_runs import results, write_broken, write_song, write_songs
from stemwise.cli import main
from stemwise.data.audio import read
from stemwise.embedding import WINDOWS, embed_windows, tag_windows
from synth import CLASSES, classifier, noise

pytestmark = pytest.mark.usefixtures("one_thread")

pyarrow_parquet = pytest.importorskip("pyarrow.parquet")


def table(out: Path) -> dict[str, list]:
    """All parts of a table in Parquet, csv or JSON lines, column by column."""
    rows: list[dict] = []
    for name in results(out):
        path = out / name
        if path.suffix == ".parquet":
            rows += pyarrow_parquet.read_table(path).to_pylist()
        elif path.suffix == ".csv":
            rows += list(csv.DictReader(path.open(encoding="utf-8", newline="")))
        else:
            rows += [json.loads(line) for line in path.read_text().splitlines()]
    return {key: [row[key] for row in rows] for key in rows[0]}


@pytest.mark.parametrize("form", ["parquet", "csv", "json"])
def test_tags_of_a_folder(tmp_path: Path, form: str, capsys) -> None:
    songs = write_songs(tmp_path / "in", 3)
    command = ["tag", str(tmp_path / "in"), "-o", str(tmp_path / "tags"), "--format", form]
    assert main(command) == 0
    found = table(tmp_path / "tags")
    assert list(found) == ["file", *CLASSES]
    assert found["file"] == list(map(str, songs))
    for row, song in enumerate(songs):
        for name, chance in stemwise.tag(song).items():
            assert abs(float(found[name][row]) - chance) < 1e-5
    capsys.readouterr()
    write_song(tmp_path / "in" / "later.wav", seed=7)
    assert main(command) == 0
    assert "1 files tagged, 3 were there" in capsys.readouterr().out
    assert len(table(tmp_path / "tags")["file"]) == 4


def test_timeline_has_a_row_for_each_window(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", 8.0)
    command = ["tag", str(song), "-o", str(tmp_path / "tags"), "--timeline", "--format", "parquet"]
    assert main(command) == 0
    found = table(tmp_path / "tags")
    np.testing.assert_allclose(found["start_s"], [0, 1.92, 3.84], atol=1e-9)
    assert all(0 <= chance <= 1 for name in CLASSES for chance in found[name])


def test_timeline_printed_drawn_and_as_json(tmp_path: Path, capsys) -> None:
    song = write_song(tmp_path / "song.wav", 8.0)
    plot, document = tmp_path / "plot.svg", tmp_path / "tags.json"
    command = ["tag", str(song), "--timeline", "--plot", str(plot), "--json", str(document)]
    assert main(command) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + 3
    assert "<svg" in plot.read_text()
    assert len(json.loads(document.read_text())["timeline"][CLASSES[0]]) == 3


def test_several_songs_are_printed_and_bad_ones_named(tmp_path: Path, capsys) -> None:
    songs = write_songs(tmp_path / "in", 2)
    broken = write_broken(tmp_path / "in" / "broken")
    assert main(["tag", str(tmp_path / "in"), "--top", "2"]) == 1
    said = capsys.readouterr()
    assert all(str(song) in said.out for song in songs)
    assert said.out.count("█") > 0
    named = [line for line in said.err.splitlines() if line.startswith("stemwise: ")]
    assert len(named) == len(broken)


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("form", ["npz", "parquet"])
def test_vectors_of_a_folder(tmp_path: Path, form: str, mean: bool) -> None:
    song = write_song(tmp_path / "in" / "söng.wav", 8.0)
    command = ["embed", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--format", form]
    assert main([*command, *(["--mean"] if mean else [])]) == 0
    part = tmp_path / "out" / f"part-00000.{form}"
    found = dict(np.load(part)) if form == "npz" else table(tmp_path / "out")
    expected = stemwise.embed(song)
    assert expected.shape == (3, 512)
    np.testing.assert_allclose(found["vector"], expected.mean(0)[None] if mean else expected, atol=1e-5)
    assert list(found["file"]) == [str(song)] * (1 if mean else 3)
    if not mean:
        assert list(found["window"]) == [0, 1, 2]


def test_rows_of_other_settings_are_refused_and_replaced_on_demand(tmp_path: Path, capsys) -> None:
    write_songs(tmp_path / "in", 2)
    command = ["tag", str(tmp_path / "in"), "-o", str(tmp_path / "tags")]
    assert main(command) == 0
    assert main([*command, "--timeline"]) == 2
    assert "holds rows of another timeline" in capsys.readouterr().err
    assert main([*command, "--timeline", "--existing", "replace"]) == 0
    found = table(tmp_path / "tags")
    assert "start_s" in found
    assert len(found["file"]) == 2


def test_changed_file_is_told_and_not_added_twice(tmp_path: Path, capsys) -> None:
    songs = write_songs(tmp_path / "in", 2)
    command = ["tag", str(tmp_path / "in"), "-o", str(tmp_path / "tags")]
    assert main(command) == 0
    write_song(songs[0], 0.5, seed=3)
    capsys.readouterr()
    assert main(command) == 0
    assert "2 were there, 1 of them from before a change" in capsys.readouterr().out
    assert len(table(tmp_path / "tags")["file"]) == 2


def test_part_that_the_journal_does_not_name_is_removed(tmp_path: Path) -> None:
    write_songs(tmp_path / "in", 2)
    command = ["tag", str(tmp_path / "in"), "-o", str(tmp_path / "tags")]
    assert main(command) == 0
    for name in ("part-00001.csv", "part-00001-mine.csv", "party.csv"):
        (tmp_path / "tags" / name).write_text("file\nlost\n")
    assert main(command) == 0
    assert results(tmp_path / "tags") == [
        Path(f"{name}.csv") for name in ("part-00000", "part-00001-mine", "party")
    ]


def test_json_of_many_songs_is_refused(tmp_path: Path, capsys) -> None:
    write_songs(tmp_path / "in", 2)
    assert main(["tag", str(tmp_path / "in"), "--json", str(tmp_path / "tags.json")]) == 2
    assert "a single song" in capsys.readouterr().err


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    song = write_song(tmp_path / "song.wav")
    assert main(["embed", str(song), "--format", "parquet", "-o", str(tmp_path / "out")]) == 2
    assert "stemwise[parquet]" in capsys.readouterr().err


def test_device_out_of_memory_goes_on_with_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier("msspt-tail")
    audio = noise(1, model.window + (2 * WINDOWS + 2) * model.hop)
    whole = np.concatenate(list(tag_windows(model, [audio], model.sample_rate, 1)))
    vectors = np.concatenate(list(embed_windows(model, [audio], model.sample_rate, 1)))
    sizes, magnitudes = [], model.window_magnitudes

    def small(audio: torch.Tensor) -> torch.Tensor:  # a device that holds three windows
        found = magnitudes(audio)
        sizes.append(len(found))
        if len(found) > 3:
            raise torch.OutOfMemoryError("out of memory")
        return found

    monkeypatch.setattr(model, "window_magnitudes", small)
    halves = np.concatenate(list(tag_windows(model, [audio], model.sample_rate, 1)))
    np.testing.assert_allclose(halves, whole, atol=1e-5)
    assert max(sizes) == WINDOWS
    halves = np.concatenate(list(embed_windows(model, [audio], model.sample_rate, 1)))
    np.testing.assert_allclose(halves, vectors, atol=1e-4)


def test_file_and_array_give_the_same(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", 1.0, 22_050, 2)
    audio, rate = read(song)
    assert stemwise.tag(song) == stemwise.tag(audio, sample_rate=rate)
    np.testing.assert_array_equal(stemwise.embed(song), stemwise.embed(audio, sample_rate=rate))
