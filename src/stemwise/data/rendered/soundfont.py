"""SoundFont 2 and 3 files: the presets that they hold, their regions and their samples.

The layout is that of the SoundFont Technical Specification 2.04 (E-mu, 2006), sections 5 to 8; version 3
differs only in that each sample is an Ogg Vorbis stream.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

DRUM_BANK = 128
OVERSAMPLING = 2
VORBIS = 0x10

DEFAULTS = {8: 13500, 56: 100, 58: -1} | dict.fromkeys((25, 26, 27, 28, 30, 33, 34, 35, 36, 38), -12000)
"""Generator number → value where neither preset nor instrument gives one, if that is not zero."""

NOT_ADDITIVE = {0, 1, 2, 3, 4, 12, 41, 43, 44, 45, 50, 53, 54, 57, 58}
"""Generators that a preset cannot offset."""

_BAG = [("generator", "<u2"), ("modulator", "<u2")]
_RECORDS = {
    "phdr": [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("rest", "S12")],
    "pbag": _BAG,
    "pgen": [("operator", "<u2"), ("amount", "<i2")],
    "inst": [("name", "S20"), ("bag", "<u2")],
    "ibag": _BAG,
    "igen": [("operator", "<u2"), ("amount", "<i2")],
    "shdr": [
        ("name", "S20"),
        *((name, "<u4") for name in ("start", "end", "loop_start", "loop_end", "sample_rate")),
        *(("root", "u1"), ("correction", "i1"), ("link", "<u2"), ("kind", "<u2")),
    ],
}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A recorded sound: mono audio in −1 to 1, and its loop in samples of the file.

    Attributes:
        audio: shape (points,), `OVERSAMPLING` points for each sample of the file.
        sample_rate: Hz.
        root: the MIDI pitch at which it was recorded.
        correction_cents: to be added to that pitch.
    """

    audio: npt.NDArray[np.float32]
    sample_rate: int
    root: float
    correction_cents: float
    loop_start: int
    loop_end: int


