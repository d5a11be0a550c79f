"""Sorted tables in LevelDB's format: what the index file of a TensorFlow checkpoint is.

A table is data blocks, a block about them, a block that finds them, and a footer of 48 bytes. Behind each
block stand its compression and a masked CRC32C. Every byte is accounted for: a block's by its checksum, the
footer's by its magic number and by the blocks having to lie end to end in front of it.
"""

from __future__ import annotations

import struct

from google_crc32c import value as crc32c

MAGIC = 0xDB4775248B80FB57
FOOTER, TRAILER = 48, 5

Handle = tuple[int, int]
"""A block's offset and size, without its trailer."""


def read_table(data: bytes) -> dict[bytes, bytes]:
    """Return all keys and values of a table.

    Raises:
        ValueError: it is no table, is truncated, or a byte of it is damaged.
    """
    if len(data) < FOOTER or struct.unpack("<Q", data[-8:])[0] != MAGIC:
        raise ValueError("expected a TensorFlow checkpoint's index; its last eight bytes are another file's")
    about, finder = _footer(data[-FOOTER:-8])
    blocks = [_handle(value) for value in _entries(_block(data, finder)).values()]
    _check_end_to_end([*blocks, about, finder], len(data) - FOOTER)
    _block(data, about)
    table: dict[bytes, bytes] = {}
    for block in blocks:
        table |= _entries(_block(data, block))
    return table


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and the place behind it; its shortest spelling only."""
    value = 0
    for i, byte in enumerate(data[at : at + 10]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            if byte == 0 and i:
                raise ValueError("a number is not in its shortest form")
            return value, at + i + 1
    raise ValueError("a number does not end")


def masked(crc: int) -> int:
    """Return a CRC as these files store it: turned, and a constant added."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _footer(data: bytes) -> tuple[Handle, Handle]:
    about, at = _handle_at(data, 0)
    finder, at = _handle_at(data, at)
    if any(data[at:]):
        raise ValueError("the footer is damaged")
    return about, finder


def _handle_at(data: bytes, at: int) -> tuple[Handle, int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _handle(data: bytes) -> Handle:
    return _handle_at(data, 0)[0]


def _check_end_to_end(blocks: list[Handle], size: int) -> None:
    at = 0
    for offset, length in blocks:
        if offset != at:
            raise ValueError(f"expected a block at byte {at}, found it at {offset}")
        at += length + TRAILER
    if at != size:
        raise ValueError(f"expected blocks of {size} bytes, found {at}")


def _block(data: bytes, handle: Handle) -> bytes:
    """Return a block's content, its checksum verified."""
    offset, size = handle
    end = offset + size
    if end + TRAILER > len(data) - FOOTER:
        raise ValueError(f"a block at byte {offset} goes beyond the file")
    compression, crc = struct.unpack("<BI", data[end : end + TRAILER])
    if masked(crc32c(data[offset : end + 1])) != crc:
        raise ValueError(f"the block at byte {offset} is damaged: its CRC32C is not the stored one")
    if compression:
        raise ValueError(f"the block at byte {offset} is compressed (kind {compression}), expected it plain")
    return data[offset:end]


def _entries(block: bytes) -> dict[bytes, bytes]:
    """Return a block's entries; a key says how much it shares with the one before."""
    end = len(block) - 4
    end -= 4 * struct.unpack("<I", block[end:])[0] if end >= 0 else 0
    if end < 0:
        raise ValueError("a block is too short for its restart points")
    entries: dict[bytes, bytes] = {}
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        fresh, at = varint(block, at)
        length, at = varint(block, at)
        if shared > len(key) or at + fresh + length > end:
            raise ValueError("an entry goes beyond its block")
        key = key[:shared] + block[at : at + fresh]
        at += fresh
        entries[key] = block[at : at + length]
        at += length
    return entries
