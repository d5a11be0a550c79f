"""The card lists every label and what the splits share; the listening page plays the files beside it."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from labelled import labelled_set
from stemwise.cli import main
from stemwise.data import DATASETS
from stemwise.report import write_card


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = labelled_set(tmp_path_factory.mktemp("set") / "my <set>", train=8, test=6)
    odd = {"genre": "a <b> & c", "mood": 3, "tempo": float("nan"), "presets": [1], "remark": {"x": {"y": 1}}}
    (folder / "train" / "train 00" / "labels.json").write_text(json.dumps(odd))
    (folder / "train" / "train 01" / "labels.json").unlink()
    (folder / "test" / "test 00" / "score.mid").write_bytes(b"MThd")
    assert main(["data", "card", str(folder), "--samples", "2"]) == 0
    return folder


def read(root: Path, name: str) -> str:
    return (root / f"{name}.html").read_text()


class Addresses(HTMLParser):
    """What a page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]


@pytest.mark.parametrize("name", ["card", "listen"])
def test_pages_fetch_nothing_from_elsewhere(root: Path, name: str) -> None:
    page = read(root, name)
    assert not re.search(r"https?:|<script|<link|@import|url\((?!#)", re.sub(r"base64,[\w+/=]+", "", page))
    for address in Addresses(page).found:
        if not address.startswith(("data:image/jpeg;base64,", "#")):
            assert (root / unquote(address)).is_file(), address


def test_the_card_lists_every_label_and_escapes_it(root: Path) -> None:
    page = read(root, "card")
    for label in ("genre", "key", "mode", "mood", "tempo", "vocals", "voice", "instruments", "remark"):
        assert f'<td class="word">{label}</td>' in page, label
    assert "a &lt;b&gt; &amp; c" in page
    assert "<b>" not in page and ">nan" not in page and "None" not in page
    assert "14 tracks (8 train, 6 test)" in page


def test_the_card_reports_what_splits_share(root: Path) -> None:
    rows = dict(
        re.findall(r'<td class="word">(voices|melodic presets|drum kits)</td>(.*?)</tr>', read(root, "card"))
    )
    cells = {what: re.findall(r">([^<]+)</td>", row) for what, row in rows.items()}
    assert cells["voices"] == ["1", "1", "0", "yes"]
    assert cells["melodic presets"] == ["1", "1", "0", "yes"]
    assert cells["drum kits"] == ["1", "1", "1", "no"]
    assert "Kits of one soundfont share recordings" in read(root, "card")


def test_the_listening_page_has_samples_of_each_genre(root: Path) -> None:
    page = read(root, "listen")
    players = [address for address in Addresses(page).found if address.endswith(".wav")]
    assert page.count('<audio controls preload="none"') == len(players)
    assert {unquote(p).split("/")[1] for p in players} >= {"test 00", "test 01"}
    assert page.count('href="test/test%2000/score.mid"') == 1
    assert page.count("<h2>") == 4  # two genres, one odd one, and tracks without any
    assert 'colspan="3">silent' in page


def test_samples_come_from_the_split_that_is_asked_for(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    assert main(["data", "card", str(copy), "--samples", "1", "--split", "test"]) == 0
    players = [
        address for address in Addresses(read(copy, "listen")).found if address.endswith("mixture.wav")
    ]
    assert len(players) == 2
    assert all(address.startswith("test/") for address in players)


def test_tracks_without_labels_or_stems_have_a_card(root: Path, tmp_path: Path) -> None:
    source = DATASETS["rendered"]
    bare = [type(t)(name=t.name, split=t.split, mixture=t.mixture) for t in source.tracks(root, None)]
    card, listening = write_card(bare, tmp_path, source.info, samples=1)
    assert "no labels" in card.read_text()
    assert listening.read_text().count("<audio") == 2  # one of each split


def test_an_unreadable_file_is_one_line_and_writes_nothing(root: Path, tmp_path: Path, capsys) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    for page in copy.glob("*.html"):
        page.unlink()
    (copy / "test" / "test 02" / "bass.wav").write_text("no sound")
    assert main(["data", "card", str(copy)]) == 2
    assert "bass.wav" in capsys.readouterr().err
    assert not list(copy.glob("*.html"))


def test_no_samples_are_refused(root: Path, capsys) -> None:
    assert main(["data", "card", str(root), "--samples", "0"]) == 2
    assert "a sample or more" in capsys.readouterr().err
