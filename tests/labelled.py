"""A small labelled set on disk whose answers are known: cadences in a key, noise that tells the genre."""

import json
from pathlib import Path

import numpy as np
import soundfile

from stemwise import STEMS

RATE = 22_050
GENRES = ("hissing", "rumbling")
TONICS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
CADENCES = {"major": ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7))}
CADENCES["minor"] = ((0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7))


def cadence(tonic: int, mode: str, seconds: float = 2.0, detune: float = 0.0) -> np.ndarray:
    """Four chords, each partial with an overtone an octave above: (1, samples)."""
    time = np.arange(round(seconds * RATE / 4)) / RATE
    chords = [
        sum(
            np.sin(2 * np.pi * time * over * 261.63 * 2 ** ((tonic + step + detune) / 12)) / over
            for step in chord
            for over in (1, 2)
        )
        for chord in CADENCES[mode]
    ]
    return 0.05 * np.concatenate(chords)[None]


def noise(low: float, high: float, samples: int, draw: np.random.Generator) -> np.ndarray:
    """Noise between two frequencies: (1, samples)."""
    hertz = np.fft.rfftfreq(samples, 1 / RATE)
    spectrum = np.fft.rfft(draw.normal(size=samples)) * ((hertz > low) & (hertz < high))
    found = np.fft.irfft(spectrum, samples)
    return 0.05 * found[None] / found.std()


def labelled_set(root: Path, train: int = 24, test: int = 16) -> Path:
    """Write a set in which the noise's band tells the genre, the chords the key, and nothing the mood."""
    draw = np.random.default_rng(0)
    for split, count in (("train", train), ("test", test)):
        for number in range(count):
            _track(root / split / f"{split} {number:02}", split, number, draw)
    return root


def _track(folder: Path, split: str, number: int, draw: np.random.Generator) -> None:
    genre, tonic, mode = GENRES[number % 2], int(draw.integers(12)), ("major", "minor")[number // 2 % 2]
    other = cadence(tonic, mode)
    samples = other.shape[1]
    band = (5000, 10_000) if genre == "hissing" else (20, 120)
    stems = {
        "drums": noise(*band, samples, draw),
        "bass": 0.05 * np.sin(2 * np.pi * np.arange(samples) * 65.4 / RATE)[None],
        "other": other,
        "vocals": noise(2500, 4000, samples, draw) * (number % 3 > 0),
    }
    folder.mkdir(parents=True)
    for name, audio in {**stems, "mixture": sum(stems[stem] for stem in STEMS)}.items():
        soundfile.write(folder / f"{name}.wav", np.repeat(audio, 2, axis=0).T, RATE, subtype="FLOAT")
    voice = f"{split} voice" if number % 3 else None
    labels = {
        "genre": genre,
        "key": f"{TONICS[tonic]} {mode}",
        "mode": mode,
        "mood": str(draw.choice(["calm", "tense"])),
        "tempo": 100.0 + number,
        "vocals": voice is not None,
        "voice": voice,
        "instruments": ["drums", "bass", *(["voice"] if voice else [])],
        "presets": [
            {"stem": "drums", "family": "kit", "bank": 128, "program": 8},
            {"stem": "other", "family": "piano", "bank": 0, "program": 1 + (split == "test")},
        ],
        "chords": [[0.0, "C"], [0.5, "F"], [1.0, "G"], [1.5, "C"]],
        "split": split,
    }
    (folder / "labels.json").write_text(json.dumps(labels))
