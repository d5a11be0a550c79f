"""Augmentations: each row by itself, seeded, as often and as far as said, in order."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stemwise.signal.augment.chain import NUMBERS, STEPS, Augmentation, drawn, drawn_by_seed
from stemwise.signal.augment.filters import high_passed, low_passed
from stemwise.signal.augment.levels import amplified, delayed, inverted, noisy
from stemwise.signal.augment.pitch import pitch_shifted
from stemwise.signal.augment.reverb import reverberated

RATE = 22_050
CHANCES = tuple(field.name for field in fields(Augmentation) if field.name.startswith("p_"))
ALWAYS = Augmentation(**dict.fromkeys(CHANCES, 1.0))


def noise(clips: int, samples: int = 12_000) -> Tensor:
    return 0.1 * torch.randn(clips, samples, generator=torch.Generator().manual_seed(1))


def tone(hz: float, samples: int = 30_000, rate: int = RATE) -> Tensor:
    return (0.5 * torch.sin(2 * torch.pi * hz * torch.arange(samples) / rate))[None]


def strongest_hz(audio: Tensor, rate: int = RATE) -> float:
    spectrum = torch.fft.rfft(audio[0] * torch.hann_window(audio.shape[-1]), 8 * audio.shape[-1]).abs()
    return float(spectrum.argmax()) * rate / (8 * audio.shape[-1])


def loudness(audio: Tensor) -> float:
    return float(audio.square().mean().sqrt())


def draws(clips: int = 8, seed: int = 0) -> Tensor:
    return drawn(clips, torch.Generator().manual_seed(seed))


def test_same_seed_gives_the_same_audio_and_another_seed_another() -> None:
    audio, chain = noise(6), Augmentation()
    first = chain(audio, draws(6), RATE)
    assert torch.equal(first, chain(audio, draws(6), RATE))
    assert not torch.equal(first, chain(audio, draws(6, seed=1), RATE))


@pytest.mark.parametrize("chain", [Augmentation(), ALWAYS], ids=["published", "always"])
def test_clip_does_not_depend_on_the_rest_of_the_batch(chain: Augmentation) -> None:
    audio, numbers = noise(7), draws(7)
    together = chain(audio, numbers, RATE)
    alone = torch.cat([chain(audio[i : i + 1], numbers[i : i + 1], RATE) for i in range(7)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_numbers_by_seed_do_not_depend_on_their_neighbours() -> None:
    together = drawn_by_seed(torch.tensor([5, 6, 7]))
    assert torch.equal(together[1:2], drawn_by_seed(torch.tensor([6])))
    assert not torch.equal(together[0], together[1])


def test_batch_that_comes_in_is_left_as_it_is() -> None:
    audio = noise(4)
    before = audio.clone()
    ALWAYS(audio, draws(4), RATE)
    assert torch.equal(audio, before)


def test_nothing_is_done_where_nothing_is_taken() -> None:
    chain = Augmentation(**dict.fromkeys(CHANCES, 0.0))
    audio = noise(4)
    assert torch.equal(chain(audio, draws(4), RATE), audio)


def test_steps_are_taken_as_often_as_said_and_independently() -> None:
    clips, chain = 20_000, Augmentation()
    taken = chain.taken(draws(clips))
    for name in STEPS:
        chance = getattr(chain, f"p_{name}")
        deviation = (chance * (1 - chance) / clips) ** 0.5
        assert taken[name].double().mean() == pytest.approx(chance, abs=4 * deviation)
    both = (taken["pitch"] & taken["reverb"]).double().mean()
    assert both == pytest.approx(0.36, abs=4 * (0.36 * 0.64 / clips) ** 0.5)


def only(step: str, **settings: Any) -> Augmentation:
    return Augmentation(**(dict.fromkeys(CHANCES, 0.0) | {f"p_{step}": 1.0} | settings))


def test_delays_are_six_and_each_as_likely() -> None:
    impulse = torch.zeros(600, 12_000)
    impulse[:, 0] = 1
    echo = only("delay")(impulse, draws(600), RATE)[:, 1:].argmax(dim=1) + 1
    found, counts = echo.unique(return_counts=True)
    assert found.tolist() == [int(ms * RATE / 1000) for ms in range(200, 451, 50)]
    assert counts.min() > 60


def test_gains_lie_in_their_range() -> None:
    audio = torch.full((500, 4), 0.5)
    gain = 20 * torch.log10(only("gain")(audio, draws(500), RATE)[:, 0] / 0.5)
    assert -20 <= gain.min() < -19.5
    assert -1.5 < gain.max() <= -1


def test_pitch_shifts_are_whole_cents_of_their_range() -> None:
    octaves = only("pitch", pitch_cents=(-1200, 1200), pitch_step_cents=1200)
    out = octaves(tone(440).repeat(12, 1), draws(12), RATE)
    assert {round(strongest_hz(row[None]) / 220) for row in out} == {1, 2, 4}


def test_every_number_that_is_drawn_has_a_use_of_its_own() -> None:
    audio, numbers = noise(1), torch.full((1, NUMBERS), 0.5, dtype=torch.float64)
    before, changed = ALWAYS(audio, numbers, RATE), []
    for i in range(len(STEPS), NUMBERS):
        other = numbers.clone()
        other[0, i] = 0.1
        changed.append(not torch.equal(ALWAYS(audio, other, RATE), before))
    assert changed == [True] * 10 + [False] * (NUMBERS - len(STEPS) - 10)


def test_steps_follow_each_other_in_the_published_order() -> None:
    chain = Augmentation(
        **dict.fromkeys(CHANCES, 1.0),
        noise_share=(0.01, 0.01),
        gain_db=(-6.0, -6.0),
        high_pass_hz=(500.0, 500.0),
        low_pass_hz=(3000.0, 3000.0),
        delay_ms=(200, 200),
        pitch_cents=(300, 300),
        reverb=(40, 40),
    )
    audio, numbers = noise(1), draws(1)
    quiet = Augmentation(**dict.fromkeys(CHANCES, 0.0) | {"p_noise": 1.0, "noise_share": (0.01, 0.01)})
    x = quiet(inverted(audio), numbers, RATE)
    x = amplified(x, torch.tensor([-6.0]))
    high = float(numbers[0, len(STEPS) + 3]) < 0.5
    hz = torch.tensor([500.0 if high else 3000.0])
    x = high_passed(x, hz, RATE) if high else low_passed(x, hz, RATE)
    x = delayed(x, torch.tensor([4410]))
    x = pitch_shifted(x, torch.tensor([300]), RATE)
    x = reverberated(x, *(torch.tensor([40]),) * 3, RATE)
    torch.testing.assert_close(chain(audio, numbers, RATE), x, atol=1e-6, rtol=0)


def test_noise_is_a_share_of_the_clips_own_level() -> None:
    audio = noise(2) * torch.tensor([[1.0], [5.0]])
    added = noisy(audio, torch.tensor([0.01, 0.1]), torch.randn(2, 12_000)) - audio
    share = added.std(dim=1) / audio.std(dim=1)
    torch.testing.assert_close(share, torch.tensor([0.01, 0.1]), rtol=0.05, atol=0)


@pytest.mark.parametrize(("hz", "passes_low", "passes_high"), [(300, True, False), (6000, False, True)])
def test_filters_part_low_from_high(hz: float, passes_low: bool, passes_high: bool) -> None:
    clip, cutoff = tone(hz), torch.tensor([1200.0])
    for act, passes in ((low_passed, passes_low), (high_passed, passes_high)):
        level = loudness(act(clip, cutoff, RATE)[:, 2000:-2000]) / loudness(clip)
        assert level == pytest.approx(1, abs=0.02) if passes else level < 0.02


@pytest.mark.parametrize("cents", [-1200, -700, -50, 50, 333, 1200])
@pytest.mark.parametrize(("samples", "rate"), [(30_000, RATE), (16_411, 16_000)])
def test_pitch_moves_and_length_and_level_stay(cents: int, samples: int, rate: int) -> None:
    clip = tone(440, samples, rate)
    out = pitch_shifted(clip, torch.tensor([cents]), rate)
    assert out.shape == clip.shape
    assert strongest_hz(out, rate) == pytest.approx(440 * 2 ** (cents / 1200), rel=1e-3)
    assert loudness(out) == pytest.approx(loudness(clip), rel=0.03)


def test_no_shift_leaves_a_clip_as_it_is() -> None:
    audio = noise(2)
    out = pitch_shifted(audio, torch.tensor([0, 100]), RATE)
    assert torch.equal(out[0], audio[0])
    assert not torch.equal(out[1], audio[1])


def test_shift_of_more_than_an_octave_is_refused() -> None:
    with pytest.raises(ValueError, match="cents: expected -1200 to 1200, got"):
        pitch_shifted(noise(1), torch.tensor([1201]), RATE)


def reverb_of(audio: Tensor, ring: int, damping: int = 20, room: int = 80) -> Tensor:
    numbers = (torch.full((len(audio),), number) for number in (ring, damping, room))
    return reverberated(audio, *numbers, RATE)


def test_reverb_is_linear_causal_and_silent_on_silence() -> None:
    audio, later = noise(2, 20_000), torch.zeros(2, 20_000)
    later[:, 10_000:] = audio[:, :10_000]
    assert not reverb_of(torch.zeros(1, 20_000), 50).any()
    torch.testing.assert_close(reverb_of(audio * 0.5, 50), reverb_of(audio, 50) * 0.5, atol=1e-6, rtol=0)
    shifted = reverb_of(later, 50)
    torch.testing.assert_close(shifted[:, 10_000:], reverb_of(audio, 50)[:, :10_000], atol=1e-5, rtol=0)
    assert shifted[:, :10_000].abs().max() < 1e-6


def test_more_reverberance_rings_longer() -> None:
    impulse = torch.zeros(1, 59_049)
    impulse[:, 0] = 1
    late = [loudness(reverb_of(impulse, ring)[:, 20_000:]) for ring in (0, 50, 99)]
    assert late[0] < late[1] / 10 < late[2] / 100


def test_nothing_exceeds_full_scale_behind_gain_pitch_and_reverb() -> None:
    loud = 20 * noise(2)
    for out in (reverb_of(loud, 99), pitch_shifted(loud, torch.tensor([5, 6]), RATE)):
        assert out.abs().max() == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"p_pitch": 1.1}, "p_pitch: expected 0 to 1, got 1.1"),
        ({"gain_db": (-1.0, -20.0)}, "gain_db: expected the lower one first"),
        ({"pitch_step_cents": 0}, "pitch_step_cents: expected at least 1, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmentation(**settings)


def test_all_finite_on_silence_and_clicks() -> None:
    audio = torch.zeros(3, 59_049)
    audio[1, 100], audio[2] = 1.0, 1.0
    assert np.isfinite(ALWAYS(audio, draws(3), RATE).numpy()).all()
