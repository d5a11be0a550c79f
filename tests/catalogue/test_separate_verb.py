"""`stemwise separate` and `stemwise remix`: formats, choices of stems, levels, tags, names, what is there."""

import base64
import json
import os
import signal
import sys
from pathlib import Path

import mutagen
import mutagen.flac
import numpy as np
import pytest
import soundfile

import stemwise
from catalogue_runs import done, forked, results, write_broken, write_song, write_songs
from stemwise import STEMS
from stemwise.cli import main
from stemwise.data.audio import probe, read
from stemwise.data.song_tags import Picture, SongTags, read_tags, write_tags
from synth import noise

pytestmark = pytest.mark.usefixtures("one_thread")

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TAGS = SongTags(
    {"title": ("Ü",), "artist": ("A", "B"), "date": ("1999",), "tracknumber": ("3/9",), "mood": ("calm",)},
    (Picture("image/png", PICTURE),),
)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_song(tmp_path / "in" / "söng.wav", 0.5, 22_050, 2)


def stem(out: Path, name: str, ending: str = ".wav") -> np.ndarray:
    return read(out / "söng" / f"{name}{ending}")[0]


@pytest.mark.parametrize(
    ("form", "subtype", "bits"),
    [("wav", None, 24), ("wav", "pcm16", 15), ("flac", None, 23), ("flac", "pcm16", 15)],
)
def test_stems_sum_to_the_song_within_the_bit_depth(
    song: Path, tmp_path: Path, form: str, subtype: str | None, bits: int
) -> None:
    options = ["--format", form, *(["--subtype", subtype] if subtype else [])]
    assert main(["separate", str(song), "-o", str(tmp_path), *options]) == 0
    total = sum(stem(tmp_path, name, f".{form}") for name in STEMS)
    np.testing.assert_allclose(total, read(song)[0], atol=len(STEMS) * 2.0**-bits)


@pytest.mark.parametrize("form", ["mp3", "ogg", "m4a"])
def test_lossy_stems_are_as_long_as_the_song(song: Path, tmp_path: Path, form: str) -> None:
    assert main(["separate", str(song), "-o", str(tmp_path), "--format", form]) == 0
    for name in STEMS:
        info = probe(tmp_path / "söng" / f"{name}.{form}")
        assert (info.sample_rate, info.channels, info.samples) == (22_050, 2, 11_025)
    total = sum(stem(tmp_path, name, f".{form}")[:, :11_025] for name in STEMS)
    assert np.corrcoef(total[0], read(song)[0][0])[0, 1] > 0.9


def test_some_stems_or_one_and_the_rest(song: Path, tmp_path: Path) -> None:
    assert main(["separate", str(song), "-o", str(tmp_path / "some"), "--stems", "vocals, drums"]) == 0
    assert [path.name for path in results(tmp_path / "some")] == ["drums.wav", "vocals.wav"]
    assert main(["separate", str(song), "-o", str(tmp_path / "two"), "--two-stems", "vocals"]) == 0
    assert [path.name for path in results(tmp_path / "two")] == ["rest.wav", "vocals.wav"]
    total = stem(tmp_path / "two", "rest") + stem(tmp_path / "two", "vocals")
    np.testing.assert_allclose(total, read(song)[0], atol=1e-6)
    np.testing.assert_array_equal(stem(tmp_path / "two", "vocals"), stem(tmp_path / "some", "vocals"))


