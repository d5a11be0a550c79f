"""Which results are made of a song's stems: single stems, one and the rest, a new balance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from stemwise.catalogue.forms import Form
from stemwise.catalogue.shifts import separate_shifted
from stemwise.chunks import REST, stem_names
from stemwise.data.decoders import AudioInfo
from stemwise.interfaces import Separator
from stemwise.names import named
from stemwise.spans import Resampling

MUTE = "mute"


@dataclass(frozen=True)
class Mix:
    """Results by name, each a gain per stem: factors, not decibels."""

    results: Mapping[str, tuple[float, ...]]


def stems_mix(model: Separator, wanted: Sequence[str] = (), two: str | None = None) -> Mix:
    """Return the mix that gives stems.

    Args:
        model: the separator.
        wanted: names of some stems; all where empty.
        two: one stem, beside which all others become one, `rest`.

    Raises:
        ValueError: the model gives no such stem, or both choices are made.
    """
    names = stem_names(model)
    if wanted and two:
        raise ValueError("stems: expected either --stems or --two-stems; leave one out")
    if two:
        _row(names, two)
        alone = tuple(float(name == two) for name in names)
        return Mix({two: alone, REST: tuple(1.0 - gain for gain in alone)})
    return Mix({name: _row(names, name) for name in wanted or names})


def balance_mix(model: Separator, gains: Mapping[str, str | int | float], result: str = "remix") -> Mix:
    """Return the mix of one result, the stems added with new levels.

    Args:
        model: the separator.
        gains: decibels by stem, or `mute`; stems that are not named stay as they are.
        result: its name.

    Raises:
        ValueError: nothing is to change, the model gives no such stem, or a gain is no number.

    >>> gain_of("drums", "+6.0206"), gain_of("vocals", "mute")
    (2.0000000199681045, 0.0)
    """
    names = stem_names(model)
    if not gains:
        raise ValueError(f"remix: expected a change, such as --{names[0]} +3 or --{names[-1]} mute")
    factors = {name: gain_of(name, gain) for name, gain in gains.items()}
    for name in factors:
        _row(names, name)
    return Mix({result: tuple(factors.get(name, 1.0) for name in names)})


def gain_of(stem: str, gain: str | int | float) -> float:
    """Return a factor from decibels, or 0 for `mute`.

    Raises:
        ValueError: it is neither, or beyond ±60 dB.
    """
    if gain == MUTE:
        return 0.0
    try:
        decibels = float(gain)
    except ValueError:
        decibels = float("nan")
    if not -60 <= decibels <= 60:
        raise ValueError(f"{stem}: expected decibels from -60 to 60 such as +3, or {MUTE}; got {gain!r}")
    return 10 ** (decibels / 20)


def mixed(
    model: Separator,
    mix: Mix,
    info: AudioInfo,
    blocks: Iterator[Float32[np.ndarray, "c n"]],
    *,
    shifts: int = 1,
    resampling: Resampling = "soxr",
    form: Form | None = None,
) -> Iterator[Float32[np.ndarray, "r _ n"]]:
    """Yield the results of a stream, block by block, in the mix's order; in a form where one is named."""
    if form is not None:
        if not form.holds(model):
            yield from form.bring(info, mixed(model, mix, info, blocks, shifts=shifts, resampling=resampling))
            return
        info, blocks = form.of(info), form.bring_song(info, blocks)
    gains = np.array(list(mix.results.values()), np.float32)
    stream = info.sample_rate, info.channels
    for stems in separate_shifted(model, blocks, *stream, shifts=shifts, resampling=resampling):
        yield np.tensordot(gains, stems, 1)


def _row(names: Sequence[str], stem: str) -> tuple[float, ...]:
    row = {name: tuple(float(name == other) for other in names) for name in names}
    return named(row, stem, "stem")
