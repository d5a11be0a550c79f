"""Separation by a network whose statistics span its input: any stream, whole, in units of the mixture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from stemwise.cli import main
from stemwise.data.spool import Spool
from stemwise.interfaces import Separator, SpanSeparator
from stemwise.models import SEPARATORS
from stemwise.models.meta_tasnet import MetaTasNet
from stemwise.separation import separate
from stemwise.spans import least_squares
from stemwise.weights.store import save
from synth import cut, noise, scrambled, song, tiny


class Filters(SpanSeparator):
    """Splits the mixture by what each rate holds, at odd levels: what can be known without training."""

    stems, rates, sample_rate, channels = ("drums", "bass"), (8000, 16_000), 16_000, 1
    context, grid = None, 40

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.seen: list[list[int]] = []

    def forward(self, mixture: Tensor) -> Tensor:
        raise NotImplementedError

    def from_rates(self, mixtures: list[Tensor], start: int = 0, stop: int | None = None) -> Tensor:
        self.seen.append([mixture.shape[-1] for mixture in mixtures])
        low = nn.functional.interpolate(mixtures[0], mixtures[1].shape[-1], mode="linear")
        return torch.stack([3 * low, -0.2 * (mixtures[1] - low)], dim=1)[..., start:stop]


def network() -> MetaTasNet:
    return scrambled(replace(tiny(SEPARATORS["meta-tasnet"]), stages=2).build())


def whole(
    model: Separator, audio: np.ndarray, rate: int, lengths: tuple[int, ...] = (9000,), **options
) -> np.ndarray:
    return np.concatenate(list(separate(model, cut(audio, lengths), rate, len(audio), **options)), axis=2)


@pytest.mark.parametrize("samples", [1, 500, 44_100, 44_100 * 9 + 13])
@pytest.mark.parametrize("resampling", ["soxr", "kaiser"])
def test_stems_are_as_long_as_the_stream_and_sum_to_it(samples: int, resampling: str) -> None:
    audio = song(samples, 44_100, 2).sum(0)
    stems = whole(network(), audio, 44_100, chunk_s=3.0, resampling=resampling)
    assert stems.shape == (4, 2, samples)
    np.testing.assert_allclose(stems.sum(0), audio, atol=1e-5)


def test_stream_without_samples_gives_none() -> None:
    assert not list(separate(network(), [np.zeros((1, 0), np.float32)], 8000, 1))


def test_silence_stays_silent() -> None:
    assert not whole(network(), np.zeros((2, 30_000), np.float32), 22_050).any()


def test_blocks_of_any_length_give_the_same() -> None:
    audio, model = song(60_000, 16_000).sum(0), network()
    one, many = whole(model, audio, 16_000, (60_000,)), whole(model, audio, 16_000, (7, 12_345))
    np.testing.assert_allclose(one, many, atol=1e-6)


def test_channels_are_separated_one_by_one() -> None:
    audio, model = song(40_000, 16_000, 2).sum(0), network()
    alone = np.concatenate([whole(model, audio[c : c + 1], 16_000) for c in range(2)], axis=1)
    np.testing.assert_allclose(whole(model, audio, 16_000), alone, atol=1e-4)


def test_louder_stream_gives_louder_stems() -> None:
    audio, model = song(40_000, 16_000).sum(0), network()
    loud, quiet = whole(model, audio, 16_000), whole(model, 0.1 * audio, 16_000)
    for one, other in zip(loud, quiet, strict=True):  # but for bins with next to nothing in them
        assert np.corrcoef(one[0], other[0])[0, 1] > 0.98


def test_stems_are_scaled_to_come_closest_to_the_mixture() -> None:
    audio = noise(1, 16_000 * 12)
    low, high, rest = whole(Filters(), audio, 16_000, chunk_s=4.0)
    twice = whole(Filters(), audio, 16_000, chunk_s=12.0)
    np.testing.assert_allclose(low + high + rest, audio, atol=1e-5)
    assert (
        np.abs(np.stack([low, high, rest]) - twice).max() < 0.02
    )  # joints cannot be heard where nothing spans
    assert low.std() > 0.3 * audio.std()
    assert (low * audio).sum() > 0
    assert (high * audio).sum() > 0  # though the network gave it upside down


def test_chunks_are_of_about_equal_length_and_overlap() -> None:
    model = Filters()
    whole(model, noise(1, 16_000 * 31), 16_000, chunk_s=10.0)
    assert len(model.seen) == 3
    lengths = [high for _, high in model.seen]
    assert max(lengths) <= 16_000 * (31 / 3 + 4) + 100
    assert all(abs(2 * low - high) <= 2 for low, high in model.seen)


def test_least_squares_finds_the_weights_of_a_sum() -> None:
    stems, gains = np.random.default_rng(0).standard_normal((2, 3, 500)), np.array([[1, -2, 3], [0.5, 0, 7]])
    mixture = np.einsum("csn,cs->cn", stems, gains)[..., None]
    found = least_squares(stems @ stems.transpose(0, 2, 1), stems @ mixture)
    np.testing.assert_allclose(found.T, gains, atol=1e-9)


def test_network_without_context_that_spans_nothing_is_refused() -> None:
    model = network()
    model.__class__ = type("Odd", (MetaTasNet,), {"channels": 2})
    with pytest.raises(ValueError, match="expected a mono model"):
        next(separate(model, [noise(1, 10)], 8000, 1))


def test_spool_gives_back_what_it_took() -> None:
    audio, spool = noise(2, 1000), Spool(2)
    for block in cut(audio, (7, 300)):
        spool.append(block)
    assert spool.samples == 1000
    assert np.array_equal(spool.read(-5, 2000), audio)
    assert np.array_equal(spool.read(10, 20), audio[:, 10:20])
    assert np.array_equal(np.concatenate(list(spool.blocks(64)), axis=1), audio)
    spool.close()


def test_command_separates_a_file(tmp_path: Path) -> None:
    folder = save(network(), tmp_path / "model", {"title": "a test"})
    soundfile.write(tmp_path / "song.wav", song(30_000, 22_050, 2).sum(0).T, 22_050)
    words = ["separate", str(tmp_path / "song.wav"), "--model", str(folder), "-o", str(tmp_path / "out")]
    assert main(words) == 0
    stems = [soundfile.read(file)[0] for file in sorted((tmp_path / "out" / "song").iterdir())]
    np.testing.assert_allclose(sum(stems), soundfile.read(tmp_path / "song.wav")[0], atol=1e-4)
