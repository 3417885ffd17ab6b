import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from chiasma.data.haplotypes import Haplotypes
from chiasma.encode.haplotypes import HaplotypeEncoding, encode_haplotypes, iter_windows, manhattan, row_order

matrices = hnp.arrays(np.int8, st.tuples(st.integers(2, 7), st.integers(0, 9)), elements=st.integers(-1, 1))


def make(alleles, length=100.0):
    positions = np.linspace(0, length - 1, alleles.shape[1])
    return Haplotypes(alleles, positions, 0.0, length, "1", np.arange(len(alleles)), 1)


@given(matrices)
def test_manhattan_equals_its_definition(alleles):
    wide = alleles.astype(int)
    assert np.array_equal(manhattan(alleles), np.abs(wide[:, None] - wide[None]).sum(axis=2))


@given(matrices, st.sampled_from(["given", "neighbours", "similarity"]))
def test_order_is_a_permutation(alleles, order):
    assert sorted(row_order(alleles, order).tolist()) == list(range(len(alleles)))


def test_neighbour_order():
    alleles = np.array([[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1]], np.int8)
    # sums of distances: 9, 7, 5, 5: row 2 is the first of the nearest; then 1 and 3 at 1, 0 at 3
    assert row_order(alleles, "neighbours").tolist() == [2, 1, 3, 0]
    assert row_order(alleles, "similarity").tolist() == [2, 1, 3, 0]


@given(matrices, st.integers(2, 12), st.sampled_from(["01", "-11"]), st.sampled_from(["given", "minor"]))
@settings(max_examples=60)
def test_encoding_equals_a_slow_twin(alleles, sites, coding, orient):
    columns = []
    for j, column in enumerate(alleles.T.tolist()):
        if 0 in column and 1 in column:
            flip = orient == "minor" and column.count(1) > column.count(0)
            column = [1 - a if flip and a >= 0 else a for a in column]
            columns.append((j, [9 if a < 0 else a if coding == "01" else 2 * a - 1 for a in column]))
    extra = max(0, len(columns) - sites)
    columns = columns[extra // 2 : extra // 2 + sites]
    haplotypes = make(alleles)
    config = HaplotypeEncoding(sites=sites, coding=coding, orient=orient, missing=2, padding=-2)
    got = encode_haplotypes(haplotypes, config)
    want = np.full((len(alleles), sites), -2)
    for place, (_, column) in enumerate(columns):
        want[:, place] = [2 if a == 9 else a for a in column]
    assert np.array_equal(got.alleles, want) and got.n_sites == len(columns)
    assert np.allclose(got.positions[: len(columns)], [haplotypes.positions[j] / 100 for j, _ in columns])
    assert (got.positions[len(columns) :] == -1).all()


def test_every_site_lies_in_a_window():
    positions = np.arange(0, 55_000, 100.0)
    h = Haplotypes(np.zeros((4, len(positions)), np.int8), positions, 0, 54_901, "1", np.arange(4), 1)
    windows = list(iter_windows(h, length=20_001))
    assert [(w.start, w.end) for w in windows] == [(0, 20_001), (20_001, 40_002), (34_900, 54_901)]
    assert all(any(w.start <= p < w.end for w in windows) for p in positions)


def test_windows():
    alleles = np.zeros((2, 5), np.int8)
    h = Haplotypes(alleles, np.array([105.0, 106, 131, 139, 160]), 100, 170, "1", np.arange(2), 1)
    got = [(w.start, w.end, w.n_sites) for w in iter_windows(h, length=20)]
    assert got == [(100, 120, 2), (120, 140, 2), (140, 160, 0), (150, 170, 1)]  # 160-180 would leave the region
    assert [(w.start, w.end) for w in iter_windows(h, sites=2)] == [(105, 107), (131, 140), (139, 161)]
    assert [w.end for w in iter_windows(h, length=35)] == [135, 170] and not list(iter_windows(h, length=71))
    with pytest.raises(ValueError, match="either"):
        list(iter_windows(h))
