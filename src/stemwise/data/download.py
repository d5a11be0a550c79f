"""Fetching a data set from its server: resumed where it stopped, checked, unpacked, never half-written."""

from __future__ import annotations

import logging
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from stemwise.data.tracks import Dataset, Download
from stemwise.data.unpacking import unpack_tar, unpack_zip
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
    lines, before = [], 0.0
    _expect_room(dataset.downloads, root)
    for item in dataset.downloads:
        file = fetch(item, _folder(item, root), _counted(report, before, item.name))
        before += item.megabytes
        lines.append(f"{item.name}: {item.checksum or 'no checksum published, only its length was checked'}")
        if _is_packed(item):
            archives[item.join or item.name].append(file)
    for name, parts in archives.items() if unpack else ():
        report(int(before), f"unpacking {name}")
        if name.endswith(TARBALL):
            unpack_tar(parts[0], root)
        else:
            unpack_zip(parts, root)
    if dataset.further and unpack:
        lines.append(_fetch_further(dataset.further(root), root, report, before))
    return lines


def _fetch_further(items: Sequence[Download], root: Path, report: Progress, before: float) -> str:
    """Fetch many small files; one that the server refuses does not stop the others."""
    refused = []
    _expect_room(items, root)
    for item in items:
        try:
            fetch(item, _folder(item, root), _counted(report, before, item.name))
        except ValueError as error:
            refused.append(str(error))
        before += item.megabytes
    if refused:
        raise ValueError(
            f"{len(refused)} of {len(items)} files could not be fetched, the first: {refused[0]}; the same "
            "command tries them again, and `stemwise data verify … --leave-out` goes on without them"
        )
    return f"{len(items)} further files: {sum(item.checksum is not None for item in items)} checksums"


def _is_packed(item: Download) -> bool:
    return ".zip" in item.name or item.name.endswith(TARBALL)


def _folder(item: Download, root: Path) -> Path:
    return root / (ARCHIVES if _is_packed(item) else item.folder)


def _counted(report: Progress, before: float, name: str) -> Callable[[int], None]:
    return lambda done: report(int(before + done / MEGABYTE), name)


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
    places = [_folder(item, root) / item.name for item in items]
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
