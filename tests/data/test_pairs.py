"""Segments and pairs: which sources sound, what a batch holds, that it depends on (seed, k) alone."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from stemwise import STEMS
from stemwise.data.activity import Segments, cut
from stemwise.data.cache import AudioCache
from stemwise.data.logmels import LogMelCache, LogMelCrops
from stemwise.data.pairs import SourcePairs
from stemwise.interfaces import Batches
from synth import memory_cache

FRAMES, TRACKS = 200, 3


def log_mels(tracks: int = TRACKS) -> LogMelCache:
    """Frames that say where they are: band 0 is the track, 1 the source, 2 the frame; 0 is the mixture."""
    sources = ("mixture", *STEMS)
    grid = np.indices((tracks, len(sources), FRAMES)).reshape(3, -1).T
    frames = np.zeros((len(grid), 64), np.float16)
    frames[:, :3] = grid
    starts = np.arange(tracks * len(sources)).reshape(tracks, -1) * FRAMES
    cache = memory_cache(tracks)
    return LogMelCache(
        tracks=cache.tracks,
        sources=sources,
        starts=starts,
        lengths=np.full(tracks, FRAMES),
        frames=frames,
    )


def segments(tracks: int = TRACKS, length: int = 50) -> Segments:
    """Vocals are silent in every other segment, the other sources sound everywhere."""
    places = np.array([(t, s) for t in range(tracks) for s in range(0, FRAMES, length)])
    active = {stem: np.ones(len(places), bool) for stem in STEMS}
    active["vocals"] = np.arange(len(places)) % 2 == 0
    return Segments(places=places, length=length, active=active)


def pairs(**values: Any) -> SourcePairs:
    given = {"sources": STEMS, "batch_size": 6, "length": 20, "seed": 0} | values
    return SourcePairs(log_mels(), segments(), **given)


def test_pairs_are_batches() -> None:
    assert isinstance(pairs(), Batches)
    assert isinstance(crops(), Batches)


def test_batch_is_a_function_of_seed_and_number() -> None:
    first, again, other = pairs().batch(3), pairs().batch(3), pairs(seed=1).batch(3)
    assert first["names"] == again["names"] != other["names"]
    assert torch.equal(first["anchor"], again["anchor"])
    assert torch.equal(first["positive"], again["positive"])


@pytest.mark.parametrize("data", ["pairs", "crops"])
def test_rows_of_a_batch_are_the_same_alone(data: str) -> None:
    batches = pairs(silent=True) if data == "pairs" else crops()
    whole, part = batches.batch(5), batches.batch(5, slice(2, 4))
    assert part["names"] == whole["names"][2:4]
    assert all(torch.equal(value, whole[key][2:4]) for key, value in part.items() if torch.is_tensor(value))


def test_partners_come_from_one_segment_at_places_of_their_own() -> None:
    apart = []
    for k in range(20):
        batch = pairs().batch(k)
        anchor, positive = batch["anchor"], batch["positive"]
        assert torch.equal(anchor[:, 0], positive[:, 0])  # the track
        assert not anchor[:, 1].any()  # the mixture
        assert (positive[:, 1] == 1 + STEMS.index(batch["source"])).all()
        starts = torch.stack([anchor[:, 2, 0], positive[:, 2, 0]])
        assert (starts // 50 == starts[0] // 50).all()
        assert torch.equal(anchor[:, 2, -1] - anchor[:, 2, 0], torch.full((6,), 19.0))
        apart.append((starts[0] != starts[1]).float().mean())
    assert torch.stack(apart).mean() > 0.8


def test_no_segment_is_twice_in_a_batch() -> None:
    assert all(len(set(pairs(silent=True).batch(k)["names"])) == 6 for k in range(30))


def test_each_source_has_its_turn() -> None:
    turns = Counter(pairs().batch(k)["source"] for k in range(400))
    assert turns.keys() == set(STEMS)
    assert min(turns.values()) > 70


def test_without_silence_every_source_sounds() -> None:
    batches = pairs(sources=("vocals",))
    assert all(batches.batch(k)["active"].all() for k in range(20))
    assert {int(name.split("@")[1]) // 50 % 2 for k in range(20) for name in batches.batch(k)["names"]} == {0}


def test_a_fair_coin_decides_whether_silent_segments_take_part() -> None:
    batches = pairs(sources=("vocals",), silent=True)
    some = [not batches.batch(k)["active"].all() for k in range(400)]
    assert np.mean(some) == pytest.approx(0.5, abs=0.08)


def test_silent_positive_is_filled_and_said_to_be_silent() -> None:
    batches = pairs(sources=("vocals",), silent=True, silence=-3.0)
    for k in range(20):
        batch = batches.batch(k)
        silent = ~batch["active"]
        assert (batch["positive"][silent] == -3).all()
        assert not (batch["positive"][~silent] == -3).all()
        assert (batch["anchor"][silent][:, 2, -1] > 0).all()


def test_without_sources_the_positive_is_the_mixture_again() -> None:
    batch = pairs(sources=()).batch(0)
    assert batch["source"] == "mixture"
    assert batch["active"].all()
    assert not batch["positive"][:, 1].any()


def test_masking_changes_both_partners() -> None:
    plain, changed = (
        SourcePairs(log_mels(), segments(length=100), sources=(), batch_size=6, masking=masking)
        for masking in (False, True)
    )
    for part in ("anchor", "positive"):
        unlike = [(plain.batch(k)[part] != changed.batch(k)[part]).flatten(1).any(1) for k in range(10)]
        assert 0.6 < torch.cat(unlike).float().mean() < 1


REFUSED = {
    "masking with sources": ({"masking": True}, r"masking: only mixtures are masked"),
    "an excerpt longer than its segment": ({"length": 51}, r"length: expected at most 50, .* got 51"),
    "more pairs than segments": (
        {"batch_size": 13, "sources": ()},
        r"batch_size: expected at most 12, .* mixture",
    ),
    "more pairs than sound": ({"batch_size": 7}, r"batch_size: expected at most 6, the segments with vocals"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_drawn_is_refused(case: str) -> None:
    values, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        pairs(**values)


def test_pairs_of_audio_for_any_encoder() -> None:
    audio = memory_cache(tracks=4, samples=40_000)
    audio = replace(
        audio,
        material=replace(audio.material, sources=("mixture", "drums")),
        starts=audio.starts[:, :2],
    )
    frames = cut(audio, np.full(4, 248), frames=100)
    batch = SourcePairs(audio, frames.in_samples(), sources=("drums",), batch_size=4, length=8_000).batch(0)
    assert batch["anchor"].shape == batch["positive"].shape == (4, 1, 8_000)


def two_tone(levels: list[float], step: int, spare: int = 0) -> AudioCache:
    """One track whose bass has such a level in each stretch, beside a mixture."""
    bass = np.concatenate([np.full(step, level) for level in levels] + [np.zeros(spare)])
    audio = (np.concatenate([bass, bass]) * 32767).round().astype(np.int16)[:, None]
    cache = memory_cache(1)
    return replace(
        cache,
        material=replace(cache.material, sources=("mixture", "bass")),
        starts=np.array([[0, len(bass)]]),
        lengths=np.array([len(bass)]),
        audio=audio,
    )


def test_source_sounds_where_its_mean_magnitude_is_above_the_threshold() -> None:
    audio = two_tone([0.02, 0.009, -0.02, 0.0], 62_720, spare=240)
    found = cut(audio, np.array([4 * 392]))
    assert found.active["bass"].tolist() == [True, False, True, False]
    assert found.places.tolist() == [[0, 0], [0, 392], [0, 784], [0, 1176]]
    assert found.active.keys() == {"bass"}


def test_published_energies_drift_apart_from_the_segments() -> None:
    levels = [0.02 if turn % 2 else 0.0 for turn in range(60)]
    aligned = cut(two_tone(levels, 62_720), np.array([60 * 392])).active["bass"]
    drifted = cut(two_tone(levels, 62_720), np.array([60 * 392]), energy="published").active["bass"]
    assert aligned.tolist() == [level > 0 for level in levels]
    assert drifted[:10].tolist() == aligned[:10].tolist()
    assert (drifted != aligned).any()
    assert not drifted[-1]  # beyond the end there is nothing
    steady = cut(two_tone(levels, 64_000), np.array([60 * 392]), energy="published").active["bass"]
    assert steady.tolist() == [level > 0 for level in levels]


def test_tracks_shorter_than_a_segment_have_none() -> None:
    cache = memory_cache(2)
    found = cut(cache, np.array([391, 392]))
    assert found.places.tolist() == [[1, 0]]
    with pytest.raises(ValueError, match=r"segment: expected .* 392 frames \(3.92 s\), .* 391"):
        cut(cache, np.array([391, 100]))


def crops(**values: Any) -> LogMelCrops:
    labels = np.eye(TRACKS, dtype=np.float32)
    return LogMelCrops(
        log_mels(), segments(), labels, **({"batch_size": 5, "length": 20, "seed": 0} | values)
    )


def test_crops_carry_their_tracks_labels_and_an_epoch_has_every_segment() -> None:
    batches = crops(batch_size=4)
    seen = []
    for k in range(3):
        batch = batches.batch(k)
        assert torch.equal(batch["label"].argmax(1), batch["picture"][:, 0, 0].long())
        assert not batch["picture"][:, 1].any()
        seen += [(int(p[0, 0]), int(p[2, 0]) // 50) for p in batch["picture"]]
    assert sorted(seen) == [(track, turn) for track in range(TRACKS) for turn in range(4)]


def test_crops_are_drawn_anew_each_epoch() -> None:
    starts = {float(p[2, 0]) for k in range(0, 60, 3) for p in crops(batch_size=4).batch(k)["picture"]}
    assert len(starts) > 30
    with pytest.raises(ValueError, match="length: expected at most 50"):
        crops(length=51)
