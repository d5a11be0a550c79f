"""Audio files out: written beside their target and renamed, so that they appear whole or not at all."""

import logging
import os
from pathlib import Path
from types import TracebackType
from uuid import uuid4

import numpy as np
from jaxtyping import Float

from stemwise.data.encoders import Encoder, Subtype, checked_subtype, frames_written, open_encoder

logger = logging.getLogger(__name__)


class AudioWriter:
    """Writes an audio file block by block; a context manager.

    The file takes its name only when the `with` block ends without an error. An error, a full disk or
    an interrupt leaves neither it nor a part of it, and an older file of that name as it was.

    Args:
        path: ends in `.wav`, `.flac`, `.mp3`, `.ogg` or `.m4a`; missing folders are made.
        sample_rate: in Hz.
        channels: of every block.
        subtype: `float` (32 bit), `pcm16` or `pcm24`; by default float in wav, pcm24 in flac, which
            knows no float; `lossy` in the others. All but float clip at ±1, with a logged warning.
        shown: what messages call the file, where it will be moved once it is whole.

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
        shown: str | os.PathLike[str] | None = None,
    ) -> None:
        self.path = Path(path)
        self._shown = Path(shown or path)
        self.sample_rate, self.channels = sample_rate, channels
        self.subtype: Subtype = checked_subtype(self.path, subtype)
        self._extension = self.path.suffix.lower()
        self._samples, self.peak = 0, 0.0

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
                f"{self._shown}: expected blocks (channels, samples) of {self.channels} channels, "
                f"got shape {block.shape}; transpose it or open the writer with its channels"
            )
        try:
            self._file.write(block.T)
        except (OSError, soundfile.SoundFileError, AssertionError) as error:  # soundfile asserts full writes
            raise self._full() from error
        self._samples += block.shape[1]
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import soundfile

        try:
            self._close()
            if kind is None:
                self._finish()
        except soundfile.SoundFileError as fault:
            raise self._full() from fault
        finally:
            self._part.unlink(missing_ok=True)

    def _open(self) -> Encoder:
        import soundfile

        try:
            return open_encoder(self._part, self._extension, self.sample_rate, self.channels, self.subtype)
        except (OSError, ValueError, soundfile.SoundFileError) as error:
            raise ValueError(
                f"{self._shown}: expected a folder that can be written, and a rate and channels that "
                f"{self._extension[1:].upper()} allows; got {self.sample_rate} Hz, {self.channels} channels "
                f"({error}); choose another"
            ) from error

    def _close(self) -> None:
        try:
            self._file.close()
        except OSError as fault:
            raise self._full() from fault

    def _finish(self) -> None:
        # encoders write their last bytes on closing and do not all report that they could not
        if frames_written(self._part, self._extension) not in (self._samples, None):
            raise self._full()
        if self.subtype != "float" and self.peak > 1:
            logger.warning(
                "%s: peaks at %.2f were clipped to 1; lower the level or write float wav",
                self._shown,
                self.peak,
            )
        self._part.replace(self.path)

    def _full(self) -> OSError:
        return OSError(
            f"{self._shown}: expected to write all samples, could not; the disk is full, or the file "
            "too large for its format (wav ends at 4 GiB): free some space or write flac"
        )


def write(
    path: str | os.PathLike[str],
    audio: Float[np.ndarray, "c t"],
    sample_rate: int,
    subtype: Subtype | None = None,
) -> None:
    """Write a whole signal (channels, samples).

    Raises:
        ValueError, OSError: as `AudioWriter`.
    """
    with AudioWriter(path, sample_rate, audio.shape[0], subtype) as writer:
        # in parts: some of libsndfile's encoders overflow their stack on minutes at once
        for at in range(0, audio.shape[1], 2**16):
            writer.write(audio[:, at : at + 2**16])


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
