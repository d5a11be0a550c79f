"""One track's scores of separation, in the layout of museval's EvalStore.

`{"targets": [{"name", "frames": [{"time", "duration", "metrics": {"SDR", "SIR", "SAR", "ISR"}}]}]}`, five
decimals, NaN where there is no number: museval reads the file. What it does not know is in `stemwise`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from stemwise.data.audio import read
from stemwise.data.tracks import Track
from stemwise.files import write_text
from stemwise.interfaces import Separator
from stemwise.metrics import separation as scores

MUSEVAL = "0.4.1"
"""The version whose layout and numbers these are."""

METRICS = ("SDR", "SIR", "SAR", "ISR")
Document = dict[str, Any]


def track_document(
    model: Separator, track: Track, window_s: float, hop_s: float, protocol: Mapping[str, Any]
) -> Document:
    """Separate a track and return its scores.

    All its stems are references, since filters and windows of BSSEval look at the whole mixture: what the
    model does not separate is one further stem on both sides. Audio stays in single precision, of which
    a song of four minutes takes 340 MB for its stems and as much for the estimates.

    Args:
        model: on its device, in evaluation mode.
        track: with the model's stems.
        window_s: of BSSEval, seconds.
        hop_s: between windows, seconds.
        protocol: what the scores were measured with; kept with them.

    Raises:
        ValueError: a file cannot be read.
    """
    from stemwise.separation import separate

    mixture, rate = read(track.mixture)
    reference = references(model.stems, track)
    stream = separate(model, [mixture], rate, len(mixture))
    estimate = np.empty_like(reference)
    at = 0
    for block in stream:
        estimate[:, :, at : at + block.shape[2]] = block[: len(reference)]
        at += block.shape[2]
    frames = scores.bss_eval(reference, estimate, rate, window_s, hop_s)
    return {
        "targets": [_target(name, s, frames, window_s, hop_s) for s, name in enumerate(model.stems)],
        "museval_version": MUSEVAL,
        "stemwise": {
            "protocol": dict(protocol),
            "whole": _whole(model.stems, mixture, reference, estimate, rate),
        },
    }


def references(stems: Sequence[str], track: Track) -> np.ndarray:
    """Return a track's stems (s, c, t), and the sum of those that are not asked for, where there are any."""
    others = [stem for stem in track.stems if stem not in stems]
    first, _ = read(track.stems[stems[0]])
    found = np.zeros((len(stems) + bool(others), *first.shape), np.float32)
    found[0] = first
    for place, stem in enumerate(stems[1:], 1):
        found[place] = read(track.stems[stem])[0]
    for stem in others:
        found[-1] += read(track.stems[stem])[0]
    return found


def _target(
    name: str, stem: int, frames: Mapping[str, np.ndarray], window_s: float, hop_s: float
) -> dict[str, Any]:
    finite = {key: np.where(np.isinf(frames[key][stem]), np.nan, frames[key][stem]) for key in METRICS}
    rows = [
        {
            "time": k * hop_s,
            "duration": window_s,
            "metrics": {key: round(float(finite[key][k]), 5) for key in METRICS},
        }
        for k in range(len(finite["SDR"]))
    ]
    return {"name": name, "frames": rows}


def _whole(
    stems: Sequence[str], mixture: np.ndarray, reference: np.ndarray, estimate: np.ndarray, rate: int
) -> dict[str, dict[str, Any]]:
    """Return the scores of the whole file; of a stem that is not audible, there is no SI-SDR."""
    heard = scores.audible(reference)
    repeated = np.broadcast_to(mixture, reference.shape)
    found = {
        "sdr": scores.sdr(reference, estimate),
        "si_sdr": np.where(heard, scores.si_sdr(reference, estimate), np.nan),
        "mixture_si_sdr": np.where(heard, scores.si_sdr(reference, repeated), np.nan),
    }
    octaves = scores.sdr_per_octave(reference, estimate, rate)
    return {
        stem: {**{key: float(values[s]) for key, values in found.items()}, "octaves": octaves[s].tolist()}
        for s, stem in enumerate(stems)
    }


def frame_medians(document: Document) -> dict[str, dict[str, float]]:
    """Return stem → score → median over the windows that have one, NaN where none has."""
    return {
        target["name"]: {key: _median(row["metrics"][key] for row in target["frames"]) for key in METRICS}
        for target in document["targets"]
    }


def _median(values: Any) -> float:
    known = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")


def document_path(folder: Path, track: Track) -> Path:
    """Return where a track's scores are kept: `SPLIT/NAME.json`, where museval looks for them."""
    return folder / track.split / f"{track.name.replace('/', ' - ')}.json"


def write_document(path: Path, document: Document) -> None:
    """Write a track's scores; NaN is written as such, as museval does, and is no strict JSON."""
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def kept_document(path: Path, protocol: Mapping[str, Any]) -> Document | None:
    """Return the scores that were kept, if they were measured with this protocol.

    Raises:
        ValueError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        same = document["stemwise"]["protocol"] == json.loads(json.dumps(protocol))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected a track's scores ({error!r}); move it away") from error
    return document if same else None


@cache
def loaded(folder: Path, device: str) -> Any:
    """Return the model of a folder on a device; a process loads it once."""
    from stemwise.weights.store import load

    return load(folder).to(device)
