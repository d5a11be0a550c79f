"""NSynth: lists in JSON, two places for them, families and pitches as tasks."""

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from stemwise.data import DATASETS
from stemwise.data.classes import INSTRUMENTS, NSYNTH_FAMILIES
from stemwise.data.tracks import SPLITS, stem_folders
from stemwise.data.twins import nsynth as nsynth_twins
from stemwise.data.twins import write_twin
from stemwise.tasks import TASKS
from synth import stem_tree

NSYNTH = DATASETS["nsynth"]


def facts(name: str, **changes: Any) -> dict[str, Any]:
    """A note's facts as the set has them."""
    instrument, pitch, velocity = name.split("-")
    family, source, _ = instrument.rsplit("_", 2)
    return {
        "note_str": name,
        "instrument_str": instrument,
        "instrument_family_str": family,
        "instrument_source_str": source,
        "pitch": int(pitch),
        "velocity": int(velocity),
        "sample_rate": 16_000,
        "qualities_str": ["dark", "reverb"],
    } | changes


def written(root: Path, notes: dict[str, dict[str, Any]], folder: str = "nsynth-test") -> Path:
    (root / folder).mkdir(parents=True)
    (root / folder / "examples.json").write_text(json.dumps(notes))
    return root


NAMES = ("synth_lead_synthetic_011-117-050", "guitar_acoustic_010-060-075", "bass_synthetic_068-009-025")


def test_notes_are_sorted_and_carry_their_labels(tmp_path: Path) -> None:
    root = written(tmp_path, {name: facts(name) for name in NAMES})
    tracks = NSYNTH.reader(root, "test")
    assert [track.name for track in tracks] == sorted(NAMES)
    assert tracks[1].mixture == root / "nsynth-test" / "audio" / "guitar_acoustic_010-060-075.wav"
    assert tracks[1].labels == {
        "family": "guitar",
        "source": "acoustic",
        "instrument": "guitar_acoustic_010",
        "pitch": "60",
        "velocity": 75,
        "qualities": ["dark", "reverb"],
    }


def test_folder_around_the_archives_is_found(tmp_path: Path) -> None:
    root = written(tmp_path, {NAMES[0]: facts(NAMES[0])}, "nsynth-test.jsonwav/nsynth-test")
    (track,) = NSYNTH.reader(root, "test")
    assert track.mixture.parent == root / "nsynth-test.jsonwav" / "nsynth-test" / "audio"


def test_lead_is_a_family_of_its_own_name(tmp_path: Path) -> None:
    root = written(tmp_path, {NAMES[0]: facts(NAMES[0])})
    assert TASKS["nsynth"].of(NSYNTH.reader(root, "test")[0].labels) == {"synth_lead"}


def test_notes_beside_the_piano_take_no_part_in_the_task_of_pitch(tmp_path: Path) -> None:
    tracks = NSYNTH.reader(written(tmp_path, {name: facts(name) for name in NAMES}), "test")
    assert [track.name for track in TASKS["nsynth-pitch"].chosen(tracks)] == [NAMES[1]]
    assert len(TASKS["nsynth"].chosen(tracks)) == 3
    assert (len(TASKS["nsynth"].classes), len(TASKS["nsynth-pitch"].classes)) == (11, 88)


BROKEN = {
    "no list": (None, r"nsynth-test/examples\.json: no such file; .*stemwise data download nsynth"),
    "no JSON": ("{", r"examples\.json: expected JSON"),
    "no notes": ("[1]", r"examples\.json: expected a JSON object of notes"),
    "a fact is missing": ({NAMES[1]: {"pitch": 3}}, "010-060-075 has no instrument_family_str"),
    "another family": (
        {NAMES[1]: facts(NAMES[1], instrument_family_str="harp")},
        "is of the family 'harp', expected one of bass, brass",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_list_that_is_not_as_published_is_an_error_that_names_it(tmp_path: Path, case: str) -> None:
    content, message = BROKEN[case]
    if content is not None:
        written(tmp_path, {})
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "nsynth-test" / "examples.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        NSYNTH.reader(tmp_path, "test")


def test_published_numbers_are_asked_of_the_whole_set() -> None:
    assert sum(NSYNTH.counts.values()) == 305_979


def test_twin_has_notes_of_four_seconds_with_the_real_keys(tmp_path: Path) -> None:
    music = stem_folders(stem_tree(tmp_path / "music", {"train": 3, "valid": 1, "test": 1}))
    root = write_twin(NSYNTH, music, tmp_path / "twin")
    notes = json.loads((root / "nsynth-train" / "examples.json").read_text())
    assert all(set(facts(NAMES[1])) <= note.keys() for note in notes.values())
    assert [note["note_str"] for note in notes.values()] == list(notes)
    for track in NSYNTH.tracks(root):
        info = soundfile.info(track.mixture)
        assert (info.frames, info.samplerate, info.channels, info.subtype) == (64_000, 16_000, 1, "PCM_16")
    by_split = [{track.labels["instrument"] for track in NSYNTH.tracks(root, split)} for split in SPLITS]
    assert by_split[0].isdisjoint(by_split[1] | by_split[2])


def test_every_instrument_of_rendered_music_has_a_family() -> None:
    assert set(nsynth_twins.FAMILIES) == set(INSTRUMENTS)
    assert {*nsynth_twins.FAMILIES.values(), "vocal"} == set(NSYNTH_FAMILIES)