@dataclass(frozen=True, kw_only=True)
class Region:
    """A sample with its settings, for a range of keys and velocities (both ends included)."""

    keys: tuple[int, int]
    velocities: tuple[int, int]
    sample: int
    settings: Mapping[int, int]

    def holds(self, key: int, velocity: int) -> bool:
        """Whether a note sounds this region."""
        return self.keys[0] <= key <= self.keys[1] and self.velocities[0] <= velocity <= self.velocities[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class SoundFont:
    """An opened soundfont.

    Attributes:
        path: its file.
        sha256: hexadecimal digest of the file.
        presets: (bank, program) → index of the preset.
    """

    path: Path
    sha256: str
    presets: Mapping[tuple[int, int], int]
    tables: Mapping[str, np.ndarray] = field(repr=False)
    waves: bytes = field(repr=False)
    _samples: dict[int, Sample] = field(default_factory=dict, repr=False)
    _regions: dict[tuple[int, int], list[Region]] = field(default_factory=dict, repr=False)

    def regions(self, bank: int, program: int) -> list[Region]:
        """The regions of a preset.

        Raises:
            ValueError: the soundfont has no such preset.
        """
        if (bank, program) not in self.presets:
            raise ValueError(f"{self.path}: no preset {program} in bank {bank}; use a General MIDI soundfont")
        if (bank, program) not in self._regions:
            self._regions[bank, program] = list(_regions(self.tables, self.presets[bank, program]))
        return self._regions[bank, program]

    def sounds(self, bank: int, program: int, key: int, velocity: int = 90) -> bool:
        """Whether a preset has a sample for a key, and one that is not empty."""
        headers = self.tables["shdr"]
        return any(
            region.holds(key, velocity) and headers[region.sample]["end"] > headers[region.sample]["start"]
            for region in self.regions(bank, program)
        )

    def sample(self, index: int) -> Sample:
        """A decoded sample; it is kept for the next call."""
        if index not in self._samples:
            self._samples[index] = _sample(self.tables["shdr"][index], self.waves)
        return self._samples[index]


def default_soundfont() -> Path:
    """The General MIDI soundfont inside the installed `pretty_midi` package, which is not imported.

    Raises:
        ValueError: pretty_midi is not installed.
    """
    spec = importlib.util.find_spec("pretty_midi")
    if spec is None or spec.origin is None:
        raise ValueError(
            "soundfont: expected a path or an installed pretty_midi, which brings one; "
            "got neither: pip install 'stemwise[render]'"
        )
    return Path(spec.origin).with_name("TimGM6mb.sf2")


@lru_cache(maxsize=2)
def open_soundfont(path: Path) -> SoundFont:
    """Reads an sf2 or sf3 file.

    Raises:
        ValueError: there is no such file, or it is no soundfont.
    """
    if not path.is_file():
        raise ValueError(f"soundfont: {path} is no file; give the path of an .sf2 or .sf3 file")
    content = path.read_bytes()
    if content[:4] != b"RIFF" or content[8:12] != b"sfbk":
        raise ValueError(
            f"soundfont: expected {path} to be a SoundFont 2 or 3 file (RIFF … sfbk), "
            f"got a file that starts with {content[:12]!r}; give another file"
        )
    chunks = dict(_chunks(content, 12, len(content)))
    missing = [name for name in ("smpl", *_RECORDS) if name not in chunks]
    if missing:
        raise ValueError(
            f"soundfont: {path} lacks the chunks {', '.join(missing)}; it is cut off: copy it again"
        )
    tables = {name: _table(chunks[name], record) for name, record in _RECORDS.items()}
    headers = tables["phdr"][:-1]
    presets = {(int(row["bank"]), int(row["program"])): i for i, row in enumerate(headers)}
    digest = hashlib.sha256(content).hexdigest()
    return SoundFont(path=path, sha256=digest, presets=presets, tables=tables, waves=chunks["smpl"])


def _chunks(content: bytes, start: int, stop: int) -> Iterator[tuple[str, bytes]]:
    while start + 8 <= stop:
        (size,) = struct.unpack_from("<I", content, start + 4)
        end = min(start + 8 + size, stop)
        if content[start : start + 4] == b"LIST":
            yield from _chunks(content, start + 12, end)
        else:
            yield content[start : start + 4].decode("latin1"), content[start + 8 : end]
        # RIFF pads odd chunks by a zero byte; sf3 writers forget to.
        start = end + (end % 2 if content[end : end + 1] == b"\0" else 0)


def _table(content: bytes, record: list[tuple[str, str]]) -> np.ndarray:
    dtype = np.dtype(record)
    return np.frombuffer(content, dtype, len(content) // dtype.itemsize)


def _zones(
    tables: Mapping[str, np.ndarray], kind: str, index: int
) -> Iterator[tuple[dict[int, int], dict[int, int]]]:
    """Each zone's generators, and those of the global zone before it."""
    headers, bags, generators = {"p": ("phdr", "pbag", "pgen"), "i": ("inst", "ibag", "igen")}[kind]
    first, stop = (int(tables[headers]["bag"][i]) for i in (index, index + 1))
    shared: dict[int, int] = {}
    for number in range(first, stop):
        rows = tables[generators][slice(*(int(tables[bags]["generator"][i]) for i in (number, number + 1)))]
        zone = {int(row["operator"]): int(row["amount"]) for row in rows}
        if (41 if kind == "p" else 53) in zone:
            yield zone, shared
        elif number == first:
            shared = zone


def _range(zone: Mapping[int, int], generator: int) -> tuple[int, int]:
    amount = zone.get(generator, 0x7F00) & 0xFFFF
    return amount & 0xFF, amount >> 8


def _regions(tables: Mapping[str, np.ndarray], preset: int) -> Iterator[Region]:
    for own, shared in _zones(tables, "p", preset):
        outer = shared | own
        for inner_own, inner_shared in _zones(tables, "i", outer[41]):
            inner = DEFAULTS | inner_shared | inner_own
            ranges = [(_range(outer, generator), _range(inner, generator)) for generator in (43, 44)]
            keys, velocities = ((max(a[0], b[0]), min(a[1], b[1])) for a, b in ranges)
            offsets = {k: v for k, v in outer.items() if k not in NOT_ADDITIVE}
            settings = inner | {k: inner.get(k, 0) + v for k, v in offsets.items()}
            if keys[0] <= keys[1] and velocities[0] <= velocities[1]:
                yield Region(keys=keys, velocities=velocities, sample=inner[53] & 0xFFFF, settings=settings)


def _sample(header: np.void, waves: bytes) -> Sample:
    start, end = int(header["start"]), int(header["end"])
    loop = int(header["loop_start"]), int(header["loop_end"])
    if int(header["kind"]) & VORBIS:
        audio = _vorbis(waves[start:end])
    else:
        audio = np.frombuffer(waves, "<i2", end - start, 2 * start) / np.float32(32768)
        loop = loop[0] - start, loop[1] - start
    return Sample(
        audio=_oversampled(audio.astype(np.float32)),
        sample_rate=int(header["sample_rate"]),
        root=float(header["root"]) if header["root"] <= 127 else 60.0,
        correction_cents=float(header["correction"]),
        loop_start=loop[0],
        loop_end=loop[1],
    )


def _oversampled(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    from scipy.signal import resample_poly

    return resample_poly(audio, OVERSAMPLING, 1).astype(np.float32)


def _vorbis(stream: bytes) -> npt.NDArray[np.float32]:
    import soundfile

    return np.asarray(soundfile.read(io.BytesIO(stream), dtype="float32")[0], np.float32)
