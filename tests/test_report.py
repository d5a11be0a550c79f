"""The report says what the numbers say, and is one file that needs nothing else."""

import copy
import math
import re
import subprocess
import sys

import numpy as np
import pytest

from stemwise.data.writing import write
from stemwise.report import compare, summary, verdict, write_report
from stemwise.report.song import Sound, octave_spectrogram, song_sounds

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
STEMS = ("drums", "bass", "other", "vocals")
LABELS = tuple(f"label {k}" for k in range(12))
ARMS = {"tail": 0.60, "scratch": 0.65, "pretrained": 0.75, "frozen": 0.70}


def run(seed, mean):
    noise = np.random.default_rng([seed, round(mean * 1000)]).normal(0, 0.01, len(LABELS))
    rows = [
        {"label": name, "positives": 3, "auc": mean + x, "ap": 0.4}
        for name, x in zip(LABELS, noise, strict=True)
    ]
    area = float(np.mean([row["auc"] for row in rows]))
    scores = {"protocol": "per track", "labels": rows, "roc_auc": area, "average_precision": 0.4321}
    history = [{"step": k + 1, "loss": 1 / (k + 1)} for k in range(50)]
    return {"seed": seed, "steps": 50, "seconds": 31.5, "history": history, "scores": scores}


def make(means, seeds=(0, 1)):
    stem = {"si_sdr": 3.14, "sdr": 4.0, "mixture_si_sdr": -4.72, "mixture_sdr": -5.0, "oracle_si_sdr": 9.07}
    stem |= {"improvement": 7.86, "leakage_db": None, "audible": 4}
    scores = {"protocol": "SI-SDR", "tracks": 4, "stems": {name: dict(stem) for name in STEMS}}
    scores["sdr_per_octave"] = {name: [1.25, None, -2.5] for name in STEMS}
    scores["per_track"] = {f"song {k}": [3.0] * 4 for k in range(4)}
    history = [{"step": k + 1, "loss": 2 / (k + 1)} for k in range(80)]
    separator = {"model": "half-multisource", "parameters": 982_856, "steps": 80, "seconds": 170.2}
    arms = [
        {"name": name, "title": f"arm {name}", "parameters": 689_362, "runs": [run(s, mean) for s in seeds]}
        for name, mean in means.items()
    ]
    return {
        "size": "tiny",
        "seed": 0,
        "settings": {"steps": 50, "rendering": {"soundfont": None}},
        "machine": "two threads",
        "versions": {"stemwise": "0.1.0"},
        "seconds": {"render": 50.1, "separator": 170.2},
        "data": {"tracks": {"train": 8, "valid": 2, "test": 4}},
        "separator": {**separator, "history": history, "scores": scores},
        "task": {"name": "rendered-tags", "title": "tags"},
        "arms": arms,
        "song": None,
    }


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    folder, draw = tmp_path_factory.mktemp("song"), np.random.default_rng(0)
    names = ["mixture", *(f"{kind}-{stem}" for kind in ("reference", "estimate") for stem in STEMS)]
    for name in names:
        write(folder / f"{name}.wav", draw.normal(0, 0.1, (2, 22_050)).astype(np.float32), 44_100)
    paths = {kind: {s: str(folder / f"{kind}-{s}.wav") for s in STEMS} for kind in ("reference", "estimate")}
    return {
        "name": "song <b>&",
        "labels": {"genre": "rock & <roll>", "presets": [{"program": 1}]},
        "mixture": str(folder / "mixture.wav"),
        "references": paths["reference"],
        "estimates": paths["estimate"],
    }


@pytest.fixture(scope="module")
def page(song, tmp_path_factory):
    results = make(ARMS)
    results["song"] = song
    results["machine"] = "<script>alert('x')</script>"
    results["arms"][0]["title"] = "tail & <i>alone</i>"
    for arm in results["arms"]:
        arm["runs"][0]["scores"]["labels"][0]["label"] = arm["runs"][1]["scores"]["labels"][0]["label"] = (
            "<$x$>"
        )
    path = tmp_path_factory.mktemp("report") / "deep" / "report.html"
    write_report(results, path)
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]
    return path.read_text()


def test_the_verdict_says_yes_when_pre_training_wins():
    text = verdict(make(ARMS))
    assert text.startswith("Pre-training helps at this size: the mean ROC-AUC over 2 seeds is 0.748 from")
    assert "0.648 from scratch (difference +0.100, 95 % interval +0.094 to +0.107)" in text
    assert "does not help" not in text
    assert "sources help the tail: 0.70" in text


