"""NSynth: notes of four seconds, each played by one instrument, in the layout of JSON and wav files.

Deviations: MSCOL's released code takes a note's family from its name up to the first `_`, so that a lead is a
`synth`, and orders the families as they first occur in the training list; here both are the set's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemwise.data.classes import NSYNTH_FAMILIES
from stemwise.data.tracks import DatasetInfo, Download, Track, splits

INFO = DatasetInfo(
    name="nsynth",
    title="NSynth, notes of four seconds of 11 instrument families",
    licence="CC BY 4.0, by Google Inc.",
    source="https://magenta.tensorflow.org/datasets/nsynth",
    size="about 24 GB; 305 979 notes, 340 hours, mono wav at 16 kHz; 289 205 train, 12 678 valid, 4 096 test",
    layout="nsynth-SPLIT/examples.json, nsynth-SPLIT/audio/NOTE.wav",
    citation="Engel, Resnick, Roberts, Dieleman, Eck, Simonyan, Norouzi: Neural audio synthesis of musical "
    "notes with WaveNet autoencoders, ICML 2017",
)
COUNTS = {"train": 289_205, "valid": 12_678, "test": 4_096}
_SERVER = "https://storage.googleapis.com/magentadata/datasets/nsynth"
_MEGABYTES = {"train": 23_000, "valid": 1_000, "test": 340}
DOWNLOADS = tuple(
    Download(url=f"{_SERVER}/nsynth-{split}.jsonwav.tar.gz", megabytes=size)
    for split, size in _MEGABYTES.items()
)
EXAMPLES = "examples.json"


def tracks(root: Path, split: str | None = None) -> list[Track]:
    """Notes by split, sorted by name. Instruments of the training split occur in no other.

    A note's name is, for instance, `guitar_acoustic_010-060-075`: instrument, pitch, velocity. Its labels:
    `family`, `source` (acoustic, electronic or synthetic), `instrument`, `pitch` as a text of its MIDI
    number, `velocity`, and `qualities`, any of ten.

    Args:
        root: the folder of `nsynth-train`, `nsynth-valid` and `nsynth-test`, or of `nsynth-train.jsonwav`
            and so on around these.
        split: one, or None for all.

    Raises:
        ValueError: a list is missing or not as published, or an unknown split.
    """
    return [note for name in splits(split) for note in _notes(Path(root), name)]


def _notes(root: Path, split: str) -> list[Track]:
    folder = f"nsynth-{split}"
    places = (root / folder, root / f"{folder}.jsonwav" / folder)
    home = next((place for place in places if (place / EXAMPLES).is_file()), None)
    if home is None:
        raise ValueError(
            f"{places[0] / EXAMPLES}: no such file; give the folder that nsynth-{split}.jsonwav.tar.gz was "
            "unpacked in, or fetch it with `stemwise data download nsynth ROOT`"
        )
    return [_note(name, facts, home, split) for name, facts in sorted(_examples(home / EXAMPLES).items())]


def _examples(path: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: expected JSON ({error}); unpack the archive again") from error
    if not isinstance(found, dict) or not all(isinstance(facts, dict) for facts in found.values()):
        raise ValueError(f"{path}: expected a JSON object of notes; unpack the archive again")
    return found


def _note(name: str, facts: Mapping[str, Any], home: Path, split: str) -> Track:
    try:
        family, source = facts["instrument_family_str"], facts["instrument_source_str"]
        labels = {
            "family": family,
            "source": source,
            "instrument": facts["instrument_str"],
            "pitch": str(facts["pitch"]),
            "velocity": facts["velocity"],
            "qualities": list(facts["qualities_str"]),
        }
    except KeyError as error:
        raise ValueError(
            f"{home / EXAMPLES}: {name} has no {error.args[0]}; take the file from the JSON/WAV archive"
        ) from error
    if family not in NSYNTH_FAMILIES:
        raise ValueError(
            f"{home / EXAMPLES}: {name} is of the family {family!r}, expected one of "
            f"{', '.join(NSYNTH_FAMILIES)}; take the file from the JSON/WAV archive"
        )
    return Track(name=name, split=split, mixture=home / "audio" / f"{name}.wav", labels=labels)
