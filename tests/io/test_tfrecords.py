from __future__ import annotations

import gzip
import json
import struct
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.core.errors import FormatError, InputError, MismatchError
from chiasma.io import basenji_folder, track_store
from chiasma.io.basenji_folder import read_basenji_folder
from chiasma.io.tfrecords import _checksum, _crc32c, parse_example, read_examples, read_records


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def message(number: int, body: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(body)) + body


def example(**features: bytes | list[float] | list[int]) -> bytes:
    """An Example as TensorFlow writes it: numbers packed."""
    entries = b""
    for name, value in features.items():
        if isinstance(value, bytes):
            feature = message(1, message(1, value))
        elif isinstance(value[0], float):
            feature = message(2, message(1, struct.pack(f"<{len(value)}f", *value)))
        else:
            packed = b"".join(varint(int(each) % (1 << 64)) for each in value)
            feature = message(3, message(1, packed))
        entries += message(1, message(1, name.encode()) + message(2, feature))
    return message(1, entries)


def framed(*records: bytes) -> bytes:
    out = b""
    for record in records:
        length = struct.pack("<Q", len(record))
        out += length + struct.pack("<I", _checksum(length)) + record + struct.pack("<I", _checksum(record))
    return out


def test_checksum_is_castagnolis() -> None:
    """RFC 3720, appendix B.4: 32 bytes of zeros, of ones, ascending, descending."""
    table = __import__("chiasma.io.tfrecords", fromlist=["_TABLE"])._TABLE
    cases = {bytes(32): 0x8A9136AA, b"\xff" * 32: 0x62A8AB43, bytes(range(32)): 0x46DD794E}
    cases[bytes(range(31, -1, -1))] = 0x113FDB5C
    for data, expected in cases.items():
        assert int(_crc32c(np.frombuffer(data, np.uint8), table)) == expected


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5))
def test_features_come_back(raw: bytes, whole: list[int]) -> None:
    found = parse_example(example(sequence=raw, floats=[1.5, -2.0], whole=whole))
    assert found["sequence"] == raw
    np.testing.assert_array_equal(found["floats"], np.array([1.5, -2.0], np.float32))
    np.testing.assert_array_equal(found["whole"], np.array(whole))


@pytest.mark.parametrize("pack", [bytes, zlib.compress, gzip.compress])
def test_plain_and_compressed_files(tmp_path: Path, pack: object) -> None:
    path = tmp_path / "x.tfr"
    records = [b"a" * 120, b"", b"c" * 3]
    path.write_bytes(pack(framed(*records)))  # type: ignore[operator]
    assert list(read_records(path)) == records


@pytest.mark.parametrize("pack", [bytes, zlib.compress])
def test_a_file_cut_short_is_refused(tmp_path: Path, pack: object) -> None:
    path = tmp_path / "x.tfr"
    draw = np.random.default_rng(1)
    whole = pack(framed(draw.bytes(500), draw.bytes(500)))  # type: ignore[operator]
    for cut in (5, 300, len(whole) - 2):
        path.write_bytes(whole[:cut])
        with pytest.raises(FormatError, match=r"x\.tfr(.|\n)*copy or download the file again"):
            list(read_records(path))


def test_damage_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x.tfr"
    for place, told in ((3, "length of a record"), (40, "record does not fit its checksum")):
        damaged = bytearray(framed(b"a" * 100))
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(FormatError, match=f"record 0(.|\n)*{told}"):
            list(read_records(path))


def test_what_is_no_example_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tfr"
    path.write_bytes(framed(b"\x0a\xff\x01\x02"))
    with pytest.raises(FormatError, match="not a protocol buffer Example"):
        list(read_examples(path))
    with pytest.raises(InputError, match="no such file"):
        list(read_examples(tmp_path / "none.tfr"))


def folder(path: Path, *, tracks: int = 2, windows: int = 3, indicators: bool = False, **facts: int) -> Path:
    """Windows of 16 bases, bins of 4, one bin cropped at each end."""
    (path / "tfrecords").mkdir(parents=True)
    draw = np.random.default_rng(1)
    records = []
    for _ in range(windows):
        codes = draw.integers(0, 5, 16).astype(np.uint8)
        raw = np.eye(5, dtype=np.uint8)[codes][:, :4].tobytes() if indicators else codes.tobytes()
        records.append(example(sequence=raw, target=draw.normal(size=(2, tracks)).astype(np.float16).tobytes()))
    (path / "tfrecords" / "train-0.tfr").write_bytes(zlib.compress(framed(*records[:2])))
    (path / "tfrecords" / "train-1.tfr").write_bytes(zlib.compress(framed(*records[2:])))
    told = {"num_targets": tracks, "seq_length": 16, "pool_width": 4, "crop_bp": 4, "target_length": 2, **facts}
    (path / "statistics.json").write_text(json.dumps(told))
    rows = [f"{row}\tt{row}\tf\tCHIP:x" for row in range(2)]
    (path / "targets.txt").write_text("\n".join(["\tidentifier\tfile\tdescription", *rows]) + "\n")
    (path / "sequences.bed").write_text(
        "".join(f"chr1\t{100 * n + 4}\t{100 * n + 12}\ttrain\n" for n in range(windows))
    )
    return path


