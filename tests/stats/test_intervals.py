"""Interval overlaps beside their quadratic twins."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.data.intervals import Intervals, make_intervals
from chiasma.stats.intervals import count_overlaps, find_overlap, self_overlap

ROWS = st.lists(st.tuples(st.sampled_from(["1", "2"]), st.integers(0, 30), st.integers(0, 9)), max_size=12)


def intervals(rows: list[tuple[str, int, int]]) -> Intervals:
    return make_intervals([c for c, _, _ in rows], [s for _, s, _ in rows], [s + n for _, s, n in rows])


def overlap(a, b) -> bool:
    return a[0] == b[0] and max(a[1], b[1]) < min(a[1] + a[2], b[1] + b[2])


@given(ROWS)
def test_self_overlap_equals_the_slow_twin(rows):
    found = self_overlap(intervals(rows))
    covered = {(c, position) for c, s, n in rows for position in range(s, s + n)}
    pairs = [(i, j) for i in range(len(rows)) for j in range(i) if overlap(rows[i], rows[j])]
    assert found.total == sum(n for _, _, n in rows)
    assert found.union == len(covered)
    assert found.pairs == len(pairs)
    assert found.involved == len({index for pair in pairs for index in pair})


@given(ROWS, ROWS)
def test_counts_and_witnesses_equal_the_slow_twin(queries, targets):
    counts = count_overlaps(intervals(queries), intervals(targets))
    witnesses = find_overlap(intervals(queries), intervals(targets))
    for query, count, witness in zip(queries, counts, witnesses, strict=True):
        expected = sum(overlap(query, target) for target in targets)
        assert (count if query[2] else 0) == expected
        assert (witness >= 0) == (expected > 0)
        if witness >= 0:
            assert overlap(query, targets[witness])


def test_touching_intervals_do_not_overlap():
    assert self_overlap(make_intervals(["1", "1"], [0, 10], [10, 20])).fold == 1.0


@pytest.mark.realdata
@pytest.mark.parametrize("name, fold", [("Akey_intr_coords", 9.1), ("Akey_depl_coords", 4.4)])
def test_the_neanderthal_intervals_lie_on_themselves(data_dir, name, fold):
    path = data_dir / "origin" / "neanderthal" / f"{name}.bed.gz"
    with gzip.open(path, "rt") as lines:
        rows = [line.split()[:3] for line in lines if line.strip()]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    found = self_overlap(make_intervals(columns[0], columns[1].astype(int), columns[2].astype(int)))
    assert abs(found.fold - fold) < 0.1


def test_chr1_and_1_are_one_contig():
    a = make_intervals(["chr1", "chr01", "chrM"], [0, 100, 0], [10, 110, 5])
    b = make_intervals(["1", "1", "MT"], [5, 105, 4], [15, 115, 9])
    assert count_overlaps(a, b).tolist() == [1, 1, 1] == count_overlaps(b, a).tolist()
    assert find_overlap(a, b).tolist() == [0, 1, 2]
    assert self_overlap(concat(a, b)).pairs == 3


def concat(a: Intervals, b: Intervals) -> Intervals:
    return make_intervals(*[np.concatenate([getattr(a, key), getattr(b, key)]) for key in ("chrom", "start", "end")])
