"""What a rendered set is on disk."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile

from stemwise import STEMS
from stemwise.data.rendered import RenderSettings, render, tracks
from stemwise.data.rendered.files import WHOLE
from stemwise.data.rendered.genres import GENRES
from stemwise.data.rendered.presets import FAMILIES, KITS, survey
from stemwise.data.rendered.soundfont import default_soundfont, open_soundfont
from stemwise.data.rendered.track import plans
from stemwise.data.rendered.voices import VOICES
from stemwise.data.tracks import SPLITS

SETTINGS = RenderSettings(tracks=6, seconds=3.0, seed=5, workers=1)


def digests(root: Path) -> dict[str, str]:
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def rendered_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rendered") / "set"
    render(root, SETTINGS)
    return root


def test_same_bytes_with_two_workers(rendered_set: Path, tmp_path: Path) -> None:
    render(tmp_path / "set", RenderSettings(tracks=6, seconds=3.0, seed=5, workers=2))
    assert digests(tmp_path / "set") == digests(rendered_set)


def test_another_seed_gives_other_audio(rendered_set: Path, tmp_path: Path) -> None:
    folders = render(tmp_path, RenderSettings(tracks=6, seconds=3.0, seed=6, workers=1))
    for folder in folders:
        same = rendered_set / folder.relative_to(tmp_path) / "mixture.wav"
        assert same.read_bytes() != (folder / "mixture.wav").read_bytes()


def test_stems_are_whole_and_sum_to_the_mixture(rendered_set: Path) -> None:
    for track in tracks(rendered_set):
        mixture, sample_rate = soundfile.read(track.mixture, dtype="int16")
        stems = {name: soundfile.read(path, dtype="int16")[0] for name, path in track.stems.items()}
        assert (sample_rate, mixture.shape, tuple(stems)) == (44_100, (132_300, 2), STEMS)
        np.testing.assert_array_equal(sum(stem.astype(int) for stem in stems.values()), mixture)
        assert 3000 < np.abs(mixture.astype(int)).max() < 32_700
        assert all(stems[name].any() for name in ("drums", "bass", "other"))
        assert bool(stems["vocals"].any()) == track.labels["vocals"]


def test_labels_say_what_is_there(rendered_set: Path) -> None:
    found = tracks(rendered_set)
    assert {track.split for track in found} == {"train", "valid", "test"}
    for track in found:
        labels = track.labels
        assert track.name.endswith(labels["genre"]) and track.split == labels["split"]
        low, high = GENRES[labels["genre"]].tempo_bpm
        assert low <= labels["tempo"] <= high
        assert ("voice" in labels["instruments"]) == labels["vocals"] == (labels["voice"] is not None)
        assert set(labels["instruments_per_stem"]) == set(STEMS)
        assert labels["key"].endswith(labels["mode"])
        assert labels["mood"] in ("happy", "tense", "sad", "calm")
        used = {family for families in labels["instruments_per_stem"].values() for family in families}
        assert used == set(labels["instruments"])
        for preset in labels["presets"]:
            assert preset["program"] in (FAMILIES | KITS)[preset["family"]][track.split]
        if labels["vocals"]:
            assert VOICES[labels["voice"]].split == track.split


def test_songs_without_a_singer_have_silent_vocals(tmp_path: Path) -> None:
    (folder,) = render(tmp_path, RenderSettings(tracks=1, seconds=2.0, vocal_share=0.0, workers=1))
    assert not soundfile.read(folder / "vocals.wav", dtype="int16")[0].any()
    assert json.loads((folder / "labels.json").read_text())["vocals"] is False


def test_an_interrupted_set_is_completed(rendered_set: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(rendered_set, root)
    whole, cut, gone = [track.mixture.parent for track in tracks(root)][:3]
    (cut / "bass.wav").unlink()
    shutil.move(gone, root / ".unfinished" / "left-over")
    before = (whole / "mixture.wav").stat().st_mtime_ns
    seen: list[tuple[int, int]] = []
    render(root, SETTINGS, lambda done, total: seen.append((done, total)))
    assert seen == [(4, 6), (5, 6), (6, 6)]
    assert (whole / "mixture.wav").stat().st_mtime_ns == before
    assert digests(root) == digests(rendered_set)


def test_other_settings_are_refused(rendered_set: Path) -> None:
    with pytest.raises(ValueError, match="seed 5 instead of 9"):
        render(rendered_set, RenderSettings(tracks=6, seconds=3.0, seed=9, workers=1))


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train" / "song").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"no dataset\.json"):
        render(tmp_path, SETTINGS)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"seconds": 1.0}, "seconds: expected at least 2"), ({"tracks": -1}, "tracks: expected at least 1")],
)
def test_settings_out_of_range(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RenderSettings(**values)  # pyright: ignore[reportArgumentType]


def test_soundfont_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no file"):
        render(tmp_path / "a", RenderSettings(soundfont=str(tmp_path / "none.sf2")))
    (tmp_path / "text.sf2").write_text("no soundfont at all")
    with pytest.raises(ValueError, match="SoundFont 2 or 3"):
        render(tmp_path / "a", RenderSettings(soundfont=str(tmp_path / "text.sf2")))
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("count", [36, 48, 160])
def test_every_genre_is_in_every_split(count: int) -> None:
    found = plans(RenderSettings(tracks=count))
    assert len(found) == len({plan.name for plan in found}) == count
    for split in ("train", "valid", "test"):
        assert {plan.genre for plan in found if plan.split == split} == set(GENRES)


def test_small_sets_have_every_split() -> None:
    assert {plan.split for plan in plans(RenderSettings(tracks=3))} == {"train", "valid", "test"}


def test_no_program_serves_two_splits() -> None:
    presets = survey(open_soundfont(default_soundfont()))
    for families in (FAMILIES, KITS):
        by_split = [
            {program for family in families for program in presets.chosen[family, split][1]}
            for split in SPLITS
        ]
        assert sum(map(len, by_split)) == len(set.union(*by_split))
    assert sum(voice.split == "valid" for voice in VOICES.values()) >= 2


def test_a_killed_rendering_leaves_whole_tracks_and_goes_on(rendered_set: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    words = ["data", "render", str(root), "--tracks", "6", "--seconds", "3", "--seed", "5", "--workers", "2"]
    started = subprocess.Popen([sys.executable, "-m", "stemwise", *words], start_new_session=True)
    while started.poll() is None and not list(root.glob("train/*/mixture.wav")):
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    left = [path for path in root.glob("*/*") if path.parent.name in SPLITS]
    assert left and all({file.name for file in folder.iterdir()} >= set(WHOLE) for folder in left)
    render(root, SETTINGS)
    assert digests(root) == digests(rendered_set)


@pytest.mark.parametrize("vocal_share", [0.0, 1.0])
def test_score_is_what_sounds(vocal_share: float, tmp_path: Path) -> None:
    settings = RenderSettings(tracks=1, seconds=8.0, seed=3, vocal_share=vocal_share, workers=1)
    (folder,) = render(tmp_path, settings)
    score = pretty_midi.PrettyMIDI(str(folder / "score.mid"))
    labels = json.loads((folder / "labels.json").read_text())
    played = [track for track in score.instruments if not track.name.startswith("vocals")]
    assert [track.program for track in played] == [preset["program"] for preset in labels["presets"]]
    assert [track.is_drum for track in played] == [preset["bank"] == 128 for preset in labels["presets"]]
    assert all(note.start < settings.seconds for track in score.instruments for note in track.notes)
    assert score.get_tempo_changes()[1][0] == pytest.approx(labels["tempo"], rel=1e-4)
    metre = score.time_signature_changes[0]
    assert f"{metre.numerator}/{metre.denominator}" == labels["time_signature"]
    key = pretty_midi.key_number_to_key_name(score.key_signature_changes[0].key_number)
    assert key.split()[1].lower() == labels["mode"]
    sung = [note.pitch for track in score.instruments if track.name[:6] == "vocals" for note in track.notes]
    assert bool(sung) == labels["vocals"] == bool(score.lyrics)
    assert not sung or [min(sung), max(sung)] == labels["voice_range"]
