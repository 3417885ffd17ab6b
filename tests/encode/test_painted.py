"""Painted chromosomes: pictures and statistics of tracts against obvious twins, whatever the rows' order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings, strategies as st

from chiasma.core.rng import generator
from chiasma.data.tracts import Tracts
from chiasma.encode.painted import CHANNELS, column_edges, column_statistics, fit_rows, mirrored, paint

LENGTH = 120.0


@st.composite
def painted_tracts(draw, *, gaps=True):
    """Tracts of one to four haplotypes of three sources, with or without stretches that are not called."""
    rows = draw(st.integers(1, 4))
    pieces = []
    for row in range(rows):
        edges = [0, *sorted(draw(st.lists(st.integers(1, 119), unique=True, max_size=6))), 120]
        for left, right in pairwise(edges):
            source = draw(st.integers(-1 if gaps else 0, 2))
            if source >= 0:
                pieces.append((row, left, right, source))
    columns = np.array(pieces, float).reshape(-1, 4)
    return Tracts.joined(columns, populations=("a", "b", "c"), n_haplotypes=rows, length=LENGTH)


@settings(max_examples=40)
@given(painted_tracts(), st.integers(1, 40), st.integers(0, 2))
def test_a_picture_shows_the_source_in_the_middle_of_each_column(tracts, columns, source):
    edges = column_edges(LENGTH, columns)
    truth = tracts.at((edges[1:] + edges[:-1]) / 2)
    expected = np.where(truth == -1, -1, truth == source)
    assert np.array_equal(paint(tracts, source=source, columns=columns), expected)


def slow(tracts, source, columns):
    """Share, mean length and called share base by base; half a base fine where columns end inside one."""
    place = np.arange(0, LENGTH, 0.5) + 0.25
    column = (place / LENGTH * columns).astype(int)
    share, length, called, logs = [], [], [], []
    for number in range(columns):
        inside = place[column == number]
        own = others = bases = 0.0
        lengths = []
        for left, right, code in zip(tracts.left, tracts.right, tracts.source):
            covered = ((inside >= left) & (inside < right)).sum()
            bases += covered
            if code == source:
                own += covered
                lengths += [right - left] * int(covered)
            else:
                others += covered
        share.append(own / bases if bases else np.nan)
        length.append(np.mean(lengths) if lengths else np.nan)
        called.append(bases / (tracts.n_haplotypes * len(inside)))
        spans = np.log(np.array(lengths) * columns / LENGTH)
        logs.append((spans.mean(), spans.std()) if lengths else (0.0, 0.0))
    return np.array(share), np.array(length), np.array(called), np.array(logs).T


@settings(max_examples=40)
@given(painted_tracts(), st.sampled_from([1, 2, 5, 12, 24]), st.integers(0, 2))
def test_statistics_are_those_counted_base_by_base(tracts, columns, source):
    found = column_statistics(tracts, source=source, columns=columns)
    share, length, called, logs = slow(tracts, source, columns)
    np.testing.assert_allclose(found.share, share, atol=1e-9)
    np.testing.assert_allclose(found.length, length, rtol=1e-9)
    np.testing.assert_allclose(found.called, called, atol=1e-9)
    np.testing.assert_allclose(found.values[1], logs[0], atol=1e-5)
    np.testing.assert_allclose(found.values[2], logs[1], atol=1e-4)
    assert found.values.shape == (len(CHANNELS), columns) and np.isfinite(found.values).all()


@settings(max_examples=40)
@given(painted_tracts(), st.integers(0, 99))
def test_neither_order_nor_end_matters(tracts, seed):
    order = generator(seed, "rows").permutation(tracts.n_haplotypes)
    columns = np.column_stack([order[tracts.haplotype], tracts.left, tracts.right, tracts.source])
    more = {"populations": tracts.populations, "n_haplotypes": tracts.n_haplotypes, "length": LENGTH}
    turned = Tracts.joined(columns.reshape(-1, 4), **more)
    found = column_statistics(tracts, source=0, columns=12).values
    np.testing.assert_allclose(column_statistics(turned, source=0, columns=12).values, found, atol=1e-5)
    back = np.column_stack([tracts.haplotype, LENGTH - tracts.right, LENGTH - tracts.left, tracts.source])
    reversed_values = column_statistics(Tracts.joined(back.reshape(-1, 4), **more), source=0, columns=12).values
    # a tract that ends on a column's edge is counted in the column on its right, from either side
    smooth = [0, 1, 2, 3, 6]
    np.testing.assert_allclose(reversed_values[smooth], mirrored(found)[smooth], atol=1e-5)
    assert np.array_equal(mirrored(mirrored(found)), found)


def test_starts_and_ends_are_counted_inside_the_chromosome_only():
    tracts = Tracts.joined(
        np.array([[0, 0, 35, 0], [0, 35, 120, 1], [1, 0, 65, 1], [1, 65, 120, 0]], float),
        populations=("a", "b"),
        n_haplotypes=2,
        length=LENGTH,
    )
    values = column_statistics(tracts, source=0, columns=12).values
    assert np.flatnonzero(values[4]).tolist() == [6] and np.flatnonzero(values[5]).tolist() == [3]
    assert values[4, 6] == values[5, 3] == 0.5
    assert np.array_equal(mirrored(values)[4], values[5][::-1])


def test_rows_are_left_out_or_repeated_evenly():
    rows = np.arange(6)[:, None]
    assert fit_rows(rows, 3)[:, 0].tolist() == [1, 3, 5]
    assert fit_rows(rows, 12)[:, 0].tolist() == np.repeat(np.arange(6), 2).tolist()


@given(painted_tracts())
def test_tracts_come_back_from_their_packing(tracts):
    back = Tracts.unpacked(tracts.packed(), tracts.populations)
    for name in ("haplotype", "left", "right", "source", "populations", "n_haplotypes", "length"):
        assert np.array_equal(getattr(back, name), getattr(tracts, name))
    assert back.problems() == tracts.problems() == []
