"""Stems that are streams of one file."""

from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stemwise import STEMS
from stemwise.data import DATASETS, decoding
from stemwise.data.audio import probe, read, read_resampled
from stemwise.data.cache import prepare
from stemwise.data.decoding import decoded, decoded_together
from stemwise.data.material import Material
from stemwise.data.musdb18 import STREAMS
from stemwise.data.streams import read_streams
from stemwise.data.tracks import StemFile, Track, file_of
from stemwise.data.twins.encoding import write_aac
from stemwise.data.verify import verify_tracks
from synth import noise

RATE = 44_100
STEMPEG = find_spec("stempeg")  # a wheel with one clip in it; importing it needs an ffmpeg


@pytest.fixture(scope="module")
def parts() -> list[np.ndarray]:
    """Five low-passed noises (c, t), half a second, each a sound of its own."""
    smooth = np.hanning(32) / 8
    return [
        np.stack([np.convolve(row, smooth, "same") for row in noise(2, RATE // 2, seed=seed)]).astype(
            np.float32
        )
        for seed in range(5)
    ]


@pytest.fixture(scope="module")
def file(parts: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stems") / "A: song.stem.mp4"
    write_aac(parts, RATE, path)
    return path


def joined(path: Path, streams: tuple[int, ...], block: int) -> np.ndarray:
    blocks, _ = read_streams(path, streams, block)
    return np.concatenate(list(blocks), axis=2)


@pytest.mark.parametrize("block", [1000, 1024, 2**16])
def test_one_pass_gives_what_each_stream_gives(file: Path, block: int) -> None:
    together = joined(file, (0, 1, 2, 3, 4), block)
    for stream in range(5):
        assert np.array_equal(together[stream], read(StemFile(file, stream))[0])


def test_blocks_are_full_but_the_last(file: Path) -> None:
    blocks, rate = read_streams(file, (1, 2), 1000)
    lengths = [block.shape[2] for block in blocks]
    assert set(lengths[:-1]) == {1000}
    assert rate == RATE


def test_streams_come_in_the_order_that_is_asked_for(file: Path) -> None:
    assert np.array_equal(joined(file, (3, 1), 4096), joined(file, (0, 1, 2, 3), 4096)[[3, 1]])


def test_every_stream_is_aligned_with_what_was_encoded(file: Path, parts: list[np.ndarray]) -> None:
    together = joined(file, (0, 1, 2, 3, 4), 2**16)
    for audio, part in zip(together, parts, strict=True):
        lags = range(-3, 4)
        inner = slice(3000, 18_000)
        match = [np.vdot(audio[0, 3000 + lag : 18_000 + lag], part[0, inner]) for lag in lags]
        assert lags[int(np.argmax(match))] == 0


def test_stem_file_is_read_by_every_function(file: Path) -> None:
    stem = StemFile(file, 4)
    assert probe(stem).sample_rate == RATE
    assert np.array_equal(read_resampled(stem, 16_000), read_resampled(stem, 16_000))
    assert not np.array_equal(read(stem)[0], read(file)[0])
    assert (file_of(stem), file_of(file)) == (file, file)


def test_stem_file_cannot_be_mistaken_for_a_path(file: Path) -> None:
    with pytest.raises(TypeError):
        Path(StemFile(file, 1))  # pyright: ignore[reportArgumentType]


def test_stream_that_begins_late_is_led_in_by_silence(tmp_path: Path) -> None:
    path, late = tmp_path / "late.mka", 4410
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in range(2)]
        for at, stream in zip((0, late), streams, strict=True):
            frame = av.AudioFrame.from_ndarray(
                np.full((1, 8820), 9999, np.int16), format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    alone, _ = read(StemFile(path, 1))
    assert not alone[:, :late].any()
    assert alone[:, late:].all()
    assert np.array_equal(
        read(StemFile(path, 1), start=late - 5, samples=10)[0], alone[:, late - 5 : late + 5]
    )
    together = joined(path, (0, 1), 1000)
    assert np.array_equal(together[1, :, : alone.shape[1]], alone)
    assert together[0, :, :8820].all()
    assert not together[0, :, 8820:].any()


@pytest.mark.parametrize(
    ("streams", "message"), [((0, 7), "expected audio stream 7, found 5"), ((9,), "found 5")]
)
def test_stream_that_is_not_there_is_an_error(file: Path, streams: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_streams(file, streams)


def test_cache_holds_the_streams(file: Path, tmp_path: Path) -> None:
    stems = {stem: StemFile(file, STREAMS.index(stem)) for stem in STEMS}
    track = Track(name="song", split="train", mixture=file, stems=stems)
    cache = prepare([track], Material(sources=STEMS, sample_rate=RATE), tmp_path)
    for row, stem in enumerate(STEMS):
        expected = read(stems[stem])[0].mean(0)
        assert np.abs(cache.excerpt(0, row, 0, cache.samples(0)) - expected).max() < 1e-4


@pytest.mark.parametrize("rate", [RATE, 16_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_streams_decoded_together_are_those_decoded_alone(file: Path, rate: int, channels: int) -> None:
    material = Material(sources=STEMS, sample_rate=rate, channels=channels)
    sources = [StemFile(file, stream) for stream in (3, 1)]
    alone = [np.concatenate(list(decoded(source, material))) for source in sources]
    with decoded_together(sources, material) as parts:
        together = [np.concatenate(list(part)) for part in parts]
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_cache_reads_a_file_of_streams_once(file: Path, tmp_path: Path, monkeypatch) -> None:
    opened, reading = [], decoding.read_streams

    def watched(path: Path, streams: Any, block: int) -> Any:
        opened.append((path, tuple(streams)))
        return reading(path, streams, block)

    monkeypatch.setattr(decoding, "read_streams", watched)
    stems = {stem: StemFile(file, STREAMS.index(stem)) for stem in STEMS}
    track = Track(name="song", split="train", mixture=file, stems=stems)
    cache = prepare([track], Material(sources=STREAMS, sample_rate=RATE), tmp_path)
    assert opened == [(file, (0, 1, 2, 3, 4))]
    assert np.abs(cache.excerpt(0, 0, 0, cache.samples(0)) - read(file)[0].mean(0)).max() < 1e-4


def test_stream_that_is_missing_is_named_and_the_others_are_kept(file: Path, tmp_path: Path) -> None:
    stems = {"drums": StemFile(file, 1), "bass": StemFile(file, 9)}
    track = Track(name="song", split="train", mixture=file, stems=stems)
    with pytest.raises(ValueError, match=r"1 of the files cannot be read: .*expected audio stream 9"):
        prepare([track], Material(sources=("drums", "bass"), sample_rate=RATE), tmp_path)
    cache = prepare([track], Material(sources=("drums",), sample_rate=RATE), tmp_path)
    assert cache.samples(0) > 0


@pytest.mark.skipif(STEMPEG is None, reason="the stempeg wheel is not installed")
def test_real_musdb_clip_reads_as_a_song(tmp_path: Path) -> None:
    (clip,) = Path(STEMPEG.origin).parent.glob("data/*.stem.mp4")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / clip.name).symlink_to(clip)
    (track,) = DATASETS["musdb18"].tracks(tmp_path)
    assert (track.name, track.split) == ("The Easton Ellises - Falcon 69", "test")
    mixture, *stems = joined(clip, (0, 1, 2, 3, 4), 2**16)
    assert np.corrcoef(sum(stems)[0], mixture[0])[0, 1] > 0.95  # the mixture is mastered
    assert verify_tracks([track]) == []