def test_model_of_one_stem_gives_it_and_the_rest(song: Path, tmp_path: Path) -> None:
    assert main(["separate", str(song), "-o", str(tmp_path / "out"), "--model", "vocals"]) == 0
    assert [path.name for path in results(tmp_path / "out")] == ["rest.wav", "vocals.wav"]


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--stems", "vocal"], "did you mean vocals"),
        (["--two-stems", "kazoo"], "There are: drums"),
        (["--stems", "vocals", "--two-stems", "drums"], "leave one out"),
        (["--format", "flac", "--subtype", "float"], "expected subtype pcm24 or pcm16"),
        (["--format", "mp3", "--subtype", "pcm16"], "expected subtype lossy"),
        (["--name", "{name}"], "lacks {stem}"),
        (["--shifts", "0"], "shifts: expected at least 1"),
        (["--shard", "3/2"], "shard: expected i/n"),
    ],
)
def test_bad_option_is_one_line_and_writes_nothing(
    song: Path, tmp_path: Path, options: list[str], hint: str, capsys
) -> None:
    assert main(["separate", str(song), "-o", str(tmp_path / "out"), *options]) == 2
    said = capsys.readouterr().err.strip()
    assert hint in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_no_input_and_an_empty_folder_are_errors(tmp_path: Path, capsys) -> None:
    assert main(["separate"]) == 2
    (tmp_path / "empty").mkdir()
    assert main(["separate", str(tmp_path / "empty"), "-o", str(tmp_path / "out")]) == 2
    assert "found none" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_loud_song_clips_and_says_so_or_is_turned_down_by_one_gain(tmp_path: Path, caplog) -> None:
    loud = tmp_path / "loud.wav"
    soundfile.write(loud, noise(1, 8000, level=1.5).T, 16_000, subtype="FLOAT")
    options = ["--subtype", "pcm16", "--name", "{stem}"]
    assert main(["separate", str(loud), "-o", str(tmp_path / "keep"), *options, "--two-stems", "drums"]) == 2
    options = ["--subtype", "pcm16", "--two-stems", "drums"]
    assert main(["separate", str(loud), "-o", str(tmp_path / "keep"), *options]) == 0
    assert f"{tmp_path / 'keep' / 'loud'}" in caplog.text
    assert "were clipped" in caplog.text
    caplog.clear()
    assert main(["separate", str(loud), "-o", str(tmp_path / "fit"), *options, "--peaks", "fit"]) == 0
    assert "turned down by" in caplog.text
    assert "clipped" not in caplog.text
    stems = [read(path)[0] for path in (tmp_path / "fit" / "loud").iterdir()]
    assert 0.99 < max(np.abs(audio).max() for audio in stems) < 1
    ratio = sum(stems) / read(loud)[0]
    line = json.loads((tmp_path / "fit" / ".stemwise" / "journal.jsonl").read_text().splitlines()[0])
    np.testing.assert_allclose(np.median(ratio), line["gain"], rtol=1e-3)


def test_shifts_sum_to_the_song_and_differ_from_one(song: Path, tmp_path: Path) -> None:
    one, three = (stemwise.separate(song, shifts=shifts) for shifts in (1, 3))
    np.testing.assert_allclose(sum(three.values()), read(song)[0], atol=1e-6)
    assert np.abs(one["drums"] - three["drums"]).max() > 1e-4


@pytest.mark.parametrize("form", ["wav", "flac", "mp3", "ogg", "m4a"])
@pytest.mark.parametrize("source", ["wav", "flac", "mp3", "ogg"])
def test_tags_and_cover_are_carried_over(tmp_path: Path, source: str, form: str) -> None:
    path = write_song(tmp_path / f"söng.{source}", 0.2)
    write_tags(path, TAGS)
    assert read_tags(path) == TAGS
    assert main(["separate", str(path), "-o", str(tmp_path), "--format", form, "--stems", "drums"]) == 0
    assert read_tags(tmp_path / "söng" / f"drums.{form}") == TAGS
    assert probe(tmp_path / "söng" / f"drums.{form}").samples == 3200


def test_tags_that_speak_of_the_old_sound_or_are_damaged_stay_behind(tmp_path: Path, caplog) -> None:
    path = write_song(tmp_path / "söng.flac")
    file = mutagen.flac.FLAC(path)
    file["replaygain_track_gain"] = "-3 dB"
    file["title"] = "T"
    file.save()
    assert read_tags(path) == SongTags({"title": ("T",)})
    assert main(["separate", str(path), "-o", str(tmp_path / "none"), "--format", "flac", "--no-tags"]) == 0
    assert read_tags(tmp_path / "none" / "söng" / "drums.flac") == SongTags()
    file["metadata_block_picture"] = "no base64"
    file.save()
    assert read_tags(path) == SongTags()
    assert "tags cannot be read" in caplog.text


def test_names_collide_and_are_resolved(tmp_path: Path) -> None:
    music, out = tmp_path / "in", tmp_path / "out"
    paths = [write_song(music / name, seed=n) for n, name in enumerate(("a.wav", "a.flac", "A.ogg"))]
    command = ["separate", str(music), "-o", str(out), "--name", "{name} {stem}", "--stems", "drums"]
    assert main(command) == 0
    found = results(out)
    assert len(found) == len(paths)
    assert main(command) == 0
    assert results(out) == found


def test_dry_run_says_all_and_writes_nothing(tmp_path: Path, capsys) -> None:
    write_songs(tmp_path / "in", 3)
    out = tmp_path / "out"
    command = ["separate", str(tmp_path / "in"), "-o", str(out)]
    assert main([*command, "--dry-run"]) == 0
    assert not out.exists()
    said = capsys.readouterr().out
    assert main(command) == 0
    assert all(str(out / path) in said for path in results(out))
    capsys.readouterr()
    assert main([*command, "--dry-run"]) == 0
    assert "0 files would be separated, 3 are there" in capsys.readouterr().out


