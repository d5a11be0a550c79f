"""The cache of decoded audio: what is in it, and when it is made anew."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwise import STEMS
from stemwise.data.audio import read_resampled
from stemwise.data.cache import AudioCache, prepare
from stemwise.data.tracks import Track, stem_folders
from synth import stem_tree

HALF_STEP = 0.51 / 32767  # int16 rounds to half of its step


@pytest.fixture
def tracks(tmp_path: Path) -> list[Track]:
    return stem_folders(
        stem_tree(tmp_path / "set", {"train": 2}, samples=8000, sample_rate=22_050, channels=2)
    )


def made(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_cache_equals_decoding_directly(tracks: list[Track], tmp_path: Path) -> None:
    cache = prepare(tracks, STEMS, 16_000, tmp_path / "cache")
    for row, track in enumerate(tracks):
        for source, stem in enumerate(STEMS):
            direct = read_resampled(track.stems[stem], 16_000, mono=True)[0]
            cached = cache.excerpt(row, source, 0, cache.samples(row))
            np.testing.assert_allclose(cached, direct, atol=HALF_STEP)


def test_mixture_is_a_source(tracks: list[Track], tmp_path: Path) -> None:
    cache = prepare(tracks, ("mixture",), 22_050, tmp_path / "cache")
    direct = read_resampled(tracks[1].mixture, 22_050, mono=True)[0]
    np.testing.assert_allclose(cache.excerpt(1, 0, 0, cache.samples(1)), direct, atol=HALF_STEP)


def test_excerpt_begins_where_it_is_asked_for(tracks: list[Track], tmp_path: Path) -> None:
    cache = prepare(tracks, STEMS, 16_000, tmp_path / "cache")
    whole = cache.excerpt(1, 2, 0, cache.samples(1))
    assert np.array_equal(cache.excerpt(1, 2, 1234, 100), whole[1234:1334])


def test_behind_the_end_of_a_track_is_silence_and_not_the_next_track(
    tracks: list[Track], tmp_path: Path
) -> None:
    cache = prepare(tracks, STEMS, 16_000, tmp_path / "cache")
    found = cache.excerpt(0, 3, cache.samples(0) - 10, 1000)
    assert found[:10].any()
    assert not found[10:].any()
    assert len(found) == 1000


def test_second_call_decodes_nothing(tracks: list[Track], tmp_path: Path) -> None:
    prepare(tracks, STEMS, 16_000, tmp_path / "cache")
    calls = []
    again = prepare(tracks, STEMS, 16_000, tmp_path / "cache", lambda done, total: calls.append(done))
    assert calls == []
    assert again.samples(0) > 0


def test_progress_is_told_track_by_track(tracks: list[Track], tmp_path: Path) -> None:
    calls = []
    prepare(tracks, STEMS, 16_000, tmp_path / "cache", lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]


def test_audio_is_mapped_and_not_read(tracks: list[Track], tmp_path: Path) -> None:
    assert isinstance(prepare(tracks, STEMS, 16_000, tmp_path / "cache").audio, np.memmap)


@pytest.mark.parametrize("other", ["rate", "sources", "tracks"])
def test_other_contents_get_a_cache_of_their_own(tracks: list[Track], tmp_path: Path, other: str) -> None:
    folder = tmp_path / "cache"
    prepare(tracks, STEMS, 16_000, folder)
    before = made(folder)
    prepare(
        tracks[:1] if other == "tracks" else tracks,
        STEMS[::-1] if other == "sources" else STEMS,
        8_000 if other == "rate" else 16_000,
        folder,
    )
    assert len(made(folder) - before) == 1


def test_changed_file_is_decoded_again(tracks: list[Track], tmp_path: Path) -> None:
    prepare(tracks, ("mixture",), 22_050, tmp_path / "cache")
    audio, rate = soundfile.read(tracks[0].mixture)
    soundfile.write(tracks[0].mixture, 0.5 * audio, rate, subtype="PCM_16")
    os.utime(tracks[0].mixture, ns=(1, 1))
    cache = prepare(tracks, ("mixture",), 22_050, tmp_path / "cache")
    found = cache.excerpt(0, 0, 0, cache.samples(0))
    np.testing.assert_allclose(found, 0.5 * audio.mean(1), atol=4 * HALF_STEP)


def test_leftover_of_a_killed_making_does_no_harm(tracks: list[Track], tmp_path: Path) -> None:
    leftover = tmp_path / "cache" / ".making-abc"
    leftover.mkdir(parents=True)
    (leftover / "audio.npy").write_bytes(b"half")
    cache: AudioCache = prepare(tracks, STEMS, 16_000, tmp_path / "cache")
    assert cache.samples(0) > 0


def test_failed_making_leaves_no_cache(tracks: list[Track], tmp_path: Path) -> None:
    tracks[1].stems["vocals"].write_bytes(b"not audio")
    with pytest.raises(ValueError, match=r"vocals\.wav"):
        prepare(tracks, STEMS, 16_000, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_full_scale_stays_full_scale(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.array([1.5, 1.0, -1.0, -1.5, 0.0], np.float32), 16_000, subtype="FLOAT")
    track = Track(name="loud", split="train", mixture=path)
    cache = prepare([track], ("mixture",), 16_000, tmp_path / "cache")
    assert cache.excerpt(0, 0, 0, 5).tolist() == [1, 1, -1, -1, 0]
