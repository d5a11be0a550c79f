"""Small things to test with: sounds, folders of stems in MUSDB18-HQ's layout, tiny networks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from stemwise import STEMS
from stemwise.data.cache import AudioCache
from stemwise.data.decoding import FULL_SCALE
from stemwise.data.material import Material
from stemwise.data.tracks import Track
from stemwise.models import CLASSIFIERS, SEPARATORS, Config, WaveformConfig
from stemwise.models.joint import JointClassifier
from stemwise.models.meta_tasnet import MetaTasNetConfig
from stemwise.models.mscol import MscolClassifierConfig, MscolConfig
from stemwise.models.pitch_class import PitchNetConfig
from stemwise.models.sample_cnn import SampleCNNConfig
from stemwise.models.tail import TailClassifier, TailConfig
from stemwise.models.tune import TuneConfig
from stemwise.models.unet import UNetConfig, UNetSeparator

CLASSES = ("piano", "loud", "slow")


def noise(channels: int, samples: int, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """White noise (c, t)."""
    draw = np.random.default_rng(seed)
    return (level * draw.standard_normal((channels, samples))).astype(np.float32)


def tone(hz: float, samples: int, sample_rate: int, level: float = 0.2) -> np.ndarray:
    """A sine (t,)."""
    return (level * np.sin(2 * np.pi * hz * np.arange(samples) / sample_rate)).astype(np.float32)


def song(samples: int, sample_rate: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Four stems (s, c, t): clicks, a low tone, a chord, vibrato; each channel louder than the last."""
    draw = np.random.default_rng(seed)
    t = np.arange(samples) / sample_rate
    pitch = 2.0 ** draw.uniform(0, 1)
    click = np.exp(-40 * (t % 0.25)) * draw.standard_normal(samples)
    chord = sum(np.sin(2 * np.pi * 220 * pitch * ratio * t) for ratio in (1, 1.25, 1.5))
    sung = np.sin(2 * np.pi * 440 * pitch * t + 3 * np.sin(2 * np.pi * 5 * t))
    stems = np.stack([0.2 * click, 0.15 * np.sin(2 * np.pi * 55 * pitch * t), 0.05 * chord, 0.15 * sung])
    return (stems[:, None] * np.linspace(0.7, 1, channels)[:, None]).astype(np.float32)


def labels(row: int) -> dict[str, Any]:
    """Labels as a rendered track has them; three tracks in a row differ."""
    turn = row % 3
    return {
        "genre": ("rock", "jazz", "house")[turn],
        "key": ("C major", "A minor", "Eb major")[turn],
        "tempo_class": ("slow", "medium", "fast")[turn],
        "mood": ("happy", "sad", "calm")[turn],
        "arousal": (0.9, 0.25, 0.125)[turn],
        "valence": (0.75, 0.25, 0.9)[turn],
        "instruments": [["piano"], ["guitar", "strings"], ["organ"]][turn],
        "vocals": row % 2 == 0,
    }


def stem_tree(
    root: Path,
    splits: Mapping[str, int] = {"train": 2, "valid": 1, "test": 1},
    *,
    samples: int = 16_000,
    sample_rate: int = 16_000,
    channels: int = 1,
) -> Path:
    """Write a set in MUSDB18-HQ's layout, 16-bit wav, with labels.json beside the audio."""
    row = 0
    for split, count in splits.items():
        for _ in range(count):
            folder = root / split / f"track-{row}"
            folder.mkdir(parents=True)
            stems = song(samples, sample_rate, channels, seed=row)
            write_stems(folder, stems, sample_rate)
            (folder / "labels.json").write_text(json.dumps(labels(row)))
            row += 1
    return root


def write_stems(folder: Path, stems: np.ndarray, sample_rate: int) -> None:
    """Write four stems and their sum."""
    for name, audio in zip((*STEMS, "mixture"), (*stems, stems.sum(0)), strict=True):
        soundfile.write(folder / f"{name}.wav", audio.T, sample_rate, subtype="PCM_16")


