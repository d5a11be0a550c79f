"""What is worked on: folders, patterns, lists; which names results get; which inputs a shard takes."""

import io
import tracemalloc
from itertools import chain, islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stemwise.catalogue import naming
from stemwise.catalogue.inputs import Item, items, lone
from stemwise.catalogue.journal import WHOLE, Journal, Shard, journal, line_of, shard_of
from stemwise.catalogue.ledger import Ledger
from stemwise.catalogue.planning import Layout, Plan, Planned

pytestmark = pytest.mark.usefixtures("one_thread")

LAYOUT = Layout(template="{folder}/{name}/{stem}", results=("drums", "bass"), extension=".wav")


@pytest.fixture
def music(tmp_path: Path) -> Path:
    root = tmp_path / "music"
    names = ("b.mp3", "a.wav", "x/c.FLAC", "x/y/d.ogg", "x/cover.jpg", ".hidden/e.wav", "out/f.wav", ".g.wav")
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(*words: str, lists: tuple[str, ...] = (), out: Path | None = None) -> list[tuple[str, str]]:
    return [(item.path.name, item.folder) for item in items(words, lists, out)]


def test_folder_gives_its_media_files_in_order_with_their_folders(music: Path) -> None:
    assert found(str(music), out=music / "out") == [
        ("a.wav", ""),
        ("b.mp3", ""),
        ("c.FLAC", "x"),
        ("d.ogg", "x/y"),
    ]


def test_output_folder_is_no_input(music: Path) -> None:
    assert ("f.wav", "out") in found(str(music))
    with pytest.raises(ValueError, match="another folder than the input's"):
        found(str(music), out=music)


def test_patterns_keep_the_folders_behind_their_plain_part(music: Path) -> None:
    assert sorted(found(f"{music}/**/*.[Fo]*", out=music / "out")) == [("c.FLAC", "x"), ("d.ogg", "x/y")]
    assert sorted(found(f"{music}/x*")) == [("c.FLAC", "x"), ("d.ogg", "x/y")]


def test_named_files_are_taken_as_they_are(music: Path) -> None:
    assert found(str(music / "x" / "cover.jpg"), "missing.wav") == [("cover.jpg", ""), ("missing.wav", "")]


def test_lists_keep_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "list.txt").write_bytes(b"a/b/c.mp3\r\n\n/d/e.wav\n../f.wav\n\xff.wav\nlast.wav")
    expected = [("c.mp3", "a/b"), ("e.wav", "d"), ("f.wav", ""), ("\udcff.wav", ""), ("last.wav", "")]
    assert found(lists=(str(tmp_path / "list.txt"),)) == expected
    content = io.BytesIO((tmp_path / "list.txt").read_bytes())
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=content))
    assert found("-") == expected


def test_missing_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a list with a path in each line"):
        found(lists=(str(tmp_path / "none"),))


def test_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "song.wav").touch()

    import os

    scan = os.scandir

    def denied(path: Path) -> object:  # root may read everything, so permissions cannot show it
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("os.scandir", denied)
    assert [item.problem for item in items([str(tmp_path)])] == [
        "",
        "the folder cannot be read (Permission denied)",
    ]


@pytest.mark.parametrize(
    ("words", "lists", "expected"),
    [(("a.wav",), (), True), (("a.wav", "b.wav"), (), False), (("-",), (), False), (("*.wav",), (), False)],
)
def test_lone_file(words: tuple[str, ...], lists: tuple[str, ...], expected: bool) -> None:
    assert lone(words, lists) is expected


@pytest.mark.parametrize(
    ("name", "template", "place"),
    [
        ("söng.mp3", "{folder}/{name}/{stem}", "x/y/söng/drums"),
        ("...mp3", "{name}/{stem}", "__/drums"),
        ("a.b.wav", "{stem}/{name}-{suffix}", "drums/a.b-wav"),
        ("a.wav", "/etc/{name}{stem}", "etc/adrums"),
        ("a.wav", "../../{name}/{stem}", "__/__/a/drums"),
    ],
)
def test_place_stays_below_the_output_folder(name: str, template: str, place: str) -> None:
    assert naming.place(Item(path=Path("in") / name, folder="x/y"), template, "drums") == place


def test_place_fits_into_a_file_system() -> None:
    place = naming.place(Item(path=Path("ü" * 125 + ".wav")), "{name}/{stem}{name}", "drums", "-012345")
    assert all(len(part.encode()) <= 255 - 8 for part in place.split("/"))
    assert place.split("/")[0].endswith("-012345")


@pytest.mark.parametrize("template", ["{title}", "{name", "{}", "{name!r}", "{name:>9}", "{name.stem}"])
def test_bad_template_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="name: "):
        naming.checked_template(template, ())


def test_template_that_would_overwrite_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lacks \{stem\}"):
        naming.checked_template("{name}", ("name", "stem"))


