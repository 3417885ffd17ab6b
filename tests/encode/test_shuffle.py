"""Shuffles keep what they promise, and reach every arrangement equally often."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.core.errors import UsageError
from chiasma.data.sequences import Sequences, encode
from chiasma.encode.shuffle import shuffle, shuffle_codes
from chiasma.io.fasta import read_fasta


def _pairs(text):
    return Counter(itertools.pairwise(text))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="ACGTN", min_size=1, max_size=60), min_size=1, max_size=5), st.integers(0, 2**31))
def test_pairs_and_ends_are_kept(texts, seed):
    sequences = Sequences.from_strings([str(i) for i in range(len(texts))], texts)
    for before, after in zip(texts, shuffle(sequences, seed=seed).strings(), strict=True):
        assert _pairs(before) == _pairs(after)
        assert (before[0], before[-1]) == (after[0], after[-1])
    for before, after in zip(texts, shuffle(sequences, seed=seed, k=1).strings(), strict=True):
        assert Counter(before) == Counter(after)


def _walks(word):
    """Every word with the pairs, first and last letter of `word`: the slow twin."""
    want, first, last = _pairs(word), word[0], word[-1]
    middle = sorted(word[1:-1])
    words = {first + "".join(p) + last for p in itertools.permutations(middle)}
    return sorted(candidate for candidate in words if _pairs(candidate) == want)


@pytest.mark.parametrize("word", ["ACAGATAA", "AACCAGACA", "ACTCAGACGA", "CATCGACTC"])
def test_every_walk_is_equally_likely(word):
    walks = _walks(word)
    assert len(walks) > 3
    draws = 400 * len(walks)
    sequences = Sequences.from_strings(["x"], [word])
    seen = Counter(shuffle(sequences, seed=11, copies=draws).strings())
    assert set(seen) == set(walks)
    chi_square = sum((seen[walk] - 400) ** 2 / 400 for walk in walks)
    freedom = len(walks) - 1
    assert chi_square < freedom + 5 * np.sqrt(2 * freedom)


def test_same_seed_same_result_and_another_differs():
    rng = np.random.default_rng(0)
    sequences = Sequences.from_codes([str(i) for i in range(50)], rng.integers(0, 4, (50, 80)))
    one, two, other = (shuffle(sequences, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.codes, two.codes)
    assert (one.codes != other.codes).mean() > 0.5
    assert (one.codes != sequences.codes).mean() > 0.5
    assert one.ids[0] == "0/shuffled" and shuffle(sequences, seed=1, copies=2).ids[1] == "0/shuffled2"


def test_short_uniform_and_wrong_k():
    sequences = Sequences.from_strings(["a", "b", "c"], ["A", "AC", "AAAAAA"])
    assert shuffle(sequences, seed=0).strings() == sequences.strings()
    with pytest.raises(UsageError, match="1 or 2"):
        shuffle_codes(encode("ACGT"), np.array([0, 4]), seed=0, k=3)


@pytest.mark.realdata
def test_forty_thousand_peaks_keep_their_dinucleotides(data_dir):
    sequences = read_fasta(data_dir / "sequence/peaks/ctcf.fa.gz")
    twins = shuffle(sequences, seed=1)
    block, other = sequences.padded(100), twins.padded(100)
    assert np.array_equal(block[:, [0, -1]], other[:, [0, -1]])
    pair = np.sort(block[:, :-1] * 5 + block[:, 1:], axis=1)
    assert np.array_equal(pair, np.sort(other[:, :-1] * 5 + other[:, 1:], axis=1))
