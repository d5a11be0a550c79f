"""One's own data: a folder of labelled audio, and a folder of stems."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stemwise import STEMS
from stemwise.data import extracted
from stemwise.data.tracks import SPLITS, DatasetInfo, Track, splits, stem_track, subfolders

INFO = DatasetInfo(
    name="folder",
    title="Your own labelled audio",
    licence="yours",
    source="your disk",
    size="any",
    layout="labels.csv (path, label, optional split; several labels separated by ;), or [SPLIT/]LABEL/FILE",
)
STEMS_INFO = DatasetInfo(
    name="stems",
    title="Your own stems",
    licence="yours",
    source="your disk",
    size="any",
    layout="[SPLIT/]NAME/{mixture,drums,bass,other,vocals}.EXT, optional labels.json",
)
AUDIO_INFO = DatasetInfo(
    name="audio",
    title="Any folder of audio, without labels",
    licence="yours",
    source="your disk",
    size="any",
    layout="[SPLIT/]…/FILE, at any depth",
)
AUDIO = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".mp4", ".aac", ".aif", ".aiff", ".wma"}
AUDIO |= {".webm", ".mka", ".mkv", ".wv", ".ape", ".caf"}
SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}


def split_by_name(name: str, seed: int = 0) -> str:
    """Return the split of a track that nobody has put into one: by a hash, 80, 10 and 10 percent.

    It depends on the name alone, so that new files move no old ones.

    >>> split_by_name("a song"), split_by_name("a song", seed=3)
    ('train', 'train')
    """
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    for split, share in SHARES.items():
        place -= share
        if place < 0:
            return split
    return "train"


def tracks(root: Path, split: str | None = None) -> list[Track]:
    """Labelled files, sorted by split and path. A track's name is its path in the folder; `label` is a list.

    Raises:
        ValueError: neither `labels.csv` nor audio in sub-folders, a bad row, or an unknown split.
    """
    root, wanted = Path(root), splits(split)
    table = root / "labels.csv"
    found = list(_table(root, table) if table.is_file() else _folders(root))
    if not found:
        raise ValueError(
            f"{root}: expected labels.csv with columns path and label, or audio as LABEL/FILE; found neither"
        )
    found.sort(key=lambda track: track.name)
    return [track for name in wanted for track in found if track.split == name]


def _table(root: Path, table: Path) -> Iterator[Track]:
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if not {"path", "label"} <= set(rows.fieldnames or ()):
            got = ", ".join(rows.fieldnames or ()) or "none"
            raise ValueError(f"{table}: expected the columns path and label, found {got}")
        for line, row in enumerate(rows, 2):
            name, part = (row["path"] or "").strip(), (row.get("split") or "").strip()
            if not name or part not in ("", *SPLITS):
                raise ValueError(
                    f"{table}, row {line}: expected a path, and as split one of {', '.join(SPLITS)} or "
                    f"nothing; got {name!r} and {part!r}"
                )
            labels = [label.strip() for label in (row["label"] or "").split(";") if label.strip()]
            yield Track(
                name=name, split=part or split_by_name(name), mixture=root / name, labels={"label": labels}
            )


def _folders(root: Path) -> Iterator[Track]:
    for part, home in _homes(root):
        for folder in _without_stems(home):
            for file in sorted(folder.rglob("*")):
                if file.suffix.lower() in AUDIO and not file.name.startswith("."):
                    name = file.relative_to(root).as_posix()
                    labels = {"label": [folder.name]}
                    yield Track(name=name, split=part or split_by_name(name), mixture=file, labels=labels)


def audio_tracks(root: Path, split: str | None = None) -> list[Track]:
    """Every audio file below a folder, sorted by split and path. A track's name is its path in the folder.

    Raises:
        ValueError: there is none, or an unknown split.
    """
    root, wanted = Path(root), splits(split)
    stems = {folder for folder in subfolders(root) if extracted.is_home(folder)}
    found = [
        Track(name=name, split=part or split_by_name(name), mixture=file)
        for part, home in _homes(root)
        for file in sorted(home.rglob("*"))
        if file.suffix.lower() in AUDIO and not (name := file.relative_to(root).as_posix()).startswith(".")
        if stems.isdisjoint(file.parents)
    ]
    if not found:
        kinds = ", ".join(sorted(AUDIO))
        raise ValueError(f"{root}: expected audio files ({kinds}) at any depth, found none")
    return [track for name in wanted for track in found if track.split == name]


def _homes(root: Path) -> list[tuple[str | None, Path]]:
    """The splits' folders, where all sub-folders are such; else the root, whose tracks have no split yet.

    What stemwise itself puts into a set's folder does not count.
    """
    names = {folder.name for folder in _without_stems(root)} - OURS
    if names and names <= set(SPLITS):
        return [(name, root / name) for name in SPLITS if name in names]
    return [(None, root)]


OURS = {"cache", "downloads"}


def _without_stems(home: Path) -> list[Path]:
    """Return a folder's folders, but those that hold what a separator made of the set."""
    return [folder for folder in subfolders(home) if not extracted.is_home(folder)]


def stem_tracks(root: Path, split: str | None = None) -> list[Track]:
    """Folders with stems of any audio format, sorted by split and name.

    A folder is a track if it holds any of the five files; `write_mixtures` makes a mixture that is missing.

    Raises:
        ValueError: no such folder, a file in two formats, or an unknown split.
    """
    root, wanted = Path(root), splits(split)
    folders = [(part, folder) for part, home in _homes(root) for folder in subfolders(home)]
    found = [_stems(folder, part or split_by_name(folder.name)) for part, folder in folders]
    found = [track for track in found if any(file.is_file() for file in track.files)]
    if not found:
        raise ValueError(f"{root}: expected {STEMS_INFO.layout}, found no such folder")
    return [track for name in wanted for track in found if track.split == name]


def _stems(folder: Path, split: str) -> Track:
    plain = stem_track(folder, split)
    stems = {stem: _audio(folder, stem) for stem in STEMS}
    return replace(plain, mixture=_audio(folder, "mixture"), stems=stems)


def _audio(folder: Path, name: str) -> Path:
    files = [path for path in sorted(folder.glob(f"{name}.*")) if path.suffix.lower() in AUDIO]
    if len(files) > 1:
        raise ValueError(f"{folder}: expected one {name}, found {', '.join(f.name for f in files)}; keep one")
    return files[0] if files else folder / f"{name}.wav"


def write_mixtures(root: Path) -> list[Path]:
    """Write `mixture.wav`, the sum of the four stems in 32-bit float, where a mixture is missing.

    Readers never add stems up by themselves: a mixture is a file that one can listen to.

    Returns:
        The files written.

    Raises:
        ValueError: a stem is missing or unlike the others.
    """
    import numpy as np

    from stemwise.data.audio import read
    from stemwise.data.writing import write

    written = []
    for track in stem_tracks(root):
        if not track.mixture.is_file():
            parts = [read(track.stems[stem]) for stem in STEMS]
            kinds = sorted({(*audio.shape, rate) for audio, rate in parts})
            if len(kinds) > 1:
                raise ValueError(
                    f"{track.mixture.parent}: expected stems of one (channels, samples, rate), got {kinds}"
                )
            write(track.mixture, np.sum([audio for audio, _ in parts], axis=0), parts[0][1])
            written.append(track.mixture)
    return written
