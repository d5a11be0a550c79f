"""PitchNet: what it hears stays in its pitch class, and moves with a transposition."""

import pytest
import torch
from torch import Tensor

from stemwise.models import WAVEFORM_ENCODERS
from stemwise.models.pitch_class import FINE, LOWEST, PitchPicture
from synth import scrambled

RATE, WINDOW = 22_050, 3**10


def chord(*pitches: float, samples: int = WINDOW) -> Tensor:
    """Tones of four partials each, by their MIDI numbers."""
    time = torch.arange(samples) / RATE
    hertz = [440 * 2 ** ((pitch - 69) / 12) * partial for pitch in pitches for partial in (1, 2, 3, 4)]
    tones = torch.stack([torch.sin(2 * torch.pi * each * time) for each in hertz])
    return 0.05 * tones.sum(0)[None, None]


@pytest.mark.parametrize("pitch", [40, 57, 69, 90])
def test_tone_is_highest_at_its_pitch(pitch: int) -> None:
    time = torch.arange(WINDOW) / RATE
    tone = torch.sin(2 * torch.pi * 440 * 2 ** ((pitch - 69) / 12) * time)
    rows = PitchPicture()(tone).mean(-1)
    assert rows.argmax() == FINE * (pitch - LOWEST) + FINE // 2  # the middle of its three


@torch.inference_mode()
@pytest.mark.parametrize("up", [1, 5])
def test_transposed_music_is_the_same_vector_turned(up: int) -> None:
    model = scrambled(WAVEFORM_ENCODERS["pitch-net"].build())
    low, high = (
        model(chord(*(pitch + shift for pitch in (60, 64, 67))))[0, :, 0].view(-1, 12) for shift in (0, up)
    )
    turned = torch.stack([low.roll(by, 1) for by in range(12)])
    likeness = torch.cosine_similarity(turned.flatten(1), high.flatten()[None])
    assert likeness.argmax() == up
    assert likeness[up] > 0.95


@torch.inference_mode()
def test_level_does_not_count() -> None:
    picture, tone = PitchPicture(), chord(60)[0, 0]
    torch.testing.assert_close(picture(tone), picture(4 * tone), atol=0.05, rtol=0.02)


def test_frames_are_those_that_it_says() -> None:
    picture = PitchPicture()
    for samples in (2187, 2188, 59_049, 60_000):
        assert picture(torch.zeros(samples)).shape == (216, picture.frames(samples))
