"""Reading: every container, rate and channel count; crops, blocks, and files that are no good."""

import logging
import os
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from stemwise.data.audio import open_audio, probe, read, read_resampled

SONGS = Path("/usr/share/games/fretsonfire/data/songs/sectoid")
SONG = SONGS / "Feelings" / "song.ogg"
STEMPEG = find_spec("stempeg")  # a wheel with one clip in it; importing it needs an ffmpeg
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
LOSSLESS = ("wav", "flac", "aiff")


def tones(sample_rate: int, channels: int, seconds: float = 1.5) -> np.ndarray:
    """One swelling tone per channel, each at its own pitch, and a little noise: (c, t)."""
    t = np.arange(int(sample_rate * seconds) + 137) / sample_rate
    hz = 220 * 1.3 ** np.arange(channels)[:, None]
    swell = 1 + 0.5 * np.sin(2 * np.pi * 3 * t)
    noise = np.random.default_rng(0).standard_normal((channels, len(t)))
    return (0.2 * swell * np.sin(2 * np.pi * hz * t) + 0.001 * noise).astype(np.float32)


def encode(
    path: Path, audio: np.ndarray, sample_rate: int, codec: str, video: bool = False, **options
) -> Path:
    channels = audio.shape[0]
    with av.open(str(path), "w", options=options) as container:
        picture = container.add_stream("mpeg4", rate=25) if video else None
        sound = container.add_stream(codec, rate=sample_rate)
        sound.layout = LAYOUTS[channels]
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
            for _ in range(10):
                container.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
        for at in range(0, audio.shape[1], 4096):
            block = np.ascontiguousarray(audio[:, at : at + 4096])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=LAYOUTS[channels])
            frame.sample_rate, frame.pts = sample_rate, at
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        if picture is not None:
            container.mux(picture.encode(None))
    return path


def store(path: Path, audio: np.ndarray, sample_rate: int, **options) -> Path:
    """Write by extension: soundfile's formats with it, the others with PyAV."""
    kind = path.suffix[1:]
    if kind == "opus":
        soundfile.write(path, audio.T, sample_rate, format="OGG", subtype="OPUS")
    elif kind in ("wav", "flac", "ogg", "mp3", "aiff"):
        soundfile.write(path, audio.T, sample_rate, **options)
    else:
        codec = "libopus" if kind == "webm" else "aac"
        encode(path, audio, sample_rate, codec, video=kind == "mp4", **options)
    return path


def cut(path: Path, share: float = 0.6) -> Path:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    return path


FILES = [
    *((kind, rate, c) for kind in LOSSLESS for rate in (8000, 22050, 44100, 48000, 96000) for c in (1, 2, 6)),
    ("flac", 192000, 2),
    ("wav", 192000, 1),
    *(("ogg", rate, c) for rate in (8000, 22050, 44100, 96000) for c in (1, 2, 6)),
    *(("mp3", rate, c) for rate in (8000, 22050, 44100, 48000) for c in (1, 2)),
    *(("opus", 48000, c) for c in (1, 2)),
    *(
        (kind, rate, c)
        for kind in ("m4a", "mp4", "mkv")
        for rate in (8000, 44100, 48000, 96000)
        for c in (1, 2)
    ),
    *((kind, 48000, 6) for kind in ("m4a", "mp4", "webm")),
    *(("webm", 48000, c) for c in (1, 2)),
]


@pytest.mark.parametrize(("kind", "sample_rate", "channels"), FILES)
def test_any_file_comes_back_with_its_rate_channels_length_and_content(tmp_path, kind, sample_rate, channels):
    source = tones(sample_rate, channels)
    path = store(tmp_path / f"tone.{kind}", source, sample_rate)
    audio, rate = read(path)
    assert (rate, audio.shape[0], audio.dtype) == (sample_rate, channels, np.float32)
    if kind in ("m4a", "mp4", "mkv"):  # AAC is padded to whole frames
        assert source.shape[1] <= audio.shape[1] < source.shape[1] + 2048
    else:
        assert audio.shape[1] == source.shape[1]
    for heard, meant in zip(audio[:, : source.shape[1]], source, strict=True):
        if kind in LOSSLESS:
            assert np.abs(heard - meant).max() < 2**-14
        elif channels < 6:  # lossy surround keeps only the bass of one channel
            assert np.corrcoef(heard, meant)[0, 1] > 0.99
    info = probe(path)
    assert (info.sample_rate, info.channels) == (sample_rate, channels)
    if kind in (*LOSSLESS, "ogg", "mp3", "opus"):
        assert info.samples == source.shape[1]


