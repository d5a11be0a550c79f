"""What the singer and the sampler sound like, by numbers."""

import dataclasses

import numpy as np
import pytest

from stemwise.data.rendered.lyrics import Syllable
from stemwise.data.rendered.sampler import Note, play
from stemwise.data.rendered.singer import sing
from stemwise.data.rendered.soundfont import default_soundfont, open_soundfont
from stemwise.data.rendered.voices import VOICES


def fundamental_cents(audio: np.ndarray, pitch: int) -> float:
    """Deviation from a MIDI pitch, by the comb of harmonics that gathers most, within an octave."""
    size = 2**19
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), size))
    cents = np.arange(-1100, 1101)
    bins = 440 * 2 ** ((pitch - 69 + cents / 100) / 12) * size / 44_100
    numbers = np.arange(len(spectrum))
    score = sum(
        np.interp(k * bins, numbers, spectrum) - np.interp((k - 0.5) * bins, numbers, spectrum)
        for k in range(1, 6)
    )
    return float(cents[np.argmax(score)])


@pytest.mark.parametrize("name", sorted(VOICES))
def test_a_held_note_is_in_tune(name: str) -> None:
    voice = dataclasses.replace(VOICES[name], vibrato_cents=0.0)
    pitch = (voice.lowest + voice.highest) // 2
    note = Syllable(start_s=0.2, end_s=1.7, pitch=pitch, consonant="m", vowel="a", loudness=1.0)
    audio = sing(voice, [note], 88_200, np.random.default_rng(1))
    assert np.isfinite(audio).all() and 0.01 < np.abs(audio).max() < 2
    assert abs(fundamental_cents(audio[17_640:70_560], pitch)) < 20


def test_vowels_differ_and_rests_are_silent() -> None:
    def spectrum(vowel: str) -> np.ndarray:
        note = Syllable(start_s=0.1, end_s=0.9, pitch=48, consonant="", vowel=vowel, loudness=1.0)
        audio = sing(VOICES["birch"], [note], 88_200, np.random.default_rng(1))
        assert np.abs(audio[57_330:]).max() < 1e-4
        return np.abs(np.fft.rfft(audio[8_820:35_280]))

    frequency = np.fft.rfftfreq(26_460, 1 / 44_100)

    def brightness(vowel: str) -> float:
        power = spectrum(vowel) ** 2
        high, low = (power[(frequency > a) & (frequency < b)].sum() for a, b in ((1800, 2700), (700, 1300)))
        return float(high / low)

    assert brightness("i") > 10 * brightness("a")
    assert brightness("e") > 3 * brightness("o")


@pytest.mark.parametrize(("program", "pitch"), [(0, 60), (4, 67), (24, 52), (36, 36), (48, 64), (73, 72)])
def test_presets_are_in_tune(program: int, pitch: int) -> None:
    font = open_soundfont(default_soundfont())
    notes = [Note(start_s=0.0, duration_s=1.2, pitch=pitch, velocity=90)]
    audio = play(font, 0, program, notes, 52_920)
    assert abs(fundamental_cents(audio.mean(0)[4_410:48_510], pitch)) < 20


def test_a_note_ends() -> None:
    font = open_soundfont(default_soundfont())
    audio = play(font, 0, 48, [Note(start_s=0.5, duration_s=0.5, pitch=60, velocity=90)], 132_300)
    assert not audio[:, :22_050].any() and audio[:, 30_000].any() and not audio[:, 90_000:].any()


def test_a_missing_preset_is_an_error() -> None:
    with pytest.raises(ValueError, match="no preset 200"):
        play(open_soundfont(default_soundfont()), 0, 200, [], 100)
