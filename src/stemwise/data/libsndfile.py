"""Opening a file with libsndfile, so that it reads forward only and keeps its decoders' remarks to itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_STANDARD_ERROR = threading.Lock()  # one thread at a time: two would swap what the other put aside


def open_forward(path: Path) -> Any:
    """Return an open `soundfile.SoundFile`, or None where libsndfile does not know the format."""
    import soundfile

    class Forward(soundfile.SoundFile):
        # soundfile seeks to where it already is after every read of a seekable file, at which the mp3
        # decoder drops its bit reservoir: blocks would differ from the whole by up to -40 dB.
        def seekable(self) -> bool:
            return False

    try:
        with _quiet():
            return Forward(os.fspath(path))
    except (soundfile.SoundFileError, TypeError):  # TypeError: headerless .raw
        return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep standard error to ourselves: the mp3 decoder writes there what it thinks of a text file."""
    with _STANDARD_ERROR:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
