from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import FormatError, InputError
from chiasma.data.alignment import Alignment
from chiasma.io.alignments import read_alignment

CHAIN = """##matrix
chain 900 chr1 5000 + 100 1900 chrA 4000 + 200 2000 1
300 10 0
200 1290 1300

chain 500 chr2 800 + 0 400 chrB 1000 - 100 500 2
100 1200 0
300
"""
NET = """net chr1 5000
 fill 100 500 chrA + 200 510 id 1 score 9 ali 500
  gap 300 50 chrA + 400 60
   fill 310 20 chrB - 7 21 id 3 score 1 ali 20
"""
PAF = (
    "q1\t4000\t200\t700\t+\tchr1\t5000\t100\t600\t490\t500\t60\n"
    "q2\t900\t0\t50\t-\tchr2\t800\t10\t60\t50\t50\t9\ttp:A:P\n"
)


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def pairs(found: Alignment) -> list[tuple[str, int, int, str, int, int, int]]:
    one, two = found.first, found.second
    columns = (one.chrom, one.start, one.end, two.chrom, two.start, two.end, two.strand)
    return list(zip(*(np.asarray(column).tolist() for column in columns)))


@pytest.mark.parametrize("name", ["a.chain", "a.chain.gz"])
def test_chains_end_at_long_gaps_and_turn_the_query_of_the_other_strand(tmp_path: Path, name: str) -> None:
    found = read_alignment(write(tmp_path / name, CHAIN.replace("200 1290 1300\n", "200 1290 1300\n50\n")))
    assert pairs(found)[:2] == [
        ("chr1", 100, 610, "chrA", 200, 700, 1),  # a gap of 10 is bridged
        ("chr1", 1900, 1950, "chrA", 2000, 2050, 1),
    ]
    # the query counts from the end of chrB: 100 to 200 there are 800 to 900 here
    assert pairs(found)[2:] == [("chr2", 0, 100, "chrB", 800, 900, -1), ("chr2", 1300, 1600, "chrB", 500, 800, -1)]
    assert found.first_lengths == {"chr1": 5000, "chr2": 800} and found.second_lengths == {"chrA": 4000, "chrB": 1000}


def test_nets_give_fills_of_every_depth(tmp_path: Path) -> None:
    found = read_alignment(write(tmp_path / "a.net", NET))
    assert pairs(found) == [("chr1", 100, 600, "chrA", 200, 710, 1), ("chr1", 310, 330, "chrB", 7, 28, -1)]
    assert found.first_lengths == {"chr1": 5000} and found.second_lengths == {}


def test_paf_names_the_target_first(tmp_path: Path) -> None:
    found = read_alignment(write(tmp_path / "a.paf", PAF))
    assert pairs(found) == [("chr1", 100, 600, "q1", 200, 700, 1), ("chr2", 10, 60, "q2", 0, 50, -1)]
    assert found.second_lengths == {"q1": 4000, "q2": 900}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("chr1\t5\t9\n", "line 1"),
        ("net chr1 500\n fill 1 x chrA + 2 3\n", "line 2"),
        ("net chr1 500\nfull 1 2 chrA + 2 3\n", "line 2"),
        (PAF.replace("\t-\t", "\t*\t"), "line 2"),
    ],
)
def test_other_files_are_refused_by_line(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(FormatError, match=rf"not an alignment(.|\n)*{line}|{line}(.|\n)*not an alignment"):
        read_alignment(write(tmp_path / "a", text))


def test_files_without_a_stretch(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no aligned stretch"):
        read_alignment(write(tmp_path / "a.net", "net chr1 500\n"))
    with pytest.raises(InputError, match="no such file"):
        read_alignment(tmp_path / "absent")
