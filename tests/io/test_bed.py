"""BED and narrowPeak."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.core.errors import FormatError
from chiasma.data.intervals import make_intervals
from chiasma.io.bed import read_bed, write_bed

ONE = st.tuples(
    st.sampled_from(["chr1", "2", "X"]), st.integers(0, 10**9), st.integers(1, 10**5), st.sampled_from([-1, 0, 1])
)


@given(st.lists(ONE, min_size=1, max_size=20), st.booleans())
def test_round_trip(tmp_path_factory, rows, packed):
    path = tmp_path_factory.mktemp("bed") / ("x.bed.gz" if packed else "x.bed")
    chrom, start, size, strand = (list(column) for column in zip(*rows, strict=True))
    end = np.add(start, size)
    score = np.arange(len(rows)) / 8
    names = [f"n{i}" for i in range(len(rows))]
    places = make_intervals(chrom, start, end, strand=strand, names=names, columns={"score": score})
    write_bed(path, places)
    back = read_bed(path)
    for key in ("chrom", "start", "end", "strand", "names"):
        assert np.array_equal(getattr(back, key), getattr(places, key)), key
    assert np.array_equal(back.columns["score"], score)


def test_headers_comments_and_repeats(tmp_path):
    path = tmp_path / "x.bed.gz"
    text = "browser position chr1\ntrack name=x\n# note\nchrom\tstart\tend\nchr1\t1\t5\n\nchr1\t1\t5\n"
    path.write_bytes(gzip.compress(text.encode()))
    places = read_bed(path)
    assert places.names.tolist() == ["chr1:1-5", "chr1:1-5#2"]
    path = tmp_path / "y.bed"
    path.write_text("chr1 1 5\nchr2 3 9\n")
    assert read_bed(path).end.tolist() == [5, 9]


def test_narrowpeak(tmp_path):
    path = tmp_path / "x.narrowPeak"
    path.write_text("1\t10\t50\ta\t7\t.\t1.5\t2\t3\t12\n1\t60\t90\tb\t8\t-\t1\t-1\t-1\t-1\n")
    places = read_bed(path)
    assert places.columns["summit"].tolist() == [22, -1] and places.strand.tolist() == [0, -1]
    assert places.columns["signal"].tolist() == [1.5, 1] and places.names.tolist() == ["a", "b"]


def test_bed12(tmp_path):
    path = tmp_path / "x.bed"
    path.write_text("1\t10\t50\ta\t7\t+\t10\t50\t0,0,0\t2\t5,5\t0,35\n")
    places = read_bed(path)
    assert "summit" not in places.columns and places.strand.tolist() == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("#only\n", "no intervals"),
        ("chr1\t1\n", "line 1"),
        ("chr1\t1\t5\nchr1\t1.5\t9\n", "line 2, column 2"),
        ("chr1\t5\t5\n", "reversed"),
        ("chr1\t-5\t5\n", "negative"),
        ("chr1\t1\t5\ta\t0\tx\n", "strand"),
        ("chr1\t1\t5\t0.25\nchr1\t5\t9\t1\n", "bedGraph"),
        ("track type=bedGraph\nchr1\t1\t5\t2\n", "bedGraph"),
        (">chr1:1-5\nACGT\n", "not a BED line"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, message):
    path = tmp_path / "x.bed"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_bed(path)


@pytest.mark.realdata
def test_real_intervals(data_dir):
    places = read_bed(data_dir / "origin/neanderthal/Akey_intr_coords.bed.gz")
    assert len(places) == 83_601 and places.problems() == []
    assert len(set(places.names)) == len(places)
    windows = read_bed(data_dir / "sequence/mini_borzoi/tiny/hg38/sequences.bed")
    assert (windows.lengths == 65_536).all()
