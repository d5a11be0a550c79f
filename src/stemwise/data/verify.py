"""Checking a data set on disk before anything is trained on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stemwise.data.audio import open_audio, probe
from stemwise.data.tracks import Track

TOLERANCE = 4 / 32768
"""How far stems may be from their mixture: each of five files is rounded to 16 bits."""


def verify_tracks(tracks: Sequence[Track], progress: Callable[[int, int], None] | None = None) -> list[str]:
    """Return what is wrong, one line a finding: unreadable files, lengths and rates, sums, doubled names.

    Args:
        tracks: of a data set.
        progress: told (tracks done, tracks in all).
    """
    findings = _doubled(tracks)
    for done, track in enumerate(tracks, 1):
        try:
            findings += _stems(track) if track.stems else _mixture(track)
        except ValueError as error:
            findings.append(str(error))
        if progress:
            progress(done, len(tracks))
    return findings


def _doubled(tracks: Sequence[Track]) -> list[str]:
    seen: dict[str, Track] = {}
    findings = []
    for track in tracks:
        if track.name in seen:
            other = seen[track.name].mixture
            findings.append(f"{track.mixture}: the name {track.name} occurs twice, also as {other}")
        seen[track.name] = track
    return findings


def _mixture(track: Track) -> list[str]:
    with open_audio(track.mixture) as audio:
        for _ in audio.blocks(audio.sample_rate * 10):
            pass
    return []


def _stems(track: Track) -> list[str]:
    whole = probe(track.mixture)
    for stem, path in track.stems.items():
        part = probe(path)
        for fact in ("sample_rate", "channels", "samples"):
            expected, got = getattr(whole, fact), getattr(part, fact)
            if expected != got:
                return [f"{path}: {fact} is {got}, the mixture's is {expected} ({stem})"]
    worst = _largest_difference(track, whole.sample_rate * 10)
    return [f"{track.mixture}: stems differ from it by up to {worst:.4f}"] if worst > TOLERANCE else []


def _largest_difference(track: Track, samples: int) -> float:
    from contextlib import ExitStack

    with ExitStack() as stack:
        files = [stack.enter_context(open_audio(p)) for p in (track.mixture, *track.stems.values())]
        blocks = zip(*(file.blocks(samples) for file in files), strict=True)
        return max(float(np.abs(mixture - sum(stems)).max()) for mixture, *stems in blocks)
