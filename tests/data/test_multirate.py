"""Mixtures at several rates: what is drawn, from where, and how items exchange stems."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stemwise import STEMS
from stemwise.data.cache import AudioCache
from stemwise.data.multirate import Crops, MultiRateBatches
from synth import memory_cache

SAMPLES = 4000


def caches(tracks: int = 3, rates: int = 2, samples: int = 20_000) -> list[AudioCache]:
    """The same songs at rates that double: each sample is held, so that rates can be compared."""
    low = memory_cache(tracks, samples, channels=2)
    made = []
    for number in range(rates):
        material = replace(low.material, sample_rate=8000 << number)
        audio = np.repeat(low.audio, 1 << number, axis=0)
        made.append(
            replace(
                low,
                material=material,
                audio=audio,
                starts=low.starts << number,
                lengths=low.lengths << number,
            )
        )
    return made


def batches(batch_size: int = 6, **options) -> MultiRateBatches:
    return MultiRateBatches(caches(), batch_size=batch_size, samples=SAMPLES, seed=1, crops=Crops(**options))


def test_shapes_are_as_declared() -> None:
    batch = batches().batch(0)
    for number, rate in enumerate((8000, 16_000)):
        assert batch[f"mixture_{rate}"].shape == (6, 1, SAMPLES << number)
        assert batch[f"stems_{rate}"].shape == (6, 4, 1, SAMPLES << number)
    assert batch["active"].shape == (6, 2, 4)
    assert len(batch["names"]) == 6


def test_mixture_is_the_sum_of_the_stems() -> None:
    batch = batches().batch(0)
    torch.testing.assert_close(batch["mixture_16000"], batch["stems_16000"].sum(1))


def test_drawn_once_all_rates_hear_the_same_mixture() -> None:
    batch = batches(draws="once").batch(0)
    torch.testing.assert_close(batch["mixture_16000"][..., ::2], batch["mixture_8000"], atol=1e-3, rtol=1e-3)


def test_published_draws_differ_between_rates() -> None:
    batch = batches(draws="published").batch(0)
    apart = (batch["mixture_16000"][..., ::2] - batch["mixture_8000"]).abs().amax((1, 2))
    assert (apart > 0.05).sum() >= 5


def test_half_of_a_batch_is_of_stems_of_several_excerpts() -> None:
    names = batches(remixed=0.5).batch(3)["names"]
    assert sorted("+" in name for name in names) == [False] * 3 + [True] * 3


def test_remixed_items_exchange_stems_in_turn() -> None:
    data = batches(remixed=0.5)
    whole = {item: data._sources(5, item) for item in range(6)}
    for item in range(3):
        assert [whole[item][s].start for s in range(4)] == [whole[(item + s) % 3][0].start for s in range(4)]
    for item in range(3, 6):
        assert len({place.start for place in whole[item]}) == 1


def test_songs_are_in_units_of_their_mono_mixtures_deviation() -> None:
    cache = caches(1)[0]
    data = MultiRateBatches(
        [cache], batch_size=1, samples=20_000, seed=0, crops=Crops(gains=(1.0, 1.0), remixed=0.0)
    )
    mono = sum(cache.excerpt(0, s, 0, 20_000).mean(0) for s in range(4))
    stems = data.batch(0)["stems_8000"][0, :, 0].numpy()
    for s in range(4):
        sides = cache.excerpt(0, s, 0, 20_000) / mono.std()
        assert min(np.abs(stems[s] - side).max() for side in sides) < 1e-4


def test_rows_are_those_of_the_whole_batch() -> None:
    data = batches()
    whole, part = data.batch(2), data.batch(2, slice(2, 4))
    assert part["names"] == whole["names"][2:4]
    assert torch.equal(part["stems_16000"], whole["stems_16000"][2:4])


def test_another_batch_and_another_seed_are_others() -> None:
    data = batches()
    other = MultiRateBatches(caches(), batch_size=6, samples=SAMPLES, seed=2)
    assert data.batch(0)["names"] != data.batch(1)["names"]
    assert data.batch(0)["names"] != other.batch(0)["names"]


def test_silent_stems_are_not_active() -> None:
    quiet = caches()
    for cache in quiet:
        for track in range(3):
            cache.whole(track, STEMS.index("bass"))[:] = 0
    active = MultiRateBatches(quiet, batch_size=4, samples=SAMPLES, seed=0).batch(0)["active"]
    assert active.all((0, 1)).tolist() == [True, False, True, True]


def test_tracks_shorter_than_an_excerpt_are_not_drawn() -> None:
    made = [replace(c, lengths=np.array([20_000, 3000, 20_000]) << n) for n, c in enumerate(caches())]
    data = MultiRateBatches(made, batch_size=8, samples=SAMPLES, seed=0)
    names = "+".join(name for k in range(5) for name in data.batch(k)["names"])
    assert "song-1@" not in names
    assert "song-2@" in names


BAD = {
    "too long": (
        lambda: MultiRateBatches(caches(), batch_size=2, samples=30_000, seed=0),
        "shorter excerpts",
    ),
    "rates": (
        lambda: MultiRateBatches(caches()[:1] * 2, batch_size=2, samples=100, seed=0),
        "rates that double",
    ),
    "tracks": (
        lambda: MultiRateBatches([caches(2)[0], caches(3)[1]], batch_size=2, samples=100, seed=0),
        "same stems of the same tracks",
    ),
    "gains": (lambda: Crops(gains=(2.0, 1.0)), "gains: expected the lower one first"),
    "remixed": (lambda: Crops(remixed=2.0), "remixed: expected 0 to 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused(case: str) -> None:
    make, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        make()
