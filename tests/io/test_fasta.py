"""FASTA in and out: every container, every trap."""

from __future__ import annotations

import gzip
import io
import sys

import numpy as np
import pysam
import pytest
from hypothesis import given, strategies as st

from chiasma.core.errors import FormatError, InputError
from chiasma.data.sequences import Sequences
from chiasma.io.fasta import read_fasta, read_fasta_records, write_fasta

TEXT = b">one first\nACGTN\nacg\n>two\nRYacu\n"


def _write(path, raw):
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("container", ["plain", "gzip", "bgzip", "windows", "mac", "bom"])
def test_containers_give_the_same(tmp_path, container):
    path = tmp_path / "x.fa"
    if container == "bgzip":
        path = tmp_path / "x.fa.gz"
        with pysam.BGZFile(str(path), "w") as handle:
            handle.write(TEXT)
    else:
        changed = {"gzip": gzip.compress(TEXT), "windows": TEXT.replace(b"\n", b"\r\n")}
        changed |= {"mac": TEXT.replace(b"\n", b"\r"), "bom": b"\xef\xbb\xbf" + TEXT}
        _write(path, changed.get(container, TEXT))
    records = read_fasta_records(path)
    assert list(records.sequences.ids) == ["one", "two"]
    assert records.sequences.strings() == ["ACGTNACG", "NNACT"]
    np.testing.assert_allclose(records.lower_case_share, [3 / 8, 3 / 5])
    assert records.ambiguous == {"R": 1, "Y": 1}


def test_standard_input(monkeypatch):
    for raw in (TEXT, gzip.compress(TEXT)):
        reader = io.BufferedReader(io.BytesIO(raw))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(reader))
        assert len(read_fasta("-")) == 2


@given(st.lists(st.text(alphabet="ACGTN", min_size=1, max_size=200), min_size=1, max_size=8), st.booleans())
def test_round_trip(tmp_path_factory, texts, packed):
    path = tmp_path_factory.mktemp("fasta") / ("x.fa.gz" if packed else "x.fa")
    sequences = Sequences.from_strings([f"s{i}" for i in range(len(texts))], texts)
    write_fasta(path, sequences, width=60)
    back = read_fasta(path)
    assert list(back.ids) == list(sequences.ids)
    assert np.array_equal(back.codes, sequences.codes) and np.array_equal(back.offsets, sequences.offsets)


def test_whole_header_where_first_words_repeat(tmp_path):
    path = _write(tmp_path / "x.fa", b">K-12 a 1\nACGT\n>K-12 a 2\nACGT\n")
    assert list(read_fasta(path).ids) == ["K-12 a 1", "K-12 a 2"]


def test_duplicates_are_named(tmp_path):
    path = _write(tmp_path / "x.fa", b">a x\nACGT\n>a x\nACGA\n>b\nAC\n")
    with pytest.raises(InputError, match="a x") as error:
        read_fasta(path)
    assert error.value.exit_code == 3 and "1 headers" in str(error.value)
    assert list(read_fasta_records(path, unique_headers=False).sequences.ids) == ["a x_1", "a x_2", "b_1"]


def test_coordinates(tmp_path):
    path = _write(tmp_path / "x.fa", b">chr1:10-14\nACGT\n>p::chrX:0-3(-)\nACG\n>n chr2:5-7\nAC\n")
    places = read_fasta(path).intervals
    assert places is not None
    assert list(places.chrom) == ["chr1", "chrX", "chr2"]
    assert list(places.start) == [10, 0, 5] and list(places.end) == [14, 3, 7]
    assert list(places.strand) == [0, -1, 0]
    one_based = _write(tmp_path / "y.fa", b">chr1:11-14\nACGT\n")
    assert list(read_fasta(one_based).intervals.start) == [10]
    wrong = _write(tmp_path / "z.fa", b">chr1:11-19\nACGT\n")
    assert read_fasta(wrong).intervals is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"##fileformat=VCFv4.2\n#CHROM\n", "a VCF"),
        (b"chr1\t10\t20\n", "perhaps BED"),
        (bytes(range(256)), "binary"),
        (b">p\nMKLVEFPQ\n", "protein"),
        (b">p\nACGT1234\n", "not DNA"),
        (b">a\n>b\n", "no sequence"),
        (b">\nACGT\n>\nACG\n", "without a name"),
        (gzip.compress(TEXT * 50, mtime=0)[:-12], "truncated"),
        (b"PK\x03\x04....", "zip"),
    ],
)
def test_bad_input_is_refused(tmp_path, raw, message):
    with pytest.raises(InputError, match=message) as error:
        read_fasta(_write(tmp_path / "x.fa", raw))
    assert "x.fa" in str(error.value)


def test_bgzip_cut_between_blocks_is_refused(tmp_path):
    path = tmp_path / "x.fa.gz"
    with pysam.BGZFile(str(path), "w") as handle:
        handle.write(TEXT)
    path.write_bytes(path.read_bytes()[:-28])
    with pytest.raises(FormatError, match="truncated"):
        read_fasta(path)


def test_absent_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_fasta(tmp_path / "none.fa")
    with pytest.raises(InputError, match="cannot read"):
        read_fasta(tmp_path)


def test_empty_records_are_counted_and_named(tmp_path):
    records = read_fasta_records(_write(tmp_path / "x.fa", b">a\nAC\n>b\n>c\nGT\n"))
    assert list(records.sequences.ids) == ["a", "c"]
    assert records.skips[0].count == 1 and records.skips[0].examples == ("b",)


@pytest.mark.realdata
def test_ctcf_peaks(data_dir):
    records = read_fasta_records(data_dir / "sequence/peaks/ctcf.fa.gz")
    assert len(records.sequences) == 39184
    assert records.sequences.intervals is not None and (records.sequences.lengths == 100).all()
    assert 0 < records.lower_case_share.mean() < 1


@pytest.mark.realdata
def test_promoters_have_their_three_traps(data_dir):
    folder = data_dir / "sequence/promoters/ecoli_regulondb"
    negatives = read_fasta_records(folder / "negative2860.txt")
    positives = read_fasta_records(folder / "positive2860.txt")
    assert len(set(negatives.sequences.ids)) == len(set(positives.sequences.ids)) == 2860
    assert negatives.lower_case_share.max() == 0 and positives.lower_case_share.min() > 0.9
    with pytest.raises(InputError, match="--sequences"):
        read_fasta(folder / "independent.txt")


def test_gaps_read_as_n_are_counted(tmp_path):
    (tmp_path / "g.fa").write_text(">s1\nACG--T\n>s2\nAC.RT\n")
    records = read_fasta_records(tmp_path / "g.fa")
    assert records.sequences.strings() == ["ACGNNT", "ACNNT"]
    assert records.ambiguous == {"R": 1, "-": 2, ".": 1}
