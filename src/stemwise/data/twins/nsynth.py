"""A twin of NSynth: wav files of four seconds and one channel at 16 kHz, with its lists in JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stemwise.data.classes import NSYNTH_FAMILIES
from stemwise.data.nsynth import EXAMPLES
from stemwise.data.tracks import SPLITS, Track

SAMPLE_RATE, SAMPLES = 16_000, 64_000
FAMILIES = {
    "acoustic bass": "bass",
    "electric bass": "bass",
    "synth bass": "bass",
    "piano": "keyboard",
    "electric piano": "keyboard",
    "organ": "organ",
    "guitar": "guitar",
    "distorted guitar": "guitar",
    "strings": "string",
    "brass": "brass",
    "reed": "reed",
    "flute": "flute",
    "mallets": "mallet",
    "synth lead": "synth_lead",
    "synth pad": "synth_lead",
}
"""What a rendered track's instruments are called here; its voice is `vocal`."""

SOURCES = ("acoustic", "electronic", "synthetic")
_USUAL = {"bass": "electronic", "organ": "electronic", "synth_lead": "synthetic"}
VELOCITIES = (25, 50, 75, 100, 127)
LOWEST, PITCHES = 21, 88


def twin(tracks: Sequence[Track], out: Path) -> None:
    """Write `nsynth-SPLIT/examples.json` and `audio/NOTE.wav` beside: for each note the start of a song."""
    taken = Counter[str]()
    lists: dict[str, dict[str, dict[str, Any]]] = {split: {} for split in SPLITS}
    for track in tracks:
        name, facts = _note(track, taken[track.split])
        _write(track, out / f"nsynth-{track.split}" / "audio" / f"{name}.wav")
        lists[track.split][name] = facts
        taken[track.split] += 1
    for split, notes in lists.items():
        folder = out / f"nsynth-{split}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / EXAMPLES).write_text(json.dumps(notes, indent=4, sort_keys=True))


def _note(track: Track, turn: int) -> tuple[str, dict[str, Any]]:
    """Return a note's name, and its facts with the real set's keys."""
    family = _family(track, turn)
    source = _USUAL.get(family, "acoustic")
    number = SPLITS.index(track.split)  # instruments of one split are in no other
    instrument = f"{family}_{source}_{number:03d}"
    pitch, velocity = LOWEST + turn % PITCHES, VELOCITIES[turn // PITCHES % len(VELOCITIES)]
    name = f"{instrument}-{pitch:03d}-{velocity:03d}"
    return name, {
        "note": 1000 * number + turn,
        "note_str": name,
        "instrument": 100 * number + NSYNTH_FAMILIES.index(family),
        "instrument_str": instrument,
        "pitch": pitch,
        "velocity": velocity,
        "sample_rate": SAMPLE_RATE,
        "qualities": [0] * 10,
        "qualities_str": [],
        "instrument_family": NSYNTH_FAMILIES.index(family),
        "instrument_family_str": family,
        "instrument_source": SOURCES.index(source),
        "instrument_source_str": source,
    }


def _family(track: Track, turn: int) -> str:
    """Return the family of one of a track's instruments, or of its voice, by turns."""
    found = [FAMILIES[name] for name in track.labels.get("instruments", ()) if name in FAMILIES]
    found += ["vocal"] if track.labels.get("vocals") else []
    return found[turn % len(found)] if found else "keyboard"


def _write(track: Track, path: Path) -> None:
    import numpy as np
    import soundfile

    from stemwise.data.audio import read_resampled

    path.parent.mkdir(parents=True, exist_ok=True)
    audio = read_resampled(track.mixture, SAMPLE_RATE, True)[0, :SAMPLES]
    padded = np.pad(audio, (0, SAMPLES - len(audio))).clip(-1, 1)
    soundfile.write(path, padded, SAMPLE_RATE, subtype="PCM_16")
