"""TensorFlow checkpoints: what was written is read back, and anything else is refused with its place."""

from pathlib import Path

import numpy as np
import pytest

from bundles import block, field, table, write_bundle
from stemwise.weights.bundle import find_index, open_bundle
from stemwise.weights.table import masked, read_table, varint

TENSORS = {
    "a/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "a/bias": np.array([1.5, -2], np.float64),
    "a/bias/slot": np.zeros(2, np.float32),
    "b": np.array(7, np.int64),
    "c": np.zeros((0, 3), np.float32),
    "flags": np.array([True, False]),
    "halves": np.array([0.5], np.float16),
}


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "model" / "ckpt-3", TENSORS)
    return tmp_path / "model" / "ckpt-3"


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_tensors_are_read_back(tmp_path: Path, shards: int) -> None:
    write_bundle(tmp_path / "ckpt", TENSORS, shards=shards)
    bundle = open_bundle(tmp_path / "ckpt")
    bundle.verify()
    assert bundle.entries.keys() == TENSORS.keys()
    assert len(bundle.shards) == shards
    for name, value in TENSORS.items():
        assert bundle.read(name).dtype == value.dtype
        np.testing.assert_array_equal(bundle.read(name), value)


def test_checkpoint_is_found_by_prefix_index_and_folder(prefix: Path) -> None:
    index = prefix.with_name("ckpt-3.index")
    assert find_index(prefix) == find_index(index) == find_index(prefix.parent) == index


def test_folder_of_several_gives_the_one_that_its_state_names(prefix: Path) -> None:
    write_bundle(prefix.with_name("ckpt-12"), TENSORS)
    with pytest.raises(ValueError, match=r"exactly one index file, found ckpt-12\.index, ckpt-3\.index"):
        find_index(prefix.parent)
    (prefix.parent / "checkpoint").write_text('model_checkpoint_path: "/elsewhere/ckpt-3"\nall: "ckpt-12"\n')
    assert find_index(prefix.parent).name == "ckpt-3.index"


@pytest.mark.parametrize("state", ["", "no path", 'model_checkpoint_path: "ckpt-4"', "\xff\x00"])
def test_state_that_names_nothing_is_refused(prefix: Path, state: str) -> None:
    (prefix.parent / "checkpoint").write_text(state, encoding="latin-1")
    with pytest.raises(ValueError, match=r"checkpoint: expected it to name a checkpoint beside it"):
        find_index(prefix.parent)


@pytest.mark.parametrize("name", ["nothing", "nothing.index", "model/ckpt-4"])
def test_path_of_nothing_is_refused(prefix: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no checkpoint; expected a folder, a prefix or an index"):
        open_bundle(tmp_path / name)


def test_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exactly one index file, found none"):
        open_bundle(tmp_path)


def test_every_damaged_bit_of_the_index_is_noticed(prefix: Path) -> None:
    index = prefix.with_name("ckpt-3.index")
    whole = index.read_bytes()
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError):
            read_table(bytes(damaged))


def test_index_that_is_cut_off_is_refused(prefix: Path) -> None:
    whole = prefix.with_name("ckpt-3.index").read_bytes()
    for size in range(len(whole)):
        with pytest.raises(ValueError):
            read_table(whole[:size])
        with pytest.raises(ValueError):
            read_table(whole[len(whole) - size :])


@pytest.mark.parametrize("content", [b"", b"text", bytes(100), b"PK\x03\x04" * 40])
def test_file_of_another_kind_is_named(prefix: Path, content: bytes) -> None:
    prefix.with_name("ckpt-3.index").write_bytes(content)
    with pytest.raises(ValueError, match=r"ckpt-3\.index: expected a TensorFlow checkpoint's index"):
        open_bundle(prefix)


def test_compressed_index_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path / "ckpt", TENSORS, compression=1)
    with pytest.raises(ValueError, match=r"compressed \(kind 1\), expected it plain"):
        open_bundle(tmp_path / "ckpt")


