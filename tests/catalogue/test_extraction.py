"""`stemwise data stems`: stems of a whole set, extracted or taken, where pre-training finds them by name."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from catalogue_runs import results, write_song
from stemwise import STEMS, files
from stemwise.catalogue.forms import Form
from stemwise.catalogue.mixing import mixed, stems_mix
from stemwise.cli import main
from stemwise.data import DATASETS
from stemwise.data.audio import read, read_resampled
from stemwise.data.decoders import AudioInfo
from stemwise.data.extracted import MARKER, place, with_stems
from stemwise.data.foreign_stems import foreign_stems
from stemwise.recipes.reading import tracks_with_stems
from stemwise.signal.resample import resampled
from synth import cut, separator, song, write_stems

pytestmark = pytest.mark.usefixtures("one_thread")
NAMES = ("rock/one.wav", "rock/two.flac", "jazz/one.mp3")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Stereo songs at 22.05 kHz; two of one name in different folders."""
    for seed, name in enumerate(NAMES):
        write_song(tmp_path / "set/train" / name, 0.5, 22_050, 2, seed)
    return tmp_path / "set"


def stems(root: Path, *more: str, name: str = "audio") -> int:
    return main(["data", "stems", name, str(root), "--splits", "train", *more])


def found(root: Path) -> list[Any]:
    return with_stems(DATASETS["audio"].tracks(root, "train"), root / "stems")


def test_every_track_gets_stems_at_16_khz_that_sum_to_it(root: Path, capsys) -> None:
    assert stems(root) == 0
    said = capsys.readouterr().out
    assert "0 files are done, 3 to do, 0.00 h; at most 0.2 MB" in said
    for track in found(root):
        assert list(track.stems) == list(STEMS)
        parts = [read(file) for file in track.stems.values()]
        assert all((audio.shape[0], rate) == (1, 16_000) for audio, rate in parts)
        assert soundfile.info(track.stems["bass"]).subtype == "PCM_16"
        mono = read_resampled(track.mixture, 16_000, True)
        np.testing.assert_allclose(sum(audio for audio, _ in parts), mono, atol=4 / 2**15)
    assert stems(root) == 0
    assert "3 were there" in capsys.readouterr().out


def test_songs_keep_their_form_if_asked(root: Path) -> None:
    assert stems(root, "--own-form") == 0
    for track in found(root):
        mixture, heard = soundfile.info(track.mixture), soundfile.info(track.stems["vocals"])
        assert (heard.samplerate, heard.channels, heard.frames) == (22_050, 2, mixture.frames)


def test_parts_of_a_set_come_to_the_same(root: Path, tmp_path: Path) -> None:
    assert stems(root) == 0
    for number in (2, 1):
        assert stems(root, "--out", str(tmp_path / "parts"), "--shard", f"{number}/2") == 0
    assert results(tmp_path / "parts") == results(root / "stems")
    for file in results(root / "stems"):
        assert (tmp_path / "parts" / file).read_bytes() == (root / "stems" / file).read_bytes()


def test_stems_are_no_tracks_of_the_set(root: Path) -> None:
    names = [track.name for name in ("audio", "folder") for track in DATASETS[name].tracks(root)]
    assert stems(root) == 0
    assert [track.name for name in ("audio", "folder") for track in DATASETS[name].tracks(root)] == names


def test_network_of_one_source_gives_that_alone(root: Path) -> None:
    assert stems(root, "--separator", "vocals") == 0
    assert [list(track.stems) for track in found(root)] == [["vocals"]] * len(NAMES)


def test_stems_of_another_separator_are_not_mixed_in(root: Path, capsys) -> None:
    assert stems(root) == 0
    assert stems(root, "--separator", "vocals") == 2
    assert "holds stems of another separator" in capsys.readouterr().err
    assert stems(root, "--separator", "vocals", "--existing", "replace") == 0


def test_folder_of_that_name_may_be_anyones(root: Path, capsys) -> None:
    write_song(root / "stems/song.wav")
    assert "stems/song.wav" in [track.name for track in DATASETS["audio"].tracks(root)]
    assert stems(root) == 2
    assert "expected a new folder, it holds something else" in capsys.readouterr().err


def test_nothing_is_begun_where_room_is_lacking(root: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: _Full())
    assert stems(root) == 2
    assert "of free space, got 0.00 GB; make room" in capsys.readouterr().err
    assert not (root / "stems").exists()


class _Full:
    free = 0


def test_dry_run_writes_nothing(root: Path, capsys) -> None:
    assert stems(root, "--dry-run") == 0
    assert "3 to do" in capsys.readouterr().out
    assert not (root / "stems").exists()


def test_track_that_cannot_be_read_is_named_and_left_out_on_demand(root: Path, capsys) -> None:
    (root / "train/rock/words.mp3").write_text("no music\n" * 200)
    assert stems(root) == 1
    assert "words.mp3: expected" in capsys.readouterr().err
    with pytest.raises(
        ValueError, match=r"1 of 4 tracks of the split train lack a stem of bass; extract them"
    ):
        tracks_with_stems("audio", root, "train", ["bass"], None)
    assert len(tracks_with_stems("audio", root, "train", ["bass"], None, skip=True)) == 3
    assert len(tracks_with_stems("audio", root, "train", [], None)) == 4


