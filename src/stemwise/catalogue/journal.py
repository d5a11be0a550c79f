"""What became of every input of an output folder: lines that are only ever appended.

`OUT/.stemwise/journal.jsonl` (or `journal-1-of-4.jsonl`, one for each shard) holds one JSON object in each
line. A line is written when the results that it speaks of have their names. A kill may cut the last line: it
does not count, and the next writer cuts it off.

A line is one of
    {"key", "mark", "place", "state": "done", "outputs", …}   an input whose files are there
    {"key", "mark", "place", "state": "failed", "reason", …}  one that could not be worked on
    {"part", "about", "keys", "marks", …}                     a part of a table, and whose rows are in it
    {"again": …}                                              what stands above shall be done anew
    {"finished": …}                                           a run came to its end
where `key` stands for the input's path, `mark` for its content and the settings, and `place` for its first
file's name, 64 bits each in hexadecimal.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from stemwise.catalogue.ledger import Ledger
from stemwise.data.locking import held

HIDDEN = ".stemwise"
_DONE = b'{"key": "'
"""How lines of inputs begin: their first numbers are read without parsing a million objects."""


@dataclass(frozen=True)
class Shard:
    """The part `number` of `count` of the inputs, counted from 1."""

    number: int
    count: int

    @property
    def suffix(self) -> str:
        """What the shard's journal and parts have in their names; nothing where it is the whole."""
        return f"-{self.number}-of-{self.count}" if self.count > 1 else ""

    def takes(self, key: int) -> bool:
        """Return whether an input belongs to this shard."""
        return key % self.count == self.number - 1


WHOLE = Shard(1, 1)


def shard_of(text: str | None) -> Shard:
    """Return the shard that is meant by `i/n`.

    >>> shard_of("2/8")
    Shard(number=2, count=8)
    """
    if not text:
        return WHOLE
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise ValueError(f"shard: expected i/n such as 1/4, counted from 1, got {text!r}")
    return Shard(int(number), int(count))


class Journal:
    """The journal of a run: what is known already, and where to write what becomes of the rest.

    Attributes:
        known: key → mark of all that is done.
        places: place → key of the input that has it.
        parts: names of the parts that count.
        about: settings of the table that is there; empty where there is none.
        work: a folder for what is not finished, swept at the start.
    """

    def __init__(self, out: Path, shard: Shard) -> None:
        self.out, self.shard = out, shard
        self.known, self.places, self.parts = Ledger(), Ledger(), set[str]()
        self.about: Mapping[str, Any] = {}
        self.work = out / HIDDEN / f"work{shard.suffix}"
        self.path = out / HIDDEN / f"journal{shard.suffix}.jsonl"
        self._file: BinaryIO | None = None

    def add(self, line: Mapping[str, Any]) -> None:
        """Append a line and bring it to the disk."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
        # in one call, and as ASCII: names that are not UTF-8 survive as escapes
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def read(self, again: bool) -> None:
        """Learn what is done.

        Args:
            again: count nothing but what was done since a run that was told so began and did not finish.
        """
        restarted = False
        for own, line in self._lines():
            if line.startswith(_DONE) and b'"state": "done"' in line:
                key = int(line[9:25], 16)
                self.places[int(line[66:82], 16)] = key
                if not again or (own and restarted):
                    self.known[key] = int(line[37:53], 16)
            elif not line.startswith(_DONE):
                restarted = self._note(json.loads(line), again, own, restarted)
        if again and not restarted:
            self._forget()
            self.add({"again": True})

    def _note(self, values: Mapping[str, Any], again: bool, own: bool, restarted: bool) -> bool:
        if own and "again" in values:
            self._forget()
            return True
        if "part" in values and (not again or (own and restarted)):
            self.parts.add(values["part"])
            self.about = values["about"]
            for key, mark in zip(values["keys"], values["marks"], strict=True):
                self.known[int(key, 16)] = int(mark, 16)
        return restarted and not (own and "finished" in values)

    def _forget(self) -> None:
        self.known, self.parts, self.about = Ledger(), set(), {}

    def _lines(self) -> Iterator[tuple[bool, bytes]]:
        """Yield the whole lines of all journals of the folder, our own last, and whether they are our own."""
        others = [path for path in sorted(self.path.parent.glob("journal*.jsonl")) if path != self.path]
        for path in [*others, self.path]:
            if path.is_file():
                with path.open("rb") as file:
                    yield from ((path == self.path, line) for line in file if line.endswith(b"}\n"))


def line_of(key: int, mark: int, place: int, **values: Any) -> dict[str, Any]:
    """Return the line of an input."""
    return {"key": f"{key:016x}", "mark": f"{mark:016x}", "place": f"{place:016x}", **values}


@contextmanager
def journal(out: Path, shard: Shard, again: bool = False) -> Iterator[Journal]:
    """Hold an output folder, or a shard of it, with its journal; sweep what a killed run left behind.

    Raises:
        ValueError: another process holds it, or the folder cannot be made.
    """
    hidden, found = out / HIDDEN, Journal(out, shard)
    busy = f"{out}: another process is writing there; wait for it, or give each its part with --shard i/n"
    try:
        found.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"{out}: expected a folder that can be written, cannot make it ({error.strerror}); "
            "choose another output folder"
        ) from error
    with held(hidden, busy, shared=shard.count > 1), held(found.work, busy):
        try:
            _sweep(found)
            found.read(again)
            yield found
        finally:
            found.close()
            with suppress(OSError):  # where nothing was written, nothing is left behind
                found.work.rmdir()
                hidden.rmdir()
                out.rmdir()


def _sweep(found: Journal) -> None:
    """Remove what is half-written: files, and the last line where it is not whole."""
    for left in found.work.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
    if found.path.is_file():
        with found.path.open("r+b") as file:
            file.seek(max(0, found.path.stat().st_size - 1))
            if file.read(1) not in (b"\n", b""):
                file.truncate(_last_end(found.path))


def _last_end(path: Path) -> int:
    """Return where the last whole line of a file ends."""
    end = 0
    with path.open("rb") as file:
        for line in file:
            end += len(line) if line.endswith(b"\n") else 0
    return end