@pytest.mark.parametrize(("kind", "bass"), [("mp4", 3), ("webm", 3), ("ogg", 5)])
def test_surround_channels_keep_their_order(tmp_path, kind, bass):
    source = tones(48000, 6)
    audio, _ = read(store(tmp_path / f"surround.{kind}", source, 48000))
    likeness = np.corrcoef(audio[:, : source.shape[1]], source)[:6, 6:].diagonal()
    assert (np.delete(likeness, bass) > 0.95).all()


@pytest.mark.parametrize("block", [1000, 4096, 44100, 10**7])
@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "m4a", "mkv"])
def test_blocks_joined_are_the_whole_file(tmp_path, kind, block):
    path = store(tmp_path / f"tone.{kind}", tones(44100, 2, seconds=3), 44100)
    whole = soundfile.read(path, dtype="float32")[0].T if kind not in ("m4a", "mkv") else read(path)[0]
    with open_audio(path) as stream:
        assert (stream.sample_rate, stream.channels) == (44100, 2)
        blocks = list(stream.blocks(block))
    assert all(b.shape[1] == block for b in blocks[:-1])
    assert 0 < blocks[-1].shape[1] <= block
    assert np.array_equal(np.concatenate(blocks, axis=1), whole)


@pytest.mark.parametrize("start", [0, 1, 4095, 40001, 100000, 131000])
@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [("wav", 0), ("flac", 0), ("ogg", 1e-6), ("mp3", 1e-4), ("opus", 1e-3), ("mkv", 0)],
)
def test_a_crop_is_that_part_of_the_whole_file(tmp_path, kind, tolerance, start):
    rate = 48000 if kind == "opus" else 44100
    path = store(tmp_path / f"tone.{kind}", tones(rate, 2, seconds=3), rate)
    whole, _ = read(path)
    crop, _ = read(path, start=start, samples=5000)
    expected = whole[:, start : start + 5000]
    assert crop.shape == expected.shape
    assert np.abs(crop - expected).max() <= tolerance


@pytest.mark.parametrize("flags", ["faststart", "frag_keyframe+empty_moov"])  # with and without an index
@pytest.mark.parametrize("start", [1, 4095, 40001, 100000, 131000])
def test_an_aac_crop_is_that_part_of_the_whole_file_to_the_sample(tmp_path, flags, start):
    """AAC draws its noise anew at every decoding, so that values agree only to a few thousandths."""
    path = encode(tmp_path / "tone.m4a", tones(44100, 2, seconds=4), 44100, "aac", movflags=flags)
    whole, _ = read(path)
    crop, _ = read(path, start=start, samples=5000)

    def error(shift: int) -> float:
        return float(np.abs(crop - whole[:, start + shift : start + shift + 5000]).mean())

    assert error(0) < 1e-3
    assert min(error(-1), error(1)) > 2 * error(0)


@pytest.mark.parametrize("before_end", [200, 900, 1100, 1900, 2800, 6000, 20000])
def test_an_ogg_crop_near_the_end_is_exact(tmp_path, before_end):
    path = store(tmp_path / "tone.ogg", tones(44100, 2, seconds=20), 44100)
    whole, _ = read(path)
    start = whole.shape[1] - before_end
    assert np.abs(read(path, start=start)[0] - whole[:, start:]).max() < 1e-6


@pytest.mark.parametrize("kind", ["wav", "mp3", "m4a", "webm"])
def test_a_crop_past_the_end_names_the_file_and_the_fix(tmp_path, kind):
    path = store(tmp_path / f"tone.{kind}", tones(48000, 1), 48000)
    with pytest.raises(ValueError, match=rf"tone\.{kind}: expected start within the file.*start earlier"):
        read(path, start=10**6, samples=10)