def test_what_is_there_is_kept_redone_or_replaced(tmp_path: Path, capsys) -> None:
    songs = write_songs(tmp_path / "in", 3)
    command = ["separate", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--stems", "drums"]

    def counts(*options: str) -> str:
        assert main([*command, *options]) == 0
        return capsys.readouterr().out.split(";")[0]

    assert counts() == "3 files separated"
    assert counts() == "0 files separated, 3 were there"
    write_song(songs[1], 0.4, seed=9)
    assert counts("--existing", "skip").startswith("0 files separated, 3 were there, 1 of them from before")
    assert counts() == "1 files separated, 2 were there"
    (tmp_path / "out" / results(tmp_path / "out")[0]).unlink()
    assert counts() == "1 files separated, 2 were there"
    assert counts("--subtype", "pcm16") == "3 files separated"
    assert counts("--subtype", "pcm16", "--existing", "replace") == "3 files separated"
    assert len(results(tmp_path / "out")) == 3


def test_shards_make_the_whole(tmp_path: Path) -> None:
    songs = write_songs(tmp_path / "in", 10)
    command = ["separate", str(tmp_path / "in"), "--stems", "drums", "-o"]
    processes = [forked(*command, str(tmp_path / "out"), "--shard", f"{i}/2") for i in (1, 2)]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert done(tmp_path / "out") == len(songs) == len(results(tmp_path / "out"))


def test_second_process_on_one_folder_is_refused(tmp_path: Path, capsys) -> None:
    write_songs(tmp_path / "in", 40)
    command = ["separate", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    process = forked(*command)
    while not done(tmp_path / "out"):
        assert process.is_alive()
    os.kill(process.pid, signal.SIGSTOP)
    try:
        assert main(command) == 2
        assert "another process is writing there" in capsys.readouterr().err
    finally:
        os.kill(process.pid, signal.SIGCONT)
    process.join()
    assert process.exitcode == 0
    assert done(tmp_path / "out") == 40


def test_interrupt_keeps_what_is_done_and_says_130(tmp_path: Path) -> None:
    write_songs(tmp_path / "in", 60)
    command = ["separate", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    process = forked(*command)
    while done(tmp_path / "out") < 3:
        assert process.is_alive()
    os.kill(process.pid, signal.SIGINT)
    process.join()
    assert process.exitcode == 130
    assert 3 <= done(tmp_path / "out") < 60
    assert not (tmp_path / "out" / ".stemwise" / "work").exists()


def test_list_from_standard_input_and_names_that_are_not_utf8(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = write_songs(tmp_path / "in", 2)
    read_end, write_end = os.pipe()
    os.write(write_end, b"\n".join(os.fsencode(song) for song in songs) + b"\n/none/\xff.wav\n")
    os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["separate", "-", "-o", str(tmp_path / "out"), "--stems", "drums"]) == 1
    said = capsys.readouterr()
    assert "2 files separated, 1 failed" in said.out
    assert "\\udcff.wav" in said.err
    expected = [Path(*song.with_suffix("").parts[1:], "drums.wav") for song in songs]
    assert results(tmp_path / "out") == expected


def test_something_in_the_way_is_this_files_error(tmp_path: Path, capsys) -> None:
    write_songs(tmp_path / "in", 2)
    blocker = tmp_path / "out" / "disc 0" / "söng 000" / "drums.wav"
    blocker.mkdir(parents=True)
    assert main(["separate", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "something else is there" in said.err
    assert "1 files separated, 1 failed" in said.out


def test_remix_is_the_song_with_stems_at_other_levels(song: Path, tmp_path: Path) -> None:
    target = tmp_path / "new.flac"
    options = ["--drums", "+3", "--vocals", "mute", "--bass", "-2"]
    assert main(["remix", str(song), *options, "-o", str(target)]) == 0
    stems = stemwise.separate(song)
    expected = 10 ** (3 / 20) * stems["drums"] + 10 ** (-2 / 20) * stems["bass"] + stems["other"]
    np.testing.assert_allclose(read(target)[0], expected / max(1, np.abs(expected).max()), atol=1e-4)
    gains = {"drums": 3, "vocals": "mute", "bass": -2}
    np.testing.assert_allclose(stemwise.remix(song, gains), expected, atol=1e-5)


def test_remixes_of_a_folder(tmp_path: Path) -> None:
    write_songs(tmp_path / "in", 2)
    write_broken(tmp_path / "in" / "broken")
    command = ["remix", str(tmp_path / "in"), "--vocals", "mute", "-o", str(tmp_path / "out")]
    assert main(command) == 1
    assert results(tmp_path / "out") == [Path("disc 0/söng 000.wav"), Path("disc 0/söng 001.wav")]


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ([], "expected a change"),
        (["--drums", "loud"], "drums: expected decibels"),
        (["--drums", "nan"], "drums: expected decibels"),
        (["--rest", "3"], "no 'rest'"),
    ],
)
def test_bad_remix_is_one_line(song: Path, options: list[str], hint: str, capsys) -> None:
    assert main(["remix", str(song), *options]) == 2
    assert hint in capsys.readouterr().err