def test_ledger_is_a_map_in_little_memory() -> None:
    draw = np.random.default_rng(0)
    keys = [int(key) for key in draw.integers(0, 2**63, 70_000)]
    ledger = Ledger()
    for number, key in enumerate(keys):
        ledger[key] = number
    ledger[keys[0]] = 7
    assert ledger[keys[0]] == 7
    assert all(ledger[key] == number for number, key in list(enumerate(keys))[1::1001])
    assert 5 not in ledger


def plan(out: Path, shard: Shard = WHOLE, layout: Layout | None = LAYOUT) -> Plan:
    return Plan(Journal(out, shard), shard, 0, layout, "resume", lambda *_: None)


def places(planned: list[Planned], out: Path) -> list[str]:
    return [str(next(iter(one.targets.values())).relative_to(out)) for one in planned]


def test_same_name_gets_something_added_the_same_in_every_run(tmp_path: Path) -> None:
    inputs = [Item(path=Path(name)) for name in ("song.mp3", "song.wav", "other/song.wav", "SONG.flac")]
    first = places(list(plan(tmp_path)(inputs)), tmp_path)
    assert first[0] == "song/drums.wav"
    assert len({place.casefold() for place in first}) == 4
    assert places(list(plan(tmp_path)(inputs)), tmp_path) == first


def test_file_that_is_named_twice_is_done_once(tmp_path: Path) -> None:
    inputs = [Item(path=Path("song.mp3")), Item(path=Path("./x/../song.mp3")), Item(path=Path("song.mp3"))]
    assert len(list(plan(tmp_path)(inputs))) == 1


def test_place_of_an_earlier_run_is_not_given_to_another_input(tmp_path: Path) -> None:
    with journal(tmp_path, WHOLE) as book:
        one = next(Plan(book, WHOLE, 0, LAYOUT, "resume", lambda *_: None)([Item(path=Path("song.mp3"))]))
        book.add(line_of(one.key, one.mark, one.place, state="done"))
    with journal(tmp_path, WHOLE) as book:
        other = Plan(book, WHOLE, 0, LAYOUT, "resume", lambda *_: None)
        found = places(list(other([Item(path=Path("b/song.mp3")), Item(path=Path("song.mp3"))])), tmp_path)
    assert found[0].startswith("song-")
    assert found[1] == "song/drums.wav"


@pytest.mark.parametrize("layout", [LAYOUT, None])
def test_shards_take_every_input_once(tmp_path: Path, layout: Layout | None) -> None:
    inputs = [Item(path=Path(f"song {n}.wav")) for n in range(200)]
    parts = [
        [str(one.item.path) for one in plan(tmp_path, Shard(i, 3), layout=layout)(inputs)] for i in (1, 2, 3)
    ]
    assert sorted(chain(*parts)) == sorted(str(item.path) for item in inputs)
    assert min(map(len, parts)) > 40


def test_inputs_of_one_name_are_in_one_shard(tmp_path: Path) -> None:
    inputs = [Item(path=Path(f"{folder}/song.wav")) for folder in "abcdefgh"]
    taken = [len(list(plan(tmp_path, Shard(i, 4))(inputs))) for i in (1, 2, 3, 4)]
    assert sorted(taken) == [0, 0, 0, 8]


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/2"])
def test_bad_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected i/n"):
        shard_of(text)


def test_journal_cuts_off_a_line_that_is_not_whole(tmp_path: Path) -> None:
    with journal(tmp_path, WHOLE) as book:
        book.add(line_of(1, 2, 3, state="done"))
        book.add(line_of(4, 5, 6, state="failed", reason="none"))
    path = tmp_path / ".stemwise" / "journal.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 3])
    with journal(tmp_path, WHOLE) as book:
        assert path.read_bytes() == whole
        assert (book.known.get(1), book.known.get(4), book.places.get(3)) == (2, None, 1)


def test_second_writer_is_refused_and_shards_are_not(tmp_path: Path) -> None:
    with journal(tmp_path, WHOLE):
        for shard in (WHOLE, Shard(2, 2)):
            with (
                pytest.raises(ValueError, match="another process is writing there"),
                journal(tmp_path, shard),
            ):
                pass
    with journal(tmp_path, Shard(1, 2)) as one, journal(tmp_path, Shard(2, 2)) as two:
        one.add({"finished": True})
        two.add({"finished": True})
        with pytest.raises(ValueError, match="another process"), journal(tmp_path, Shard(1, 2)):
            pass
    assert len(list((tmp_path / ".stemwise").glob("journal-*-of-2.jsonl"))) == 2


def test_journal_of_nothing_leaves_nothing(tmp_path: Path) -> None:
    with journal(tmp_path / "out", WHOLE):
        pass
    assert not (tmp_path / "out").exists()


def test_long_list_starts_at_once_and_stays_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    with path.open("w") as file:
        file.writelines(f"/music/{n % 1000}/song {n}.mp3\n" for n in range(300_000))
    tracemalloc.start()
    found = plan(tmp_path, layout=None)(items([], [str(path)]))
    next(found)
    assert tracemalloc.get_traced_memory()[1] < 1e6  # nothing is read ahead
    assert len(list(islice((None for _ in found), 999))) == 999
    first = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert first < 5e6
