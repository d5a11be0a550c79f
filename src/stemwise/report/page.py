"""The report as one HTML page: plots, players and style inside, nothing fetched."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from stemwise.report import plots
from stemwise.report.comparison import Results, verdict
from stemwise.report.song import LONGEST_S, Sound, mp3_uri, song_sounds
from stemwise.report.tables import (
    DASH,
    Table,
    arms_table,
    comparison_table,
    goal_text,
    number,
    octave_table,
    separation_table,
)

QUESTION = "Does learning to separate music help to understand it?"
NOTICE = (
    "This is rendered music: composed by rule, played by a synthesiser. These numbers compare with nothing "
    "but each other, and say nothing about the results of papers or about real recordings."
)
ARMS_NOTE = (
    "Songs and voices of the test were never heard in training. Scores are means over labels, then over "
    "seeds, ± the standard deviation over seeds; seconds are of one run's training. All arms see the same "
    "labels. Chance is a ROC-AUC of 0.5."
)
COMPARISON_NOTE = (
    "Differences of ROC-AUC, paired by seed and label. The interval draws the labels again and holds the "
    "trainings fixed, so look at the seeds' own differences too: “yes” and “no” need the whole interval and "
    "every seed on one side of zero."
)
SEPARATION_NOTE = (
    "In dB. Mixture, estimate, gain and ideal mask are SI-SDR: of the mixture taken for the stem, of what "
    "the network makes of it, the median of their differences, and of an ideal ratio mask, which is about "
    "what masking can reach. Leakage is the level, relative to the mixture, in songs where the stem is "
    "silent; tracks counts those where it sounds."
)
SONG_LABELS = ("genre", "key", "tempo", "instruments", "vocals")
OCTAVE_NOTE = (
    "Above half of the network's sample rate a stem takes the mixture's sound times its mean share of the "
    "octave below: there the network itself has heard nothing."
)


def page(results: Results) -> str:
    """Return the whole document.

    Raises:
        ValueError: matplotlib is missing, or a file of the song cannot be read.
    """
    body = (_head(results), _understanding(results), _learning(results), _separation(results))
    parts = (*body, _song(results.get("song")), _details(results))
    style = files("stemwise.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>stemwise: {_text(QUESTION)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"{''.join(parts)}</body>\n</html>\n"
    )


def _head(results: Results) -> str:
    songs = (results.get("data") or {}).get("tracks") or {}
    counts = ", ".join(f"{number(count, 0)} {split}" for split, count in songs.items()) or DASH
    kicker = f"stemwise demo · size {results.get('size')} · seed {results.get('seed')} · songs: {counts}"
    return (
        f'<header>\n<p class="kicker">{_text(kicker)}</p>\n<h1>{_text(QUESTION)}</h1>\n'
        f'<p class="verdict">{_text(verdict(results))}</p>\n'
        f'<p class="notice">{_text(NOTICE)}</p>\n</header>\n'
    )


def _understanding(results: Results) -> str:
    model = results["separator"]
    spent = f"{number(model['seconds'], 0)} s and {number(model['steps'], 0)} steps"
    before = f"The arms that start from the separator had its training before: {spent}, without labels."
    title = f"Task: {results['task']['title']}. {ARMS_NOTE} {before}"
    parts = (
        _table(arms_table(results, detail=True)),
        _note(title),
        "<h3>Arm against arm</h3>\n",
        _table(comparison_table(results, detail=True)),
        _note(COMPARISON_NOTE),
        "<h3>Label by label</h3>\n",
        _figure(plots.labels_plot(results)),
        _note("A mark is the mean over seeds, a line joins the lowest and the highest seed."),
    )
    return _section("Understanding: the arms", parts)


def _learning(results: Results) -> str:
    note = (
        "Training losses, each a running mean over a twentieth of its run. A lower training loss is no merit "
        "by itself: the tables above are of unseen songs."
    )
    return _section("Learning curves", (_figure(plots.curves_plot(results)), _note(note)))


def _separation(results: Results) -> str:
    model = results["separator"]
    songs = number(model["scores"].get("tracks"), 0)
    about = (
        f"{model['model']}, {number(model['parameters'], 0)} parameters, {number(model['steps'], 0)} steps "
        f"in {number(model['seconds'], 0)} s; medians over {songs} unseen songs."
    )
    parts = (
        f"<p>{_text(about)} {_text(goal_text(results))}</p>\n",
        _table(separation_table(results, detail=True)),
        _note(SEPARATION_NOTE),
        _figure(plots.separation_plot(results)),
        "<h3>SDR per octave, in dB</h3>\n",
        _table(octave_table(results)),
        _note(OCTAVE_NOTE),
    )
    return _section("Separating: the pre-training", parts)


def _song(song: Mapping[str, Any] | None) -> str:
    if not song:
        return ""
    sounds = song_sounds(song)
    known = ((key, song["labels"].get(key)) for key in SONG_LABELS)
    facts = "; ".join(f"{key}: {_plain(value)}" for key, value in known if value is not None)
    parts = (
        f"<p><strong>{_text(song['name'])}</strong>, unseen in training. {_text(facts)}</p>\n",
        _figure(plots.spectrogram_plot(sounds)),
        _players(song, sounds),
        _note(f"At most the first {LONGEST_S} seconds, as MP3."),
    )
    return _section("A song taken apart", parts)


def _players(song: Mapping[str, Any], sounds: Mapping[str, Sound]) -> str:
    stems = dict.fromkeys([*song["estimates"], *song["references"]])
    rows = [f'<tr><td>mixture</td><td colspan="2">{_player(sounds, "mixture")}</td></tr>']
    for stem in stems:
        cells = (_player(sounds, f"{kind} {stem}") for kind in ("estimate", "reference"))
        rows.append(f"<tr><td>{_text(stem)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    body = "\n".join(["<tr><th></th><th>estimate</th><th>reference</th></tr>", *rows])
    return f'<div class="wide"><table class="players">\n{body}\n</table></div>\n'


def _player(sounds: Mapping[str, Sound], name: str) -> str:
    if name not in sounds:
        return DASH
    source = mp3_uri(sounds[name])
    return f'<audio controls preload="metadata" aria-label="{_text(name)}" src="{source}"></audio>'


def _details(results: Results) -> str:
    seconds = results.get("seconds") or {}
    times = {key: f"{number(value)} s" for key, value in seconds.items()}
    total = sum(value for value in seconds.values() if value is not None)
    arms = [run["scores"].get("protocol") for arm in results["arms"] for run in arm["runs"]]
    protocols = dict.fromkeys([results["separator"]["scores"].get("protocol"), *arms])
    blocks = (
        _facts("Settings", _flat(results.get("settings") or {})),
        _facts("Data", _flat(results.get("data") or {})),
        _facts("Time", {**times, "in all": f"{number(total)} s"}),
        _facts("Versions", results.get("versions") or {}),
    )
    machine = f"<h3>Machine</h3>\n<p>{_text(results.get('machine') or DASH)}</p>\n<h3>Protocols</h3>\n"
    protocol = "".join(f"<p>{_text(text)}</p>\n" for text in protocols if text)
    return (
        f"<details>\n<summary>Settings, time, machine, protocols, versions</summary>\n{machine}{protocol}"
        f'<div class="columns">\n{"".join(blocks)}</div>\n</details>\n'
    )


def _facts(title: str, facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{_text(key)}</td><td>{_text(_plain(value))}</td></tr>\n" for key, value in facts.items()
    )
    return f"<div><h3>{_text(title)}</h3>\n<table>\n{rows}</table></div>\n"


def _flat(facts: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested facts under joined names."""
    flat: dict[str, Any] = {}
    for key, value in facts.items():
        name = f"{above}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def _plain(value: Any) -> str:
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "none"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else str(value)