@pytest.mark.parametrize(
    ("means", "words"),
    [
        ({"scratch": 0.75}, "does not help measurably"),
        ({"scratch": 0.85}, "does not help at this size, it hurts"),
        ({"tail": 0.85}, "helps the whole network, but does not help to beat the tail alone"),
        ({"frozen": 0.60}, "sources do not measurably help the tail"),
        ({"frozen": 0.50}, "sources hurt the tail"),
    ],
)
def test_the_verdict_says_no_plainly(means, words):
    results = make({**ARMS, **means})
    if means.get("scratch") == ARMS["pretrained"] or means.get("frozen") == ARMS["tail"]:
        alternate(results, next(iter(means)))
    assert words in verdict(results)


def alternate(results, arm):
    """Move the labels of an arm up and down by turns, so that no side wins."""
    runs = next(a for a in results["arms"] if a["name"] == arm)["runs"]
    for row, k in ((row, k) for one in runs for k, row in enumerate(one["scores"]["labels"])):
        row["auc"] += 0.05 * (-1) ** k


def test_a_seed_that_disagrees_keeps_the_verdict_open():
    results = make(ARMS)
    for row in results["arms"][1]["runs"][1]["scores"]["labels"]:
        row["auc"] += 0.11  # scratch is better with seed 1, by less than it is worse with seed 0
    gap = compare(results, "pretrained", "scratch")
    assert gap.low > 0 and min(gap.per_seed) < 0
    assert gap.effect == "unclear"
    assert "does not help measurably" in verdict(results)


def test_the_verdict_without_arms_or_labels_stays_open():
    assert "the results lack pretrained, scratch" in verdict(make({"tail": 0.6}))
    results = make(ARMS)
    for row in (row for arm in results["arms"] for r in arm["runs"] for row in r["scores"]["labels"]):
        row["auc"] = None
    assert "stays open: no label" in verdict(results)


def test_an_arm_against_itself():
    gap = compare(make(ARMS), "tail", "tail")
    assert (gap.difference, gap.better, gap.pairs) == (0, 0, 24)
    assert gap.low <= 0 <= gap.high


def test_pairs_are_of_the_same_seed_and_label():
    results = make({"tail": 0.6, "scratch": 0.6})
    for one, shift in zip(results["arms"][1]["runs"], (0.1, 0.3), strict=True):
        bases = results["arms"][0]["runs"][one["seed"]]["scores"]["labels"]
        for row, base in zip(one["scores"]["labels"], bases, strict=True):
            row["auc"] = base["auc"] + shift
        one["scores"]["labels"].reverse()
    gap = compare(results, "scratch", "tail")
    assert gap.difference == pytest.approx(0.2)
    assert (gap.low, gap.high) == pytest.approx((0.2, 0.2))  # labels are drawn, each with both of its seeds
    assert gap.per_seed == pytest.approx((0.1, 0.3))
    assert gap.better == gap.pairs == 24


def test_labels_and_seeds_without_a_partner_are_left_out():
    results = make({"tail": 0.6, "scratch": 0.7})
    results["arms"][0]["runs"][0]["scores"]["labels"][0]["auc"] = None
    results["arms"][1]["runs"][0]["scores"]["labels"][1]["auc"] = math.nan
    results["arms"][1]["runs"][1]["seed"] = 7
    assert compare(results, "scratch", "tail").pairs == 10


def test_the_interval_is_that_of_resampled_labels():
    results = make({"tail": 0.6, "scratch": 0.6}, seeds=(0,))
    gaps = np.random.default_rng(3).normal(0.05, 0.1, len(LABELS))
    rows = (arm["runs"][0]["scores"]["labels"] for arm in results["arms"])
    for base, row, gap in zip(*rows, gaps, strict=True):
        row["auc"] = base["auc"] + gap
    found = compare(results, "scratch", "tail")
    assert found == compare(copy.deepcopy(results), "scratch", "tail")
    half = 1.96 * gaps.std() / math.sqrt(len(gaps))
    assert found.low == pytest.approx(gaps.mean() - half, abs=0.015)
    assert found.high == pytest.approx(gaps.mean() + half, abs=0.015)


def test_an_unknown_arm_is_refused():
    with pytest.raises(ValueError, match="expected an arm of tail, scratch, pretrained, frozen, got 'tial'"):
        compare(make(ARMS), "tial", "tail")


def test_the_summary_fits_a_terminal_and_holds_the_numbers():
    text = summary(make(ARMS))
    assert max(map(len, text.splitlines())) <= 100
    assert " ".join(text.split()).startswith(verdict(make(ARMS)))
    for number in ("-4.7", "3.1", "+7.9", "9.1", "0.432 ± 0.000", "31.5", "689,362", "24 of 24", "170 s"):
        assert number in text
    assert re.search(rf"drums .* {DASH} +4 +yes", text)
    assert "3 dB gain is reached by drums, bass, other, vocals. No stem went silent." in text


