from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.data.alignment import Alignment
from chiasma.data.intervals import Intervals, make_intervals
from chiasma.stats.homologues import homologous_pairs

LENGTH = 40


def windows(prefix: str, starts: list[int]) -> Intervals:
    chrom = np.array([f"{prefix}{number % 2}" for number in range(len(starts))], dtype=object)
    return make_intervals(chrom, np.array(starts), np.array(starts) + LENGTH)


def slow(first: Intervals, second: Intervals, alignment: Alignment, share: float) -> set[tuple[int, int]]:
    """Base by base: each base of a stretch lies on one of the other side."""
    counts: dict[tuple[int, int], int] = {}
    one, two = alignment.first, alignment.second
    for pair in range(len(alignment)):
        for at in range(int(one.start[pair]), int(one.end[pair])):
            step = at - one.start[pair]
            to = two.start[pair] + step if two.strand[pair] > 0 else two.end[pair] - 1 - step
            rows = [i for i in range(len(first))
                    if first.chrom[i] == one.chrom[pair] and first.start[i] <= at < first.end[i]]  # fmt: skip
            columns = [j for j in range(len(second))
                       if second.chrom[j] == two.chrom[pair] and second.start[j] <= to < second.end[j]]  # fmt: skip
            for key in ((row, column) for row in rows for column in columns):
                counts[key] = counts.get(key, 0) + 1
    return {key for key, bases in counts.items() if bases >= share * LENGTH}


stretch = st.tuples(st.integers(0, 1), st.integers(0, 150), st.integers(0, 1), st.integers(0, 150),
                    st.integers(1, 90), st.sampled_from([1, -1]))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    first=st.lists(st.integers(0, 160), min_size=1, max_size=5),
    second=st.lists(st.integers(0, 160), min_size=1, max_size=5),
    stretches=st.lists(stretch, min_size=1, max_size=4),
    share=st.sampled_from([0.1, 0.5]),
)
def test_pairs_equal_those_counted_base_by_base(
    first: list[int], second: list[int], stretches: list[tuple[int, ...]], share: float
) -> None:
    chrom, start, other, begin, size, strand = (np.array(column) for column in zip(*stretches))
    alignment = Alignment(
        make_intervals(np.array([f"a{c}" for c in chrom], dtype=object), start, start + size),
        make_intervals(np.array([f"b{c}" for c in other], dtype=object), begin, begin + size, strand=strand),
    )
    one, two = windows("a", first), windows("b", second)
    rows, columns = homologous_pairs(one, two, alignment=alignment, share=share)
    assert set(zip(rows.tolist(), columns.tolist())) == slow(one, two, alignment, share)


@pytest.mark.parametrize("strand", [1, -1])
def test_a_stretch_that_is_longer_on_one_side_is_spread_evenly(strand: int) -> None:
    alignment = Alignment(
        make_intervals(["a0"], [0], [100]), make_intervals(["b0"], [0], [200], strand=np.array([strand]))
    )
    one = make_intervals(["a0"], [0], [40])
    two = make_intervals(["b0"] * 4, [0, 40, 120, 160], [40, 80, 160, 200])
    _, columns = homologous_pairs(one, two, alignment=alignment, share=0.4)
    assert sorted(columns.tolist()) == ([0, 1] if strand > 0 else [2, 3])