def _section(title: str, parts: Iterable[str]) -> str:
    return f"<section>\n<h2>{_text(title)}</h2>\n{''.join(parts)}</section>\n"


def _table(table: Table) -> str:
    header = "".join(_cell("th", title, index < table.words) for index, title in enumerate(table.header))
    rows = (
        "<tr>" + "".join(_cell("td", text, index < table.words) for index, text in enumerate(row)) + "</tr>"
        for row in table.rows
    )
    body = "\n".join([f"<thead><tr>{header}</tr></thead>\n<tbody>", *rows, "</tbody>"])
    return f'<div class="wide"><table>\n{body}\n</table></div>\n'


def _cell(tag: str, text: str, word: bool) -> str:
    if word:
        return f'<{tag} class="word">{_text(text)}</{tag}>'
    colour = {"yes": " yes", "no": " no"}.get(text, "")
    minus = text.replace("-", "\N{MINUS SIGN}") if tag == "td" else text
    return f'<{tag} class="number{colour}">{_text(minus)}</{tag}>'


def _figure(svg: str) -> str:
    return f"<figure>\n{svg}</figure>\n"


def _note(text: str) -> str:
    return f'<p class="note">{_text(text)}</p>\n'


def _text(text: Any) -> str:
    return html.escape(str(text))