def test_stems_that_miss_the_goal_or_go_silent_are_named():
    results = make(ARMS)
    stems = results["separator"]["scores"]["stems"]
    stems["bass"] |= {"improvement": 2.9}
    stems["vocals"] |= {"improvement": None, "si_sdr": None}
    text = " ".join(summary(results).split())
    assert (
        "reached by drums, other, missed by bass, vocals. Below the mixture, or gone silent: vocals." in text
    )


def test_single_silent_estimates_are_counted():
    results = make(ARMS)
    results["separator"]["scores"]["per_track"]["song 1"][2] = None
    assert "No stem went silent, but 1 of its 16 estimates did." in " ".join(summary(results).split())


def test_the_page_fetches_nothing(page):
    assert not re.search(r"https?:|//[a-z]", re.sub(r"base64,[A-Za-z0-9+/=\s]+", "", page))
    sources = re.findall(r'\b(?:src|href)\s*=\s*"(.{5})', page)
    assert all(source == "data:" or source.startswith("#") for source in sources)
    assert page.count('src="data:audio/mpeg;base64,') == 9
    assert not re.search(r"<script|<link|@import|url\((?!#)", page)
    assert page.count("<svg") == 4


def test_the_page_escapes_what_it_is_told(page):
    assert "tail &amp; &lt;i&gt;alone&lt;/i&gt;" in page
    assert "song &lt;b&gt;&amp;" in page and "rock &amp; &lt;roll&gt;" in page
    assert "&lt;$x$&gt;" in page  # in a plot, and no formula
    assert "<i>" not in page and "<b>" not in page and "<roll>" not in page


def test_the_page_holds_the_numbers(page):
    numbers = ("3.1", "+7.9", "9.1", "0.432 ± 0.000", "31.5", "689,362", "24 of 24", "1.2")
    for number in (*numbers, f"{MINUS}4.7", f"{MINUS}2.5"):
        assert re.search(rf"<td class=\"number\">{re.escape(number)}</td>", page), number
    assert f'<td class="number">{DASH}</td>' in page  # no leakage, no such octave
    assert "from 250 Hz" in page
    assert "compare with nothing but each other" in page
    assert page.index('class="verdict"') < page.index('class="notice"') < page.index("<table>")
    assert "None" not in page and ">nan<" not in page


def test_the_smallest_results_make_a_page(tmp_path):
    results = make({"tail": 0.6}, seeds=(0,))
    only = results["arms"][0]["runs"][0]
    only["scores"] |= {"roc_auc": None, "average_precision": None}
    only["history"] = []
    for row in only["scores"]["labels"]:
        row["auc"] = None
    results["separator"]["scores"]["stems"]["bass"] = dict.fromkeys(("si_sdr", "improvement"), None)
    write_report(results, tmp_path / "report.html")
    assert f'<td class="number">{DASH}</td>' in (tmp_path / "report.html").read_text()
    assert DASH in summary(results)


def test_a_missing_file_is_named_and_leaves_no_report(song, tmp_path):
    results = make(ARMS)
    results["song"] = {**song, "mixture": str(tmp_path / "gone.wav")}
    with pytest.raises(ValueError, match=r"gone\.wav"):
        write_report(results, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_sounds_that_would_clip_are_turned_down_together(tmp_path):
    paths = {name: str(tmp_path / f"{name}.wav") for name in ("mixture", "estimate", "reference")}
    for level, path in zip((0.5, 2.0, 1.0), paths.values(), strict=True):
        write(path, np.full((1, 800), level, np.float32), 8000)
    song = {"mixture": paths["mixture"], "estimates": {"bass": paths["estimate"]}}
    sounds = song_sounds({**song, "references": {"bass": paths["reference"]}})
    peaks = {name: sound.audio.max() for name, sound in sounds.items()}
    assert peaks == {"mixture": 0.25, "estimate bass": 1.0, "reference bass": 0.5}


@pytest.mark.parametrize("hertz", [110.0, 1000.0, 7000.0])
def test_a_tone_lies_in_its_row(hertz):
    tone = np.sin(2 * np.pi * hertz * np.arange(44_100) / 44_100)[None].astype(np.float32)
    picture = octave_spectrogram(Sound(tone, 44_100))
    edges = np.geomspace(50, 12_000, len(picture) + 1)
    row = int(picture[:, 200].argmax())
    assert edges[row] / 1.06 < hertz < edges[row + 1] * 1.06


def test_a_missing_matplotlib_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ValueError, match=r"pip install 'stemwise\[train\]'"):
        write_report(make(ARMS), tmp_path / "report.html")


def test_importing_the_report_loads_no_heavy_library():
    code = "import sys, stemwise.report; print({'torch', 'matplotlib', 'av'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
