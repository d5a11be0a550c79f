"""An append-only array on disk, filled file by file; usable whenever its writer was stopped.

A folder holds `data.bin`, rows one behind the other, and `index.jsonl`, one line for each file that the rows
were made of. A line is written when the rows it speaks of are on the disk. What lies behind the last whole
line does not exist: readers never look there, and the next writer cuts it off.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from stemwise.data.locking import exclusive
from stemwise.files import write_json


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What rows were made of; a file that was changed has another one.

    Attributes:
        path: below the data set's root, so that a set may be moved.
        size: bytes.
        mtime_ns: when the file was last changed.
        maker: version of the code that made the rows.
    """

    path: str
    size: int
    mtime_ns: int
    maker: int


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where the rows of a file lie, and a digest of their bytes."""

    start: int
    rows: int
    digest: str


class Store:
    """Rows of one shape and type on disk.

    Args:
        folder: of the store; made by the first writer.
        dtype: of a row's values.
        shape: of a row.
        about: plain values that say what the rows are, for `about.json`.
    """

    def __init__(self, folder: Path, dtype: str, shape: tuple[int, ...], about: Mapping[str, Any]) -> None:
        self.folder, self.dtype, self.shape, self.about = folder, np.dtype(dtype), shape, about
        self.row_bytes = self.dtype.itemsize * math.prod(shape)
        self._data, self._index = folder / "data.bin", folder / "index.jsonl"

    def entries(self) -> dict[Fingerprint, Entry]:
        """Return where everything lies that is there."""
        return self._scan()[0]

    def rows(self) -> np.ndarray:
        """Return all rows, mapped from disk; to be called after `entries`, which then lie within."""
        rows = self._data.stat().st_size // self.row_bytes if self._data.is_file() else 0
        if not rows:  # nothing cannot be mapped
            return np.zeros((0, *self.shape), self.dtype)
        return np.memmap(self._data, self.dtype, "r", shape=(rows, *self.shape))

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Become the store's only writer, once any other is done; what a killed one left is cut off."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with exclusive(self.folder / "lock"):
            write_json(self.folder / "about.json", self.about)
            entries, index_bytes, rows = self._scan()
            with self._data.open("ab") as data, self._index.open("ab") as index:
                data.truncate(rows * self.row_bytes)
                index.truncate(index_bytes)
                yield Writer(entries, rows, self, data, index)

    def _scan(self) -> tuple[dict[Fingerprint, Entry], int, int]:
        """Return the good entries, the bytes of their lines, and their rows; the first bad line ends them."""
        entries: dict[Fingerprint, Entry] = {}
        index_bytes = rows = 0
        if not (self._index.is_file() and self._data.is_file()):
            return entries, index_bytes, rows
        with self._index.open("rb") as index:
            lines = index.readlines()
        # asked after the lines were read: rows come before their line, so a writer at work does no harm
        there = self._data.stat().st_size // self.row_bytes
        for line in lines:
            parsed = _parsed(line)
            if parsed is None or parsed[1].start != rows or rows + parsed[1].rows > there:
                break
            entries[parsed[0]] = parsed[1]
            index_bytes, rows = index_bytes + len(line), rows + parsed[1].rows
        return entries, index_bytes, rows


class Writer:
    """Appends to a store. `entries` is what is there, and grows."""

    def __init__(
        self, entries: dict[Fingerprint, Entry], rows: int, store: Store, data: BinaryIO, index: BinaryIO
    ) -> None:
        self.entries, self._rows, self._store = entries, rows, store
        self._data, self._index = data, index

    def add(self, fingerprint: Fingerprint, blocks: Iterable[np.ndarray]) -> Entry:
        """Append the rows of one file, block by block; an error on the way leaves nothing of it."""
        rows, digest = 0, hashlib.sha256()
        try:
            for block in blocks:
                assert block.shape[1:] == self._store.shape, "rows of the store's shape"
                content = np.ascontiguousarray(block, self._store.dtype).data
                digest.update(content)
                self._data.write(content)
                rows += len(block)
            self._data.flush()
            os.fsync(self._data.fileno())  # before the line, or a power cut could leave a line without rows
        except BaseException:
            self._data.truncate(self._rows * self._store.row_bytes)
            raise
        entry = Entry(start=self._rows, rows=rows, digest=digest.hexdigest()[:32])
        self._index.write(json.dumps({**asdict(fingerprint), **asdict(entry)}).encode() + b"\n")
        self._index.flush()
        self.entries[fingerprint] = entry
        self._rows += rows
        return entry


def _parsed(line: bytes) -> tuple[Fingerprint, Entry] | None:
    """Return what a line of the index says; nothing where it is not whole."""
    try:
        values = json.loads(line) if line.endswith(b"\n") else {}
        fingerprint = Fingerprint(**{field.name: values[field.name] for field in fields(Fingerprint)})
        return fingerprint, Entry(**{field.name: values[field.name] for field in fields(Entry)})
    except (ValueError, TypeError, KeyError):
        return None
