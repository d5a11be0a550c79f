"""Mixtures of segments as MSSPT draws them, and the songs' own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stemwise import STEMS
from stemwise.data.cache import AudioCache
from stemwise.data.material import Material
from stemwise.data.segments import COUNTS, SegmentBatches, SongBatches, segments
from stemwise.data.tracks import Track
from stemwise.interfaces import Batches

RATE = 1000  # a segment of 6 s is 6000 samples
SAMPLES = 4000
SOURCES = ("mixture", *STEMS)


def cache(*seconds: float) -> AudioCache:
    """Songs in which every stem of every song is a constant of its own, and the mixture is their sum."""
    lengths = [round(second * RATE) for second in seconds]
    parts, starts, at = [], [], 0
    for song, length in enumerate(lengths):
        levels = [2 ** (4 * (song % 3) + stem) for stem in range(4)]  # as bits: sums tell what they are of
        row = []
        for level in (sum(levels), *levels):
            parts.append(np.full((length, 1), level, np.int16))
            row.append(at)
            at += length
        starts.append(row)
    return AudioCache(
        tracks=tuple(Track(name=f"song-{n}", split="train", mixture=Path()) for n in range(len(lengths))),
        material=Material(sources=SOURCES, sample_rate=RATE),
        starts=np.array(starts),
        lengths=np.array(lengths),
        audio=np.concatenate(parts),
        digest="in memory",
    )


def single(seed: int = 0, batch_size: int = 2, source: str | None = "bass") -> SegmentBatches:
    return SegmentBatches(cache(40, 40, 40), batch_size=batch_size, samples=SAMPLES, seed=seed, source=source)


def multi(seed: int = 0) -> SegmentBatches:
    return single(seed, source=None)


def levels(audio: torch.Tensor) -> list[int]:
    """The whole numbers that constant audio was made of."""
    assert (audio == audio[..., :1]).all()
    return (audio[..., 0] * 32_768).round().int().flatten().tolist()


def test_segments_are_those_of_the_original() -> None:
    found = segments(cache(12, 12.001, 5, 30))
    expected = [(0, 0), (0, 3000), (1, 0), (1, 3000), (1, 6000)]
    expected += [(3, start) for start in range(0, 24_000, 3000)]
    assert found == expected


def test_songs_that_are_too_short_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"expected songs longer than 6\.0 s, found none in 2"):
        segments(cache(5, 6))


def places(name: str) -> list[tuple[int, int]]:
    pairs = (part.removeprefix("song-").split("@") for part in name.split("+"))
    return [(int(song), int(start)) for song, start in pairs]


def level(song: int, stem: int) -> int:
    return 2 ** (4 * song + stem)


def test_single_source_mixture_is_two_targets_over_two_accompaniments() -> None:
    bass, data = STEMS.index("bass"), single()
    for k in range(10):
        batch = data.batch(k)
        assert batch["stems"].shape == (2, 1, 1, SAMPLES)
        for row, name in enumerate(batch["names"]):
            (a, b, c, d) = (song for song, _ in places(name))
            target = level(a, bass) + level(b, bass)
            rest = sum(level(song, stem) for song in (c, d) for stem in range(4) if stem != bass)
            assert levels(batch["stems"][row]) == [target]
            assert levels(batch["mixture"][row]) == [target + rest]


def test_multi_source_mixture_is_seven_segments() -> None:
    for k in range(10):
        batch = multi().batch(k)
        assert batch["stems"].shape == (2, 4, 1, SAMPLES)
        assert torch.equal(batch["stems"].sum(1), batch["mixture"])
        for row, name in enumerate(batch["names"]):
            songs = iter(song for song, _ in places(name))
            expected = [
                sum(level(next(songs), column) for _ in range(COUNTS[stem]))
                for column, stem in enumerate(STEMS)
            ]
            assert levels(batch["stems"][row]) == expected


@pytest.mark.parametrize("make", [single, multi])
def test_segments_of_a_batch_are_drawn_without_replacement(make: Callable[..., SegmentBatches]) -> None:
    data = make()
    for k in range(20):
        drawn = [place for name in data.batch(k)["names"] for place in places(name)]
        assert len(set(drawn)) == len(drawn) == 2 * data.per_mixture


def test_offset_is_within_the_segment_and_shared_by_a_batch() -> None:
    ramps = cache(40, 40, 40)
    audio = np.concatenate([np.arange(40 * RATE) // 10 for _ in range(3 * len(SOURCES))])
    ramps = replace(ramps, audio=audio.astype(np.int16)[:, None])
    data = SegmentBatches(ramps, batch_size=2, samples=SAMPLES, seed=0)
    offsets = set()
    for k in range(30):
        batch, own = data.batch(k), set()
        for name, stems in zip(batch["names"], batch["stems"], strict=True):
            begun = sum(start for _, start in places(name)) / 10
            own.add(round((stems[..., 0].sum() * 32_768 - begun).item() / 7) * 10)
        assert len(own) == 1
        offsets |= own
    assert min(offsets) < 300
    assert 1700 < max(offsets) <= 2000


def test_too_few_segments_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"expected at least 84 segments .* of 12, found 36"):
        single(batch_size=12, source=None)


def songs(seed: int = 0) -> SongBatches:
    return SongBatches(cache(20, 13), batch_size=3, samples=SAMPLES, seed=seed, targets=("vocals", "drums"))


def test_songs_are_as_they_were_mixed() -> None:
    data = songs()
    batches = [data.batch(k) for k in range(data.batches)]
    assert [len(batch["names"]) for batch in batches] == [3, 3, 2]
    for batch in batches:
        for row, name in enumerate(batch["names"]):
            ((song, _),) = places(name)
            assert levels(batch["mixture"][row]) == [sum(level(song, stem) for stem in range(4))]
            assert levels(batch["stems"][row]) == [level(song, STEMS.index("vocals")), level(song, 0)]
    starts = [place for batch in batches for name in batch["names"] for place in places(name)]
    expected = segments(data.cache)
    assert all(a == song for (a, _), (song, _) in zip(starts, expected, strict=True))
    assert all(0 <= b - start <= 2000 for (_, b), (_, start) in zip(starts, expected, strict=True))
    assert starts == [place for k in range(3) for name in songs().batch(k)["names"] for place in places(name)]


@pytest.mark.parametrize("make", [single, multi, songs])
def test_batch_is_a_function_of_seed_and_number(make: Callable[..., Batches]) -> None:
    used, fresh = make(), make()
    for k in range(3):
        used.batch(k)
    again, anew = used.batch(1), fresh.batch(1)
    assert again["names"] == anew["names"]
    assert torch.equal(again["stems"], anew["stems"])
    part = fresh.batch(1, slice(1, 2))
    assert part["names"] == anew["names"][1:2]
    assert torch.equal(part["mixture"], anew["mixture"][1:2])
    assert make(1).batch(0)["names"] != make(0).batch(0)["names"]
