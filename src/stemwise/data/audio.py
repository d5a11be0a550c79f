"""Audio files in: any container, sample rate and number of channels, in constant memory."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from stemwise.data.decoders import AudioInfo, Broken, Decoder, existing
from stemwise.data.ffmpeg import open_ffmpeg
from stemwise.data.libsndfile import open_forward
from stemwise.data.tracks import StemFile

logger = logging.getLogger(__name__)

_RATES, _CHANNELS = (1000, 1_000_000), 64
_CHUNK = 4096  # samples per read: what a decoding error can cost at most


class AudioStream:
    """An open file, read once, front to back: `info`, its `sample_rate` in Hz, `channels`, and blocks.

    `damage` says, once the blocks are read, why the file ended early; empty where it did not.
    """

    def __init__(self, decoder: Decoder, start: int) -> None:
        self.info, self._decoder, self._start = decoder.info, decoder, start
        self.sample_rate, self.channels = self.info.sample_rate, self.info.channels
        self.damage = ""

    def blocks(self, samples: int) -> Iterator[Float32[np.ndarray, "c n"]]:
        """Blocks of exactly `samples`, but for the last, which holds what is left.

        Raises:
            ValueError: NaN or infinity in the samples, or nothing that could be decoded.
        """
        if samples < 1:
            raise ValueError(f"samples: expected at least 1 per block, got {samples}")
        waiting, held = [], 0
        for chunk in self._sound():
            waiting.append(chunk)
            held += chunk.shape[1]
            if held >= samples:
                joined, whole = np.concatenate(waiting, axis=1), held - held % samples
                yield from (joined[:, at : at + samples].copy() for at in range(0, whole, samples))
                waiting, held = [joined[:, whole:]], held - whole
        if held:
            yield np.concatenate(waiting, axis=1)

    def _sound(self) -> Iterator[np.ndarray]:
        position, fault = self._start, ""
        try:
            for chunk in self._decoder.chunks:
                _expect_finite(chunk, position, self.info)
                position += chunk.shape[1]
                yield chunk
        except Broken as error:
            fault = str(error)
        if position == self._start:
            raise ValueError(_nothing(self.info, self._start, fault))
        if fault or self._decoder.ends_early(position):
            reason, seconds = f" ({fault})" if fault else "", position / self.sample_rate
            self.damage = f"damaged or cut short; only its first {seconds:.2f} s could be decoded{reason}"
            logger.warning("%s: the file is %s", self.info.path, self.damage)


@contextmanager
def open_audio(path: str | Path | StemFile, *, start: int = 0, stream: int = 0) -> Iterator[AudioStream]:
    """Open any audio or video file for reading in blocks.

    A file that ends early or breaks on the way is decoded as far as it goes, with a logged warning.

    Args:
        path: wav, flac, ogg, opus, mp3 and aiff are read by libsndfile; all else by ffmpeg's libraries.
        start: the first sample to deliver, exact to the sample. AAC and Opus decoders carry state, so
            that a late start equals the whole file's samples only to about -60 dB.
        stream: which audio stream of a container with several, such as a `.stem.mp4`; a `StemFile` says
            it itself. Streams that begin later than the container's first are led in by silence.

    Raises:
        ValueError: no such file, not audio, no audio in it, an impossible rate, or `start` past its end.
    """
    if isinstance(path, StemFile):
        path, stream = path.path, path.stream
    path = existing(Path(path))
    if start < 0 or stream < 0:
        raise ValueError(f"{path}: expected start and stream of 0 or more, got {start} and {stream}")
    decoder = (_libsndfile(path, start) if stream == 0 else None) or open_ffmpeg(path, start, stream)
    with closing(decoder):
        _expect_possible(decoder.info)
        yield AudioStream(decoder, start)


def probe(path: str | Path | StemFile) -> AudioInfo:
    """A file's sample rate, channels and length, without decoding it; its errors are `open_audio`'s."""
    with open_audio(path) as stream:
        return stream.info


def read(
    path: str | Path | StemFile, *, start: int = 0, samples: int | None = None, stream: int = 0
) -> tuple[Float32[np.ndarray, "c t"], int]:
    """A file's samples and its sample rate: the whole, or a crop that is exact to the sample.

    `samples` is how many to read; fewer come back where the file ends before, None reads to its end.
    `start` and `stream` are those of `open_audio`, as are the errors.
    """
    with open_audio(path, start=start, stream=stream) as audio:
        if samples is None:
            return np.concatenate(list(audio._sound()), axis=1), audio.sample_rate
        return next(audio.blocks(samples)), audio.sample_rate


def read_resampled(
    path: str | Path | StemFile, sample_rate: int, mono: bool = False
) -> Float32[np.ndarray, "c t"]:
    """A whole file at another sample rate (soxr, HQ), with its channels averaged where `mono`."""
    import soxr

    if sample_rate < 1:
        raise ValueError(f"sample_rate: expected at least 1 Hz, got {sample_rate}")
    audio, stored = read(path)
    if mono:
        audio = audio.mean(axis=0, keepdims=True)
    if stored == sample_rate:
        return audio
    return np.ascontiguousarray(soxr.resample(audio.T, stored, sample_rate, quality="HQ").T)


def _expect_possible(info: AudioInfo) -> None:
    """Refuse what only a damaged header says: it would make seconds of sound into days."""
    if not (_RATES[0] <= info.sample_rate <= _RATES[1] and info.channels <= _CHANNELS):
        raise ValueError(
            f"{info.path}: expected {_RATES[0]} to {_RATES[1]} Hz and at most {_CHANNELS} channels, got "
            f"{info.sample_rate} Hz and {info.channels} channels; its header is damaged: copy it again"
        )


def _expect_finite(chunk: np.ndarray, position: int, info: AudioInfo) -> None:
    finite = np.isfinite(chunk).all(axis=0)
    if not finite.all():
        second = (position + int(np.argmin(finite))) / info.sample_rate
        raise ValueError(
            f"{info.path}: expected finite samples, found NaN or infinity at {second:.3f} s; export it again"
        )


def _nothing(info: AudioInfo, start: int, fault: str) -> str:
    if fault:
        return f"{info.path}: expected audio, could not decode any ({fault}); replace or convert the file"
    if start:
        return f"{info.path}: expected start within the file, which ends before sample {start}; start earlier"
    return f"{info.path}: expected audio, found no samples in the file; export it again"


def _libsndfile(path: Path, start: int) -> Decoder | None:
    """What libsndfile makes of the file; None where it does not know the format."""
    import soundfile

    file = open_forward(path)
    if file is None:
        return None

    def chunks() -> Iterator[np.ndarray]:
        # on the last page of an ogg file, seeking lands some hundred samples off: it starts before
        target = min(start, max(0, file.frames - 2**18)) if file.format == "OGG" else start
        try:
            skip = start - (file.seek(target) if target else 0)
            while len(block := file.read(_CHUNK, dtype="float32", always_2d=True)):
                yield np.ascontiguousarray(block[skip:].T)  # (n, c) → (c, n)
                skip = max(0, skip - len(block))
        except soundfile.SoundFileError as error:
            raise Broken(str(error).removeprefix("Error : ")) from error

    samples = file.frames if file.frames < 2**62 else None  # a flac stream that was never finished
    info = AudioInfo(path=path, sample_rate=file.samplerate, channels=file.channels, samples=samples)
    if samples is not None and start >= samples:
        file.close()
        raise ValueError(_nothing(info, start, ""))
    enough = (samples or 0) - (1152 if file.format == "MP3" else 0)  # untagged: a frame may be missing
    return Decoder(info, chunks(), partial(_shorter_than_it_says, path, enough), file.close)


def _shorter_than_it_says(path: Path, enough: int, end: int) -> bool:
    """Whether samples are missing at the end, or bytes, which libsndfile ignores in wav, aiff and ogg."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(max(0, size - 2**16))  # an ogg page is at most 65 307 bytes
        tail = file.read()
    if head[:4] in (b"RIFF", b"FORM"):
        length = int.from_bytes(head[4:], "little" if head[:4] == b"RIFF" else "big")
        return size < length < 0x7FFFF000  # larger: written to a pipe, length unknown
    page = tail.rfind(b"OggS")
    flags = tail[page + 5 : page + 6] if page >= 0 else b""
    unfinished = head[:4] == b"OggS" and not (flags and flags[0] & 4)  # the flag of a stream's last page
    return unfinished or end < enough
