"""Calls of local ancestry in every format that is read, and what is wrong with them said."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.core.errors import FormatError, InputError, MismatchError
from chiasma.io.local_ancestry import BRIDGED, read_local_ancestry

HEAD = "#Subpopulation order/codes: AFR=0\tEUR=1\n#chm\tspos\tepos\tsgpos\tegpos\tn snps\tA.0\tA.1\n"
MSP = HEAD + "".join(
    f"chr1\t{first}\t{last}\t0\t0\t9\t{one}\t{two}\n"
    for first, last, one, two in ((1001, 5001, 0, 1), (5001, 9001, 0, 1), (9001, 12000, 1, 1))
)


def written(tmp_path: Path, text: str, name: str = "calls.msp.tsv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def rows(called):
    t = called.tracts
    return [
        (str(called.haplotypes[h]), left, right, t.populations[s])
        for h, left, right, s in zip(t.haplotype, t.left, t.right, t.source)
    ]


def test_windows_of_rfmix_that_share_a_snp_are_one_tract(tmp_path):
    read = read_local_ancestry(written(tmp_path, MSP))
    (called,) = read.chromosomes
    assert rows(called) == [("A.0", 1000, 9000, "AFR"), ("A.0", 9000, 12000, "EUR"), ("A.1", 1000, 12000, "EUR")]
    assert called.problems() == [] and read.skips == () and called.contig == "chr1"
    assert called.start == 0 and called.tracts.length == 12000
    packed = tmp_path / "calls.msp.gz"
    packed.write_bytes(gzip.compress(MSP.replace("\tEUR=1", " EUR=1").encode()))
    assert rows(read_local_ancestry(packed).chromosomes[0]) == rows(called)


def test_a_region_tells_the_length_and_cuts(tmp_path):
    path = written(tmp_path, MSP)
    (called,) = read_local_ancestry(path, region="1:4,001-20,000").chromosomes
    assert called.start == 4000 and called.tracts.length == 16000
    assert rows(called)[0] == ("A.0", 0, 5000, "AFR") and called.problems() == []
    with pytest.raises(MismatchError, match=r"no calls on this chromosome[\s\S]*got: +7[\s\S]*chr1"):
        read_local_ancestry(path, region="7")
    with pytest.raises(MismatchError, match="no calls in this region"):
        read_local_ancestry(path, region="1:50,000-60,000")


def test_calls_far_from_the_beginning_begin_where_they_do(tmp_path):
    text = HEAD + "22\t16000001\t17000000\t0\t0\t9\t0\t1\n"
    (called,) = read_local_ancestry(written(tmp_path, text)).chromosomes
    assert called.start == 16_000_000 and called.tracts.length == 1_000_000
    (called,) = read_local_ancestry(written(tmp_path, text), region="22:1-50000000").chromosomes
    assert called.start == 0 and called.tracts.length == 50_000_000


def test_small_gaps_are_joined_and_counted_and_long_ones_stay(tmp_path):
    far = 7001 + 3 * BRIDGED
    text = HEAD + f"1\t1\t5000\t0\t0\t9\t0\t1\n1\t7001\t9000\t0\t0\t9\t0\t0\n1\t{far}\t{far + 99}\t0\t0\t9\t0\t0\n"
    read = read_local_ancestry(written(tmp_path, text))
    found = rows(read.chromosomes[0])
    assert ("A.0", 0, 9000, "AFR") in found and ("A.1", 0, 6000, "EUR") in found and ("A.1", 6000, 9000, "AFR") in found
    assert ("A.0", far - 1, far + 99, "AFR") in found and len(found) == 5
    assert "2 skipped: gaps" in str(read.skips[0]) and "2,000 bases" in str(read.skips[0])


def test_windows_without_a_call_are_counted_and_unknown_codes_refused(tmp_path):
    read = read_local_ancestry(written(tmp_path, MSP.replace("\t0\t1\nchr1\t9001", "\t-1\t1\nchr1\t9001")))
    assert read.skips[0].count == 1 and "without a call" in read.skips[0].reason
    with pytest.raises(FormatError, match=r"populations without a name[\s\S]*code 3[\s\S]*AFR=0, EUR=1"):
        read_local_ancestry(written(tmp_path, MSP.replace("\t1\t1\n", "\t3\t1\n")))


def test_what_is_no_call_of_haplotypes_is_refused(tmp_path):
    for text, words in (
        (MSP.replace("A.0\tA.1", "A.diploid\tB.diploid"), "not of haplotypes"),
        (MSP.replace("5001\t9001", "3001\t9001"), "overlap"),
        (MSP.replace("\t1001\t", "\tx\t"), "not a position"),
        (MSP.replace("EUR=1", "EUR"), "not a code of a population"),
        (HEAD, "not RFMix's table"),
    ):
        with pytest.raises((FormatError, InputError), match=words):
            read_local_ancestry(written(tmp_path, text))


TRACTS = "left\tright\tsource\thaplotype\n0\t600\tone\th1\n600\t1000\ttwo\th1\n0\t1000\ttwo\th2\n"
EXPECTED = [("h1", 0, 600, "one"), ("h1", 600, 1000, "two"), ("h2", 0, 1000, "two")]


@pytest.mark.parametrize(
    "text",
    [
        "00:1803 01:2046 02:2560 11:49553\n22:681 02:1512 11:49553\n",  # LAMP-LD, compact: a person a line
        "01:300\n",
        "0000000111111111\n0000111111111111\n",  # expanded
        "300 2\n120:01 300:11\n300:00\n",  # .lanc
    ],
)
def test_numbered_snps_of_lamp_are_refused_and_told_what_to_do(tmp_path, text):
    with pytest.raises(FormatError, match=r"number of a SNP[\s\S]*haplotypes in bases[\s\S]*RFMix or Gnomix"):
        read_local_ancestry(written(tmp_path, text, "lamp.out"))


def test_tables_of_tracts_are_read_under_the_usual_headings(tmp_path):
    for text, name in (
        (TRACTS, "t.tracts.tsv"),
        (TRACTS.replace("left\tright\tsource\thaplotype", "start_bp\tend_bp\tancID\tchildID"), "t.tsv"),
        (TRACTS.replace("\t", ","), "t.csv"),
        (TRACTS.replace("\t", " "), "t.txt"),
        ("".join(f"chromosome\t{a}\t{b}\t{s}\t{h}\n" for h, a, b, s in EXPECTED), "t.bed"),
    ):
        (called,) = read_local_ancestry(written(tmp_path, text, name)).chromosomes
        assert rows(called) == EXPECTED and called.contig == "chromosome"
    (called,) = read_local_ancestry(written(tmp_path, TRACTS, "t.tsv"), region="5:1-2000").chromosomes
    assert called.contig == "5" and called.tracts.length == 2000


def test_a_folder_holds_a_bed_file_a_haplotype(tmp_path):
    for name, text in (
        ("h1", "1\t0\t600\tone\n1\t600\t1000\ttwo\n"),
        ("h2", "chrom begin end assignment\n1 0 1000 two\n"),
    ):
        written(tmp_path, text, f"{name}.bed")
    (called,) = read_local_ancestry(tmp_path).chromosomes
    assert rows(called) == EXPECTED
    with pytest.raises(InputError, match=r"no \.bed file"):
        read_local_ancestry(written(tmp_path / "x", "", "y") if (tmp_path / "x").mkdir() else tmp_path / "x")


def test_tables_with_faults_say_where(tmp_path):
    for text, words in (
        ("1\t0\t10\tone\n", "whose haplotypes"),
        ("left\tright\tsource\n0\t1\ta\n", "no column of haplotype"),
        ("left\tright\tsource\thaplotype\n", "no calls"),
        ("left\tright\tsource\thaplotype\n5\t5\ta\th\n", "empty, reversed or negative"),
        ("left\tright\tsource\thaplotype\n0\t6\ta\th\n5\t9\tb\th\n", r"haplotype h: 1 pairs of tracts[\s\S]*0-6 \(a\)"),
        ("left\tright\tsource\thaplotype\n0\t6\t\th\n", "without a source"),
    ):
        with pytest.raises(FormatError, match=words):
            read_local_ancestry(written(tmp_path, text, "t.tsv"))


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 2), min_size=8, max_size=8), min_size=2, max_size=4), st.data())
def test_rfmix_and_tracts_of_the_same_calls_are_the_same(codes, data):
    import tempfile

    edges = [0, *sorted(data.draw(st.lists(st.integers(1, 999), unique=True, min_size=7, max_size=7))), 1000]
    msp = "#Subpopulation order/codes: a=0\tb=1\tc=2\n#chm\tspos\tepos\t" + "\t".join(
        f"h{i}" for i in range(len(codes))
    )
    table = "left\tright\tsource\thaplotype\n"
    for window, (left, right) in enumerate(pairwise(edges)):
        shared = right if right == 1000 else right + 1
        msp += f"\n1\t{left + 1}\t{shared}\t" + "\t".join(str(row[window]) for row in codes)
        table += "".join(f"{left}\t{right}\t{'abc'[row[window]]}\th{i}\n" for i, row in enumerate(codes))
    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder), msp + "\n"), written(Path(folder), table, "t.tsv")
        one, two = (read_local_ancestry(path).chromosomes[0] for path in paths)
    assert rows(one) == rows(two)
    for called in (one, two):
        assert called.problems() == [] and np.allclose(called.tracts.shares().sum(axis=1), 1)
    picked = one.take(np.array([1, 0]))
    assert [row[1:] for row in rows(picked) if row[0] == "h0"] == [row[1:] for row in rows(one) if row[0] == "h0"]
