"""The report as one HTML page: plots, players and style inside, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stemwise.report import markup, plots
from stemwise.report.comparison import Results, verdict
from stemwise.report.song import LONGEST_S, Sound, mp3_uri, song_sounds
from stemwise.report.tables import (
    DASH,
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
    return markup.document(f"stemwise: {QUESTION}", parts)


def _head(results: Results) -> str:
    data = results.get("data") or {}
    songs, pages = data.get("tracks") or {}, data.get("pages") or {}
    counts = ", ".join(f"{number(count, 0)} {split}" for split, count in songs.items()) or DASH
    kicker = f"stemwise demo · size {results.get('size')} · seed {results.get('seed')} · songs: {counts}"
    return (
        f'<header>\n<p class="kicker">{markup.text(kicker)}</p>\n<h1>{markup.text(QUESTION)}</h1>\n'
        f'<p class="verdict">{markup.text(verdict(results))}</p>\n'
        f'<p class="notice">{markup.text(NOTICE)}</p>\n{_links(pages)}</header>\n'
    )


def _links(pages: Mapping[str, str]) -> str:
    links = (f'<a href="{markup.text(href)}">{markup.text(title)}</a>' for title, href in pages.items())
    return f"<p>{' · '.join(links)}</p>\n" if pages else ""


def _understanding(results: Results) -> str:
    model = results["separator"]
    spent = f"{number(model['seconds'], 0)} s and {number(model['steps'], 0)} steps"
    before = f"The arms that start from the separator had its training before: {spent}, without labels."
    title = f"Task: {results['task']['title']}. {ARMS_NOTE} {before}"
    parts = (
        markup.table(arms_table(results, detail=True)),
        markup.note(title),
        "<h3>Arm against arm</h3>\n",
        markup.table(comparison_table(results, detail=True)),
        markup.note(COMPARISON_NOTE),
        "<h3>Label by label</h3>\n",
        markup.figure(plots.labels_plot(results)),
        markup.note("A mark is the mean over seeds, a line joins the lowest and the highest seed."),
    )
    return markup.section("Understanding: the arms", parts)


def _learning(results: Results) -> str:
    note = (
        "Training losses, each a running mean over a twentieth of its run. A lower training loss is no merit "
        "by itself: the tables above are of unseen songs."
    )
    return markup.section("Learning curves", (markup.figure(plots.curves_plot(results)), markup.note(note)))


def _separation(results: Results) -> str:
    model = results["separator"]
    songs = number(model["scores"].get("tracks"), 0)
    about = (
        f"{model['model']}, {number(model['parameters'], 0)} parameters, {number(model['steps'], 0)} steps "
        f"in {number(model['seconds'], 0)} s; medians over {songs} unseen songs."
    )
    parts = (
        f"<p>{markup.text(about)} {markup.text(goal_text(results))}</p>\n",
        markup.table(separation_table(results, detail=True)),
        markup.note(SEPARATION_NOTE),
        markup.figure(plots.separation_plot(results)),
        "<h3>SDR per octave, in dB</h3>\n",
        markup.table(octave_table(results)),
        markup.note(OCTAVE_NOTE),
    )
    return markup.section("Separating: the pre-training", parts)


def _song(song: Mapping[str, Any] | None) -> str:
    if not song:
        return ""
    sounds = song_sounds(song)
    known = ((key, song["labels"].get(key)) for key in SONG_LABELS)
    facts = "; ".join(f"{key}: {markup.plain(value)}" for key, value in known if value is not None)
    parts = (
        f"<p><strong>{markup.text(song['name'])}</strong>, unseen in training. {markup.text(facts)}</p>\n",
        markup.figure(plots.spectrogram_plot(sounds)),
        _players(song, sounds),
        markup.note(f"At most the first {LONGEST_S} seconds, as MP3."),
    )
    return markup.section("A song taken apart", parts)


def _players(song: Mapping[str, Any], sounds: Mapping[str, Sound]) -> str:
    stems = dict.fromkeys([*song["estimates"], *song["references"]])
    rows = [f'<tr><td>mixture</td><td colspan="2">{_player(sounds, "mixture")}</td></tr>']
    for stem in stems:
        cells = (_player(sounds, f"{kind} {stem}") for kind in ("estimate", "reference"))
        rows.append(f"<tr><td>{markup.text(stem)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    body = "\n".join(["<tr><th></th><th>estimate</th><th>reference</th></tr>", *rows])
    return f'<div class="wide"><table class="players">\n{body}\n</table></div>\n'


def _player(sounds: Mapping[str, Sound], name: str) -> str:
    if name not in sounds:
        return DASH
    source = mp3_uri(sounds[name])
    return f'<audio controls preload="metadata" aria-label="{markup.text(name)}" src="{source}"></audio>'


def _details(results: Results) -> str:
    seconds = results.get("seconds") or {}
    times = {key: f"{number(value)} s" for key, value in seconds.items()}
    total = sum(value for value in seconds.values() if value is not None)
    arms = [run["scores"].get("protocol") for arm in results["arms"] for run in arm["runs"]]
    protocols = dict.fromkeys([results["separator"]["scores"].get("protocol"), *arms])
    blocks = (
        markup.facts("Settings", markup.flat(results.get("settings") or {})),
        markup.facts("Data", markup.flat(results.get("data") or {})),
        markup.facts("Time", {**times, "in all": f"{number(total)} s"}),
        markup.facts("Versions", results.get("versions") or {}),
    )
    machine = f"<h3>Machine</h3>\n<p>{markup.text(results.get('machine') or DASH)}</p>\n<h3>Protocols</h3>\n"
    protocol = "".join(f"<p>{markup.text(text)}</p>\n" for text in protocols if text)
    return (
        f"<details>\n<summary>Settings, time, machine, protocols, versions</summary>\n{machine}{protocol}"
        f'<div class="columns">\n{"".join(blocks)}</div>\n</details>\n'
    )
