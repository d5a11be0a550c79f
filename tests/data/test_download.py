"""Downloads from a server on the loopback that cuts connections and tells untruths."""

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stemwise.cli import main
from stemwise.data import DATASETS
from stemwise.data import download as module
from stemwise.data.download import download, fetch, unpack_tar, unpack_zip
from stemwise.data.tracks import Dataset, Download

BODY = bytes(range(256)) * 4000  # about a megabyte


@dataclass
class Server:
    """What it serves, how many bytes it sends before it hangs up, and what it was asked for."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=lambda: {"/a.bin": BODY})
    cut_after: list[int] = field(default_factory=list)
    ranges: bool = True
    asked: list[str] = field(default_factory=list)

    def offer(self, name: str = "a.bin", checksum: str | None = None, **facts) -> Download:
        return Download(url=f"{self.address}/{name}", megabytes=1, checksum=checksum, **facts)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            state.asked.append(wanted)
            body = state.files.get(self.path)
            if body is None:
                return self.send_error(404)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                return self.end_headers()
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            self.wfile.write(body[start : start + (state.cut_after.pop(0) if state.cut_after else len(body))])
            return None

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.address = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield state
        http.shutdown()


def sha1(body: bytes) -> str:
    return f"sha1:{hashlib.sha1(body).hexdigest()}"


def archive(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, text in files.items():
            packed.writestr(name.replace("__", "/"), text)
    return out.getvalue()


def offered(*downloads: Download) -> Dataset:
    return replace(DATASETS["musdb18"], downloads=downloads)


def test_file_is_fetched_and_checked(server: Server, tmp_path: Path) -> None:
    told = []
    file = fetch(server.offer(checksum=sha1(BODY)), tmp_path, told.append)
    assert file.read_bytes() == BODY
    assert told[-1] == len(BODY)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_connection_that_is_cut_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    server.cut_after = [2**18, 2**17]
    assert fetch(server.offer(checksum=sha1(BODY)), tmp_path).read_bytes() == BODY
    assert server.asked == ["", "bytes=262144-", "bytes=393216-"]


def test_earlier_call_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(BODY[:1000])
    assert fetch(server.offer(), tmp_path).read_bytes() == BODY
    assert server.asked == ["bytes=1000-"]


def test_part_that_is_whole_already_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(BODY)
    assert fetch(server.offer(checksum=sha1(BODY)), tmp_path).read_bytes() == BODY


def test_server_without_ranges_sends_it_anew(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "a.bin.part").write_bytes(b"something old")
    assert fetch(server.offer(checksum=sha1(BODY)), tmp_path).read_bytes() == BODY


def test_file_that_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(BODY)
    fetch(server.offer(checksum=sha1(BODY)), tmp_path)
    assert server.asked == []


def test_wrong_checksum_is_an_error_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected sha1:00, got .*the file was deleted"):
        fetch(server.offer(checksum="sha1:00"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_server_that_always_hangs_up_is_given_up_and_the_part_stays(server: Server, tmp_path: Path) -> None:
    server.cut_after = [2**16, *[0] * 99]
    with pytest.raises(OSError, match="broke 5 times; the same command goes on later"):
        fetch(server.offer(), tmp_path)
    assert (tmp_path / "a.bin.part").read_bytes() == BODY[: 2**16]


def test_refusal_says_where_to_look(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the server says 404 Not Found; see the set's page"):
        fetch(server.offer("gone.bin"), tmp_path)


def test_set_is_unpacked_and_says_what_was_checked(server: Server, tmp_path: Path) -> None:
    packed = archive(train__song="a", test__song="b")
    server.files = {"/set.zip": packed, "/table.csv": b"x"}
    lines = download(
        offered(server.offer("set.zip", sha1(packed)), server.offer("table.csv")), tmp_path / "set"
    )
    assert (tmp_path / "set" / "train" / "song").read_text() == "a"
    assert (tmp_path / "set" / "table.csv").read_text() == "x"
    assert (tmp_path / "set" / "downloads" / "set.zip").is_file()
    assert lines[1] == "table.csv: no checksum published, only its length was checked"


def test_archive_need_not_be_unpacked(server: Server, tmp_path: Path) -> None:
    server.files = {"/set.zip": archive(song="a")}
    download(offered(server.offer("set.zip")), tmp_path, unpack=False)
    assert [path.name for path in tmp_path.iterdir()] == ["downloads"]


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_split_archive_is_joined_without_a_copy(server: Server, tmp_path: Path, parts: int) -> None:
    packed = archive(**{f"{number:x}__clip.mp3": f"sound {number}" * 99 for number in range(16)})
    size = -(-len(packed) // parts)
    names = [f"mp3.zip.{number + 1:03d}" for number in range(parts)]
    server.files = {f"/{name}": packed[n * size : (n + 1) * size] for n, name in enumerate(names)}
    download(offered(*(server.offer(name, join="mp3.zip") for name in names)), tmp_path)
    assert (tmp_path / "f" / "clip.mp3").read_text() == "sound 15" * 99


def test_unpacking_goes_on_where_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(archive(one="whole", two="later"))
    (tmp_path / "one").write_text("WHOLE")  # as long: kept
    (tmp_path / "two").write_text("la")
    unpack_zip([tmp_path / "a.zip"], tmp_path)
    assert (tmp_path / "one").read_text() == "WHOLE"
    assert (tmp_path / "two").read_text() == "later"


def test_archive_cannot_write_outside_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(archive(**{"..__evil": "x"}))
    with pytest.raises(ValueError, match="do not trust it"):
        unpack_zip([tmp_path / "a.zip"], tmp_path / "in")
    assert not (tmp_path / "evil").exists()


def test_damaged_archive_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(archive(one="x" * 999)[:-30])
    with pytest.raises(ValueError, match=r"a\.zip: could not be unpacked"):
        unpack_zip([tmp_path / "a.zip"], tmp_path)


def tarball(**files: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


def test_tarball_is_unpacked(server: Server, tmp_path: Path) -> None:
    server.files = {"/set.tar.gz": tarball(train__song="a", test__song="b")}
    download(offered(server.offer("set.tar.gz")), tmp_path)
    assert (tmp_path / "train" / "song").read_text() == "a"
    assert (tmp_path / "test" / "song").read_text() == "b"
    assert (tmp_path / "downloads" / "set.tar.gz").is_file()


def test_unpacking_of_a_tarball_goes_on_where_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(tarball(one="whole", two="later"))
    (tmp_path / "one").write_text("WHOLE")
    (tmp_path / "two").write_text("la")
    unpack_tar(tmp_path / "a.tar.gz", tmp_path)
    assert (tmp_path / "one").read_text() == "WHOLE"
    assert (tmp_path / "two").read_text() == "later"


@pytest.mark.parametrize("name", ["..__evil", "__evil"])
def test_tarball_cannot_write_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.tar.gz").write_bytes(tarball(**{name: "x"}))
    with pytest.raises(ValueError, match="do not trust it"):
        unpack_tar(tmp_path / "a.tar.gz", tmp_path / "in")
    assert not (tmp_path / "evil").exists()


def test_link_in_a_tarball_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("link")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as packed:
        packed.addfile(member)
    with pytest.raises(ValueError, match="link: expected a file or a folder"):
        unpack_tar(tmp_path / "a.tar.gz", tmp_path / "in")


@pytest.mark.parametrize("damage", ["cut", "other bytes", "no archive"])
def test_damaged_tarball_is_an_error_that_names_it(tmp_path: Path, damage: str) -> None:
    packed = tarball(one="".join(map(str, range(9999))))
    middle = len(packed) // 2
    bodies = {
        "cut": packed[:-500],
        "other bytes": packed[:middle] + bytes(20) + packed[middle + 20 :],
        "no archive": b"<html>gone</html>",
    }
    (tmp_path / "a.tar.gz").write_bytes(bodies[damage])
    with pytest.raises(ValueError, match=r"a\.tar\.gz: could not be unpacked"):
        unpack_tar(tmp_path / "a.tar.gz", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_too_little_room_is_said_before_anything_is_fetched(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="GB of room for the download"):
        download(offered(replace(server.offer(), megabytes=10**9)), tmp_path)
    assert server.asked == []


def test_set_without_a_public_address_says_where_it_comes_from(tmp_path: Path, capsys) -> None:
    assert main(["data", "download", "rendered", str(tmp_path)]) == 2
    assert "no public address; it comes from stemwise data render" in capsys.readouterr().err


def test_command_fetches_and_names_the_licence(server: Server, tmp_path: Path, monkeypatch, capsys) -> None:
    server.files = {"/set.zip": archive(train__a="a")}
    monkeypatch.setitem(DATASETS, "musdb18", offered(server.offer("set.zip")))
    assert main(["data", "download", "musdb18", str(tmp_path)]) == 0
    assert "non-commercial" in capsys.readouterr().out


def test_files_that_an_archive_names_follow_it_and_a_missing_one_stops_no_other(
    server: Server, tmp_path: Path
) -> None:
    server.files = {"/set.zip": archive(songs__names="one three"), "/one.mp3": b"1", "/two.mp3": b"2"}

    def songs(root: Path) -> tuple[Download, ...]:
        names = (root / "songs" / "names").read_text().split()
        return tuple(server.offer(f"{name}.mp3", folder="audio") for name in names)

    dataset = replace(offered(server.offer("set.zip")), further=songs)
    with pytest.raises(ValueError, match=r"1 of 2 files could not be fetched, the first: .*three\.mp3"):
        download(dataset, tmp_path)
    assert (tmp_path / "audio" / "one.mp3").read_bytes() == b"1"
    server.files["/three.mp3"] = b"3"
    asked = len(server.asked)
    assert download(dataset, tmp_path)[-1] == "2 further files: 0 checksums"
    assert len(server.asked) == asked + 1  # what is there is not fetched again


def test_every_published_download_has_a_checksum_and_an_address() -> None:
    published = [dataset for name, dataset in DATASETS.items() if name != "nsynth"]  # which names none
    items = [item for dataset in published for item in dataset.downloads]
    digits = {"md5": 32, "sha1": 40, "sha256": 64}
    assert all(item.url.startswith("https://") for item in items)
    for item in items:
        kind, _, value = (item.checksum or "").partition(":")
        assert len(value) == digits[kind]
