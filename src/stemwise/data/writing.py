"""Audio files out: written beside their target and renamed, so that they appear whole or not at all."""

import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Literal
from uuid import uuid4

import numpy as np
from jaxtyping import Float

logger = logging.getLogger(__name__)

Subtype = Literal["float", "pcm16", "pcm24"]
_SUBTYPES = {"float": "FLOAT", "pcm16": "PCM_16", "pcm24": "PCM_24"}
_FORMATS = {".wav": ("float", "pcm16", "pcm24"), ".flac": ("pcm24", "pcm16")}  # the default first


class AudioWriter:
    """Writes an audio file block by block; a context manager.

    The file takes its name only when the `with` block ends without an error. An error, a full disk or
    an interrupt leaves neither it nor a part of it, and an older file of that name as it was.

    Args:
        path: ends in `.wav` or `.flac`; missing folders are made.
        sample_rate: in Hz.
        channels: of every block.
        subtype: `float` (32 bit), `pcm16` or `pcm24`; by default float in wav, pcm24 in flac, which
            knows no float. The integer types clip at ±1, with a logged warning.

    Raises:
        ValueError: another extension or subtype, or a folder that cannot be written.
        OSError: the disk is full.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "silence.wav"
        >>> with AudioWriter(path, 44100, 2) as writer:
        ...     writer.write(np.zeros((2, 44100), np.float32))
        >>> path.stat().st_size > 2 * 44100 * 4
        True
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample_rate: int,
        channels: int,
        subtype: Subtype | None = None,
    ) -> None:
        self.path = Path(path)
        self.sample_rate, self.channels = sample_rate, channels
        self.subtype = _subtype(self.path, subtype)
        self._samples, self._peak = 0, 0.0

    def __enter__(self) -> "AudioWriter":
        _make_folder(self.path)
        # a short name: the target's own may be as long as the file system allows
        self._part = self.path.with_name(f".{uuid4().hex}.part")
        try:
            self._file = self._open()
        except BaseException:
            self._part.unlink(missing_ok=True)
            raise
        return self

    def write(self, block: Float[np.ndarray, "c n"]) -> None:
        """Append a block (channels, samples).

        Raises:
            ValueError: another number of channels.
            OSError: the disk is full.
        """
        import soundfile

        if block.ndim != 2 or block.shape[0] != self.channels:
            raise ValueError(
                f"{self.path}: expected blocks (channels, samples) of {self.channels} channels, "
                f"got shape {block.shape}; transpose it or open the writer with its channels"
            )
        try:
            self._file.write(block.T)
        except (soundfile.SoundFileError, AssertionError) as error:  # soundfile asserts full writes
            raise self._full() from error
        self._samples += block.shape[1]
        self._peak = max(self._peak, float(np.abs(block).max(initial=0.0)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import soundfile

        try:
            self._file.close()
            if kind is None:
                self._finish()
        except soundfile.SoundFileError as fault:
            raise self._full() from fault
        finally:
            self._part.unlink(missing_ok=True)

    def _open(self):
        import soundfile

        container = self.path.suffix.lower().removeprefix(".").upper()
        try:
            return soundfile.SoundFile(
                os.fspath(self._part),
                "w",
                self.sample_rate,
                self.channels,
                subtype=_SUBTYPES[self.subtype],
                format=container,
            )
        except soundfile.SoundFileError as error:
            raise ValueError(
                f"{self.path}: expected a folder that can be written, and a rate and channels that "
                f"{container} allows; got {self.sample_rate} Hz, {self.channels} channels ({error}); "
                "choose another"
            ) from error

    def _finish(self) -> None:
        import soundfile

        # encoders write their last bytes on closing and do not all report that they could not
        if soundfile.info(os.fspath(self._part)).frames != self._samples:
            raise self._full()
        if self.subtype != "float" and self._peak > 1:
            logger.warning(
                "%s: peaks at %.2f were clipped to 1; lower the level or write float wav",
                self.path,
                self._peak,
            )
        self._part.replace(self.path)

    def _full(self) -> OSError:
        return OSError(
            f"{self.path}: expected to write all samples, could not; the disk is full, or the file "
            "too large for its format (wav ends at 4 GiB): free some space or write flac"
        )


def write(
    path: str | os.PathLike[str],
    audio: Float[np.ndarray, "c t"],
    sample_rate: int,
    subtype: Subtype | None = None,
) -> None:
    """Write a whole signal (channels, samples) as wav or flac.

    Raises:
        ValueError, OSError: as `AudioWriter`.
    """
    with AudioWriter(path, sample_rate, audio.shape[0], subtype) as writer:
        # in parts: some of libsndfile's encoders overflow their stack on minutes at once
        for at in range(0, audio.shape[1], 2**16):
            writer.write(audio[:, at : at + 2**16])


def _subtype(path: Path, subtype: Subtype | None) -> Subtype:
    allowed = _FORMATS.get(path.suffix.lower())
    if allowed is None:
        raise ValueError(f"{path}: expected a name that ends in .wav or .flac; rename it")
    if subtype is None:
        return allowed[0]
    if subtype not in allowed:
        raise ValueError(
            f"{path}: expected subtype {' or '.join(allowed)} for {path.suffix}, got {subtype!r}; "
            "choose one of them"
        )
    return subtype


def _make_folder(path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"{path}: expected a file to write, got a folder; add a file name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"{path.parent}: expected a folder that can be written, cannot make it ({error.strerror}); "
            "choose another output folder"
        ) from error
