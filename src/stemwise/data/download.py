"""Fetching a data set from its server: resumed where it stopped, checked, unpacked, never half-written."""

from __future__ import annotations

import gzip
import io
import logging
import shutil
import tarfile
import time
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from stemwise.data.tracks import Dataset, Download
from stemwise.data.verify import digest

logger = logging.getLogger(__name__)

ARCHIVES = "downloads"
"""Where in a set's folder the archives are kept; they may be deleted once they are unpacked."""

TARBALL = ".tar.gz"
MEGABYTE = 1_000_000
_TRIES = 5  # in a row that bring nothing
_CHUNK = 2**16  # what a broken connection can cost at most
Progress = Callable[[int, str], None]


def download(
    dataset: Dataset, root: Path, *, unpack: bool = True, progress: Progress | None = None
) -> list[str]:
    """Fetch, check and unpack a set; the same call goes on where an earlier one stopped.

    Tables come to lie in the set's folder, archives in its folder `downloads`.

    Args:
        dataset: with public downloads.
        root: the set's folder; made where it is missing.
        unpack: whether archives are unpacked into the folder. They are kept either way.
        progress: told (megabytes done, what is going on).

    Returns:
        A line for each file: what its checksum was compared with.

    Raises:
        ValueError: the set has no public address, there is too little room, the server refuses, or a
            checksum is wrong.
        OSError: the server cannot be reached.
    """
    if not dataset.downloads:
        raise ValueError(f"{dataset.info.name}: has no public address; it comes from {dataset.info.source}")
    report = progress or (lambda done, note: None)
    archives: dict[str, list[Path]] = defaultdict(list)
    lines, before = [], 0
    _expect_room(dataset.downloads, root)
    for item in dataset.downloads:
        packed = ".zip" in item.name or item.name.endswith(TARBALL)
        start = before
        file = fetch(
            item,
            root / ARCHIVES if packed else root,
            lambda done, name=item.name, start=start: report(start + done // MEGABYTE, name),
        )
        before += item.megabytes
        lines.append(f"{item.name}: {item.checksum or 'no checksum published, only its length was checked'}")
        if packed:
            archives[item.join or item.name].append(file)
    for name, parts in archives.items() if unpack else ():
        report(before, f"unpacking {name}")
        if name.endswith(TARBALL):
            unpack_tar(parts[0], root)
        else:
            unpack_zip(parts, root)
    return lines


def fetch(item: Download, folder: Path, progress: Callable[[int], None] | None = None) -> Path:
    """Return a downloaded and checked file; what an earlier call left as `.part` is gone on with.

    Raises:
        ValueError, OSError: as `download`.
    """
    target = folder / item.name
    if target.is_file() and _matches(target, item):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    fails = 0
    while not _more(item, part, progress):
        fails += 1
        if fails >= _TRIES:
            raise OSError(f"{item.url}: the connection broke {fails} times; the same command goes on later")
        time.sleep(min(30.0, 0.1 * 4**fails))
    if not _matches(part, item):
        got = digest(part, (item.checksum or "").partition(":")[0])
        part.unlink()
        raise ValueError(
            f"{item.url}: expected {item.checksum}, got {got}; the file was deleted: try again, and if it "
            "comes out the same, the server has another file than the published one"
        )
    part.replace(target)
    return target


def _more(item: Download, part: Path, progress: Callable[[int], None] | None) -> bool:
    """Add to a partial file until it is whole; False where the connection broke and brought nothing."""
    import requests

    while True:
        have = part.stat().st_size if part.is_file() else 0
        try:
            if _request(item, part, have, progress):
                return True
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            logger.info("%s: %s; going on", item.url, type(error).__name__)
        if (part.stat().st_size if part.is_file() else 0) <= have:
            return False


def _request(item: Download, part: Path, have: int, progress: Callable[[int], None] | None) -> bool:
    """Ask for what is missing and append it; whether the file is whole afterwards."""
    import requests

    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(item.url, headers=headers, stream=True, timeout=(20, 60)) as answer:
        if answer.status_code == 416:  # nothing behind what is there: whole, or longer than it should be
            if answer.headers.get("Content-Range", "").endswith(f"/{have}"):
                return True
            part.unlink()
            return False
        if answer.status_code >= 500 or answer.status_code in (408, 429):  # busy: later perhaps
            return False
        if answer.status_code not in (200, 206):
            raise ValueError(
                f"{item.url}: the server says {answer.status_code} {answer.reason}; see the set's page with "
                "`stemwise data info`"
            )
        resumed = answer.status_code == 206
        done = have if resumed else 0
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if resumed else "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                if progress:
                    progress(done)
    return total is None or done == total


def _matches(file: Path, item: Download) -> bool:
    kind, _, digits = (item.checksum or "").partition(":")
    return not kind or digest(file, kind) == digits


def _expect_room(items: Sequence[Download], root: Path) -> None:
    places = [root / ARCHIVES / item.name for item in items]
    there = sum(
        path.stat().st_size
        for path in (*places, *(p.with_name(f"{p.name}.part") for p in places))
        if path.is_file()
    )
    needed = sum(item.megabytes for item in items) * MEGABYTE - there
    home = next(folder for folder in (root.absolute(), *root.absolute().parents) if folder.is_dir())
    if (free := shutil.disk_usage(home).free) < needed:
        raise ValueError(
            f"{root}: expected {needed / 1e9:.1f} GB of room for the download, {free / 1e9:.1f} are free; "
            "choose another disk (unpacking takes about as much again)"
        )


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
