"""TensorFlow checkpoints of a test's own making, to be read back or refused."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from google_crc32c import value as crc32c

from stemwise.weights.bundle import DTYPES
from stemwise.weights.table import MAGIC, masked

NUMBERS = {name: number for number, name in DTYPES.items()}


def write_bundle(
    prefix: Path,
    tensors: Mapping[str, np.ndarray],
    *,
    shards: int = 1,
    compression: int = 0,
    extra: bytes = b"",
) -> Path:
    """Write a checkpoint, its tensors dealt out to the shards; return its index.

    `compression` is the type byte of the blocks (their content stays plain), `extra` is put behind every
    entry's own fields.
    """
    prefix.parent.mkdir(parents=True, exist_ok=True)
    data = [b""] * shards
    rows = [(b"", field(1, shards) + field(3, field(1, 1)))]
    for turn, (name, value) in enumerate(sorted(tensors.items())):
        number, raw = turn % shards, value.tobytes()
        place = field(3, number) + field(4, len(data[number])) + field(5, len(raw))
        crc = varint(6 << 3 | 5) + struct.pack("<I", masked(crc32c(raw)))
        shape = b"".join(field(2, field(1, size)) for size in value.shape)
        dtype = field(1, NUMBERS[str(value.dtype)])
        rows.append((name.encode(), dtype + field(2, shape) + place + crc + extra))
        data[number] += raw
    for number, part in enumerate(data):
        prefix.with_name(f"{prefix.name}.data-{number:05}-of-{shards:05}").write_bytes(part)
    index = prefix.with_name(f"{prefix.name}.index")
    index.write_bytes(table(rows, compression=compression))
    return index


def table(rows: Sequence[tuple[bytes, bytes]], *, per_block: int = 3, compression: int = 0) -> bytes:
    """Return a table of sorted rows, some to a block."""
    data, finders = b"", []
    for at in range(0, len(rows), per_block):
        part = rows[at : at + per_block]
        content = block(part)
        finders.append((part[-1][0], varint(len(data)) + varint(len(content))))
        data += content + trailer(content, compression)
    about = block([])
    handles = varint(len(data)) + varint(len(about))
    data += about + trailer(about, compression)
    finder = block(finders)
    handles += varint(len(data)) + varint(len(finder))
    data += finder + trailer(finder, compression)
    return data + handles.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def block(rows: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return a block of rows, keys sharing what they can with the one before."""
    content, before = b"", b""
    for key, value in rows:
        shared = next((i for i, (a, b) in enumerate(zip(key, before, strict=False)) if a != b), None)
        shared = min(len(key), len(before)) if shared is None else shared
        content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return content + struct.pack("<II", 0, 1)


def trailer(content: bytes, compression: int) -> bytes:
    kind = bytes([compression])
    return kind + struct.pack("<I", masked(crc32c(content + kind)))


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number: int, value: int | bytes) -> bytes:
    """Return a protocol buffer's field."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value
