"""A dataset is a list of tracks: what lies on disk, and what is known about it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemwise import STEMS

logger = logging.getLogger(__name__)

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class StemFile:
    """One audio stream of a file that holds several, counted from 0.

    Everything that reads audio takes it in a path's place. It is no path: what opened it as one would
    read the file's first stream, which is the mixture.
    """

    path: Path
    stream: int

    def __str__(self) -> str:
        return f"{self.path}, stream {self.stream}"


def file_of(source: Path | StemFile) -> Path:
    """Return the file on disk that a source lies in."""
    return source.path if isinstance(source, StemFile) else source


@dataclass(frozen=True, kw_only=True)
class Track:
    """One piece of music on disk: a mixture, its stems where they are known, and its labels.

    Attributes:
        name: unique within its dataset.
        split: one of `SPLITS`.
        mixture: the audio file of the whole.
        stems: stem name → audio file, or stream of one, sample-aligned with the mixture; empty where
            there are none.
        labels: label name → plain JSON value.
    """

    name: str
    split: str
    mixture: Path
    stems: Mapping[str, Path | StemFile] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the track lies in, each once, the mixture's first."""
        return tuple(dict.fromkeys((self.mixture, *map(file_of, self.stems.values()))))


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """What a person should know of a dataset before using it."""

    name: str
    title: str
    licence: str
    source: str
    size: str
    layout: str
    citation: str = ""


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file that a public server offers.

    Attributes:
        url: its address.
        checksum: "md5:", "sha1:" or "sha256:" and the published digits; None where none is published.
        megabytes: about how large it is.
        join: it is a part of a split archive of this name.
        folder: in the set's folder, that it comes to lie in; an archive's is another.
    """

    url: str
    megabytes: int | float
    checksum: str | None = None
    join: str | None = None
    folder: str = ""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rsplit("/", 1)[-1].partition("?")[0]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A published list of tracks, as a digest.

    Attributes:
        fields: labels that it holds beside each track's name and split.
        sha256: of the lines `name split LABELS`, sorted, numbers with four decimals.
    """

    fields: tuple[str, ...]
    sha256: str

    def of(self, tracks: Sequence[Track]) -> str:
        """Return the same of some tracks."""
        lines = sorted(self._line(track) for track in tracks)
        return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()

    def _line(self, track: Track) -> str:
        values = [track.labels[field] for field in self.fields]
        words = [f"{value:.4f}" if isinstance(value, float) else str(value) for value in values]
        return " ".join([track.name, track.split, *words])


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A registry entry.

    Attributes:
        info: what a person should know.
        reader: `(root, split)` → the tracks that the set's own lists name, whether or not their files are
            there; `split=None` gives all, in the order of `SPLITS`. It opens no audio.
        twin: `(rendered tracks, folder)` writes a small set in exactly this layout; None where a set is
            its own twin.
        downloads: the files that a public server offers, if one does.
        counts: published number of tracks per split, or of `all`.
        listing: of all tracks with their splits and labels, as others published them.
        known_bad: track name → why the reader leaves it out.
        checksums: `(root)` → file → checksum as in `Download`, of files whose checksum is published.
        further: `(root)` → files that a server offers besides, which the unpacked `downloads` name.
        further_megabytes: about how large these are together.
    """

    info: DatasetInfo
    reader: Callable[[Path, str | None], list[Track]]
    twin: Callable[[Sequence[Track], Path], None] | None = None
    downloads: tuple[Download, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    listing: Listing | None = None
    known_bad: Mapping[str, str] = field(default_factory=dict)
    checksums: Callable[[Path], Mapping[Path, str]] | None = None
    further: Callable[[Path], tuple[Download, ...]] | None = None
    further_megabytes: int | float = 0

    @property
    def megabytes(self) -> int | float:
        """About how much there is to download."""
        return sum(item.megabytes for item in self.downloads) + self.further_megabytes

    def tracks(self, root: Path, split: str | None = None) -> list[Track]:
        """Return the tracks to work with: those of `ROOT/left_out.txt` are left out, all others are whole.

        Raises:
            ValueError: no such set in this folder, an unknown split, or files that are missing.
        """
        named = self.reader(Path(root), split)
        out = left_out(root)
        tracks = [track for track in named if track.name not in out]
        if len(tracks) < len(named):
            message = "%s: %d of %d tracks are left out, as %s says"
            logger.warning(message, root, len(named) - len(tracks), len(named), LEFT_OUT)
        missing = [file for track in tracks for file in track.files if not file.is_file()]
        if missing:
            raise ValueError(
                f"{root}: {len(missing)} files are missing, the first is {missing[0]}; copy them, or leave "
                f"them out with `stemwise data verify {self.info.name} {root} --leave-out`"
            )
        return tracks


LEFT_OUT = "left_out.txt"
"""The user's list in a set's folder: a track's name and, behind a tab, the reason, one in a line."""