def test_own_stems_of_a_set_come_before_extracted_ones(root: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "mine/train" / name).mkdir(parents=True)
        write_stems(tmp_path / "mine/train" / name, np.full((4, 1, 8000), 0.1), 16_000)
    assert stems(tmp_path / "mine", name="stems") == 0
    own = tracks_with_stems("stems", tmp_path / "mine", "train", STEMS, None)
    made = tracks_with_stems("stems", tmp_path / "mine", "train", STEMS, tmp_path / "mine/stems")
    assert own[0].stems["bass"] == tmp_path / "mine/train/a/bass.wav"
    assert made[0].stems["bass"] == tmp_path / "mine/stems/a/bass.flac"
    with pytest.raises(ValueError, match="expected a folder of stems, made by `stemwise data stems`"):
        tracks_with_stems("stems", tmp_path / "mine", "train", STEMS, tmp_path)


LAYOUTS = {
    "Spleeter": "{name}/{stem}.wav",
    "Demucs": "htdemucs/{name}/{stem}.mp3",
    "Open-Unmix": "{name}_umxl/{stem}.wav",
    "MSCOL's scripts": "0/{name}_up_open-unmix/{stem}_down.wav",
}


@pytest.mark.parametrize("program", LAYOUTS)
def test_stems_of_other_programs_are_taken(root: Path, tmp_path: Path, program: str, capsys) -> None:
    shutil.rmtree(root / "train/jazz")
    for name in ("one", "two"):
        for seed, stem in enumerate(STEMS):
            file = LAYOUTS[program].format(name=name, stem=stem)
            write_song(tmp_path / "theirs" / file, 0.5, 22_050, 2, seed)
    write_song(root / "train/rock/three.wav")
    assert stems(root, "--from", str(tmp_path / "theirs")) == 1
    assert "1 of 3 tracks have no folder in" in capsys.readouterr().err
    one, three, two = found(root)
    assert (one.stems.keys(), three.stems.keys(), two.stems.keys()) == ({*STEMS}, set(), {*STEMS})
    theirs = tmp_path / "theirs" / LAYOUTS[program].format(name="two", stem="other")
    expected = read_resampled(theirs, 16_000, True)
    np.testing.assert_allclose(read(two.stems["other"])[0], expected, atol=1 / 2**15)
    assert json.loads((root / "stems" / MARKER).read_text())["from"] == str(tmp_path / "theirs")


def theirs(folder: Path, *homes: str) -> Path:
    for home in homes:
        write_song(folder / home / "drums.wav")
    return folder


def test_songs_of_one_name_are_told_apart_by_the_folder_around(root: Path, tmp_path: Path) -> None:
    tracks = DATASETS["audio"].tracks(root)
    folder = theirs(tmp_path / "theirs", "rock/one", "jazz/one")
    given = foreign_stems(tracks, folder)
    assert {name: files["drums"] for name, files in given.items()} == {
        "train/rock/one.wav": folder / "rock/one/drums.wav",
        "train/jazz/one.mp3": folder / "jazz/one/drums.wav",
    }


REFUSED = {
    "two models": (
        ("htdemucs/two", "mdx/two"),
        "expected one folder of stems for train/rock/two.flac, found",
    ),
    "no songs": ((), "expected folders of drums, bass, other, vocals, one for each song"),
    "no such folder": (None, "expected the folder that a separator wrote into"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_folders_that_are_not_clear_are_refused(root: Path, tmp_path: Path, case: str) -> None:
    homes, message = REFUSED[case]
    if homes is not None:
        (tmp_path / "theirs").mkdir()
        theirs(tmp_path / "theirs", *homes)
    with pytest.raises(ValueError, match=message):
        foreign_stems(DATASETS["audio"].tracks(root), tmp_path / "theirs")


def test_sources_beside_the_four_are_refused(root: Path, tmp_path: Path) -> None:
    write_song(theirs(tmp_path / "theirs", "two") / "two/piano.wav")
    with pytest.raises(ValueError, match="found piano beside them, which `other` then lacks"):
        foreign_stems(DATASETS["audio"].tracks(root), tmp_path / "theirs")


def test_name_that_is_too_long_for_a_folder_is_cut_and_stays_its_own() -> None:
    long = [place("a/" + "é" * 150 + end) for end in ("1", "2")]
    assert long[0] != long[1]
    assert all(len(part.encode()) <= 210 for name in long for part in name.split("/"))


def test_network_that_hears_more_than_the_form_hears_all_of_it() -> None:
    model, rate = separator(), 22_050
    audio = song(rate, rate, 2).sum(0)
    info = AudioInfo(path=Path("x.wav"), sample_rate=rate, channels=2, samples=rate)
    whole, formed = (
        np.concatenate(list(mixed(model, stems_mix(model), info, cut(audio, [5000]), form=form)), axis=2)
        for form in (None, Form(8000))
    )
    expected = np.concatenate(list(resampled([whole.mean(1)], rate, 8000, len(STEMS))), axis=1)
    np.testing.assert_allclose(formed[:, 0], expected, atol=1e-5)