def test_a_read_that_begins_late_reaches_the_end(tmp_path):
    source = tones(44100, 2)
    path = store(tmp_path / "tone.wav", source, 44100, subtype="FLOAT")
    assert np.array_equal(read(path, start=60000)[0], source[:, 60000:])
    assert np.array_equal(read(path, start=60000, samples=10**6)[0], source[:, 60000:])


@pytest.mark.parametrize("arguments", [{"start": -1}, {"samples": 0}, {"stream": -1}])
def test_impossible_crops_are_errors(tmp_path, arguments):
    path = store(tmp_path / "tone.wav", tones(8000, 1), 8000)
    with pytest.raises(ValueError, match=r"expected .* got"):
        read(path, **arguments)


@pytest.mark.parametrize("name", ["夜の歌 - été.wav", "夜の歌 - été.m4a", "a:b %03d.m4a", "http:x.flac"])
def test_any_file_name_works(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store(tmp_path / name, tones(44100, 2), 44100)
    assert read(name)[0].shape[0] == 2
    assert probe(tmp_path / name).path == tmp_path / name


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_not_utf8_is_an_error_with_its_fix(tmp_path):
    path = store(tmp_path / "tone.wav", tones(8000, 1), 8000)
    path = path.rename(tmp_path / os.fsdecode(b"caf\xe9.wav"))
    with pytest.raises(ValueError, match=r"not UTF-8.*rename it"):
        read(path)


def test_an_mp3_without_a_length_tag_is_read_whole_and_without_a_warning(tmp_path, caplog):
    source = tones(44100, 2)
    path = encode(tmp_path / "bare.mp3", source, 44100, "libmp3lame", write_xing="0")
    audio, _ = read(path)
    assert source.shape[1] <= audio.shape[1] < source.shape[1] + 9000  # every decoder adds some frames
    assert not caplog.records


def test_a_flac_that_was_never_finished_has_no_known_length(tmp_path):
    source = tones(44100, 2)
    path = store(tmp_path / "open.flac", source, 44100)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # STREAMINFO: the 36 bits of the total number of samples
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert probe(path).samples is None
    assert read(path)[0].shape == source.shape


def test_resampling_keeps_the_tone_and_scales_the_length(tmp_path):
    source = tones(44100, 2)
    path = store(tmp_path / "tone.wav", source, 44100, subtype="FLOAT")
    audio = read_resampled(path, 16000)
    assert audio.shape == (2, round(source.shape[1] * 16000 / 44100))
    spectrum = np.abs(np.fft.rfft(audio[0]))
    assert abs(np.argmax(spectrum) * 16000 / audio.shape[1] - 220) < 1
    assert np.array_equal(read_resampled(path, 44100), source)


def test_mono_is_the_mean_of_the_channels(tmp_path):
    source = tones(44100, 2)
    path = store(tmp_path / "tone.wav", source, 44100, subtype="FLOAT")
    mono = read_resampled(path, 44100, mono=True)
    assert np.allclose(mono, source.mean(0, keepdims=True), atol=1e-7)
    with pytest.raises(ValueError, match="sample_rate: expected at least 1 Hz, got 0"):
        read_resampled(path, 0)


def _bad(folder: Path, name: str) -> Path:
    path = folder / name
    if name == "folder.wav":
        path.mkdir()
    elif name == "silent.mp4":
        with av.open(str(path), "w") as container:
            picture = container.add_stream("mpeg4", rate=25)
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
            container.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
            container.mux(picture.encode(None))
    elif name == "none.wav":
        soundfile.write(path, np.zeros((0, 2), np.float32), 44100)
    elif name != "missing.wav":
        path.write_bytes(
            {"empty.ogg": b"", "image.png": b"\x89PNG\r\n\x1a\n" + bytes(99)}.get(name, b"words " * 500)
        )
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.wav", "no such file; check the path"),
        ("folder.wav", "got a folder; name a file inside it"),
        ("empty.ogg", r"empty one \(0 bytes\); copy it again"),
        ("words.mp3", "expected an audio or video file, could not open it"),
        ("words.wav", "expected an audio or video file, could not open it"),
        ("words.txt", "expected audio stream 0, found 0"),
        ("words.raw", "expected"),
        ("image.png", "expected audio stream 0, found 0"),
        ("none.wav", "found no samples in the file; export it again"),
        ("silent.mp4", "expected audio stream 0, found 0"),
    ],
)
@pytest.mark.parametrize("reader", [probe, read])
def test_a_bad_file_gives_one_line_with_its_name(tmp_path, name, message, reader):
    path = _bad(tmp_path, name)
    with pytest.raises(ValueError, match=message) as caught:
        reader(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_found_at_its_second(tmp_path, value):
    audio = tones(8000, 2, seconds=4)
    audio[1, 20000] = value
    path = store(tmp_path / "broken.wav", audio, 8000, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"broken\.wav: expected finite samples.* at 2\.500 s"):
        read(path)
    with pytest.raises(ValueError, match=r"at 2\.500 s"):
        read(path, start=15000, samples=8000)
    assert read(path, samples=8000)[0].shape == (2, 8000)  # what comes before it is good


@pytest.mark.parametrize(
    "kind", ["wav", "flac", "ogg", "mp3", "opus", "aiff", "webm", "mkv", "faststart.m4a"]
)
def test_a_truncated_file_is_decoded_as_far_as_it_goes_with_a_warning(tmp_path, kind, caplog):
    rate = 48000 if kind in ("opus", "webm") else 44100
    source = tones(rate, 2, seconds=10)
    options = {"movflags": "faststart"} if kind.startswith("fast") else {}
    path = cut(store(tmp_path / f"cut.{kind}", source, rate, **options))
    with caplog.at_level(logging.WARNING, logger="stemwise.data.audio"):
        audio, _ = read(path)
    assert 4.5 < audio.shape[1] / rate < 7
    assert np.corrcoef(audio[0, : 4 * rate], source[0, : 4 * rate])[0, 1] > 0.99
    assert np.isfinite(audio).all()
    (record,) = caplog.records
    assert f"{path}: " in record.getMessage()
    assert f"{audio.shape[1] / rate:.2f} s" in record.getMessage()


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "opus", "aiff", "webm", "mkv", "m4a", "mp4"])
def test_a_whole_file_gives_no_warning(tmp_path, kind, caplog):
    rate = 48000 if kind in ("opus", "webm") else 44100
    read(store(tmp_path / f"whole.{kind}", tones(rate, 2), rate))
    assert not caplog.records