@pytest.mark.parametrize("name", TENSORS)
def test_damaged_tensor_is_named(prefix: Path, name: str) -> None:
    bundle = open_bundle(prefix)
    entry, shard = bundle.entries[name], bundle.shards[0]
    if not entry.size:
        return
    data = bytearray(shard.read_bytes())
    data[entry.offset + entry.size - 1] ^= 64
    shard.write_bytes(data)
    with pytest.raises(ValueError, match=rf"ckpt-3\.data-00000-of-00001: {name} is damaged"):
        bundle.verify()
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        bundle.read(name)


def test_missing_shard_is_named(prefix: Path) -> None:
    bundle = open_bundle(prefix)
    bundle.shards[0].unlink()
    with pytest.raises(ValueError, match=r"ckpt-3\.data-00000-of-00001: no such file; .* copy it beside"):
        bundle.verify()


@pytest.mark.parametrize("change", [-1, 1])
def test_shard_of_another_size_is_named(prefix: Path, change: int) -> None:
    bundle = open_bundle(prefix)
    data = bundle.shards[0].read_bytes()
    bundle.shards[0].write_bytes(data[:-1] if change < 0 else data + b"\0")
    with pytest.raises(ValueError, match=f"expected {len(data)} bytes, got {len(data) + change}; copy"):
        bundle.verify()


def test_tensor_in_slices_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path / "ckpt", TENSORS, extra=field(7, b""))
    with pytest.raises(ValueError, match=r"ckpt\.index: tensors in slices cannot be read"):
        open_bundle(tmp_path / "ckpt")


def test_shape_that_does_not_fit_the_bytes_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path / "ckpt", {"a": np.zeros(3, np.float32)}, extra=field(2, field(2, field(1, 4))))
    with pytest.raises(ValueError, match=r"a: expected numbers, got 12 bytes of float32 \(4,\)"):
        open_bundle(tmp_path / "ckpt").read("a")


def test_type_that_is_unknown_is_refused_when_it_is_read(tmp_path: Path) -> None:
    write_bundle(tmp_path / "ckpt", {"a": np.zeros(3, np.float32)}, extra=field(1, 14))
    bundle = open_bundle(tmp_path / "ckpt")
    bundle.verify()
    with pytest.raises(ValueError, match="a: expected numbers, got 12 bytes of type 14"):
        bundle.read("a")


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(b"", field(1, 0))],
        [(b"", field(1, 1) + field(2, 1))],
        [(b"", field(1, 1)), (b"a", field(3, 1))],
        [(b"", field(1, 1)), (b"\xff", b"")],
        [(b"", field(1, 1)), (b"a", b"\x0a\x05x")],
        [(b"", field(1, 1)), (b"a", field(4, b"x"))],
    ],
    ids=["empty", "no shard", "big endian", "no such shard", "no text", "cut off", "no number"],
)
def test_index_that_makes_no_sense_is_refused(tmp_path: Path, rows: list) -> None:
    (tmp_path / "ckpt.index").write_bytes(table(rows))
    with pytest.raises(ValueError, match=r"ckpt\.index: "):
        open_bundle(tmp_path / "ckpt")


def test_table_of_several_blocks_gives_its_rows_back() -> None:
    rows = [(f"key-{i:03}".encode(), bytes([i])) for i in range(100)]
    assert read_table(table(rows)) == dict(rows)


def test_entry_that_goes_beyond_its_block_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import bundles

    monkeypatch.setattr(bundles, "block", lambda rows: block(rows)[:-8] + b"\x05\x01\x01xy" + block([]))
    with pytest.raises(ValueError, match="an entry goes beyond its block"):
        read_table(table([(b"a", b"b")]))


@pytest.mark.parametrize(
    ("data", "value"), [(b"\x00", 0), (b"\x7f", 127), (b"\x80\x01", 128), (b"\xac\x02", 300)]
)
def test_numbers_of_seven_bits_a_byte(data: bytes, value: int) -> None:
    assert varint(data, 0) == (value, len(data))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\xff" * 11])
def test_number_without_an_end_or_in_a_longer_form_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="a number"):
        varint(data, 0)


def test_checksums_are_masked_as_leveldb_does() -> None:
    assert masked(0) == 0xA282EAD8
    assert masked(0xE3069283) == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) % 2**32
