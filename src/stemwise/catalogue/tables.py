"""Results as rows of a table that lies on disk in parts: csv, JSON lines, Parquet or npz.

A part is written aside, renamed and only then named in the journal, together with the inputs whose rows it
holds. A part that the journal does not name does not count and is removed by the next run: rows of a file
are in exactly one part, whenever the writer was killed.
"""

from __future__ import annotations

import csv
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Literal
from uuid import uuid4

import numpy as np

from stemwise.catalogue.files import failed_line
from stemwise.catalogue.journal import Journal
from stemwise.catalogue.planning import Planned
from stemwise.data.decoders import AudioInfo

Format = Literal["parquet", "csv", "json", "npz"]
EXTENSIONS: Mapping[str, str] = {"parquet": ".parquet", "csv": ".csv", "json": ".jsonl", "npz": ".npz"}
PART_ROWS, PART_BYTES, PART_S = 50_000, 32 * 2**20, 60.0
"""A part is written when it has so many rows or bytes, or its first row has waited so many seconds."""

Columns = Mapping[str, Any]
"""Name → as many values as there are rows: a list, or an array whose first axis is the rows."""

Rows = Callable[[Planned, AudioInfo, Sequence[Any]], Columns]
"""What a file's pieces become."""


class TableSink:
    """Collects rows and writes them in parts.

    Args:
        journal: of the output folder.
        form: of the parts.
        rows: makes a file's rows of its pieces.
        about: the settings that all rows of the table share.
        part_s: seconds that a row waits at most.
    """

    def __init__(
        self,
        journal: Journal,
        form: Format,
        rows: Rows,
        about: Mapping[str, Any],
        part_s: float = PART_S,
    ) -> None:
        self._journal, self._rows, self._part_s = journal, rows, part_s
        self._form: Format = form
        self._about = dict(about)
        self._held: list[tuple[Planned, Columns]] = []
        self._count, self._bytes, self._since = 0, 0, 0.0
        _remove_orphans(journal)
        self._number = len(list(journal.out.glob(f"part{journal.shard.suffix}-[0-9]*")))

    def take(self, planned: Planned, info: AudioInfo, pieces: Iterable[Any]) -> None:
        """Hold a file's rows, and write a part if it is time."""
        columns = self._rows(planned, info, list(pieces))
        if not self._held:
            self._since = monotonic()
        self._held.append((planned, columns))
        self._count += len(next(iter(columns.values())))
        self._bytes += sum(value.nbytes for value in columns.values() if isinstance(value, np.ndarray))
        waited = monotonic() - self._since
        if self._count >= PART_ROWS or self._bytes >= PART_BYTES or waited >= self._part_s:
            self.finish()

    def fail(self, planned: Planned, reason: str) -> None:
        """Note that a file failed."""
        self._journal.add(failed_line(planned, reason))

    def finish(self) -> None:
        """Write a part of what is held."""
        if not self._held:
            return
        name = f"part{self._journal.shard.suffix}-{self._number:05d}{EXTENSIONS[self._form]}"
        aside = self._journal.work / f"{uuid4().hex}{EXTENSIONS[self._form]}"
        try:
            write_table(aside, _joined([columns for _, columns in self._held]), self._form)
            aside.replace(self._journal.out / name)
        finally:
            aside.unlink(missing_ok=True)
        keys = [f"{planned.key:016x}" for planned, _ in self._held]
        marks = [f"{planned.mark:016x}" for planned, _ in self._held]
        counts = {"rows": self._count, "keys": keys, "marks": marks}
        self._journal.add({"part": name, "about": self._about, **counts})
        self._held, self._count, self._bytes = [], 0, 0
        self._number += 1


def write_table(path: Path, columns: Columns, form: Format) -> None:
    """Write a table to a file.

    Raises:
        ValueError: Parquet without pyarrow.
    """
    with path.open("wb") as file:
        _WRITERS[form](file, columns)
        file.flush()
        os.fsync(file.fileno())


def check_format(form: Format) -> None:
    """Raise ValueError where a package is missing that the format needs."""
    if form == "parquet":
        _pyarrow()


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError("parquet needs pyarrow: pip install 'stemwise[parquet]'") from error
    return pyarrow


def _remove_orphans(journal: Journal) -> None:
    """Remove parts of ours that no journal names, and nothing else that may lie there."""
    shards = r"(-\d+-of-\d+)?" if journal.shard.count == 1 else re.escape(journal.shard.suffix)
    endings = "|".join(map(re.escape, EXTENSIONS.values()))
    for path in journal.out.glob("part*"):
        if re.fullmatch(rf"part{shards}-\d{{5,}}({endings})", path.name) and path.name not in journal.parts:
            path.unlink()


def _joined(tables: Sequence[Columns]) -> Columns:
    names = list(dict.fromkeys(name for table in tables for name in table))
    return {name: _concatenated([table[name] for table in tables]) for name in names}


def _concatenated(values: Sequence[Any]) -> Any:
    if isinstance(values[0], np.ndarray):
        return np.concatenate(values)
    return [value for part in values for value in part]


def _plain(values: Any) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else [_text(value) for value in values]


def _text(value: Any) -> Any:
    """Return a value whose text can be written: names that are not UTF-8 are escaped."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _write_csv(file: Any, columns: Columns) -> None:
    import io

    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*map(_plain, columns.values()), strict=True))
    text.detach()


def _write_json(file: Any, columns: Columns) -> None:
    for row in zip(*map(_plain, columns.values()), strict=True):
        line = dict(zip(columns, row, strict=True))
        file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def _write_parquet(file: Any, columns: Columns) -> None:
    pyarrow = _pyarrow()
    arrays = {}
    for name, values in columns.items():
        if isinstance(values, np.ndarray) and values.ndim == 2:
            flat = pyarrow.array(np.ascontiguousarray(values).reshape(-1))
            arrays[name] = pyarrow.FixedSizeListArray.from_arrays(flat, values.shape[1])
        else:
            arrays[name] = pyarrow.array(values if isinstance(values, np.ndarray) else _plain(values))
    pyarrow.parquet.write_table(pyarrow.table(arrays), file, compression="zstd")


def _write_npz(file: Any, columns: Columns) -> None:
    # by hand: NumPy's own function cannot write an array that is called `file`
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in columns.items():
            array = values if isinstance(values, np.ndarray) else np.array(_plain(values))
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


_WRITERS: Mapping[str, Callable[[Any, Columns], None]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "json": _write_json,
    "npz": _write_npz,
}
