"""Haplotype windows against a slow, obvious twin that writes each haplotype out letter by letter."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from chiasma.core.errors import MismatchError
from chiasma.data.sequences import decode, encode
from chiasma.encode.haplotype_windows import Place, ReachError, haplotype_windows, sums_between
from chiasma.io.genome import Genome
from chiasma.io.phased import PhasedAlleles

LENGTH = 40
"""Of the windows in most tests."""


def make_genome(text):
    codes = encode(text)
    return Genome(("1",), np.array([0, len(codes)]), codes, np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64))


def make_alleles(rows, carried, ploidy=2):
    carried = np.array(carried, bool).reshape(len(carried), len(rows))
    return PhasedAlleles(
        contig="1",
        position=np.array([row[0] for row in rows], np.int64),
        ref=np.array([row[1] for row in rows], dtype=object),
        alt=np.array([row[2] for row in rows], dtype=object),
        ids=np.array([f"1:{row[0] + 1}:{row[1]}>{row[2]}" for row in rows], dtype=object),
        carried=carried,
        samples=np.array([f"s{i}" for i in range(len(carried) // ploidy)], dtype=object),
        ploidy=ploidy,
    )


def trimmed(position, ref, alt):
    while ref and alt and ref[0] == alt[0]:
        position, ref, alt = position + 1, ref[1:], alt[1:]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    return position, ref, alt


def twin(text, rows, anchor, length):
    """The window of a haplotype, and where the left edge of each base of the genome lies in it."""
    cells, inserted, used, insertions = list(text), [""] * (len(text) + 1), set(), set()
    edits = sorted((trimmed(*row) for row in rows), key=lambda edit: (edit[0], edit[0] + len(edit[1])))
    last = 0
    for position, ref, alt in edits:
        span = range(position, position + len(ref))
        if position < last or any(base in used for base in span) or (not ref and position in insertions):
            continue
        if not ref:
            inserted[position] += alt
            insertions.add(position)
            last = position
            continue
        used.update(span)
        last = position + len(ref)
        for base in span:
            cells[base] = ""
        for index, letter in enumerate(alt):
            cells[min(position + index, last - 1)] += letter
    pieces = [part for base in range(len(text)) for part in (inserted[base], cells[base])] + [inserted[-1]]
    whole = "N" * (2 * length) + "".join(pieces) + "N" * (2 * length)
    at = 2 * length + sum(map(len, pieces[: 2 * anchor + 1]))
    edges = np.cumsum([0, *map(len, pieces)])[1::2] + 2 * length
    low = at - length // 2
    return whole[low : low + length], edges - low


@st.composite
def cases(draw):
    text = "".join(draw(st.lists(st.sampled_from("ACGT"), min_size=60, max_size=160)))
    anchor = draw(st.integers(0, len(text) - 1))
    rows = []
    for _ in range(draw(st.integers(0, 7))):
        position = draw(st.integers(max(0, anchor - 40), min(len(text) - 1, anchor + 40)))
        ref = text[position : position + draw(st.sampled_from([1, 1, 1, 2, 3, 6]))]
        alt = "".join(draw(st.lists(st.sampled_from("ACGT"), min_size=1, max_size=5)))
        alt = ref[0] + alt if draw(st.booleans()) else alt
        if ref != alt:
            rows.append((position, ref, alt))
    rows.sort(key=lambda row: row[0])
    carried = draw(st.lists(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)), min_size=4, max_size=4))
    return text, anchor, rows, carried


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_windows_are_those_written_out_letter_by_letter(case):
    text, anchor, rows, carried = case
    place = Place(contig=0, anchor=anchor, length=LENGTH, reach=100, longest=10)
    found = haplotype_windows(make_alleles(rows, carried), make_genome(text), place)
    codes = found.codes(found.taken)
    for haplotype, flags in enumerate(carried):
        wanted, edges = twin(text, [row for row, has in zip(rows, flags, strict=True) if has], anchor, LENGTH)
        unique = found.member[haplotype]
        assert decode(codes[unique]) == wanted
        bases = np.arange(max(0, place.start), min(len(text), place.start + LENGTH))
        lifted = found.edges(found.taken[unique], bases - place.start)
        # beyond the window, where edits are forgotten, edges are told apart by nothing that is read
        assert np.clip(lifted, 0, LENGTH).tolist() == np.clip(edges[bases], 0, LENGTH).tolist()


def test_each_different_haplotype_once():
    text = "ACGT" * 30
    rows = [(50, "G", "A"), (62, "G", "GTT"), (119, "T", "A")]
    carried = [[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1], [1, 0, 0]]
    found = haplotype_windows(make_alleles(rows, carried), make_genome(text), Place(0, 60, LENGTH, 60, 10))
    assert len(found) == 3  # the allele far outside tells no haplotypes apart
    assert found.member[0] == found.member[2]
    assert found.member[1] == found.member[5]
    assert found.member[3] == found.member[4]
    assert len(found.alone) == 2
    assert len(np.unique(found.codes(found.taken), axis=0)) == 3


def test_without_alleles_there_is_one_haplotype_and_it_is_the_genome():
    text = "ACGGT" * 20
    found = haplotype_windows(make_alleles([], np.zeros((4, 0))), make_genome(text), Place(0, 50, LENGTH, 20, 5))
    assert found.member.tolist() == [0, 0, 0, 0]
    assert decode(found.codes(found.taken)[0]) == text[30:70]
    assert found.alone.shape == (0, 0)


def test_the_edge_of_the_contig_is_unknown():
    text = "ACGT" * 10
    found = haplotype_windows(make_alleles([], np.zeros((2, 0))), make_genome(text), Place(0, 3, LENGTH, 20, 5))
    assert decode(found.codes(found.taken)[0]) == "N" * 17 + text[:23]


def test_alleles_that_the_genome_contradicts_are_counted_or_refused():
    text = "ACGT" * 50
    found = haplotype_windows(
        make_alleles([(100, "A", "C"), (101, "T", "G")], [[1, 1], [0, 1]]), make_genome(text), Place(0, 100, 40, 40, 9)
    )
    assert [(skip.count, skip.examples) for skip in found.skips] == [(1, ("1:102:T>G",))]
    rows = [(80 + number, "T" if text[80 + number] != "T" else "G", "C") for number in range(30)]
    with pytest.raises(MismatchError, match="another build"):
        haplotype_windows(make_alleles(rows, np.ones((2, 30))), make_genome(text), Place(0, 100, 40, 40, 9))


def test_overlapping_alleles_of_one_haplotype_are_counted():
    text = "ACGT" * 50
    rows = [(98, "GTACG", "G"), (100, "A", "C")]
    found = haplotype_windows(make_alleles(rows, [[1, 1], [0, 1]]), make_genome(text), Place(0, 100, 40, 40, 9))
    assert [skip.count for skip in found.skips] == [1]
    assert decode(found.codes(found.taken)[found.member[1]])[20] == "C"


def test_deletions_that_need_more_bases_say_how_many():
    text = "ACGT" * 100
    rows = [(180, text[180:189], "A"), (150, text[150:159], "G"), (141, text[141:150], "C")]
    rows.sort(key=lambda row: row[0])
    with pytest.raises(ReachError) as error:
        haplotype_windows(make_alleles(rows, [[1, 1, 1]], ploidy=1), make_genome(text), Place(0, 190, 100, 20, 9))
    place = Place(0, 190, 100, error.value.reach, 9)
    found = haplotype_windows(make_alleles(rows, [[1, 1, 1]], ploidy=1), make_genome(text), place)
    assert decode(found.codes(found.taken)[0]) == twin(text, rows, 190, 100)[0]


def test_outputs_come_back_onto_the_bins_of_the_genome():
    values = np.arange(1.0, 11)[:, None]
    kept = sums_between(values, np.arange(0, 101, 10), first=0, bin_size=10)
    np.testing.assert_allclose(kept, values)
    # an insertion of 5 bases at 50: the bin before it holds them, all after it begin 5 later
    edges = np.where(np.arange(0, 101, 10) >= 50, np.arange(0, 101, 10) + 5, np.arange(0, 101, 10))
    moved = sums_between(values, edges, first=0, bin_size=10)
    np.testing.assert_allclose(moved[4], 5 + 6 / 2)
    np.testing.assert_allclose(moved[5], 6 / 2 + 7 / 2)
    np.testing.assert_allclose(moved.sum(), values.sum())
    # a deletion of a whole bin leaves nothing in it
    assert sums_between(values, np.array([20.0, 20.0]), first=0, bin_size=10) == 0
