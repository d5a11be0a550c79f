"""The cache of decoded audio: what is in it, and when a file is decoded."""

import json
import logging
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stemwise import STEMS
from stemwise.data import cache as caching
from stemwise.data import filling
from stemwise.data.audio import read, read_resampled
from stemwise.data.cache import AudioCache, prepare
from stemwise.data.filling import measure, survey
from stemwise.data.material import Material
from stemwise.data.tracks import Track, stem_folders
from stemwise.files import expect_room
from synth import noise, stem_tree

HALF_STEP = 0.51 / 32767  # int16 rounds to half of its step
ALL_STEMS = Material(sources=STEMS, sample_rate=16_000)
MIXTURES = Material(sources=("mixture",), sample_rate=16_000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return stem_tree(tmp_path / "set", {"train": 2}, samples=8000, sample_rate=22_050, channels=2)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Which files are decoded from now on."""
    files: list[Path] = []
    decode: Callable[..., Any] = filling.decoded

    def watched(path: Path, material: Material) -> Any:
        files.append(path)
        return decode(path, material)

    monkeypatch.setattr(filling, "decoded", watched)
    return files


def whole(cache: AudioCache, track: int, source: int) -> np.ndarray:
    return cache.excerpt(track, source, 0, cache.samples(track))


def stores(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 32_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_cache_equals_decoding_directly(root: Path, rate: int, channels: int) -> None:
    tracks = stem_folders(root)
    cache = prepare(tracks, Material(sources=STEMS, sample_rate=rate, channels=channels), root)
    for row, track in enumerate(tracks):
        for source, stem in enumerate(STEMS):
            direct = read_resampled(track.stems[stem], rate, mono=channels == 1)
            np.testing.assert_allclose(whole(cache, row, source), direct, atol=HALF_STEP)


@pytest.mark.parametrize("kind", ["flac", "ogg", "mp3"])
def test_compressed_files_are_cached_as_they_decode(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"song.{kind}"
    soundfile.write(path, noise(2, 300_000).T, 44_100)
    cache = prepare([Track(name="song", split="train", mixture=path)], MIXTURES, tmp_path)
    direct = read_resampled(path, 16_000, mono=True)
    np.testing.assert_allclose(whole(cache, 0, 0), direct, atol=HALF_STEP)


def test_mono_file_has_the_same_on_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "mono.wav"
    soundfile.write(path, noise(1, 4000).T, 16_000)
    track = Track(name="mono", split="train", mixture=path)
    left, right = whole(prepare([track], replace(MIXTURES, channels=2), tmp_path), 0, 0)
    assert left.any()
    assert np.array_equal(left, right)


def test_surround_is_no_stereo(tmp_path: Path) -> None:
    path = tmp_path / "surround.wav"
    soundfile.write(path, noise(6, 4000).T, 16_000)
    track = Track(name="surround", split="train", mixture=path)
    assert whole(prepare([track], MIXTURES, tmp_path), 0, 0).any()
    with pytest.raises(ValueError, match=r"surround\.wav: expected 1 or 2 channels, got 6"):
        prepare([track], replace(MIXTURES, channels=2), tmp_path)


def test_excerpt_begins_where_it_is_asked_for(root: Path) -> None:
    cache = prepare(stem_folders(root), replace(ALL_STEMS, channels=2), root)
    assert np.array_equal(cache.excerpt(1, 2, 1234, 100), whole(cache, 1, 2)[:, 1234:1334])


def test_behind_the_end_of_a_track_is_silence_and_not_the_next_track(root: Path) -> None:
    cache = prepare(stem_folders(root), ALL_STEMS, root)
    found = cache.excerpt(0, 3, cache.samples(0) - 10, 1000)[0]
    assert found[:10].any()
    assert not found[10:].any()
    assert len(found) == 1000
    assert not cache.excerpt(0, 3, cache.samples(0) + 10, 1000).any()


def test_full_scale_stays_full_scale(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.array([1.5, 1.0, -1.0, -1.5, 0.0], np.float32), 16_000, subtype="FLOAT")
    cache = prepare([Track(name="loud", split="train", mixture=path)], MIXTURES, tmp_path)
    assert cache.excerpt(0, 0, 0, 5)[0].tolist() == [1, 1, -1, -1, 0]


def test_audio_is_mapped_and_not_read(root: Path) -> None:
    assert isinstance(prepare(stem_folders(root), ALL_STEMS, root).audio, np.memmap)


def test_every_file_is_decoded_once_for_all_recipes_and_splits(tmp_path: Path, decoded: list[Path]) -> None:
    root = stem_tree(tmp_path / "set", {"train": 2, "valid": 1}, samples=2000)
    prepare(stem_folders(root, "train"), ALL_STEMS, root)
    prepare(stem_folders(root, "valid"), MIXTURES, root)
    prepare(stem_folders(root), replace(ALL_STEMS, sources=("mixture", *STEMS[::-1])), root)
    prepare(stem_folders(root)[1:], ALL_STEMS, root)
    assert len(decoded) == len(set(decoded)) == 3 * 5
    assert stores(root / "cache") == {"audio-16000hz-mono"}


def test_rates_and_channels_have_stores_of_their_own(root: Path) -> None:
    for rate, channels in ((8_000, 1), (32_000, 1), (32_000, 2)):
        prepare(stem_folders(root), replace(MIXTURES, sample_rate=rate, channels=channels), root)
    assert stores(root / "cache") == {"audio-8000hz-mono", "audio-32000hz-mono", "audio-32000hz-stereo"}


def test_order_of_tracks_and_sources_is_the_callers(root: Path) -> None:
    tracks = stem_folders(root)
    forth = prepare(tracks, ALL_STEMS, root)
    back = prepare(tracks[::-1], replace(ALL_STEMS, sources=STEMS[::-1]), root)
    assert back.names == forth.names[::-1]
    assert np.array_equal(whole(back, 0, 0), whole(forth, 1, 3))


def test_changed_file_is_decoded_again_and_no_other(root: Path, decoded: list[Path]) -> None:
    tracks = stem_folders(root)
    material = replace(MIXTURES, sample_rate=22_050)
    prepare(tracks, material, root)
    audio, rate = soundfile.read(tracks[0].mixture)
    soundfile.write(tracks[0].mixture, 0.5 * audio, rate, subtype="PCM_16")
    os.utime(tracks[0].mixture, ns=(1, 1))
    decoded.clear()
    cache = prepare(tracks, material, root)
    assert decoded == [tracks[0].mixture]
    np.testing.assert_allclose(whole(cache, 0, 0)[0], 0.5 * audio.mean(1), atol=4 * HALF_STEP)


def test_decoders_of_other_versions_do_not_count(
    root: Path, decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(stem_folders(root), MIXTURES, root)
    monkeypatch.setattr(filling, "DECODER", filling.DECODER + 1)
    prepare(stem_folders(root), MIXTURES, root)
    assert len(decoded) == 4


def test_set_may_be_moved(root: Path, decoded: list[Path], tmp_path: Path, monkeypatch) -> None:
    before = prepare(stem_folders(root), ALL_STEMS, root)
    moved = root.rename(tmp_path / "elsewhere")
    decoded.clear()
    after = prepare(stem_folders(moved), ALL_STEMS, moved)
    monkeypatch.chdir(moved)
    here = prepare(stem_folders(Path()), ALL_STEMS, Path())
    assert decoded == []
    assert before.digest == after.digest == here.digest
    assert here.card()["dataset"] == "elsewhere"


def test_cache_may_lie_elsewhere(root: Path, tmp_path: Path) -> None:
    prepare(stem_folders(root), MIXTURES, root, folder=tmp_path / "fast-disk")
    assert stores(tmp_path / "fast-disk") == {"audio-16000hz-mono"}
    assert not (root / "cache").exists()


def test_complete_cache_is_only_read(root: Path) -> None:
    prepare(stem_folders(root), MIXTURES, root)
    files = [path for path in (root / "cache").rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    for path in files:
        path.chmod(0o444)
    prepare(stem_folders(root), MIXTURES, root)
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_progress_is_told_file_by_file(root: Path) -> None:
    calls: list[tuple[int, int]] = []
    for _ in range(2):  # the second time there is nothing to do
        prepare(stem_folders(root), MIXTURES, root, progress=lambda *call: calls.append(call))
    assert calls == [(1, 2), (2, 2)]


def test_stems_of_unequal_length_are_cut_to_the_shortest(root: Path, caplog) -> None:
    tracks = stem_folders(root)
    short, rate = soundfile.read(tracks[1].stems["bass"])
    soundfile.write(tracks[1].stems["bass"], short[:-7], rate)
    cache = prepare(tracks, replace(ALL_STEMS, sample_rate=22_050), root)
    assert [cache.samples(track) for track in range(2)] == [8000, 7993]
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    soundfile.write(tracks[1].stems["bass"], short[:-4000], rate)
    cache = prepare(tracks, replace(ALL_STEMS, sample_rate=22_050), root)
    assert cache.samples(1) == 4000
    assert "1 tracks have stems that differ by more than 0.1 s in length, track-1" in caplog.text


def break_files(root: Path) -> tuple[Path, Path]:
    """Make one file words and take another away."""
    words, gone = root / "train/track-0/bass.wav", root / "train/track-1/mixture.wav"
    words.write_bytes(b"not audio " * 100)
    gone.unlink()
    return words, gone


def test_unreadable_files_are_listed_and_the_others_cached(root: Path, decoded: list[Path]) -> None:
    tracks = stem_folders(root)
    words, gone = break_files(root)
    both = replace(ALL_STEMS, sources=(*STEMS, "mixture"))
    with pytest.raises(ValueError, match=r"^2 of the files cannot be read.*skip_unreadable$") as caught:
        prepare(tracks, both, root)
    assert str(words) in str(caught.value)
    assert str(gone) in str(caught.value)
    decoded.clear()
    with pytest.raises(ValueError, match="2 of the files"):
        prepare(tracks, both, root)
    assert decoded == [words]  # it might have been mended


def test_no_more_than_ten_are_listed(tmp_path: Path) -> None:
    tracks = [Track(name=f"{n}", split="train", mixture=tmp_path / f"{n}.wav") for n in range(13)]
    with pytest.raises(ValueError, match=r"^13 of the files cannot be read.*9\.wav.*; and 3 more\."):
        prepare(tracks, MIXTURES, tmp_path)


def test_tracks_with_unreadable_files_are_left_out_on_demand(root: Path, caplog) -> None:
    tracks = stem_folders(root)
    words, _ = break_files(root)
    cache = prepare(tracks, ALL_STEMS, root, skip_unreadable=True)
    assert cache.names == ("track-1",)
    assert str(words) in caplog.text
    with pytest.raises(ValueError, match="expected at least one track that can be read, found none in 1"):
        prepare(tracks[:1], ALL_STEMS, root, skip_unreadable=True)


def test_samples_that_are_no_numbers_make_a_file_unreadable(tmp_path: Path) -> None:
    audio = np.zeros(400_000, np.float32)
    audio[300_000] = np.nan
    soundfile.write(tmp_path / "nan.wav", audio, 16_000, subtype="FLOAT")
    track = Track(name="nan", split="train", mixture=tmp_path / "nan.wav")
    with pytest.raises(ValueError, match=r"1 of the files cannot be read.*nan\.wav.*18\.750 s"):
        prepare([track], MIXTURES, tmp_path)
    assert (tmp_path / "cache/audio-16000hz-mono/data.bin").stat().st_size == 0


def test_missing_stem_is_an_error_that_names_it(root: Path) -> None:
    track = replace(stem_folders(root)[0], stems={})
    with pytest.raises(ValueError, match="track-0: expected a stem drums, found none"):
        prepare([track], ALL_STEMS, root)


def test_size_is_told_beforehand_and_is_what_comes(root: Path) -> None:
    tracks = stem_folders(root)
    prepare(tracks[:1], ALL_STEMS, root)
    size = measure(survey(tracks, ALL_STEMS, root, root / "cache"))
    assert size.bytes_there > 0
    assert size.seconds == pytest.approx(8 * 8000 / 22_050, rel=1e-3)
    prepare(tracks, ALL_STEMS, root)
    data = (root / "cache/audio-16000hz-mono/data.bin").stat().st_size
    assert abs(data - size.bytes_there - size.bytes_missing) <= 2 * 8  # a sample of each file


def test_too_little_room_is_an_error_before_anything_is_written(root: Path, monkeypatch) -> None:
    monkeypatch.setattr(caching, "measure", lambda plan: replace(measure(plan), bytes_missing=10**18))
    with pytest.raises(ValueError, match=r"expected 1000000000\.00 GB of free space, got .*--cache"):
        prepare(stem_folders(root), MIXTURES, root)
    assert not (root / "cache").exists()
    assert expect_room(root / "not/yet/there", 0) > 0


def test_card_is_plain_and_tells_the_same_data_from_others(root: Path) -> None:
    tracks = stem_folders(root)
    card = prepare(tracks, ALL_STEMS, root).card()
    assert json.loads(json.dumps(card)) == card
    assert card["dataset"] == "set"
    assert card["tracks"] == 2
    assert card["sources"] == list(STEMS)
    others = [
        prepare(tracks[:1], ALL_STEMS, root),
        prepare(tracks, replace(ALL_STEMS, sample_rate=8_000), root),
        prepare(tracks, replace(ALL_STEMS, sources=STEMS[::-1]), root),
    ]
    assert card["digest"] not in {other.card()["digest"] for other in others}
    os.utime(tracks[0].stems["bass"], ns=(1, 1))  # decoded again, to the same samples
    assert prepare(tracks, ALL_STEMS, root).card() == card


@pytest.mark.parametrize(
    ("settings", "message"), [({"sample_rate": 0}, "at least 1 Hz"), ({"channels": 6}, "expected 1 or 2")]
)
def test_impossible_material_is_an_error(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(MIXTURES, **settings)


def test_long_file_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros((44_100 * 300, 2), np.int16), 44_100)
    track = Track(name="long", split="train", mixture=path)
    prepare([track], MIXTURES, tmp_path, folder=tmp_path / "warm")
    tracemalloc.start()
    try:
        prepare([track], MIXTURES, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20e6  # the decoded file is 106 MB, the cached one 9.6 MB
    assert read(path, samples=1)[0].shape == (2, 1)


def test_file_that_was_cut_short_is_unreadable(root: Path) -> None:
    track = stem_folders(root, "train")[0]
    content = track.mixture.read_bytes()
    track.mixture.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"1 of the files cannot be read: .*damaged or cut short"):
        prepare([track], MIXTURES, root)
