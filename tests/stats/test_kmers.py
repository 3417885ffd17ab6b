"""k-mers: each kernel beside its slow twin."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.core.errors import UsageError
from chiasma.data.sequences import Sequences, decode, reverse_complement
from chiasma.stats import kmers, sharing
from chiasma.stats.kmers import kmer_codes, kmer_counts, kmer_names, kmer_sets, kmer_shares, scramble
from chiasma.stats.sharing import canonical_groups, canonical_texts, clusters, containment

TEXTS = st.lists(st.text(alphabet="ACGTN", max_size=25), min_size=1, max_size=6)


def sequences(texts: list[str]) -> Sequences:
    return Sequences.from_strings([f"s{i}" for i in range(len(texts))], texts)


def other_strand(text: str) -> str:
    return text.translate(str.maketrans("ACGTN", "TGCAN"))[::-1]


def slow_kmers(text: str, k: int, canonical: bool) -> list[str]:
    kmers = [text[i : i + k] for i in range(len(text) - k + 1)]
    kmers = [kmer for kmer in kmers if "N" not in kmer]
    return [min(kmer, other_strand(kmer)) for kmer in kmers] if canonical else kmers


def number(kmer: str) -> int:
    return sum("ACGT".index(base) * 4 ** (len(kmer) - 1 - i) for i, base in enumerate(kmer))


@given(TEXTS, st.integers(1, 9), st.booleans())
def test_codes_equal_the_slow_twin(texts, k, canonical):
    codes, offsets = kmer_codes(sequences(texts), k, canonical=canonical)
    for index, text in enumerate(texts):
        expected = [number(kmer) for kmer in slow_kmers(text, k, canonical)]
        assert codes[offsets[index] : offsets[index + 1]].tolist() == expected


@given(TEXTS, st.integers(1, 4), st.booleans())
def test_counts_equal_the_slow_twin(texts, k, canonical):
    counts = kmer_counts(sequences(texts), k, canonical=canonical).toarray()
    names = kmer_names(k, canonical=canonical)
    assert counts.shape == (len(texts), len(names))
    for row, text in zip(counts, texts, strict=True):
        expected = Counter(slow_kmers(text, k, canonical))
        assert {name: int(count) for name, count in zip(names, row, strict=True) if count} == dict(expected)


@given(TEXTS, st.integers(2, 7))
def test_both_strands_have_the_same_canonical_kmers(texts, k):
    forward = sequences(texts)
    codes, offsets = kmer_sets(forward, k)
    flipped, flipped_offsets = kmer_sets(forward.reverse_complemented(), k)
    assert np.array_equal(codes, flipped) and np.array_equal(offsets, flipped_offsets)


@given(TEXTS, st.integers(2, 6), st.integers(2, 5))
def test_minimizers_are_the_lowest_hash_of_some_window(texts, k, window):
    codes, offsets = kmer_sets(sequences(texts), k, window=window)
    for index, text in enumerate(texts):
        kmers = [number(kmer) for kmer in slow_kmers(text, k, True)]
        hashes = {code: int(scramble(np.array([code]))[0]) for code in kmers}
        windows = [kmers[i : i + window] for i in range(max(len(kmers) - window + 1, 1))] if kmers else []
        expected = {min(part, key=hashes.__getitem__) for part in windows}
        assert set(codes[offsets[index] : offsets[index + 1]].tolist()) == expected


def test_shares_of_a_sequence_without_kmers_are_zero():
    assert kmer_shares(sequences(["N", "AAC"]), 2).sum(axis=1).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("k", [0, 32])
def test_k_out_of_range(k):
    with pytest.raises(UsageError, match="out of range"):
        kmer_codes(sequences(["ACGT"]), k)


def slow_containment(query: str, targets: list[str], k: int) -> float:
    mine, others = set(slow_kmers(query, k, True)), [set(slow_kmers(text, k, True)) for text in targets]
    return max((len(mine & other) / min(len(mine), len(other)) for other in others if mine and other), default=0)


@given(TEXTS, TEXTS, st.integers(2, 5))
def test_containment_equals_the_slow_twin(queries, targets, k):
    found = containment(sequences(queries), sequences(targets), k=k, window=1)
    expected = [slow_containment(query, targets, k) for query in queries]
    assert np.allclose(found.share, expected)
    for query, share, nearest in zip(queries, found.share, found.nearest, strict=True):
        assert (nearest < 0) == (share == 0)
        if nearest >= 0:
            assert np.isclose(slow_containment(query, [targets[nearest]], k), share)


def random_sequences(n: int, length: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [decode(codes) for codes in rng.integers(0, 4, (n, length)).astype(np.uint8)]


def test_clusters_join_reverse_complements_and_overlapping_windows():
    genome = random_sequences(1, 400, 1)[0]
    texts = [genome[:100], other_strand(genome[:100]), genome[60:160], genome[250:350], *random_sequences(20, 100, 2)]
    labels = clusters(sequences(texts))
    assert labels[0] == labels[1] == labels[2] != labels[3]
    assert len(set(labels.tolist())) == 22


def test_a_repeat_family_beyond_the_cap_is_one_cluster_and_is_found_by_containment():
    repeat = random_sequences(1, 60, 3)[0]
    texts = [flank[:20] + repeat + flank[20:] for flank in random_sequences(300, 40, 4)]
    members = sequences([*texts, *random_sequences(50, 100, 5)])
    labels = clusters(members, cap=8)
    assert len(set(labels[:300].tolist())) == 1 and len(set(labels.tolist())) == 51
    found = containment(members.take(np.arange(200, 300)), members.take(np.arange(200)), cap=8)
    assert (found.share > 0.5).all()


def mutated(family: np.ndarray, n: int, *, share: float, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    hit = rng.random((n, len(family))) < share
    codes = (family + np.where(hit, rng.integers(1, 4, hit.shape), 0)) % 4
    return [decode(row) for row in codes.astype(np.uint8)]


def test_exact_copies_are_found_within_a_repeat_family_far_beyond_the_cap():
    family = np.random.default_rng(7).integers(0, 4, 200)
    members = sequences(mutated(family, 1500, share=0.05, seed=8))
    copies = np.arange(1400, 1500)
    found = containment(members.take(copies), members, cap=16)
    assert np.array_equal(found.nearest, copies) and (found.share == 1).all()
    near = containment(members.take(copies), members.take(np.arange(1400)), cap=16).share
    every = containment(members.take(copies), members.take(np.arange(1400)), cap=10**9).share
    assert (near <= every).all() and np.median(near / every) > 0.9


def test_a_short_window_inside_a_long_one_is_found_from_either_side():
    long, short = random_sequences(1, 2400, 9)[0], random_sequences(1, 200, 10)[0]
    inside = sequences([long[1000:1200], short])
    for queries, targets in ((sequences([long]), inside), (inside, sequences([long]))):
        found = containment(queries, targets, k=12)
        assert found.share[0] == 1 and found.nearest[0] == 0


def test_blocks_and_tables_change_nothing(monkeypatch):
    many = sequences([*random_sequences(40, 300, 11), "", "ACN", *random_sequences(1, 5000, 12)])
    wanted = [kmer_sets(many, 8, window=w) for w in (1, 5)], kmer_codes(many, 6), kmer_counts(many, 4)
    shared = containment(many, many.take(np.arange(20)), k=12, window=1).share
    monkeypatch.setattr(kmers.blocks, "__kwdefaults__", {"bases": 700})
    monkeypatch.setattr(sharing, "_TABLE", 0)
    again = [kmer_sets(many, 8, window=w) for w in (1, 5)], kmer_codes(many, 6), kmer_counts(many, 4)
    for one, other in zip([*wanted[0], wanted[1]], [*again[0], again[1]], strict=True):
        assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])
    assert (wanted[2] != again[2]).nnz == 0
    assert np.array_equal(containment(many, many.take(np.arange(20)), k=12, window=1).share, shared)


def test_memory_stays_near_the_size_of_the_kmers(monkeypatch):
    block = 50_000
    monkeypatch.setattr(kmers.blocks, "__kwdefaults__", {"bases": block})
    codes = np.random.default_rng(0).integers(0, 4, 1_000_000).astype(np.uint8)
    many = Sequences(np.arange(1000).astype(str).astype(object), codes, np.arange(1001) * 1000)
    tracemalloc.start()
    kmer_sets(many, 12, window=4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * block + 10 * len(codes)


def test_groups_of_equal_sequences_need_no_common_width():
    one = random_sequences(1, 30, 13)[0]
    group, flipped = canonical_groups(
        sequences([one, other_strand(one), one, "ACGT", "A" * 1_000_000, "T" * 1_000_000])
    )
    assert group.tolist() == [0, 0, 0, 1, 2, 2]
    assert flipped[0] == flipped[2] != flipped[1] and flipped[4] != flipped[5]


def test_canonical_text_is_one_for_both_strands():
    texts = random_sequences(5, 30, 6)
    one, other = canonical_texts(sequences(texts)), canonical_texts(sequences([other_strand(text) for text in texts]))
    assert one.tolist() == other.tolist()


def test_many_sequences_have_all_their_words():
    rng = np.random.default_rng(0)
    n = 20_000
    codes = rng.integers(0, 4, n * 100).astype(np.uint8)
    many = Sequences(np.arange(n).astype(str).astype(object), codes, np.arange(n + 1) * 100)
    counts = kmer_counts(many, 6)
    assert counts.sum() == n * 95
    assert np.array_equal(reverse_complement(reverse_complement(codes)), codes)
