"""PitchNet: an encoder that keeps the key, as what it hears stays in its pitch class. Our own.

TUNe and CLMR say little of a song's key: their pre-training shifts the pitch of what shall be alike, and
convolutions of the waveform mix all pitches before they average over time. Here a picture with three bins a
semitone is read by convolutions that go along pitch as along time, so that a transposed song moves and does
not change; octaves are folded into one; and only time is averaged. A vector is as many numbers for each of
the twelve pitch classes, from C up, which a linear layer can read a key from.

Pre-train it without the pitch shift, or with one of octaves: `tune-clmr --pitch none`, or `octaves`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stemwise.interfaces import Encoder, Frontend, Tap, Target
from stemwise.models.headed import HeadedClassifier, expect_taps
from stemwise.models.sample_cnn import SAMPLE_RATE, WINDOW

CLASSES, FINE = 12, 3
"""Pitch classes, and bins of the picture in each."""

OCTAVES, LOWEST = 6, 36
"""From C two octaves below the middle one, 65.4 Hz, by its MIDI number, to 4.2 kHz."""

HOP, SIZE = 3**7, 8192
"""27 frames a window, each of 0.37 s: semitones are 3.9 Hz apart where they are closest."""


class PitchPicture(Frontend):
    """Audio to a picture of pitches: what each third of a semitone has, beside the mean of its frame.

    Bins are triangles over frequency, a semitone wide to either side, or one and a half of the transform's
    bins where that is more. Beside the frame's mean, so that the level does not count; and in logarithm.
    """

    hann: Tensor
    matrix: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("hann", torch.hann_window(SIZE), persistent=False)
        self.register_buffer("matrix", _triangles(), persistent=False)

    def frames(self, samples: int) -> int:
        """Return the exact number of frames of so many samples."""
        return samples // HOP

    def forward(self, audio: Float[Tensor, "*b t"]) -> Float[Tensor, "*b f n"]:
        """Return the picture; what lies beyond the ends is silence."""
        with torch.autocast(audio.device.type, enabled=False):
            around = (SIZE - HOP) // 2
            padded = F.pad(audio.float(), (around, SIZE - HOP - around))
            frames = padded.unfold(-1, SIZE, HOP)[..., : audio.shape[-1] // HOP, :] * self.hann
            magnitude = torch.fft.rfft(frames).abs().transpose(-1, -2)  # *b f n
            picture = self.matrix @ magnitude
            return torch.log1p(picture / (picture.mean(-2, keepdim=True) + 1e-3))


def _triangles() -> Float[Tensor, "f bins"]:
    hertz = torch.arange(SIZE // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / SIZE
    pitch = LOWEST + (torch.arange(OCTAVES * CLASSES * FINE) - FINE // 2) / FINE  # a class's bins around it
    centre = 440 * 2 ** ((pitch.double() - 69) / 12)
    width = (centre * (2 ** (1 / 24) - 2 ** (-1 / 24))).clamp_min(1.5 * SAMPLE_RATE / SIZE)
    heights = (1 - (hertz - centre[:, None]).abs() / width[:, None]).clamp_min(0)
    return (heights / heights.sum(1, keepdim=True)).float()


@dataclass(frozen=True, kw_only=True)
class PitchNetConfig:
    """Values of a PitchNet.

    Attributes:
        width: channels of each convolution; a vector has twelve times as many numbers.
        classes: names, one per logit; without any it is an encoder and has no head.
        target: any number of classes per clip, or exactly one.
        dropout: before the head.
    """

    width: int = 32
    classes: tuple[str, ...] = ()
    target: Target = "multilabel"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width: expected at least 1, got {self.width}")

    def build(self) -> PitchNet | HeadedClassifier:
        """Return an encoder, or a classifier where there are classes, with fresh weights."""
        encoder = PitchNet(self)
        return HeadedClassifier(self, encoder, WINDOW) if self.classes else encoder


class PitchNet(Encoder):
    """The encoder.

    Its taps are `picture`, of thirds of semitones; `semitones` and `harmony`, of semitones, channel by
    channel; `folded`, of pitch classes, channel by channel; and `embedding`, their mean over a window.
    """

    sample_rate = SAMPLE_RATE
    window = hop = WINDOW

    def __init__(self, config: PitchNetConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.picture = PitchPicture()
        self.semitones = _unit(nn.Conv2d(1, width, (3 * FINE, 3), (FINE, 1), (FINE, 1)))
        self.harmony = _unit(nn.Conv2d(width, width, (2 * CLASSES + 1, 1), padding=(CLASSES, 0)))
        self.fold = _unit(nn.Conv2d(width, width, (CLASSES, 1)))
        rows = OCTAVES * CLASSES
        self.taps = {
            "picture": Tap(size=rows * FINE, hop=HOP),
            "semitones": Tap(size=rows * width, hop=HOP),
            "harmony": Tap(size=rows * width, hop=HOP),
            "folded": Tap(size=CLASSES * width, hop=HOP),
            "embedding": Tap(size=CLASSES * width, hop=WINDOW),
        }

    def forward(self, audio: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b d n"]:
        """Return a vector every 59 049 samples; audio shorter than that is filled up with silence."""
        return self.features(audio, ("embedding",))["embedding"]

    def features(
        self, audio: Float[Tensor, "b 1 t"], names: tuple[str, ...]
    ) -> dict[str, Float[Tensor, "b _ _"]]:
        """Return the taps that are asked for."""
        expect_taps(names, self.taps)
        found = {"picture": self.picture(F.pad(audio, (0, max(0, WINDOW - audio.shape[-1])))[:, 0])}
        x = self.semitones(found["picture"][:, None])  # b w f n
        found["semitones"] = x.flatten(1, 2)
        x = self.harmony(x)
        found["harmony"] = x.flatten(1, 2)
        x = x.unflatten(2, (OCTAVES, CLASSES)).mean(2)  # b w 12 n
        x = self.fold(torch.cat([x, x[:, :, :-1]], dim=2))  # each class sees all, from itself up
        found["folded"] = x.flatten(1, 2)
        if "embedding" in names:
            found["embedding"] = F.avg_pool1d(found["folded"], WINDOW // HOP)
        return {name: found[name] for name in names}


def _unit(conv: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU())


VARIANTS = {"pitch-net": PitchNetConfig()}
