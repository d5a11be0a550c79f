"""Unpacking archives that came from elsewhere: file by file, whole or not at all, never outside a folder."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4


def unpack_zip(parts: Sequence[Path], root: Path) -> None:
    """Unpack an archive, or one that was split into parts; files that are there in full size are kept.

    Raises:
        ValueError: it is no archive, is damaged, or a member would lie outside of the folder.
    """
    with _Joined(parts) as joined:
        try:
            with zipfile.ZipFile(io.BufferedReader(joined, 2**20)) as archive:
                for member in archive.infolist():
                    _extract(archive, member, root)
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise ValueError(f"{parts[0]}: could not be unpacked ({error}); fetch it again") from error


def unpack_tar(path: Path, root: Path) -> None:
    """Unpack a compressed tar archive; files that are there in full size are kept.

    Raises:
        ValueError: as `unpack_zip`, or a member is neither a file nor a folder.
    """
    try:
        with gzip.open(path) as whole:
            while whole.read(2**20):  # to its end, where its checksum is: files of damaged bytes would stay
                pass
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if not member.isdir():
                    _place(root, member.name, member.size, lambda m=member, a=archive: _content(a, m))
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: could not be unpacked ({error}); fetch it again") from error


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Any:
    content = archive.extractfile(member) if member.isfile() else None
    if content is None:
        raise ValueError(f"{member.name}: expected a file or a folder in the archive; do not trust it")
    return content


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, root: Path) -> None:
    if not member.is_dir():
        _place(root, member.filename, member.file_size, lambda: archive.open(member))


def _place(root: Path, name: str, size: int, content: Callable[[], Any]) -> None:
    """Write one file of an archive, whole or not at all, unless it is there."""
    target = root / name
    if not target.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{name}: expected a path inside the archive's folder; do not trust it")
    if target.is_file() and target.stat().st_size == size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{uuid4().hex}.part")
    try:
        with content() as source, aside.open("wb") as file:
            shutil.copyfileobj(source, file, 2**20)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


class _Joined(io.RawIOBase):
    """Several files read as if they were one, without a joined copy."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._files = [path.open("rb") for path in parts]
        self._sizes = [path.stat().st_size for path in parts]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: sum(self._sizes)}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer) -> int:
        for file, start in self._starts():
            file.seek(self._at - start)
            got = file.readinto(buffer)
            self._at += got
            return got
        return 0

    def _starts(self) -> Iterator[tuple[io.BufferedReader, int]]:
        """The part that the position lies in, and where it begins."""
        start = 0
        for file, size in zip(self._files, self._sizes, strict=True):
            if start <= self._at < start + size:
                yield file, start
            start += size

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()