def test_a_truncated_m4a_with_its_index_at_the_end_says_that_it_is_damaged(tmp_path):
    path = cut(store(tmp_path / "cut.m4a", tones(44100, 2), 44100))
    with pytest.raises(ValueError, match=r"cut\.m4a: .*damaged, cut short"):
        read(path)


def test_blocks_are_read_in_constant_memory(tmp_path):
    """The second half of a long file costs no more than the first: nothing is kept."""
    import tracemalloc

    path = store(tmp_path / "long.wav", np.zeros((2, 44100 * 60), np.float32), 44100)
    tracemalloc.start()
    with open_audio(path) as stream:
        total = sum(block.shape[1] for block in stream.blocks(44100))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 44100 * 60
    assert peak < 8e6  # the whole would be 21 MB


@pytest.mark.skipif(not SONG.is_file(), reason="Debian's fretsonfire-songs-sectoid is not installed")
def test_a_real_song_cropped_is_the_song(tmp_path):
    info = probe(SONG)
    assert (info.sample_rate, info.channels) == (44100, 2)
    start = 60 * 44100 + 321
    crop, _ = read(SONG, start=start, samples=61792)
    with soundfile.SoundFile(os.fspath(SONG)) as file:
        file.read(start)
        expected = file.read(61792, dtype="float32").T
    assert np.abs(crop - expected).max() < 1e-6


@pytest.mark.skipif(STEMPEG is None, reason="the stempeg wheel is not installed")
def test_every_stream_of_a_stem_file_can_be_read():
    (path,) = Path(STEMPEG.origin).parent.glob("data/*.stem.mp4")
    mixture, *stems = (read(path, stream=k)[0] for k in range(5))
    n = min(s.shape[1] for s in stems)
    together = sum(s[0, :n] for s in stems)
    assert np.corrcoef(together, mixture[0, :n])[0, 1] > 0.95  # the mixture is mastered
    with pytest.raises(ValueError, match="expected audio stream 5, found 5"):
        read(path, stream=5)
