"""What a catalogue really holds: odd audio, damaged files, a full disk, folders that cannot be written."""

import os
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings

from catalogue_runs import results, write_song, write_songs
from stemwise import STEMS
from stemwise.cli import main
from stemwise.data.audio import probe, read
from stemwise.data.writing import write

pytestmark = pytest.mark.usefixtures("one_thread")

FUZZ = settings(
    max_examples=int(os.environ.get("STEMWISE_FUZZ_EXAMPLES", "25")),
    deadline=None,
    database=None,
    derandomize="STEMWISE_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
"""The same few examples in every run; as many fresh ones as the variable says."""


def stems_of(path: Path, out: Path, *options: str) -> np.ndarray:
    assert main(["separate", str(path), "-o", str(out), *options]) == 0
    return sum(read(out / path.stem / f"{stem}.wav")[0] for stem in STEMS)


@pytest.mark.parametrize(
    ("rate", "channels", "samples"),
    [
        (44_100, 1, 1),
        (44_100, 2, 4410),
        (8000, 1, 3000),
        (192_000, 2, 40_000),
        (16_000, 8, 4000),
        (11_025, 3, 999),
    ],
)
def test_odd_audio_comes_out_as_it_went_in(rate: int, channels: int, samples: int, tmp_path: Path) -> None:
    path = write_song(tmp_path / "song.wav", samples / rate, rate, channels)
    total = stems_of(path, tmp_path / "out")
    assert total.shape == (channels, samples)
    np.testing.assert_allclose(total, read(path)[0], atol=1e-5)
    assert main(["tag", str(path)]) == 0


def test_silence_stays_silent(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros((9000, 2)), 16_000)
    assert not stems_of(tmp_path / "silence.wav", tmp_path / "out").any()


@pytest.mark.parametrize("claimed", [2**31, 10, 0xFFFFFFFF])
def test_file_that_lies_about_its_length(claimed: int, tmp_path: Path) -> None:
    path = write_song(tmp_path / "song.wav", 0.5)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", claimed)
    path.write_bytes(content)
    total = stems_of(path, tmp_path / "out")
    assert total.shape[1] in (5, 8000)
    np.testing.assert_allclose(total, read(path)[0], atol=1e-5)


def test_codec_that_nobody_knows_is_an_error_of_its_file(tmp_path: Path, capsys) -> None:
    path = write_song(tmp_path / "in" / "song.wav")
    content = bytearray(path.read_bytes())
    content[20] = 0  # the format's tag
    path.write_bytes(content)
    assert main(["separate", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 1
    assert "song.wav: expected audio that can be decoded" in capsys.readouterr().err


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    audio = read(write_song(folder / "song.wav", 0.4))[0]
    for ending in ("flac", "ogg", "mp3", "m4a"):
        write(folder / f"song.{ending}", audio, 16_000)
    return {path.suffix: path.read_bytes() for path in sorted(folder.iterdir())}


def expect_all_or_nothing(folder: Path, name: str, content: bytes, verb: str = "separate") -> None:
    """A file of any content is separated as far as it goes, or is an error of its own, and nothing else."""
    path, out = folder / name, folder / "out"
    path.write_bytes(content)
    code = main([verb, str(path), str(path), "-o", str(out)])
    found = results(out) if out.exists() else []
    assert code in (0, 1)
    assert len(found) == (0 if code else 4)
    for file in found:
        assert np.isfinite(read(out / file)[0]).all()
    assert not any((out / ".stemwise").glob("work*/*"))


@FUZZ
@given(data=st.data())
def test_mutated_files(whole: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data) -> None:
    ending = data.draw(st.sampled_from(sorted(whole)))
    content = bytearray(whole[ending])
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    places = st.one_of(st.integers(0, 100), st.integers(0, len(content) - 1))  # headers, and anywhere
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=12)):
        content[at] = value
    named = data.draw(st.sampled_from(sorted(whole)))
    expect_all_or_nothing(tmp_path_factory.mktemp("fuzz"), f"song{named}", bytes(content[:cut]))


@FUZZ
@given(
    content=st.binary(max_size=300),
    head=st.sampled_from([b"", b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb"]),
)
def test_bytes_that_are_no_audio(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, head: bytes
) -> None:
    expect_all_or_nothing(tmp_path_factory.mktemp("fuzz"), "song.mp3", head + content)


WORDS = st.one_of(
    st.sampled_from(["--stems", "--two-stems", "--format", "--subtype", "--name", "--peaks", "--shifts"]),
    st.sampled_from(
        ["vocals", "mp3", "pcm16", "{name}/{stem}", "fit", "2", "-1", "", "{", "drums,bass", "--no-tags"]
    ),
)


@FUZZ
@given(words=st.lists(WORDS, max_size=4))
def test_options_in_any_order(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("options")
    path = write_song(folder / "song.wav", 0.1)
    code = main(["separate", str(path), "-o", str(folder / "out"), *words])
    assert code in (0, 1, 2)
    if code == 0:
        assert all(probe(folder / "out" / file).samples for file in results(folder / "out"))
    elif (folder / "out").exists():
        assert results(folder / "out") == []


def mounted(folder: Path, *options: str) -> None:
    folder.mkdir()
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


def fill(path: Path) -> None:
    """Make a file as large as the disk allows."""
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.parametrize("verb", ["separate", "tag"])
def test_full_disk_stops_with_one_line_and_goes_on_later(verb: str, tmp_path: Path, capsys) -> None:
    write_songs(tmp_path / "in", 20, seconds=0.5)
    disk = tmp_path / "disk"
    mounted(disk, "size=512k")
    command = [verb, str(tmp_path / "in"), "-o", str(disk / "out")]
    filler = disk / "filler"
    try:
        filler.write_bytes(bytes(300_000))
        if verb == "tag":  # whose rows need little room
            fill(filler)
        assert main(command) == 2
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stemwise: ")]
        assert len(said) == 1
        assert not any((disk / "out" / ".stemwise" / "work").glob("*"))
        for file in results(disk / "out"):
            assert verb == "tag" or probe(disk / "out" / file).samples == 8000
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert main(command) == 0
        assert len(results(disk / "out")) == (80 if verb == "separate" else 1)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_folder_that_cannot_be_written_is_one_line(tmp_path: Path, capsys) -> None:
    song = write_song(tmp_path / "song.wav")
    disk = tmp_path / "disk"
    mounted(disk, "ro")
    try:
        assert main(["separate", str(song), "-o", str(disk / "out")]) == 2
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    said = capsys.readouterr().err.strip()
    assert "Read-only file system" in said
    assert len(said.splitlines()) == 1