TWIN = "stemwise-twin.json"
"""Says of a folder that it is a synthetic twin, not the set itself."""


def music_in(root: Path) -> str:
    """Return what kind of music lies in a set's folder: as distributed, or rendered by stemwise."""
    if (Path(root) / TWIN).is_file():
        return "a synthetic twin of rendered music"
    return "rendered music" if (Path(root) / "dataset.json").is_file() else "as distributed"


def left_out(root: Path) -> dict[str, str]:
    """Return what the user decided to leave out: track name → reason."""
    path = Path(root) / LEFT_OUT
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    cells = (line.partition("\t") for line in lines if line and not line.startswith("#"))
    return {name: reason for name, _, reason in cells}


def splits(split: str | None) -> tuple[str, ...]:
    """Return the splits that are asked for: one, or all for None.

    Raises:
        ValueError: there is no such split.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}; got {split!r}")
    return SPLITS if split is None else (split,)


def stem_folders(root: Path, split: str | None = None) -> list[Track]:
    """Tracks of a folder in MUSDB18-HQ's layout, sorted by split and name.

    The layout is `root/SPLIT/NAME/{mixture,drums,bass,other,vocals}.wav`, with an optional
    `labels.json` beside the audio. A folder without `mixture.wav` is no track.

    Raises:
        ValueError: the root holds no such folder, the split is unknown, or a stem is missing.
    """
    tracks = [track for track in listed_stem_folders(root, split) if track.mixture.is_file()]
    if not tracks:
        raise _no_stem_folder(root, splits(split))
    for track in tracks:
        missing = [file.name for file in track.files if not file.is_file()]
        if missing:
            raise ValueError(
                f"{track.mixture.parent}: {', '.join(missing)} missing beside mixture.wav; "
                "render or copy it again"
            )
    return tracks


def listed_stem_folders(root: Path, split: str | None = None) -> list[Track]:
    """Tracks as `stem_folders` finds them, and those of which only some files are there.

    Raises:
        ValueError: the root holds no such folder, or the split is unknown.
    """
    wanted = splits(split)
    folders = [(s, d) for s in wanted for d in subfolders(Path(root) / s)]
    tracks = [stem_track(d, s) for s, d in folders]
    tracks = [track for track in tracks if any(file.is_file() for file in track.files)]
    if not tracks:
        raise _no_stem_folder(root, wanted)
    return tracks


def _no_stem_folder(root: Path, wanted: tuple[str, ...]) -> ValueError:
    return ValueError(
        f"{root}: expected {{{','.join(wanted)}}}/NAME/mixture.wav, found no such file; "
        "render a set with `stemwise data render OUT`"
    )


def subfolders(folder: Path) -> list[Path]:
    """Return a folder's folders, sorted; none where it is not there. Hidden ones are no part of a set."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def stem_track(folder: Path, split: str) -> Track:
    """Return the track of a folder of `mixture.wav` and four stems, whether or not they are there."""
    labels = folder / "labels.json"
    return Track(
        name=folder.name,
        split=split,
        mixture=folder / "mixture.wav",
        stems={stem: folder / f"{stem}.wav" for stem in STEMS},
        labels=_labels(labels) if labels.is_file() else {},
    )


def _labels(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: expected a JSON object ({error}); render or copy the track again"
        ) from error
