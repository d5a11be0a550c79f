"""Writing: files appear whole or not at all, and come back as they were written."""

import logging
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from stemwise.data.audio import read
from stemwise.data.writing import AudioWriter, write

NOISE = (0.3 * np.random.default_rng(0).standard_normal((2, 30000))).clip(-1, 1).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "subtype", "stored", "tolerance"),
    [
        ("a.wav", None, "FLOAT", 0),
        ("a.wav", "float", "FLOAT", 0),
        ("a.wav", "pcm16", "PCM_16", 2**-14),
        ("a.WAV", "pcm24", "PCM_24", 2**-22),
        ("a.flac", None, "PCM_24", 2**-22),
        ("a.flac", "pcm16", "PCM_16", 2**-14),
    ],
)
def test_what_was_written_is_read(tmp_path, name, subtype, stored, tolerance):
    path = tmp_path / "new" / "folder" / name
    write(path, NOISE, 22050, subtype)
    audio, rate = read(path)
    assert rate == 22050
    assert np.abs(audio - NOISE).max() <= tolerance
    assert soundfile.info(path).subtype == stored
    assert [p.name for p in path.parent.iterdir()] == [name]


def test_blocks_are_appended_in_order(tmp_path):
    with AudioWriter(tmp_path / "夜.wav", 44100, 2) as writer:
        for at in range(0, 30000, 7001):
            writer.write(NOISE[:, at : at + 7001])
    assert np.array_equal(read(tmp_path / "夜.wav")[0], NOISE)


def test_levels_above_one_survive_in_float_and_are_clipped_with_a_warning_in_integers(tmp_path, caplog):
    loud = 4 * NOISE
    write(tmp_path / "a.wav", loud, 44100)
    assert np.array_equal(read(tmp_path / "a.wav")[0], loud)
    assert not caplog.records
    with caplog.at_level(logging.WARNING, logger="stemwise.data.writing"):
        write(tmp_path / "b.wav", loud, 44100, "pcm16")
    assert np.abs(read(tmp_path / "b.wav")[0] - loud.clip(-1, 1)).max() < 2**-14
    assert "b.wav: peaks at 4.00 were clipped" in caplog.text


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_on_the_way_leaves_nothing(tmp_path, name, error):
    with pytest.raises(error), AudioWriter(tmp_path / name, 44100, 2) as writer:
        writer.write(NOISE)
        raise error
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_the_way_leaves_the_older_file(tmp_path):
    write(tmp_path / "a.wav", NOISE, 44100)
    with pytest.raises(RuntimeError), AudioWriter(tmp_path / "a.wav", 44100, 2) as writer:
        writer.write(NOISE[:, :10])
        raise RuntimeError
    assert np.array_equal(read(tmp_path / "a.wav")[0], NOISE)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_name_appears_only_at_the_end(tmp_path):
    with AudioWriter(tmp_path / "a.wav", 44100, 2) as writer:
        writer.write(NOISE)
        assert not (tmp_path / "a.wav").exists()
    assert (tmp_path / "a.wav").exists()


def test_the_longest_file_name_can_be_written(tmp_path):
    name = "x" * 251 + ".wav"
    write(tmp_path / name, NOISE, 44100)
    assert (tmp_path / name).is_file()


def test_the_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write(tmp_path / "a.wav", NOISE, 44100)
    assert (tmp_path / "a.wav").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, name):
    """A limit on file size stands for the full disk: both make the system's write fail."""
    script = f"""
import resource, numpy as np
from stemwise.data.writing import write
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
noise = np.random.default_rng(0).uniform(-1, 1, (2, 200_000)).astype(np.float32)
try:
    write({str(tmp_path / name)!r}, noise, 44100)
except OSError as error:
    raise SystemExit(str(error))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert f"{name}: expected to write all samples" in result.stderr, result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "subtype", "message"),
    [
        ("a.wma", None, r"a\.wma: expected a name that ends in \.wav, \.flac, \.mp3, \.ogg or \.m4a"),
        ("a", None, r"expected a name that ends in \.wav"),
        ("a.flac", "float", r"expected subtype pcm24 or pcm16 for \.flac, got 'float'"),
    ],
)
def test_an_unknown_kind_names_the_known_ones(tmp_path, name, subtype, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / name, NOISE, 44100, subtype)


def test_a_folder_that_cannot_be_made_or_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match=r"file/out: expected a folder that can be written.*choose another"):
        write(tmp_path / "file" / "out" / "a.wav", NOISE, 44100)
    with pytest.raises(ValueError, match=r"file: expected a folder.*choose another"):
        write(tmp_path / "file" / "a.wav", NOISE, 44100)
    (tmp_path / "taken.wav").mkdir()
    with pytest.raises(ValueError, match=r"taken\.wav: expected a file to write, got a folder"):
        write(tmp_path / "taken.wav", NOISE, 44100)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc exists on Linux")
def test_a_read_only_folder_is_named():
    with pytest.raises(ValueError, match=r"/proc/a\.wav: expected a folder that can be written"):
        write("/proc/a.wav", NOISE, 44100)


def test_more_channels_than_flac_knows_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="9 channels"):
        write(tmp_path / "a.flac", np.zeros((9, 100), np.float32), 44100)
    assert list(tmp_path.iterdir()) == []


def test_a_block_of_other_channels_is_an_error(tmp_path):
    with (
        pytest.raises(
            ValueError, match=r"expected blocks \(channels, samples\) of 2 channels, got shape \(1,"
        ),
        AudioWriter(tmp_path / "a.wav", 44100, 2) as writer,
    ):
        writer.write(NOISE[:1])
    assert list(tmp_path.iterdir()) == []
