"""Synthetic twins: exactly a real set's layout, whole or not at all."""

import csv
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from stemwise.cli import main
from stemwise.data import DATASETS
from stemwise.data.classes import FMA_GENRES, MTAT_TAGS
from stemwise.data.rendered.genres import GENRES
from stemwise.data.tracks import TWIN, Track, stem_folders
from stemwise.data.twins import fma as fma_twins
from stemwise.data.twins import write_twin
from stemwise.data.twins.fma import COLUMNS, SMALL_GENRES
from stemwise.data.twins.magnatagatune import SONGS
from stemwise.data.twins.tags import _INSTRUMENTS, ALL_TAGS, tags_of
from stemwise.tasks import TASKS
from synth import stem_tree

TWINS = [name for name, dataset in DATASETS.items() if dataset.twin]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    return stem_folders(stem_tree(tmp_path_factory.mktemp("music"), {"train": 4, "valid": 1, "test": 2}))


def test_magnatagatunes_tables_have_the_published_columns_and_quotes(
    music: list[Track], tmp_path: Path
) -> None:
    out = write_twin(DATASETS["magnatagatune"], music, tmp_path / "twin")
    head, first = (out / "annotations_final.csv").read_text().splitlines()[:2]
    assert head.startswith('"clip_id"\t"no voice"\t"singer"\t')
    assert head.endswith('\t"english"\t"mp3_path"')
    assert len(first.split("\t")) == 190
    with (out / "clip_info_final.csv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert tuple(rows[0]) == (
        *("clip_id", "track_number", "title", "artist", "album", "url"),
        *("segmentStart", "segmentEnd", "original_url", "mp3_path"),
    )
    assert all((out / row["mp3_path"]).is_file() for row in rows)


def test_clips_are_named_as_real_ones(music: list[Track], tmp_path: Path) -> None:
    clips = DATASETS["magnatagatune"].tracks(
        write_twin(DATASETS["magnatagatune"], music, tmp_path / "twin"), "train"
    )
    named = {clip.name: clip.labels["path"] for clip in clips}
    assert named["13820"] == "a/dac_crowell-the_mechanism_of_starlight-03-mendota-0-29"
    assert named["13821"] == "a/dac_crowell-the_mechanism_of_starlight-03-mendota-30-59"
    info = soundfile.info(clips[0].mixture)
    assert (info.samplerate, info.channels, info.format) == (16_000, 1, "MP3")


def test_no_song_crosses_splits() -> None:
    songs = [song.path for songs in SONGS.values() for song in songs]
    assert len(set(songs)) == len(songs)


def test_every_tag_occurs_in_music_of_every_kind() -> None:
    kinds = itertools.product(
        GENRES, _INSTRUMENTS, ("slow", "fast"), (None, "juniper", "alder"), ("none", "unison")
    )
    found = {
        tag
        for genre, family, tempo, voice, doubling in kinds
        for tag in tags_of(
            {
                "genre": genre,
                "instruments": [family],
                "tempo_class": tempo,
                "mood": "calm",
                "vocals": voice is not None,
                "voice": voice,
                "doubling": doubling,
            }
        )
    }
    assert set(MTAT_TAGS) <= found <= set(ALL_TAGS)


def test_fmas_table_has_two_rows_of_header_and_the_index_row(music: list[Track], tmp_path: Path) -> None:
    out = write_twin(DATASETS["fma-medium"], music, tmp_path / "twin")
    with (out / "fma_metadata" / "tracks.csv").open(newline="") as file:
        groups, columns, index, *rows = csv.reader(file)
    assert len(COLUMNS) == 52
    assert list(zip(groups[1:], columns[1:], strict=True)) == COLUMNS
    assert index[0] == "track_id"
    assert len(rows) == len(music)
    assert (out / "fma_medium" / "000" / "000002.mp3").is_file()


def test_all_sixteen_genres_of_fma_have_a_counterpart(music: list[Track]) -> None:
    kinds = [
        replace(music[0], labels={"genre": genre, "key": key})
        for genre in GENRES
        for key in ("C major", "A minor")
    ]
    assert {fma_twins._genre(track, "medium") for track in kinds} == set(FMA_GENRES)
    assert {fma_twins._genre(track, "small") for track in kinds} <= set(TASKS["fma-small"].classes)
    assert set(SMALL_GENRES) == set(GENRES)


@pytest.mark.parametrize("name", TWINS)
def test_folder_says_that_it_is_a_twin(music: list[Track], tmp_path: Path, name: str) -> None:
    out = write_twin(DATASETS[name], music[:1], tmp_path / "twin")
    assert "Not the set itself" in json.loads((out / TWIN).read_text())["about"]
    assert [path.name for path in tmp_path.iterdir()] == ["twin"]


def test_many_tracks_get_names_of_their_own(music: list[Track], tmp_path: Path) -> None:
    many = [replace(track, name=f"{track.name}-{turn}") for turn in range(10) for track in music]
    out = write_twin(DATASETS["musdb18-hq"], many, tmp_path / "twin")
    assert len({track.name for track in DATASETS["musdb18-hq"].tracks(out)}) == len(many)


def test_failed_twin_leaves_nothing(music: list[Track], tmp_path: Path) -> None:
    broken = [*music, replace(music[0], mixture=tmp_path / "gone.wav")]
    with pytest.raises(ValueError, match=r"gone\.wav"):
        write_twin(DATASETS["magnatagatune"], broken, tmp_path / "twin")
    assert list(tmp_path.iterdir()) == []


def test_folder_that_holds_something_is_refused(music: list[Track], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="expected a new or an empty folder"):
        write_twin(DATASETS["magnatagatune"], music, tmp_path)


def test_set_without_a_twin_says_what_to_do(music: list[Track], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stemwise data render"):
        write_twin(DATASETS["rendered"], music, tmp_path / "twin")


def test_command_renders_a_twin_that_verifies(tmp_path: Path, capsys) -> None:
    out = str(tmp_path / "twin")
    size = ["--tracks", "3", "--seconds", "2", "--workers", "1"]
    assert main(["data", "twin", "magnatagatune", out, *size]) == 0
    assert main(["data", "verify", "magnatagatune", out]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
