"""The tables of BSSEval's scores, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stemwise.report.tables import Table, number

Scores = Mapping[str, Any]
COLUMNS = {
    "sdr": "SDR",
    "isr": "ISR",
    "sir": "SIR",
    "sar": "SAR",
    "whole_sdr": "whole SDR",
    "si_sdr": "SI-SDR",
    "improvement": "gain",
}
OURS = "this model"


def bss_table(scores: Scores) -> Table:
    """Return medians over tracks per stem, in dB, and how many tracks they are of."""
    rows = (
        (stem, *(number(row[key], 2) for key in COLUMNS), number(row["scored"], 0))
        for stem, row in scores["stems"].items()
    )
    return Table(("stem", *COLUMNS.values(), "tracks"), tuple(rows))


def published_table(scores: Scores) -> Table:
    """Return the published SDR of each system and stem, and what was measured here below it."""
    systems = {**scores["published"]["sdr"], OURS: {s: row["sdr"] for s, row in scores["stems"].items()}}
    stems = list(next(iter(scores["published"]["sdr"].values())))
    rows = ((name, *(number(row.get(stem), 2) for stem in stems)) for name, row in systems.items())
    return Table(("SDR in dB", *stems), tuple(rows))


def published_text(scores: Scores) -> str:
    """Return where the published numbers stand, and whether these ones may be held against them."""
    table = scores["published"]
    said = f"{table['protocol']}. Source: {table['source']}."
    fields = scores["protocol_fields"]
    if fields["dataset"].startswith("musdb18") and fields["split"] == "test" and scores["tracks"] == SONGS:
        return said
    found = f"{scores['tracks']} tracks of {fields['dataset']}, {fields['split']} split"
    return f"{said} Ours is of {found}: other music, so the two do not compare."


SONGS = 50
"""Of MUSDB18's test split."""


def octaves_table(scores: Scores) -> Table:
    """Return the median SDR of each octave from 62.5 Hz up."""
    width = max(map(len, scores["sdr_per_octave"].values()))
    header = ("from Hz", *(number(62.5 * 2**band, 0) for band in range(width)))
    rows = (
        (stem, *(number(value) for value in [*bands, *[None] * (width - len(bands))]))
        for stem, bands in scores["sdr_per_octave"].items()
    )
    return Table(header, tuple(rows))
