"""What to work on: files, folders, patterns, lists and standard input, one input after the other."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stemwise.data.folder import AUDIO

MEDIA = AUDIO | {".mov", ".avi", ".m4b", ".m4v", ".3gp", ".mpg", ".mpeg", ".au"}
"""What is taken out of folders and patterns. Files that are named are taken as they are."""

STANDARD_INPUT = "-"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One input.

    Attributes:
        path: of the file.
        folder: where below the output folder its results go; empty for a file that was named itself.
        problem: why it cannot be read; empty where nobody has tried yet.
    """

    path: Path
    folder: str = ""
    problem: str = ""

    @property
    def identity(self) -> str:
        """The absolute path: one file that is named twice is one input."""
        # links stay as they are: resolving them would cost a system call for each part of the path
        return os.path.abspath(self.path)  # noqa: PTH100


def items(words: Sequence[str], lists: Sequence[str] = (), out: Path | None = None) -> Iterator[Item]:
    """Yield every input, in an order that does not change while the files do not.

    Args:
        words: files, folders (taken with all that is below them), patterns such as `music/**/*.flac`, or `-`.
        lists: text files with a path in each line; `-` is standard input.
        out: the output folder; it is no input, even where it lies inside one.

    Raises:
        ValueError: the output folder is one of the input folders, or a list cannot be read.
    """
    for word in words:
        if word == STANDARD_INPUT:
            yield from _listed(word)
        else:
            yield from _named(word, out)
    for name in lists:
        yield from _listed(name)


def lone(words: Sequence[str], lists: Sequence[str]) -> bool:
    """Return whether exactly one file was named: its error is the command's error."""
    if len(words) != 1 or lists or words[0] == STANDARD_INPUT:
        return False
    return not Path(words[0]).is_dir() and not _is_pattern(words[0])


def _named(word: str, out: Path | None) -> Iterator[Item]:
    path = Path(word)
    if path.is_dir():
        if out is not None and _same(path, out):
            raise ValueError(f"{out}: expected another folder than the input's; name one with -o")
        yield from _below(path, "", out)
    elif _is_pattern(word):
        yield from _matching(word, out)
    else:
        yield Item(path=path)


def _is_pattern(word: str) -> bool:
    return glob.has_magic(word) and not Path(word).exists()


def _matching(pattern: str, out: Path | None) -> Iterator[Item]:
    root = Path(*_plain_parts(pattern))
    for found in glob.iglob(pattern, recursive=True):  # noqa: PTH207
        path = Path(found)
        folder = str(path.parent.relative_to(root)) if path.parent != root else ""
        if out is not None and _is_below(path, out):
            continue
        if path.is_dir():
            if "**" not in pattern:  # which names what is below by itself
                yield from _below(path, str(path.relative_to(root)), out)
        elif path.suffix.lower() in MEDIA:
            yield Item(path=path, folder=folder)


def _plain_parts(pattern: str) -> Iterable[str]:
    """Yield the parts of a pattern before the first that is one."""
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            return
        yield part


def _below(root: Path, folder: str, out: Path | None) -> Iterator[Item]:
    """Yield the media files of a folder, then those of its folders; no hidden ones, and no linked folders."""
    try:
        with os.scandir(root) as scan:
            entries = sorted((entry for entry in scan if not entry.name.startswith(".")), key=_by_name)
    except OSError as error:
        yield Item(path=root, folder=folder, problem=f"the folder cannot be read ({error.strerror})")
        return
    for entry in entries:
        if Path(entry.name).suffix.lower() in MEDIA and not entry.is_dir():
            yield Item(path=Path(entry.path), folder=folder)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and not (out is not None and _same(Path(entry.path), out)):
            yield from _below(Path(entry.path), f"{folder}/{entry.name}" if folder else entry.name, out)


def _by_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _listed(name: str) -> Iterator[Item]:
    if name == STANDARD_INPUT:
        yield from _lines(sys.stdin.buffer)
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115
    except OSError as error:
        raise ValueError(f"{name}: expected a list with a path in each line ({error.strerror})") from error
    with file:
        yield from _lines(file)


def _lines(file: Iterable[bytes]) -> Iterator[Item]:
    for line in file:
        if text := os.fsdecode(line.rstrip(b"\r\n")):
            path = Path(text)
            parts = [part for part in path.parent.parts if part not in (path.anchor, "..")]
            yield Item(path=path, folder="/".join(parts))


def _same(one: Path, other: Path) -> bool:
    return os.path.abspath(one) == os.path.abspath(other)  # noqa: PTH100


def _is_below(path: Path, folder: Path) -> bool:
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))  # noqa: PTH100
