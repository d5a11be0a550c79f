"""Separation of streams: the stems sum to the input and are as long; nothing depends on how it was cut."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile
import torch
import torch.nn.functional as F
from torch import nn

from stemwise import STEMS
from stemwise.chunks import ChunkSeparator
from stemwise.interfaces import Separator
from stemwise.models.unet import Pool, UNetConfig, UNetSeparator
from stemwise.separation import separate, separate_file, stem_names
from synth import cut, noise, scrambled, separator, song, tone

SUM = 1e-6
SAME = 1e-4  # soxr and the transforms in float32


class Crossover(Separator):
    """Gives what a moving average leaves over to the drums, and the average to the bass."""

    stems = STEMS
    sample_rate, channels, grid, context = 16_000, 1, 1, 16

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.full((1, 1, 9), 1 / 9))

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        low = F.conv1d(mixture, self.kernel, padding=4)
        return torch.stack([mixture - low, low, torch.zeros_like(low), torch.zeros_like(low)], dim=1)


class Squarer(Separator):
    """Looks at one sample alone and sums to no mixture: only what stands behind a model has a reach here."""

    stems = STEMS
    sample_rate, channels, grid, context = 16_000, 1, 1, 0

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(3.0))

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        loud = self.gain * mixture * mixture.abs()
        return torch.stack([loud, mixture - 2 * loud, loud.abs(), mixture.square()], dim=1)


def test_model_without_context_gives_the_same_for_any_chunk_length() -> None:
    audio = 0.3 * np.random.default_rng(5).standard_normal((1, 40_000)).astype(np.float32)
    short, whole = (
        np.concatenate(list(separate(Squarer(), [audio], 16_000, 1, chunk_s=chunk_s)), axis=2)
        for chunk_s in (0.1, 60.0)
    )
    np.testing.assert_allclose(short, whole, atol=SAME)


@pytest.fixture(scope="module")
def model() -> UNetSeparator:
    """Three levels deep: a grid of 80 ms, so that a second of sound has many chunks."""
    return scrambled(UNetConfig(widths=(4,) * 3, head_width=4).build())


@pytest.fixture(scope="module")
def single() -> UNetSeparator:
    return scrambled(UNetConfig(stems=("vocals",), widths=(4,) * 3, head_width=4, pool="max").build())


def run(
    model: Separator, blocks: Iterable[np.ndarray], rate: int, channels: int, chunk_s: float = 1.0
) -> np.ndarray:
    return np.concatenate(list(separate(model, blocks, rate, channels, chunk_s=chunk_s)), axis=2)


def music(samples: int, rate: int, channels: int = 1) -> np.ndarray:
    return song(samples, rate, channels).sum(0)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("samples", [1, 2, 777, 20_001])
def test_stems_sum_to_the_input_at_any_rate_and_length(model: UNetSeparator, rate: int, samples: int) -> None:
    audio = music(samples, rate)
    stems = run(model, [audio], rate, 1)
    assert stems.shape == (4, 1, samples)
    np.testing.assert_allclose(stems.sum(0), audio, atol=SUM)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_stems_have_the_inputs_channels_and_sum_to_it(model: UNetSeparator, channels: int) -> None:
    audio = music(20_001, 44_100, channels)
    stems = run(model, [audio], 44_100, channels)
    assert stems.shape == (4, channels, 20_001)
    np.testing.assert_allclose(stems.sum(0), audio, atol=SUM)


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("chunk_s", [0.01, 0.16, 0.5, 1.23])
def test_any_chunk_length_gives_the_same(model: UNetSeparator, rate: int, chunk_s: float) -> None:
    audio = music(2 * rate + 17, rate)
    whole = run(model, [audio], rate, 1, chunk_s=100.0)
    np.testing.assert_allclose(run(model, [audio], rate, 1, chunk_s), whole, atol=SAME)


@pytest.mark.parametrize("pool", ["average", "max"])
@pytest.mark.parametrize("mask", ["sigmoid", "softmax"])
@pytest.mark.parametrize("chunk_s", [0.08, 0.5, 1.23])
def test_stream_equals_the_whole_song_at_the_networks_rate(
    pool: Pool, mask: Literal["sigmoid", "softmax"], chunk_s: float
) -> None:
    config = UNetConfig(widths=(4,) * 3, head_width=4, pool=pool, mask=mask)
    plain = scrambled(config.build(), gain=1.0)
    audio = music(40_017, 16_000, 2)
    whole = run(plain, [audio], 16_000, 2, chunk_s=100.0)
    np.testing.assert_allclose(run(plain, cut(audio, (7000,)), 16_000, 2, chunk_s), whole, atol=1e-5)


class Small(Crossover):
    """Runs out of memory beyond so many channels and samples at once, and keeps what it was asked for."""

    def __init__(self, channels: int, samples: int) -> None:
        super().__init__()
        self.largest = (channels, samples)
        self.asked: list[tuple[int, int]] = []

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        self.asked.append((len(mixture), mixture.shape[2]))
        if len(mixture) > self.largest[0] or mixture.shape[2] > self.largest[1]:
            raise torch.OutOfMemoryError
        return super().forward(mixture)


def test_chunk_halves_until_it_fits_into_memory() -> None:
    audio = music(60_000, 16_000)
    small = Small(1, 20_000)
    found = run(small, [audio], 16_000, 1, chunk_s=60.0)
    assert small.asked[0][1] > 60_000
    np.testing.assert_allclose(found, run(Crossover(), [audio], 16_000, 1), atol=1e-5)


def test_channels_halve_until_they_fit_into_memory() -> None:
    small = Small(2, 100_000)
    network = ChunkSeparator(small)
    reach = torch.from_numpy(music(network.left + 30_000 + network.right, 16_000, 6))
    with torch.inference_mode():
        found, _ = network._halving(reach[:, None], 30_000)
    assert [rows for rows, _ in small.asked] == [6, 3, 2, 1, 3, 2, 1]
    [(alone, _)] = ChunkSeparator(Crossover())([(reach.numpy(), 30_000)], 6)
    np.testing.assert_allclose(found.transpose(0, 1).numpy(), alone, atol=1e-5)


def test_memory_too_small_for_a_single_step_is_an_error() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        run(Small(1, 100), [music(5000, 16_000)], 16_000, 1)


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("lengths", [(1000,), (1, 7, 5000), (0, 44_100), (333, 1)])
def test_any_cutting_into_blocks_gives_the_same(
    model: UNetSeparator, rate: int, lengths: tuple[int, ...]
) -> None:
    audio = music(30_001, rate, 2)
    whole = run(model, [audio], rate, 2)
    np.testing.assert_allclose(run(model, cut(audio, lengths), rate, 2), whole, atol=SAME)


def test_channels_are_separated_one_by_one(model: UNetSeparator) -> None:
    audio = np.concatenate([music(20_000, 44_100), noise(1, 20_000)])
    both = run(model, [audio], 44_100, 2)
    alone = run(model, [audio[1:]], 44_100, 1)
    np.testing.assert_allclose(both[:, 1:], alone, atol=SAME)


def test_stems_that_sum_already_are_the_networks_own() -> None:
    model = scrambled(UNetConfig(widths=(4,) * 3, head_width=4, mask="softmax").build())
    audio = song(40_000, 16_000)[1:].sum(0)  # tones alone: the network passes 8 kHz on to every stem
    with torch.no_grad():
        own = model(torch.from_numpy(audio)[None])[0, :, 0].numpy()
    assert model.context is not None
    inside = slice(model.context, -model.context)  # the stream has silence around it, the network nothing
    stems = run(model, [audio], 16_000, 1, chunk_s=0.5)[:, 0]
    np.testing.assert_allclose(stems[:, inside], own[:, inside], atol=SAME)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_silence_in_is_silence_out(model: UNetSeparator, rate: int) -> None:
    assert not run(model, [np.zeros((2, 20_000), np.float32)], rate, 2).any()


def test_silence_between_sounds_stays_silent(model: UNetSeparator) -> None:
    audio = music(60_000, 16_000)
    audio[:, 20_000:40_000] = 0
    stems = run(model, [audio], 16_000, 1)
    assert np.abs(stems[:, :, 22_000:38_000]).max() < SUM


def test_what_lies_above_the_band_is_shared_out(model: UNetSeparator) -> None:
    time = np.arange(44_100) / 44_100
    audio = (0.1 * np.sin(2 * np.pi * 12_000 * time))[None].astype(np.float32)
    stems = run(model, [audio], 44_100, 1)
    levels = np.abs(stems[:, 0, 5000:-5000]).max(1)
    assert (levels > 0).all()
    np.testing.assert_allclose(levels.sum(), 0.1, rtol=0.01)


def test_what_lies_above_the_band_goes_to_the_stem_that_has_its_top_octave() -> None:
    low = tone(100, 44_100, 44_100)
    audio = (low + noise(1, 44_100, level=0.02)).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(run(Crossover(), [audio], 44_100, 1)[:, 0])) ** 2
    above = spectrum[:, 9000:].sum(1)
    assert above[0] > 0.6 * above.sum()
    np.testing.assert_array_less(above[1:], 0.1 * above[0])


def test_model_of_one_stem_yields_it_and_the_rest(single: UNetSeparator) -> None:
    assert stem_names(single) == ("vocals", "rest")
    audio = music(20_000, 44_100)
    stems = run(single, [audio], 44_100, 1)
    assert stems.shape == (2, 1, 20_000)
    np.testing.assert_allclose(stems.sum(0), audio, atol=SUM)


def test_model_of_all_stems_has_no_rest(model: UNetSeparator) -> None:
    assert stem_names(model) == STEMS


def test_deep_model_runs_on_less_than_its_context() -> None:
    audio = music(3000, 44_100)
    stems = run(separator(), [audio], 44_100, 1)
    np.testing.assert_allclose(stems.sum(0), audio, atol=SUM)


def test_stream_is_not_held_back_to_its_end(model: UNetSeparator) -> None:
    taken = []

    def blocks() -> Iterable[np.ndarray]:
        for block in cut(music(160_000, 16_000), (8000,)):
            taken.append(block)
            yield block

    next(iter(separate(model, blocks(), 16_000, 1, chunk_s=0.5)))
    assert len(taken) < 10


def test_model_without_a_finite_context_is_refused() -> None:
    endless = UNetConfig(widths=(2,) * 2, head_width=2).build()
    endless.context = None
    with pytest.raises(ValueError, match="finite context"):
        next(iter(separate(endless, [noise(1, 100)], 16_000, 1)))


def store(path: Path, audio: np.ndarray, rate: int = 44_100) -> Path:
    soundfile.write(path, audio.T, rate, subtype="FLOAT")
    return path


def test_files_of_the_stems_sum_to_the_song(model: UNetSeparator, tmp_path: Path) -> None:
    audio = music(20_000, 44_100, 2)
    found = separate_file(model, store(tmp_path / "song.wav", audio), tmp_path / "out")
    assert list(found) == list(STEMS)
    stems = [soundfile.read(path, dtype="float32")[0].T for path in found.values()]
    np.testing.assert_allclose(sum(stems), audio, atol=SUM)


def test_files_of_the_stems_have_the_songs_rate(model: UNetSeparator, tmp_path: Path) -> None:
    found = separate_file(model, store(tmp_path / "song.wav", noise(1, 900), 22_050), tmp_path / "out")
    assert {soundfile.info(path).samplerate for path in found.values()} == {22_050}


def test_song_that_breaks_in_the_middle_leaves_no_stem(model: UNetSeparator, tmp_path: Path) -> None:
    audio = music(12 * 44_100, 44_100)
    audio[0, 11 * 44_100] = np.nan
    path = store(tmp_path / "song.wav", audio)
    with pytest.raises(ValueError, match=r"song\.wav.*NaN or infinity at 11\.000 s"):
        separate_file(model, path, tmp_path / "out", chunk_s=2.0)
    assert [p for p in (tmp_path / "out").rglob("*") if p.is_file()] == []


def test_song_that_breaks_leaves_older_stems_as_they_were(model: UNetSeparator, tmp_path: Path) -> None:
    good, bad = music(12 * 16_000, 16_000), music(12 * 16_000, 16_000)
    bad[0, -5] = np.inf
    out = tmp_path / "out"
    separate_file(model, store(tmp_path / "good.wav", good, 16_000), out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(ValueError, match="NaN or infinity"):
        separate_file(model, store(tmp_path / "bad.wav", bad, 16_000), out, chunk_s=2.0)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_file_that_is_no_audio_leaves_no_folder(model: UNetSeparator, tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(b"not audio at all")
    with pytest.raises(ValueError, match=r"song\.wav"):
        separate_file(model, path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bf16_stems_are_near_and_sum_to_the_stream(
    model: UNetSeparator, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = music(40_000, 44_100, 2)
    exact = run(model, [audio], 44_100, 2)
    monkeypatch.setattr(model, "precision", "bf16")
    found = run(model, [audio], 44_100, 2)
    error = np.square(found - exact).sum((1, 2)) / np.square(exact).sum((1, 2))
    assert 0 < error.max() < 1e-2  # scrambled weights: a trained network errs far less
    np.testing.assert_allclose(found.sum(0), audio, atol=SUM)


def test_stream_that_breaks_off_ends_its_threads(model: UNetSeparator) -> None:
    threads = threading.active_count(), torch.get_num_threads()
    stream = separate(model, [music(90_000, 16_000, 2)] * 3, 16_000, 2, chunk_s=1.0)
    next(stream)
    stream.close()
    assert (threading.active_count(), torch.get_num_threads()) == threads
