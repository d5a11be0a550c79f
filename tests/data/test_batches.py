"""Batches of training data: batch k is a pure function of (seed, k)."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from stemwise.data.audible import AUDIBLE, audible_places
from stemwise.data.cache import AudioCache
from stemwise.data.clips import ArrayBatches, CropBatches, Picked, epoch_rows
from stemwise.data.decoding import FULL_SCALE
from stemwise.data.mixing import Remix, RemixBatches
from stemwise.interfaces import Batches
from synth import memory_cache

SAMPLES = 4000


def remix(seed: int = 0, **given: Any) -> RemixBatches:
    return RemixBatches(
        **({"cache": memory_cache(), "batch_size": 3, "samples": SAMPLES, "seed": seed} | given)
    )


def crops(seed: int = 0) -> CropBatches:
    labels = np.eye(3, 5)
    return CropBatches(memory_cache(sources=1), labels, batch_size=2, samples=SAMPLES, seed=seed)


def arrays(seed: int = 0) -> ArrayBatches:
    rows = torch.arange(7.0)
    return ArrayBatches({"picture": rows[:, None], "label": -rows[:, None]}, batch_size=3, seed=seed)


kinds = pytest.mark.parametrize("make", [remix, crops, arrays])


@kinds
def test_batch_does_not_depend_on_those_before(make: Callable[..., Batches]) -> None:
    used, fresh = make(), make()
    for k in range(5):
        used.batch(k)
    again, anew = used.batch(2), fresh.batch(2)
    assert again["names"] == anew["names"]
    assert all(torch.equal(v, anew[k]) for k, v in again.items() if isinstance(v, torch.Tensor))


@kinds
def test_batch_does_not_depend_on_global_random_numbers(make: Callable[..., Batches]) -> None:
    np.random.seed(1)  # noqa: NPY002
    first = make().batch(0)
    np.random.seed(2)  # noqa: NPY002
    second = make().batch(0)
    assert all(torch.equal(v, second[k]) for k, v in first.items() if isinstance(v, torch.Tensor))


@kinds
def test_rows_of_a_batch_are_the_same_whichever_are_asked_for(make: Callable[..., Batches]) -> None:
    whole, part = make().batch(3), make().batch(3, slice(1, None))
    assert part["names"] == whole["names"][1:]
    assert all(torch.equal(v[1:], part[k]) for k, v in whole.items() if isinstance(v, torch.Tensor))


@kinds
def test_batches_differ(make: Callable[..., Batches]) -> None:
    assert make().batch(0)["names"] != make().batch(1)["names"]


@kinds
def test_seeds_differ(make: Callable[..., Batches]) -> None:
    assert [make(0).batch(k)["names"] for k in range(4)] != [make(1).batch(k)["names"] for k in range(4)]


@kinds
def test_there_is_a_name_for_every_row(make: Callable[..., Batches]) -> None:
    batch = make().batch(0)
    assert {len(value) for value in batch.values()} == {len(batch["names"])}


@pytest.mark.parametrize("rows", [1, 5, 7, 16])
@pytest.mark.parametrize("batch_size", [1, 3, 7, 20])
def test_every_row_comes_once_per_epoch(rows: int, batch_size: int) -> None:
    batches = -(-3 * rows // batch_size)
    line = np.concatenate([epoch_rows(rows, batch_size, 0, k) for k in range(batches)])
    for epoch in range(3):
        assert Counter(line[epoch * rows : (epoch + 1) * rows]) == Counter(range(rows))


def test_epochs_have_orders_of_their_own() -> None:
    assert epoch_rows(50, 50, 0, 0).tolist() != epoch_rows(50, 50, 0, 1).tolist()


def test_arrays_rows_stay_together() -> None:
    batch = arrays().batch(1)
    assert torch.equal(batch["picture"], -batch["label"])
    assert batch["names"] == [str(int(row)) for row in batch["picture"][:, 0]]


def test_crop_is_a_stretch_of_the_clip_that_is_named() -> None:
    data = crops()
    batch = data.batch(0)
    for name, crop, label in zip(batch["names"], batch["audio"], batch["label"], strict=True):
        row = data.cache.names.index(name)
        whole = data.cache.excerpt(row, 0, 0, data.cache.samples(row))[0]
        stretches = np.lib.stride_tricks.sliding_window_view(whole, SAMPLES)
        assert (stretches == crop[0].numpy()).all(1).any()
        assert label.argmax() == row


def test_clip_shorter_than_a_crop_is_filled_with_silence() -> None:
    cache = memory_cache(samples=SAMPLES - 1000, sources=1)
    data = CropBatches(cache, np.eye(3), batch_size=3, samples=SAMPLES, seed=0)
    audio = data.batch(0)["audio"]
    assert audio[..., : SAMPLES - 1000].abs().amax(-1).min() > 0
    assert not audio[..., SAMPLES - 1000 :].any()


def test_stems_sum_to_the_mixture() -> None:
    batch = remix().batch(0)
    assert torch.equal(batch["stems"].sum(1), batch["mixture"])


def test_remixed_batch_has_the_declared_axes() -> None:
    batch = remix().batch(0)
    assert batch["stems"].shape == (3, 4, 1, SAMPLES)
    assert batch["mixture"].shape == (3, 1, SAMPLES)
    assert batch["active"].shape == (3, 4)


def test_stems_of_a_mixture_come_from_several_songs() -> None:
    songs = {part.split("@")[0] for name in remix().batch(0)["names"] for part in name.split("+")[:4]}
    assert songs == {"song-0", "song-1", "song-2"}


def with_stem(cache: AudioCache, source: int, samples: slice, value: int) -> AudioCache:
    """The cache with a stretch of one stem of every song overwritten."""
    audio = cache.audio.copy()
    for track in range(len(cache.tracks)):
        start = int(cache.starts[track, source])
        audio[start : start + cache.samples(track)][samples] = value
    return replace(cache, audio=audio)


def test_only_audible_excerpts_are_taken() -> None:
    cache = with_stem(memory_cache(), 3, slice(0, 30_000), 0)
    batches = remix(cache=cache, remix=Remix(gains_db=(0.0, 0.0)))
    levels = torch.cat([batches.batch(k)["stems"].square().mean((2, 3)).sqrt() for k in range(20)])
    assert levels.min() > 0.9 * AUDIBLE


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [4000, 4001, 4003, 39_999, 40_000, 50_000])
def test_audible_places_are_those_above_the_level(samples: int, channels: int) -> None:
    cache = with_stem(memory_cache(tracks=2, channels=channels), 3, slice(5_000, 33_000), 3)
    expected = []
    for track in range(2):
        for start in range(0, max(0, 40_000 - samples) + 1, samples // 4):
            excerpt = cache.excerpt(track, 3, start, samples).astype(np.float64)
            if np.sqrt(np.square(excerpt).mean()) > AUDIBLE:
                expected.append([track, start])
    assert len(expected) > 0
    assert audible_places(cache, 3, samples).tolist() == expected


def test_stem_that_is_never_heard_is_an_error_that_names_it() -> None:
    cache = with_stem(memory_cache(), 3, slice(None), 1)
    with pytest.raises(ValueError, match="vocals: expected audible excerpts of 4000 samples"):
        remix(cache=cache)


def test_gains_stay_in_their_range() -> None:
    cache = memory_cache()
    full = np.full_like(cache.audio, 16_384)
    batches = remix(cache=replace(cache, audio=full), remix=Remix(gains_db=(-6.0, 4.0)))
    levels = torch.cat([batches.batch(k)["stems"].abs().amax((2, 3)).flatten() for k in range(20)])
    gains = 20 * (levels / (16_384 / FULL_SCALE)).log10()
    assert gains.min() > -6.01
    assert gains.max() < 4.01
    assert gains.max() - gains.min() > 8


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_share_of_the_stems_is_turned_over(share: float) -> None:
    cache = memory_cache()
    full = replace(cache, audio=np.full_like(cache.audio, 16_384))
    batches = remix(cache=full, remix=Remix(p_polarity=share))
    down = torch.cat([(batches.batch(k)["stems"][..., 0] < 0).flatten() for k in range(40)])
    assert abs(down.float().mean() - share) < 0.1


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_share_of_the_stems_changes_sides(share: float) -> None:
    cache = memory_cache(channels=2)
    left = replace(cache, audio=np.tile(np.array([16_384, 0], np.int16), (len(cache.audio), 1)))
    batches = remix(cache=left, remix=Remix(p_swap=share))
    stems = torch.cat([batches.batch(k)["stems"] for k in range(40)])  # b s c t
    assert ((stems[:, :, 0, 0] == 0) != (stems[:, :, 1, 0] == 0)).all()
    assert abs((stems[:, :, 0, 0] == 0).float().mean() - share) < 0.1


def test_stereo_stems_sum_to_a_stereo_mixture() -> None:
    batch = remix(cache=memory_cache(channels=2)).batch(0)
    assert batch["stems"].shape == (3, 4, 2, SAMPLES)
    assert torch.equal(batch["stems"].sum(1), batch["mixture"])


def test_targets_are_some_of_the_stems_and_the_mixture_is_of_all() -> None:
    whole, part = remix().batch(0), remix(targets=("vocals", "bass")).batch(0)
    assert torch.equal(part["stems"], whole["stems"][:, [3, 1]])
    assert torch.equal(part["mixture"], whole["mixture"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gains_db": (4.0, -6.0)}, "gains_db: expected the lower one first"),
        ({"p_swap": 1.5}, "p_swap: expected 0 to 1, got 1.5"),
        ({"p_polarity": -0.1}, "p_polarity: expected 0 to 1"),
    ],
)
def test_impossible_remixes_are_errors(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Remix(**settings)


@kinds
def test_card_is_plain_and_says_how_much_there_is(make: Callable[..., Batches]) -> None:
    card = make().card()
    assert json.loads(json.dumps(card)) == card
    assert card.get("tracks", card.get("rows")) in (3, 7)


def test_card_of_mixtures_names_data_and_remix() -> None:
    card = remix().card()
    assert card["sources"] == ["drums", "bass", "other", "vocals"]
    assert card["sample_rate"] == 16_000
    assert card["remix"] == {"gains_db": [-6.0, 4.0], "p_polarity": 0.5, "p_swap": 0.5}
    assert card["digest"] == "in memory"


def test_picked_rows_are_those_of_the_array() -> None:
    array = np.arange(20, dtype=np.float16).reshape(10, 2)
    picked = Picked(array, np.array([7, 1, 3]))
    assert len(picked) == 3
    assert picked[torch.tensor([2, 0])].tolist() == array[[3, 7]].tolist()


def test_masks_of_activity_say_which_stems_sound() -> None:
    assert remix().batch(0)["active"].all()
