"""Results as audio files: written in a folder of their own, tagged, and renamed when all are whole."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

import numpy as np

from stemwise.catalogue.forms import Form
from stemwise.catalogue.journal import Journal, line_of
from stemwise.catalogue.planning import Planned
from stemwise.data.decoders import AudioInfo
from stemwise.data.encoders import Subtype
from stemwise.data.song_tags import read_tags, write_tags
from stemwise.data.writing import AudioWriter

logger = logging.getLogger(__name__)

Peaks = Literal["keep", "fit"]
"""What happens to results louder than full scale: left as they are, or all of a song's turned down as one."""

_IN_THE_WAY = (IsADirectoryError, NotADirectoryError, FileExistsError)
_WAV_END = 2**32 - 2**16


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """How files are written.

    Attributes:
        subtype: of the samples; the format's best where None.
        peaks: see `Peaks`.
        tags: whether tags and covers are carried over.
        journal_failures: whether failed inputs are noted in the journal.
        form: that the results come in; the song's own where None.
    """

    subtype: Subtype | None = None
    peaks: Peaks = "keep"
    tags: bool = True
    journal_failures: bool = True
    form: Form | None = None


class FileSink:
    """Writes each song's results; they are in the journal once they are in their place."""

    def __init__(self, journal: Journal, options: FileOptions) -> None:
        self._journal, self._options = journal, options

    def take(self, planned: Planned, info: AudioInfo, pieces: Iterable[np.ndarray]) -> None:
        """Write all results of a song, or none."""
        self.note(planned, write_results(self._journal.work, planned, info, pieces, self._options))

    def note(self, planned: Planned, gain: float) -> None:
        """Note that a song's files are in their places."""
        self._journal.add(done_line(self._journal.out, planned, gain))

    def fail(self, planned: Planned, reason: str) -> None:
        """Note that a file failed."""
        if self._options.journal_failures:
            self._journal.add(failed_line(planned, reason))

    def finish(self) -> None:
        """Nothing is held back."""


def done_line(out: Path, planned: Planned, gain: float) -> dict[str, object]:
    """Return the journal's line of a song that is done."""
    outputs = [str(path.relative_to(out)) for path in planned.targets.values()]
    more: dict[str, object] = {"gain": gain} if gain != 1 else {}
    if planned.damage:
        more["damage"] = planned.damage
    return line_of(
        planned.key,
        planned.mark,
        planned.place,
        state="done",
        input=str(planned.item.path),
        outputs=outputs,
        **more,
    )


def failed_line(planned: Planned, reason: str) -> dict[str, object]:
    """Return the journal's line of a song that failed."""
    return line_of(
        planned.key, planned.mark, planned.place, state="failed", input=str(planned.item.path), reason=reason
    )


def write_results(
    work: Path, planned: Planned, info: AudioInfo, pieces: Iterable[np.ndarray], options: FileOptions
) -> float:
    """Write a song's results below `work`, then bring them to their places; return the common gain.

    Args:
        work: a folder on the output's file system.
        planned: where the results go.
        info: rate and channels of the song.
        pieces: results × channels × samples.
        options: how they are written.

    Raises:
        ValueError: the format cannot hold them, or something is in their way.
        OSError: the disk is full, or the like.
    """
    aside = work / uuid4().hex
    info = options.form.of(info) if options.form else info
    try:
        aside.mkdir()
        _expect_room(planned, info, options)
        if options.peaks == "fit":
            pieces, gain = _fitted(aside / "pieces.f32", planned, info, pieces)
        else:
            gain = 1.0
        written = _written(aside, planned, info, pieces, options)
        if options.tags:
            tags = read_tags(planned.item.path)
            for path in written.values():
                write_tags(path, tags)
        _put_in_place(written, planned)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return gain


def _written(
    aside: Path, planned: Planned, info: AudioInfo, pieces: Iterable[np.ndarray], options: FileOptions
) -> dict[str, Path]:
    parts = {
        name: aside / f"{number}{target.suffix}"
        for number, (name, target) in enumerate(planned.targets.items())
    }
    stream = iter(pieces)
    first = next(stream, None)  # nothing is opened for a song that breaks at once
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                AudioWriter(
                    parts[name],
                    info.sample_rate,
                    info.channels,
                    options.subtype,
                    shown=planned.targets[name],
                )
            )
            for name in parts
        ]
        while first is not None:
            for writer, result in zip(writers, first, strict=True):
                writer.write(result)
            first = next(stream, None)
    return parts


def _put_in_place(written: dict[str, Path], planned: Planned) -> None:
    for name, target in planned.targets.items():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            written[name].replace(target)
        except _IN_THE_WAY as error:
            raise ValueError(
                f"{target}: expected a place for a file, something else is there ({error.strerror}); "
                "move it away"
            ) from error


def _expect_room(planned: Planned, info: AudioInfo, options: FileOptions) -> None:
    """Refuse what a wav file cannot hold before an hour is spent on it."""
    if next(iter(planned.targets.values())).suffix.lower() != ".wav" or info.samples is None:
        return
    width = {"pcm16": 2, "pcm24": 3}.get(options.subtype or "", 4)
    if info.samples * info.channels * width > _WAV_END:
        hours = info.samples / info.sample_rate / 3600
        raise ValueError(
            f"{planned.item.path}: {hours:.1f} h are too long for wav, which ends at 4 GiB; write flac"
        )


def _fitted(
    path: Path, planned: Planned, info: AudioInfo, pieces: Iterable[np.ndarray]
) -> tuple[Iterator[np.ndarray], float]:
    """Return the pieces from a file, times one gain that brings the loudest sample of all to full scale."""
    peak, lengths = 0.0, []
    with path.open("wb") as file:
        for piece in pieces:
            peak = max(peak, float(np.abs(piece).max(initial=0.0)))
            lengths.append(piece.shape[2])
            file.write(np.ascontiguousarray(piece, np.float32).data)
    gain = 1.0
    if peak > 1:
        gain = (1 - 2.0**-15) / peak
        message = "%s: all its results are turned down by %.2f dB, so that none clips"
        logger.warning(message, planned.item.path, -20 * math.log10(gain))
    return _from_disk(path, len(planned.targets), info.channels, lengths, gain), gain


def _from_disk(
    path: Path, results: int, channels: int, lengths: list[int], gain: float
) -> Iterator[np.ndarray]:
    with path.open("rb") as file:
        for length in lengths:
            piece = np.fromfile(file, np.float32, results * channels * length)
            yield piece.reshape(results, channels, length) * np.float32(gain)
