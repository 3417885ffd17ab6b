"""Negatives: twins that differ, windows that match."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.core.errors import InsufficientDataError
from chiasma.data.intervals import make_intervals
from chiasma.data.sequences import Sequences
from chiasma.encode.negatives import matched_windows, merge, overlaps, shuffled_twins
from chiasma.encode.windows import extract
from chiasma.io.genome import open_genome

RUNS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), max_size=8)


@given(RUNS, RUNS)
def test_overlaps_and_merge_against_sets(runs, queries):
    table = np.array([(s, s + n) for s, n in runs], np.int64).reshape(-1, 2)
    merged = merge(table)
    covered = {base for s, n in runs for base in range(s, s + n)}
    assert covered == {base for s, e in merged for base in range(s, e)}
    assert (merged[1:, 0] > merged[:-1, 1]).all()
    start = np.array([s for s, _ in queries], np.int64)
    end = np.array([s + n for s, n in queries], np.int64)
    want = [bool(covered & set(range(s, e))) for s, e in zip(start, end, strict=True)]
    assert overlaps(merged, start, end).tolist() == want


def test_twins_are_paired_and_hopeless_ones_are_counted():
    texts = ["ACGTACGGTCA" * 5, "AAAAAA", "ACAGATAACA", "AC"]
    positives = Sequences.from_strings(["a", "b", "c", "d"], texts)
    twins = shuffled_twins(positives, seed=3)
    assert twins.paired and twins.positive.tolist() == [0, 2]
    assert all(one != texts[index] for one, index in zip(twins.sequences.strings(), twins.positive, strict=True))
    assert twins.skips[0].count == 2 and twins.skips[0].examples == ("b", "d")
    assert "dinucleotide" in twins.note


@pytest.fixture
def genome(tmp_path):
    rng = np.random.default_rng(5)
    parts = []
    for index, gc in enumerate((0.3, 0.5, 0.7)):
        text = "".join(rng.choice(list("ACGT"), 30_000, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]))
        text = text[:8000] + text[8000:16000].lower() + text[16000:]
        parts.append(f">chr{index + 1}\nNNNNNNNNNN{text}\n")
    path = tmp_path / "g.fa"
    path.write_text("".join(parts))
    return open_genome(path, cache=tmp_path / "cache")


def test_matched_windows_match_and_avoid(genome):
    start = np.concatenate([np.arange(7000, 12000, 500), np.arange(20000, 22000, 500)])
    chrom = ["1"] * 10 + ["3"] * 4
    size = np.array([100] * 12 + [150] * 2)
    places = make_intervals(chrom, start, start + size, strand=np.ones(14, int))
    positives, _ = extract(genome, places)
    made = matched_windows(positives, genome, seed=1)
    assert len(made.sequences) + sum(skip.count for skip in made.skips) == 14 and len(made.sequences) >= 12
    found = made.sequences.intervals
    assert (made.sequences.lengths == size[made.positive]).all() and not made.paired
    assert np.abs(made.sequences.gc() - positives.gc()[made.positive]).max() <= 0.06 + 1e-9
    contig = genome.contig_indices(found.chrom)
    before = genome.share_masked(genome.contig_indices(places.chrom), places.start, places.end)[made.positive]
    assert np.corrcoef(before, genome.share_masked(contig, found.start, found.end))[0, 1] > 0.9
    low = np.concatenate([genome.offsets[contig] + found.start, genome.offsets[[0] * 10 + [2] * 4] + start])
    high = low + np.concatenate([found.lengths, size])
    order = np.argsort(low)
    assert (high[order][:-1] <= low[order][1:]).all()
    assert (made.sequences.codes < 4).all() and set(found.strand) <= {-1, 1}
    again = matched_windows(positives, genome, seed=1)
    assert np.array_equal(again.sequences.codes, made.sequences.codes)


def test_genome_too_small_or_no_coordinates(genome, tmp_path):
    with pytest.raises(InsufficientDataError, match="no coordinates"):
        matched_windows(Sequences.from_strings(["a"], ["ACGT"]), genome, seed=0)
    path = tmp_path / "small.fa"
    path.write_text(">1\nACGTACGTAC\n")
    small = open_genome(path, cache=tmp_path / "cache")
    positives, _ = extract(small, make_intervals(["1"], [0], [8]))
    with pytest.raises(InsufficientDataError, match="no window"):
        matched_windows(positives, small, seed=0)


def test_windows_of_every_length_are_cut_in_one_go(genome, monkeypatch):
    rng = np.random.default_rng(0)
    start, size = rng.integers(10, 25_000, 300), rng.integers(20, 80, 300)
    positives, _ = extract(genome, make_intervals(rng.choice(["1", "2"], 300).tolist(), start, start + size))
    calls = []
    kept = type(genome).contig_indices
    monkeypatch.setattr(type(genome), "contig_indices", lambda self, names: calls.append(1) or kept(self, names))
    made = matched_windows(positives, genome, seed=3)
    assert len(calls) == 1 and len(made.sequences) > 250
    assert (made.sequences.lengths == positives.lengths[made.positive]).all()
    places = made.sequences.intervals
    for row in range(0, len(places), 25):
        assert np.array_equal(genome.windows(places.take(np.array([row])))[0], made.sequences[row])
