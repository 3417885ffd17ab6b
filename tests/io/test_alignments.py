from __future__ import annotations

import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.core.errors import FormatError, InputError
from chiasma.data.alignment import Alignment
from chiasma.data.intervals import make_intervals
from chiasma.io.alignments import read_alignment
from chiasma.stats.homologues import homologous_pairs

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
    assert pairs(found) == [("chr1", 310, 330, "chrB", 7, 28, -1), ("chr1", 100, 600, "chrA", 200, 710, 1)]
    assert found.first_lengths == {"chr1": 5000} and found.second_lengths == {}


def net_of(blocks: list[tuple[int, int, int]], strand: int, *, all_gaps: bool) -> tuple[str, str]:
    """A chain and its net: blocks of bases, each followed by a gap in target and query."""
    here = sum(size + gap for size, gap, _ in blocks[:-1]) + blocks[-1][0]
    there = sum(size + gap for size, _, gap in blocks[:-1]) + blocks[-1][0]
    size = there + 7_000
    begin = 500 if strand > 0 else size - 500 - there  # a chain counts from the end of a minus strand
    sign = "+" if strand > 0 else "-"
    chain = [f"chain 1 chr1 900000 + 300 {300 + here} chrA {size} {sign} {begin} {begin + there} 1"]
    net = ["net chr1 900000", f" fill 300 {here} chrA {sign} 500 {there} id 1 score 1 ali 1"]
    at, to = 300, 500 if strand > 0 else 500 + there
    for bases, *gap in blocks[:-1]:
        chain.append(f"{bases} {gap[0]} {gap[1]}")
        at, to = at + bases, to + strand * bases
        if all_gaps or gap[0] >= 25:
            net.append(f"  gap {at} {gap[0]} chrA {sign} {to if strand > 0 else to - gap[1]} {gap[1]}")
        if gap[0] > 90:
            net.append(f"   fill {at + 20} 40 chrB - 30 40 id 2 score 1 ali 40")
        at, to = at + gap[0], to + strand * gap[1]
    return "\n".join([*chain, str(blocks[-1][0])]) + "\n", "\n".join(net) + "\n"


GAPS = (0, 30, 200, 1_000, 1_001, 9_000)
SIZES = st.tuples(st.integers(30, 4_000), st.sampled_from(GAPS), st.sampled_from(GAPS))


@settings(max_examples=60, deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=12), st.sampled_from([1, -1]))
def test_a_net_gives_the_stretches_of_its_chain(blocks: list[tuple[int, int, int]], strand: int) -> None:
    with TemporaryDirectory() as name:
        chain, net = net_of(blocks, strand, all_gaps=True)
        wanted = pairs(read_alignment(write(Path(name) / "a.chain", chain)))
        found = [row for row in pairs(read_alignment(write(Path(name) / "a.net", net))) if row[3] == "chrA"]
    assert found == wanted


@pytest.mark.parametrize("strand", [1, -1])
def test_windows_are_joined_by_a_net_as_by_its_chain(tmp_path: Path, strand: int) -> None:
    """Though the net does not list what only the query has: 90,000 bases within a fill, with few gaps besides."""
    blocks = [(30_000, 10, 90_000), (20_000, 400, 300), (25_000, 3_000, 0), (12_000, 60, 5_000), (9_000, 0, 0)]
    start = np.arange(0, 180_000, 2_000)
    one, two = (make_intervals(np.full(90, chrom, dtype=object), start, start + 2_000) for chrom in ("chr1", "chrA"))

    def joined(name: str, text: str) -> set[tuple[int, int]]:
        alignment = read_alignment(write(tmp_path / name, text))
        return set(zip(*(side.tolist() for side in homologous_pairs(one, two, alignment=alignment, share=0.3))))

    chain, net = net_of(blocks, strand, all_gaps=True)
    wanted = joined("a.chain", chain)
    assert len(wanted) > 40 and joined("a.net", net) == wanted
    assert wanted <= joined("b.net", net_of(blocks, strand, all_gaps=False)[1])


def test_bases_that_the_query_alone_has_are_placed_at_both_ends(tmp_path: Path) -> None:
    """Of the example in UCSC's description of the format: 1,740 bases there, 3,623 here before the first gap."""
    text = (
        "net chr1 900000\n fill 58159 3681 chr7 + 17527587 9297 id 43830\n"
        "  gap 59899 104 chr7 + 17531210 4178\n  gap 60324 117 chr7 + 17535966 0\n"
        "   fill 60325 101 chr7 + 17536081 101 id 5137619\n"
    )
    assert pairs(read_alignment(write(tmp_path / "a.net", text))) == [
        ("chr1", 58159, 59899, "chr7", 17527587, 17529327, 1),
        ("chr1", 58159, 59899, "chr7", 17529470, 17531210, 1),
        ("chr1", 60325, 60426, "chr7", 17536081, 17536182, 1),
        ("chr1", 60003, 61840, "chr7", 17535388, 17536884, 1),
    ]


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
        ("net chr1 500\ngap 10 2 chrA + 2 3\n", "line 2"),
        ("net chr1 500\n fill 10 20 chrA + 2 30\n  gap 15 1 chrA + 40 1\n  gap 12 1 chrA + 5 1\n", "line 4"),
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
