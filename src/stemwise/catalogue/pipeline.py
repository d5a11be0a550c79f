"""Decoding, network and writing at the same time: three threads with short queues between them.

One thread decodes ahead, the calling thread runs the network, a third one writes. No queue holds more than
some blocks, so memory does not depend on how long a file is or how many there are. A file that cannot be
read, separated or named is a line of the journal, and the rest goes on; an output that cannot be written
stops the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Protocol, runtime_checkable

import numpy as np

from stemwise.catalogue.channel import Abandoned, Channel
from stemwise.catalogue.planning import Planned
from stemwise.catalogue.tally import Tally
from stemwise.data.audio import open_audio
from stemwise.data.decoders import AudioInfo

logger = logging.getLogger(__name__)

BLOCK_S = 5
_FILES, _BLOCKS, _PIECES = 4, 4, 16  # pieces are 2 s: a chunk is written while the next is computed

Compute = Callable[[AudioInfo, Iterator[np.ndarray]], Iterator[Any]]
"""What the network makes of a file: info and blocks in, pieces of results out."""


class Cancelled(Exception):
    """The caller asked to stop."""


@runtime_checkable
class Sink(Protocol):
    """Where results go. Its methods are called from one thread."""

    def take(self, planned: Planned, info: AudioInfo, pieces: Iterable[Any]) -> None:
        """Keep a file's results: all of them, or nothing where the pieces raise an error."""
        ...

    def fail(self, planned: Planned, reason: str) -> None:
        """Note that a file failed."""
        ...

    def finish(self) -> None:
        """Keep what is still held."""
        ...


@dataclass
class _Job:
    """A file on its way from thread to thread."""

    planned: Planned
    info: AudioInfo | None
    values: Channel[Any]
    error: Exception | None = None


def run(
    plan: Iterable[Planned],
    compute: Compute,
    sink: Sink,
    tally: Tally,
    cancel: Event | None = None,
) -> None:
    """Work on all files of a plan.

    Args:
        plan: the files; drawn from the decoding thread, little by little.
        compute: runs in the calling thread.
        sink: runs in the writing thread.
        tally: counts.
        cancel: stops the run when it is set; what is finished stays.

    Raises:
        Cancelled: the run was stopped by `cancel`.
        ValueError, OSError: of the plan itself, or an output that cannot be written.
    """
    reader, computed = _Reader(plan), Channel[_Job](_FILES)
    writer = _Writer(computed, sink, tally)
    threads = [Thread(target=part, daemon=True) for part in (reader, writer)]
    for thread in threads:
        thread.start()
    try:
        with suppress(Abandoned):  # the writer stopped, and says below why
            for job in reader.decoded:
                _compute(job, compute, computed, tally, cancel or Event())
    finally:
        reader.stop()
        computed.close()
        for thread in threads:
            thread.join()
    if writer.error is not None:
        raise writer.error


class _Reader:
    """The decoding thread."""

    def __init__(self, plan: Iterable[Planned]) -> None:
        self._plan, self._stopped = plan, False
        self._job: _Job | None = None
        self.decoded: Channel[_Job] = Channel(_FILES)

    def __call__(self) -> None:
        try:
            for planned in self._plan:
                self._one(planned)
            self.decoded.close()
        except Abandoned:
            pass
        except Exception as error:  # of the plan: it is raised where the files are taken
            self.decoded.close(error)

    def stop(self) -> None:
        """Make the thread end soon, wherever it waits."""
        self._stopped = True
        self.decoded.abandon()
        if self._job is not None:
            self._job.values.abandon()

    def _one(self, planned: Planned) -> None:
        job = self._job = _Job(planned, None, Channel(_BLOCKS))
        try:
            if planned.item.problem:
                raise ValueError(f"{planned.item.path}: {planned.item.problem}")
            with open_audio(planned.item.path) as audio:
                job.info = audio.info
                self.decoded.put(job)
                for block in audio.blocks(audio.sample_rate * BLOCK_S):
                    job.values.put(block)
                planned.damage = audio.damage
            job.values.close()
        except Abandoned:  # nobody wants this file any more, or none at all
            if self._stopped:
                raise
        except Exception as error:  # decoders meet anything: whatever it is, it is this file's, and listed
            if job.info is None:
                job.error = error
                self.decoded.put(job)
            job.values.close(error)


def _compute(job: _Job, compute: Compute, computed: Channel[_Job], tally: Tally, cancel: Event) -> None:
    out = _Job(job.planned, job.info, Channel(_PIECES), job.error)
    try:
        computed.put(out)
        if job.info is not None:
            for piece in compute(job.info, _counted(job, tally, cancel)):
                out.values.put(piece)
        out.values.close()
    except Abandoned:  # the writer gave this file up and noted why, or it stopped
        if computed.abandoned:
            raise
    except Exception as error:
        out.values.close(error)
        if isinstance(error, Cancelled):
            raise
    except BaseException:  # interrupted: what is half computed must not be taken for whole
        out.values.close(Cancelled())
        raise
    finally:
        job.values.abandon()


def _counted(job: _Job, tally: Tally, cancel: Event) -> Iterator[np.ndarray]:
    assert job.info is not None
    for block in job.values:
        if cancel.is_set():
            raise Cancelled("stopped")
        yield block
        tally.add(seconds=block.shape[1] / job.info.sample_rate)


class _Writer:
    """The writing thread; `error` is what stopped it."""

    def __init__(self, computed: Channel[_Job], sink: Sink, tally: Tally) -> None:
        self._computed, self._sink, self._tally = computed, sink, tally
        self.error: BaseException | None = None

    def __call__(self) -> None:
        try:
            for job in self._computed:
                try:
                    self._one(job)
                finally:
                    job.values.abandon()
            self._sink.finish()
        except BaseException as error:  # raised again in the calling thread
            self.error = error
            for job in self._computed.abandon():
                job.values.abandon()

    def _one(self, job: _Job) -> None:
        if job.info is None:
            assert job.error is not None
            self._fail(job, job.error)
            return
        try:
            self._sink.take(job.planned, job.info, _marked(job.values))
        except Cancelled:
            return
        except _OfTheInput as error:
            self._fail(job, error.__cause__ or error)
        except ValueError as error:
            self._fail(job, error)
        else:
            self._tally.add(done=1, damaged=int(bool(job.planned.damage)))

    def _fail(self, job: _Job, error: BaseException) -> None:
        reason = reason_of(error)
        logger.debug("%s: failed", job.planned.item.path, exc_info=error)
        self._sink.fail(job.planned, reason)
        self._tally.fail(str(job.planned.item.path), reason)


class _OfTheInput(Exception):
    """Wraps an error of decoding or computing, so that it is told from one of writing."""


def _marked(pieces: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from pieces
    except Cancelled:
        raise
    except Exception as error:
        raise _OfTheInput from error


def reason_of(error: BaseException) -> str:
    """Return one line that says what went wrong."""
    text = " ".join(str(error).split()) or "no reason given"
    expected = isinstance(error, ValueError | OSError)
    return text if expected else f"unexpected {type(error).__name__}: {text}"
