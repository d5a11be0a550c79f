"""The listening page: some tracks of each genre, with players, spectrograms and levels of all stems."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from urllib.parse import quote

import numpy as np
from jaxtyping import Float

from stemwise.data.labels import Label
from stemwise.data.levels import Levels
from stemwise.data.tracks import StemFile, Track
from stemwise.report import markup
from stemwise.report.card_tables import GROUP, grouped, present_splits
from stemwise.report.drawing import matplotlib_or_error
from stemwise.report.song import octave_spectrogram, read_sound
from stemwise.report.tables import number

RANGE_DB = 70
LOWEST_DB = -24.0
NOTICE = (
    "The players use the files beside this page. Spectrograms show at most the first 30 seconds from 50 Hz "
    "to 12 kHz, in octaves, on one scale of 70 dB for a track and its stems. Bars show the level of a stem "
    "where it sounds, relative to the mixture, from −24 to 0 dB."  # noqa: RUF001
)


def pick(tracks: Sequence[Track], labels: Sequence[Label], samples: int) -> dict[str, list[Track]]:
    """Return so many tracks of each genre: the first of every split, then the second of every split, …"""
    return {
        name: _by_turns([[t for t in found if t.split == s] for s in present_splits(found)])[:samples]
        for name, found in grouped(labels, tracks).items()
    }


def _by_turns(lists: Sequence[Sequence[Track]]) -> list[Track]:
    return [track for track in chain.from_iterable(zip_longest(*lists)) if track is not None]


def listening_page(chosen: Mapping[str, Sequence[str]], title: str, card: str) -> str:
    """Return the page as a whole document.

    Args:
        chosen: genre → what `sample` gave for each of its tracks.
        title: of the data set.
        card: file name of the card, beside the page.
    """
    names = {name: f"group-{place}" for place, name in enumerate(chosen)}
    index = " · ".join(f'<a href="#{place}">{markup.text(name)}</a>' for name, place in names.items())
    head = (
        f'<header>\n<p class="kicker">stemwise data card · listening</p>\n<h1>{markup.text(title)}</h1>\n'
        f'<p><a href="{card}">Back to the card</a> · {index}</p>\n{markup.note(NOTICE)}</header>\n'
    )
    parts = (
        f'<section id="{names[name]}">\n<h2>{markup.text(name)}</h2>\n{"".join(found)}</section>\n'
        for name, found in chosen.items()
    )
    return markup.document(f"{title}: listening", (head, *parts))


def sample(track: Track, levels: Levels, labels: Sequence[Label], root: Path) -> str:
    """Return a track's place on the page.

    Raises:
        ValueError: a file cannot be read, or matplotlib is missing.
    """
    mixture = octave_spectrogram(read_sound(track.mixture), rows=64, frames=360)
    loudest = float(mixture.max())
    rows = [_row("mixture", track.mixture, root, _picture(mixture - loudest), "")]
    for stem, path in track.stems.items():
        if stem not in levels.stems:
            rows.append(f'<tr class="silent"><td>{markup.text(stem)}</td><td colspan="3">silent</td></tr>')
            continue
        picture = octave_spectrogram(read_sound(path), rows=64, frames=360)
        level = levels.stems[stem].level_db
        bar = f"{markup.bar(1 - level / LOWEST_DB)}{number(level)} dB"
        rows.append(_row(stem, path, root, _picture(picture - loudest), bar))
    about = f"{markup.text(_facts(track, labels))}{_files(track, root)}"
    body = "\n".join(rows)
    return (
        f"<h3>{markup.text(track.name)}</h3>\n<p>{about}</p>\n"
        f'<div class="wide"><table class="listen">\n{body}\n</table></div>\n'
    )


def _row(name: str, path: Path | StemFile, root: Path, picture: str, level: str) -> str:
    player = "a stream, which browsers do not play alone"
    if isinstance(path, Path):
        address = _address(path, root)
        player = f'<audio controls preload="none" aria-label="{markup.text(name)}" src="{address}"></audio>'
    image = f'<img loading="lazy" alt="spectrogram of {markup.text(name)}" src="{picture}">'
    return f"<tr><td>{markup.text(name)}</td><td>{player}</td><td>{image}</td><td>{level}</td></tr>"


def _picture(level_db: Float[np.ndarray, "rows frames"]) -> str:
    """Return a `data:` address of a small picture."""
    matplotlib_or_error()
    from matplotlib.image import imsave

    file = io.BytesIO()
    options = {"quality": 75}
    look = {"cmap": "magma", "vmin": -RANGE_DB, "vmax": 0, "origin": "lower", "pil_kwargs": options}
    imsave(file, level_db, format="jpeg", **look)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _facts(track: Track, labels: Sequence[Label]) -> str:
    """Return a track's labels in one line."""
    single = [label for label in labels if label.kind in ("class", "flag", "number") and label.name != GROUP]
    known = {label.name: markup.plain(track.labels.get(label.name)) for label in single}
    known |= {x.name: ", ".join(x.of(track)) for x in labels if x.name == "instruments"}
    chords = track.labels.get("chords")
    if isinstance(chords, list):
        known["chords"] = " ".join(str(item[1]) for item in chords[:8] if isinstance(item, list) and item[1:])
    return f"{track.split} · {' · '.join(f'{name}: {value}' for name, value in known.items())}"


def _files(track: Track, root: Path) -> str:
    found = [track.mixture.parent / name for name in ("score.mid", "labels.json")]
    links = (f'<a href="{_address(path, root)}">{path.name}</a>' for path in found if path.is_file())
    return "".join(f" · {link}" for link in links)


def _address(path: Path, root: Path) -> str:
    """Return where a file lies, as seen from the set's folder."""
    return quote(Path(os.path.relpath(path, root)).as_posix())
