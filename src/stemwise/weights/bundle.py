"""TensorFlow checkpoints without TensorFlow: an index of tensors, and shards that hold their bytes.

A checkpoint is `PREFIX.index`, a table of names with shape, type, place and CRC32C, and shards
`PREFIX.data-00000-of-00001`. Every tensor that is read is checked against its CRC32C.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google_crc32c import extend
from google_crc32c import value as crc32c

from stemwise.weights.table import masked, read_table, varint

DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    9: "int64",
    10: "bool",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
"""TensorFlow's numbers of types; others are named by their number."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the index says of a tensor: its type and shape, and where its bytes are."""

    dtype: str
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc32c: int


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """An opened checkpoint.

    Attributes:
        index: the index file.
        shards: the files with the tensors' bytes.
        entries: every tensor, by name.
    """

    index: Path
    shards: tuple[Path, ...]
    entries: dict[str, Entry]

    def read(self, name: str) -> np.ndarray:
        """Return a tensor of numbers.

        Raises:
            ValueError: its bytes are damaged, or it is no tensor of numbers.
        """
        entry = self.entries[name]
        numbers = entry.dtype in DTYPES.values() and entry.dtype != "string"
        if not numbers or math.prod(entry.shape) * np.dtype(entry.dtype).itemsize != entry.size:
            raise ValueError(
                f"{self.index}: {name}: expected numbers, got {entry.size} bytes of {entry.dtype} "
                f"{entry.shape}"
            )
        values = np.frombuffer(self._verified(name), np.dtype(entry.dtype).newbyteorder("<"))
        return values.reshape(entry.shape).astype(entry.dtype)

    def verify(self) -> None:
        """Check the bytes of every tensor.

        Raises:
            ValueError: a shard is missing or of another size, or a tensor of it is damaged.
        """
        for number, shard in enumerate(self.shards):
            ends = [e.offset + e.size for e in self.entries.values() if e.shard == number]
            _check_size(shard, max(ends, default=0))
        for name in self.entries:
            self._verified(name)

    def _verified(self, name: str) -> bytes:
        entry, shard = self.entries[name], self.shards[self.entries[name].shard]
        with shard.open("rb") as file:
            file.seek(entry.offset)
            data = file.read(entry.size)
        crc = _strings_crc(data, entry.shape) if entry.dtype == "string" else crc32c(data)
        if len(data) != entry.size or masked(crc) != entry.crc32c:
            raise ValueError(
                f"{shard}: {name} is damaged: its CRC32C is not the index's; copy the file again"
            )
        return data


def open_bundle(path: str | Path) -> Bundle:
    """Open a checkpoint.

    Args:
        path: its prefix, its index, or a folder: with a file `checkpoint` that names the latest, or with
            exactly one index.

    Raises:
        ValueError: there is no such checkpoint, or its index is damaged.
    """
    index = find_index(Path(path))
    try:
        table = read_table(index.read_bytes())
        count = _header(table.pop(b"", b""))
        entries = {key.decode(): _entry(value, count) for key, value in table.items()}
    except ValueError as error:
        raise ValueError(f"{index}: {error}; copy the file again") from error
    prefix = index.name.removesuffix(".index")
    shards = [index.with_name(f"{prefix}.data-{i:05}-of-{count:05}") for i in range(count)]
    return Bundle(index=index, shards=tuple(shards), entries=entries)


def find_index(path: Path) -> Path:
    """Return the index file of a checkpoint that is given by prefix, index or folder."""
    if path.is_dir():
        return _index_in(path)
    index = path if path.suffix == ".index" else path.with_name(path.name + ".index")
    if not index.is_file():
        raise ValueError(
            f"{path}: no checkpoint; expected a folder, a prefix or an index, and {index} is none"
        )
    return index


def _index_in(folder: Path) -> Path:
    """Return the index of a folder's latest checkpoint; paths in its state file may be another machine's."""
    state = folder / "checkpoint"
    if state.is_file():
        latest = re.search(r'^model_checkpoint_path: "(.+)"', state.read_text(errors="replace"), re.M)
        index = folder / f"{Path(latest[1]).name if latest else ''}.index"
        if latest and index.is_file():
            return index
        raise ValueError(f"{state}: expected it to name a checkpoint beside it; give the index file itself")
    found = sorted(folder.glob("*.index"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise ValueError(f"{folder}: expected exactly one index file, found {names}; give the file itself")
    return found[0]


def _check_size(shard: Path, expected: int) -> None:
    if not shard.is_file():
        raise ValueError(
            f"{shard}: no such file; the checkpoint's tensors are in it, copy it beside the index"
        )
    size = shard.stat().st_size
    if size != expected:
        raise ValueError(f"{shard}: expected {expected} bytes, got {size}; copy the file again")


def _header(data: bytes) -> int:
    """Return the number of shards."""
    header = dict(_fields(data))
    count, big_endian = header.get(1), header.get(2, 0)
    if not isinstance(count, int) or not 1 <= count <= 99_999 or big_endian:
        raise ValueError("expected a header that counts little-endian shards")
    return count


def _entry(data: bytes, shards: int) -> Entry:
    """Parse TensorFlow's BundleEntryProto."""
    fields = dict(_fields(data))
    if 7 in fields:
        raise ValueError("tensors in slices cannot be read; save the checkpoint from one device")
    dtype, shard, offset, size, crc = (_number(fields, key) for key in (1, 3, 4, 5, 6))
    if shard >= shards:
        raise ValueError(f"a tensor is said to be in shard {shard} of {shards}")
    shape = _shape(fields.get(2, b""))
    name = DTYPES.get(dtype, f"type {dtype}")
    return Entry(dtype=name, shape=shape, shard=shard, offset=offset, size=size, crc32c=crc)


def _number(fields: dict[int, int | bytes], key: int) -> int:
    value = fields.get(key, 0)
    if not isinstance(value, int):
        raise ValueError(f"field {key} of a tensor is no number")
    return value


def _shape(data: int | bytes) -> tuple[int, ...]:
    """Parse TensorFlow's TensorShapeProto."""
    dims = [value for key, value in _fields(data) if key == 2] if isinstance(data, bytes) else []
    return tuple(_number(dict(_fields(dim)), 1) for dim in dims if isinstance(dim, bytes))


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a protocol buffer: whole numbers, 32 and 64 bits, and bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
            yield tag >> 3, value
            continue
        size, at = varint(data, at) if kind == 2 else ({5: 4, 1: 8}.get(kind, len(data)), at)
        if at + size > len(data):
            raise ValueError("a field is cut off")
        part = data[at : at + size]
        yield tag >> 3, part if kind == 2 else int.from_bytes(part, "little")
        at += size


def _strings_crc(data: bytes, shape: tuple[int, ...]) -> int:
    """Return the CRC32C of a tensor of strings, or -1 where its bytes do not hold together.

    It is that of the lengths as 32-bit numbers, their own stored checksum, and the strings.
    """
    at, crc, total = 0, 0, 0
    try:
        for _ in range(math.prod(shape)):
            length, at = varint(data, at)
            crc, total = extend(crc, struct.pack("<I", length)), total + length
    except (ValueError, struct.error):
        return -1
    stored = data[at : at + 4]
    whole = stored == struct.pack("<I", masked(crc)) and len(data) == at + 4 + total
    return extend(crc, data[at:]) if whole else -1
