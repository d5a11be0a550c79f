"""CLMR's augmentations give what the original code gives; pitch and reverb what SoX gives, very nearly."""

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from recipes import noise_waves
from torch import Tensor
from vector_files import vector

from stemwise.signal.augment.filters import high_passed, low_passed
from stemwise.signal.augment.levels import amplified, delayed, inverted
from stemwise.signal.augment.pitch import pitch_shifted
from stemwise.signal.augment.reverb import reverberated

SAMPLE_RATE, SAMPLES = 22_050, 59_049
REFERENCE = np.load(vector("tune/augment.npz"))
SOX = np.load(vector("tune/sox_ref.npz"))
CASES = sorted({key.rsplit(":", 1)[0] for key in REFERENCE.files})
SHIFTS = [key for key in SOX.files if key.startswith("pitch") and key.endswith(":env")]
ROOMS = [key for key in SOX.files if key.startswith("reverb") and key.endswith(":env")]

ACTS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "input": lambda x, _: x,
    "polarity": lambda x, _: inverted(x),
    "delay": lambda x, ms: delayed(x, torch.tensor([int(ms * SAMPLE_RATE / 1000)])),
    "highpass": lambda x, hz: high_passed(x, torch.tensor([hz]), SAMPLE_RATE),
    "lowpass": lambda x, hz: low_passed(x, torch.tensor([hz]), SAMPLE_RATE),
    "gain": lambda x, db: amplified(x, torch.tensor([db])),
}


@pytest.mark.parametrize("case", CASES)
def test_filters_gain_delay_and_polarity_are_the_originals(case: str) -> None:
    seed, name, number, times = re.fullmatch(r"s(\d+):([a-z]+)(-?\d+)?(?:_of_(\d+)x)?", case).groups()
    audio = torch.from_numpy(noise_waves(int(seed))[0]) * float(times or 1)
    out = ACTS[name](audio, float(number or 0))[0].numpy()
    for part, found in (("first256", out[:256]), ("last256", out[-256:]), ("every61", out[::61])):
        np.testing.assert_allclose(found, REFERENCE[f"{case}:{part}"], atol=2e-7, rtol=0)
    assert np.sqrt(np.mean(out.astype(float) ** 2)) == pytest.approx(REFERENCE[f"{case}:rms"], rel=1e-6)


def sound(name: str) -> Tensor:
    """What SoX was given: two tones, noise, an impulse."""
    time = np.arange(SAMPLES) / SAMPLE_RATE
    tone = 0.25 * np.sin(2 * np.pi * 440 * time) + 0.15 * np.sin(2 * np.pi * 1320 * time)
    impulse = np.zeros(SAMPLES)
    impulse[100] = 0.5
    sounds = {"tone": tone, "noise": noise_waves(0)[0, 0], "impulse": impulse}
    return torch.from_numpy(sounds[name].astype(np.float32))[None]


def bands(audio: np.ndarray) -> np.ndarray:
    """Energies of forty bands from 40 Hz to the top."""
    energy = np.abs(np.fft.rfft(audio.astype(float))) ** 2
    hz = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    edges = np.geomspace(40, SAMPLE_RATE / 2, 41)
    return np.array([energy[(hz >= low) & (hz < high)].sum() for low, high in pairwise(edges)])


def envelope(audio: np.ndarray) -> np.ndarray:
    return np.sqrt((audio.astype(float).reshape(81, 729) ** 2).mean(1))


def decibels(found: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Differences of amplitudes where the reference is less than 40 dB below its largest."""
    heard = reference > 1e-2 * reference.max()
    return 20 * np.log10(found[heard] / reference[heard])


@pytest.mark.parametrize("key", ROOMS)
def test_reverb_is_soxs_sample_by_sample(key: str) -> None:
    case = key.removesuffix(":env")
    ring, damping, room, name = re.fullmatch(r"reverb(\d+)_(\d+)_(\d+):(\w+)", case).groups()
    settings = [torch.tensor([int(number)]) for number in (ring, damping, room)]
    out = reverberated(sound(name), *settings, SAMPLE_RATE)[0].numpy()
    tolerance = 1e-5 if name == "noise" else 1e-6
    for part, found in (("first512", out[:512]), ("first12000", out[:12_000]), ("every61", out[::61])):
        if f"{case}:{part}" in SOX:
            np.testing.assert_allclose(found, SOX[f"{case}:{part}"], atol=tolerance, rtol=0)
    np.testing.assert_allclose(envelope(out), SOX[key], atol=tolerance, rtol=0)
    assert np.abs(decibels(bands(out) ** 0.5, SOX[f"{case}:bands"] ** 0.5)).max() < 0.01


@pytest.mark.parametrize("key", SHIFTS)
def test_pitch_shift_is_soxs_by_spectrum_envelope_and_waveform(key: str) -> None:
    case = key.removesuffix(":env")
    cents, name = re.fullmatch(r"pitch(-?\d+):(\w+)", case).groups()
    out = pitch_shifted(sound(name), torch.tensor([int(cents)]), SAMPLE_RATE)[0].numpy()
    assert out.shape == (SAMPLES,)
    assert np.abs(decibels(envelope(out), SOX[key])).max() < 0.1
    assert np.abs(decibels(bands(out) ** 0.5, SOX[f"{case}:bands"] ** 0.5)).max() < 0.5
    assert np.corrcoef(out[:512], SOX[f"{case}:first512"])[0, 1] > 0.9999
    every = SOX[f"{case}:every61"]  # a fraction of a sample late towards the end
    assert np.corrcoef(out[::61][: len(every)], every)[0, 1] > 0.9
