"""`stemwise.separate`, `remix`, `tag` and `embed`: arrays and files, progress, cancelling, errors."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest

import stemwise
from catalogue_runs import write_song
from stemwise import STEMS
from stemwise.interfaces import Separator
from synth import noise

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def model() -> Separator:
    found = stemwise.load("demo-separator")
    assert isinstance(found, Separator)
    return found


def test_file_and_array_give_the_same_stems(model: Separator, tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", 1.0, 22_050, 2)
    audio, rate = stemwise.read(song)
    stems = stemwise.separate(audio, model, sample_rate=rate)
    assert list(stems) == list(STEMS)
    np.testing.assert_allclose(sum(stems.values()), audio, atol=1e-6)
    for name, found in stemwise.separate(str(song), "demo-separator").items():
        np.testing.assert_array_equal(found, stems[name])


def test_single_axis_is_mono(model: Separator) -> None:
    stems = stemwise.separate(noise(1, 5000)[0], model, sample_rate=16_000, stems=["bass"])
    assert {name: found.shape for name, found in stems.items()} == {"bass": (1, 5000)}


def test_double_precision_is_taken(model: Separator) -> None:
    stems = stemwise.separate(noise(1, 5000).astype(np.float64), model, sample_rate=16_000)
    assert stems["drums"].dtype == np.float32


def test_progress_goes_from_nothing_to_all(model: Separator) -> None:
    shares: list[float] = []
    stemwise.separate(noise(1, 8000 * 12), model, sample_rate=8000, progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) == 3
    assert shares[-1] == 1


@pytest.mark.parametrize("verb", ["separate", "remix", "tag", "embed"])
def test_cancelling_stops(verb: str) -> None:
    cancel = Event()
    more = ({"drums": 3},) if verb == "remix" else ()

    def progress(share: float) -> None:
        cancel.set()

    with pytest.raises(stemwise.Cancelled):
        getattr(stemwise, verb)(
            noise(1, 8000 * 12), *more, sample_rate=8000, progress=progress, cancel=cancel
        )


@pytest.mark.parametrize(
    ("audio", "rate", "hint"),
    [
        (noise(1, 100), None, "the array's rate"),
        (noise(1, 100), 0, "the array's rate"),
        (noise(1, 70_000).T, 16_000, "transpose it"),
        (np.zeros((1, 2, 3), np.float32), 16_000, r"\(channels, samples\)"),
        (np.zeros((2, 0), np.float32), 16_000, r"\(channels, samples\)"),
        (np.zeros((1, 100), np.int16), 16_000, "floating-point"),
        (np.full((1, 100), np.nan, np.float32), 16_000, "finite"),
    ],
)
def test_bad_audio_says_what_is_expected(
    model: Separator, audio: np.ndarray, rate: int | None, hint: str
) -> None:
    with pytest.raises(ValueError, match=hint):
        stemwise.separate(audio, model, sample_rate=rate)


def test_wrong_model_and_rate_of_a_file_are_errors(tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav")
    with pytest.raises(ValueError, match="expected a separator"):
        stemwise.separate(song, "demo-tagger")
    with pytest.raises(ValueError, match="leave it out"):
        stemwise.tag(song, sample_rate=16_000)
