"""GTZAN: the fault-filtered split is the published one."""

import hashlib
from pathlib import Path

import pytest

from stemwise.data import DATASETS
from stemwise.data.gtzan import FILTERED, clip_id, numbers, tracks
from stemwise.data.tracks import SPLITS, Track

PUBLISHED_UIDS = "20c6f90a0af323ccd6898e0cc0067d5c8f4a1674dec2800b5cc28bdb50df19c7"
"""Of jukemir's metadata: the SHA-256 of its sorted lines `uid split genre`."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "genres" / "jazz").mkdir(parents=True)
    return tmp_path


def counts(clips: list[Track]) -> dict[str, int]:
    return {split: sum(clip.split == split for clip in clips) for split in SPLITS}


def test_splits_and_genres_equal_the_published_metadata(root: Path) -> None:
    dataset, clips = DATASETS["gtzan"], tracks(root)
    uids = ((hashlib.sha256(clip.name.encode()).hexdigest(), clip) for clip in clips)
    lines = sorted(f"{uid} {clip.split} {clip.labels['genre']}\n" for uid, clip in uids)
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == PUBLISHED_UIDS
    assert counts(clips) == dataset.counts == {"train": 443, "valid": 197, "test": 290}
    assert dataset.listing is not None
    assert dataset.listing.of(clips) == dataset.listing.sha256


def test_lists_beside_the_audio_say_the_same_and_may_say_otherwise(root: Path) -> None:
    shipped = tracks(root)
    for split, genres in FILTERED.items():
        names = [f"{genre}/{clip_id(genre, n)}.wav" for genre, text in genres.items() for n in numbers(text)]
        (root / f"{split}_filtered.txt").write_text("\n".join(names))
    assert tracks(root) == shipped
    (root / "valid_filtered.txt").write_text("jazz/jazz.00000.wav\n")
    assert [clip.name for clip in tracks(root, "valid")] == ["jazz.00000"]
    (root / "valid_filtered.txt").write_text("polka/polka.00000.wav\n")
    with pytest.raises(ValueError, match=r"valid_filtered\.txt: expected lines as blues/blues\.00000\.wav"):
        tracks(root, "valid")


@pytest.mark.parametrize(
    ("home", "ending"), [("genres", ".au"), ("genres_original", ".wav"), ("Data/genres_original", ".wav")]
)
def test_audio_lies_where_the_archives_leave_it(tmp_path: Path, home: str, ending: str) -> None:
    file = tmp_path / home / "blues" / f"blues.00029{ending}"
    file.parent.mkdir(parents=True)
    file.touch()
    (clip,) = (clip for clip in tracks(tmp_path) if clip.name == "blues.00029")
    assert clip.mixture == file