def test_a_folder_becomes_a_dataset(tmp_path: Path) -> None:
    data = read_basenji_folder(folder(tmp_path / "codes"), parts=["train"])
    assert data.problems() == [] and len(data) == 3
    assert data.x.codes.shape == (3, 16) and data.target.values.shape == (3, 2, 2)  # type: ignore[union-attr]
    assert data.target.values.dtype == np.float16 and data.x.bins == 2  # type: ignore[union-attr]
    assert list(data.columns["start"]) == [0, 100, 200] and list(data.columns["end"]) == [16, 116, 216]
    again = read_basenji_folder(folder(tmp_path / "indicators", indicators=True), parts=["train"])
    np.testing.assert_array_equal(again.x.codes, data.x.codes)  # type: ignore[union-attr]
    some = data.take(np.array([2, 0]))
    np.testing.assert_array_equal(some.target.values[1], data.target.values[0])
    assert some.x.intervals.start.tolist() == [200, 0]  # type: ignore[union-attr]


def test_what_contradicts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="lengths contradict"):
        read_basenji_folder(folder(tmp_path / "a", target_length=3), parts=["train"])
    with pytest.raises(MismatchError, match=r"targets\.txt: the track table does not fit(.|\n)*2 rows(.|\n)*3, one"):
        read_basenji_folder(folder(tmp_path / "b", tracks=3), parts=["train"])
    with pytest.raises(MismatchError, match="targets have another size"):
        read_basenji_folder(folder(tmp_path / "c", crop_bp=0, target_length=4), parts=["train"])
    with pytest.raises(InputError, match="no records of part 'valid'"):
        read_basenji_folder(folder(tmp_path / "d"))


def test_many_records_are_kept_on_disk_and_a_killed_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, monkey = folder(tmp_path / "a", windows=5, train_seqs=5), partial(track_store.keep_windows, shard=2)
    monkeypatch.setattr(basenji_folder, "keep_windows", monkey)
    whole = read_basenji_folder(where, parts=["train"])
    original, calls = basenji_folder._Filling.__call__, []

    def dying(self: Any, start: int, stop: int) -> Any:
        calls.append((start, stop))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(self, start, stop)

    monkeypatch.setattr(basenji_folder._Filling, "__call__", dying)
    with pytest.raises(KeyboardInterrupt):
        read_basenji_folder(where, parts=["train"], keep=tmp_path / "kept", most=10)
    found = read_basenji_folder(where, parts=["train"], keep=tmp_path / "kept", most=10)
    assert calls == [(0, 2), (2, 4), (2, 4), (4, 5)]
    again = read_basenji_folder(where, parts=["train"], keep=tmp_path / "kept", most=10)
    assert len(calls) == 4
    for each in (found, again):
        assert isinstance(each.target.values, np.memmap) and each.columns["part"].tolist() == ["train"] * 5
        np.testing.assert_array_equal(each.target.values, whole.target.values)
        np.testing.assert_array_equal(each.x.codes, whole.x.codes)  # type: ignore[union-attr]


@pytest.mark.parametrize("told", [2, 4])
def test_records_that_were_counted_otherwise_are_refused(tmp_path: Path, told: int) -> None:
    where = folder(tmp_path / "a", windows=3, train_seqs=told)
    with pytest.raises(MismatchError, match=r"not as many as statistics\.json says"):
        read_basenji_folder(where, parts=["train"], keep=tmp_path / "kept", most=10)


@pytest.mark.parametrize("most", [10**9, 10])
def test_targets_beyond_what_clipping_leaves_are_of_the_other_order(tmp_path: Path, most: int) -> None:
    """Read whole, and mapped: a store that one order filled is looked through for the other, too."""
    where = folder(tmp_path / "a", windows=3, train_seqs=3)
    plain = read_basenji_folder(where, parts=["train"])
    largest = np.abs(plain.target.values).max(axis=(0, 1)).astype(float)
    kept: dict[str, Any] = {"parts": ["train"], "keep": tmp_path / "kept", "most": most}

    def clipped(clip: np.ndarray, scale: float) -> None:
        rows = [f"{row}\tt{row}\tf\t{clip[row]}\t{scale}\tsum\tRNA:x" for row in range(2)]
        header = "\tidentifier\tfile\tclip\tscale\tsum_stat\tdescription"
        (where / "targets.txt").write_text("\n".join([header, *rows]) + "\n")

    clipped(largest * [1.0, 4.0], 0.5)
    told = r"larger than the old order(.|\n)*in t0 \(1 of 2 tracks\)(.|\n)*clip x scale(.|\n)*--squash new"
    read_basenji_folder(where, squash="new", **kept)
    with pytest.raises(MismatchError, match=told):
        read_basenji_folder(where, squash="old", **kept)
    clipped(largest / 2, 2.0)
    read_basenji_folder(where, squash="old", **kept)  # exactly at the limit
    with pytest.raises(MismatchError, match=r"larger than the new order(.|\n)*--squash old"):
        read_basenji_folder(where, squash="new", **kept)


@pytest.mark.realdata
def test_borzois_own_records_are_not_of_the_old_order(data_dir: Path) -> None:
    with pytest.raises(MismatchError, match=r"2 of 74 tracks(.|\n)*at most 7\.68"):
        read_basenji_folder(data_dir / "sequence/mini_borzoi/tiny/hg38", parts=["test"], squash="old")


@pytest.mark.realdata
def test_borzois_own_records(data_dir: Path) -> None:
    data = read_basenji_folder(data_dir / "sequence/mini_borzoi/tiny/hg38", parts=["test"], squash="new")
    assert data.problems() == []
    assert data.x.codes.shape == (10, 131_072) and data.target.values.shape == (10, 2048, 74)  # type: ignore[union-attr]
    first = {key: data.columns[key][0] for key in ("chrom", "start", "end")}
    assert first == {"chrom": "chr9", "start": 68_875_912 - 32_768, "end": 68_941_448 + 32_768}
    assay = data.x.table.assay  # type: ignore[union-attr]
    assert [int((assay == name).sum()) for name in ("CAGE", "DNASE", "RNA")] == [24, 10, 30]