def memory_cache(tracks: int = 3, samples: int = 40_000, sources: int = 4, channels: int = 1) -> AudioCache:
    """A cache of songs at 16 kHz that lies in memory; with one source, that is the mixture."""
    songs = np.stack([song(samples, 16_000, channels, seed=seed) for seed in range(tracks)])  # n s c t
    rows = songs if sources == len(STEMS) else songs.sum(1, keepdims=True)
    names = STEMS if sources == len(STEMS) else ("mixture",)
    frames = (rows.clip(-1, 1) * FULL_SCALE).round().astype(np.int16).transpose(0, 1, 3, 2)
    return AudioCache(
        tracks=tuple(Track(name=f"song-{n}", split="train", mixture=Path()) for n in range(tracks)),
        material=Material(sources=names, sample_rate=16_000, channels=channels),
        starts=np.arange(tracks * len(names)).reshape(tracks, -1) * samples,
        lengths=np.full(tracks, samples),
        audio=frames.reshape(-1, channels),
        digest="in memory",
    )


def cut(audio: np.ndarray, lengths: Sequence[int]) -> Iterator[np.ndarray]:
    """Cut audio (c, t) into blocks of these lengths, over and over."""
    at, turn = 0, 0
    while at < audio.shape[1]:
        yield audio[:, at : at + lengths[turn % len(lengths)]]
        at, turn = at + lengths[turn % len(lengths)], turn + 1


def tiny(config: Config) -> Any:
    """A config with the same settings, classes where it can have some, and few channels per layer."""
    if isinstance(config, TuneConfig | SampleCNNConfig | PitchNetConfig):
        return replace(tiny_encoder(config), classes=CLASSES)
    if isinstance(config, MscolConfig | MscolClassifierConfig):
        own = {"size": 6} if isinstance(config, MscolConfig) else {"classes": CLASSES}
        sizes = {"widths": (4,) * 9, "repeats": (1, 2, 1, 1, 1, 1, 1), "expansion": 2}
        return replace(config, divisor=1.0, **sizes, **own)  # by 255, so few channels would hear nothing
    if isinstance(config, MetaTasNetConfig):
        few = {"latent": 16, "width_tcn": 8, "hidden": 8, "bands": 4, "layers": 2, "stacks": 1}
        return replace(config, **few)
    if isinstance(config, UNetConfig):
        return replace(config, widths=(4,) * 6, head_width=4)
    if isinstance(config, TailConfig):
        return replace(config, widths=(4,) * 7, classes=CLASSES)
    return replace(config, unet_widths=(4,) * 6, head_width=4, tail_widths=(4,) * 7, classes=CLASSES)


def tiny_encoder(config: WaveformConfig) -> Any:
    """A config of an encoder with the same settings and some channels per layer."""
    if isinstance(config, PitchNetConfig):
        return replace(config, width=4)
    if isinstance(config, SampleCNNConfig):
        return replace(config, widths=(4,) * 11)
    return replace(config, width=2, tail=(4,) * len(config.tail), sample_cnn_widths=(8,) * 11)


def separator(name: str = "msspt-multisource") -> UNetSeparator:
    """A tiny separator in evaluation mode whose weights and statistics are random."""
    return scrambled(tiny(SEPARATORS[name]).build())


def classifier(name: str = "msspt-tail") -> TailClassifier | JointClassifier:
    """A tiny classifier in evaluation mode whose weights and statistics are random."""
    return scrambled(tiny(CLASSIFIERS[name]).build())


def scrambled(model: Any, seed: int = 0, gain: float = 1.4) -> Any:
    """Draw every tensor of a model anew, so that the deepest layer can be heard; in evaluation mode."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                fresh = torch.randn(tensor.shape, generator=draw)
                spread = name.endswith(("running_var", "variance"))
                positive = spread or (tensor.ndim == 1 and name.endswith("weight"))
                fan_in = tensor[0].numel() if tensor.ndim > 1 else 4
                tensor.copy_(fresh.abs() + 0.5 if positive else gain * fresh / fan_in**0.5)
    return model.eval()
