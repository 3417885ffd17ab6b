"""k-mers of many sequences at once: codes, counts, minimizers, and who shares them with whom.

A k-mer is an integer, two bits a base, first base in the highest bits. A canonical k-mer is the smaller of itself and
its reverse complement, so that both strands give the same one. k-mers with an unknown base are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np

from chiasma.core.errors import UsageError
from chiasma.data.sequences import BASES, UNKNOWN, Sequences

LONGEST = 31
LONGEST_COUNTED = 10
BLOCK = 2_000_000
"""Bases worked on together: k-mers take some seventy bytes a base on the way, a few when they are done."""


def blocks(sequences: Sequences, *, bases: int = BLOCK) -> Iterator[tuple[int, int]]:
    """First and last + 1 of runs of sequences that together hold at most `bases`; a longer one is alone."""
    first = 0
    while first < len(sequences):
        reach = np.searchsorted(sequences.offsets, sequences.offsets[first] + bases, side="right") - 1
        last = max(int(reach), first + 1)
        yield first, last
        first = last


def run_of(sequences: Sequences, first: int, last: int) -> Sequences:
    """Sequences first .. last - 1, their bases not copied."""
    return Sequences(sequences.ids[first:last], sequences.codes, sequences.offsets[first : last + 1])


def kmer_codes(sequences: Sequences, k: int, *, canonical: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """All k-mers without an unknown base, in order.

    Returns:
        codes int64 (kmer,) and offsets int64 (sequence + 1,): sequence s has codes[offsets[s]:offsets[s + 1]].

    Raises:
        UsageError: k is not in 1..31.
    """
    found, counts = [np.zeros(0, np.int64)], [np.zeros(1, np.int64)]
    for first, last in blocks(sequences):
        block = run_of(sequences, first, last)
        codes, position = _coded(block, k, canonical=canonical)
        found.append(codes)
        counts.append(np.diff(np.searchsorted(position, block.offsets - block.offsets[0])))
    return np.concatenate(found), np.cumsum(np.concatenate(counts)).astype(np.int64)


def kmer_names(k: int, *, canonical: bool = True) -> list[str]:
    """Names of the columns of `kmer_counts`, in order.

    >>> kmer_names(1), len(kmer_names(6))
    (['A', 'C'], 2080)
    """
    names = ["".join(letters) for letters in product(BASES, repeat=k)]
    return [names[code] for code in np.flatnonzero(_is_feature(k, canonical=canonical))]


def kmer_counts(sequences: Sequences, k: int, *, canonical: bool = True) -> Any:
    """How often each sequence holds each k-mer.

    Returns:
        scipy.sparse.csr_matrix int32 (sequence, feature), features as named by `kmer_names`.

    Raises:
        UsageError: k is not in 1..10 (longer ones are too many to have a column each).
    """
    from scipy.sparse import csr_matrix, vstack

    if not 1 <= k <= LONGEST_COUNTED:
        raise UsageError("k out of range", where="kmer_counts", got=k, expected=f"1 to {LONGEST_COUNTED}")
    feature = np.cumsum(_is_feature(k, canonical=canonical)) - 1
    size = int(feature[-1]) + 1
    parts = [
        _counted(run_of(sequences, first, last), k, feature, canonical=canonical) for first, last in blocks(sequences)
    ]
    return vstack(parts, format="csr") if parts else csr_matrix((0, size), dtype=np.int32)


def _counted(sequences: Sequences, k: int, feature: np.ndarray, *, canonical: bool) -> Any:
    """Counts of one block; `feature` is the column of each code (code,)."""
    from scipy.sparse import csr_matrix

    codes, offsets = kmer_codes(sequences, k, canonical=canonical)
    size = int(feature[-1]) + 1
    row = np.repeat(np.arange(len(sequences)), np.diff(offsets))
    small = len(sequences) * size < 2**31
    key = np.sort((row * size + feature[codes]).astype(np.int32 if small else np.int64))
    first = np.flatnonzero(np.diff(key, prepend=-1))
    counts = np.diff(first, append=len(key)).astype(np.int32)
    key = key[first]
    pointers = np.searchsorted(key, np.arange(len(sequences) + 1) * size)
    return csr_matrix((counts, key % size, pointers), shape=(len(sequences), size))


def kmer_shares(sequences: Sequences, k: int, *, canonical: bool = True) -> np.ndarray:
    """Share of each k-mer among a sequence's k-mers, float64 (sequence, feature); zeros where there is none."""
    counts = np.asarray(kmer_counts(sequences, k, canonical=canonical).todense(), float)
    total = counts.sum(axis=1, keepdims=True)
    return counts / np.maximum(total, 1)


def kmer_sets(sequences: Sequences, k: int, *, window: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Distinct canonical k-mers of each sequence, or their minimizers.

    Args:
        sequences: where to look.
        k: length in bases.
        window: 1 for all k-mers; w > 1 keeps the one of lowest hash among any w in a row (Roberts et al. 2004).

    Returns:
        codes int64 (kmer,), sorted within a sequence, and offsets int64 (sequence + 1,).
    """
    found, counts = [np.zeros(0, np.int64)], [np.zeros(1, np.int64)]
    for first, last in blocks(sequences):
        codes, sizes = _distinct(run_of(sequences, first, last), k, window)
        found.append(codes)
        counts.append(sizes)
    return np.concatenate(found), np.cumsum(np.concatenate(counts)).astype(np.int64)


def _distinct(sequences: Sequences, k: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct canonical k-mers, or minimizers, of one block: codes (kmer,) and how many each sequence has."""
    codes, position = _coded(sequences, k, canonical=True)
    if window > 1:
        codes, position = _minimizers(codes, position, sequences, window)
    row = np.searchsorted(sequences.offsets - sequences.offsets[0], position, side="right") - 1
    order = np.lexsort((codes, row))
    codes, row = codes[order], row[order]
    first = np.ones(len(codes), bool)
    first[1:] = (np.diff(codes) != 0) | (np.diff(row) != 0)
    return codes[first], np.bincount(row[first], minlength=len(sequences))


def scramble(codes: np.ndarray) -> np.ndarray:
    """A hash of 64-bit integers that leaves no pattern (the finaliser of splitmix64, Steele et al. 2014)."""
    mixed = np.asarray(codes).astype(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _is_feature(k: int, *, canonical: bool) -> np.ndarray:
    """Which of the 4^k codes has a column (code,)."""
    if not canonical:
        return np.ones(4**k, bool)
    codes = np.arange(4**k)
    return codes <= _flip(codes, k)


def _flip(codes: np.ndarray, k: int) -> np.ndarray:
    """Reverse complement of k-mer codes."""
    flipped, rest = np.zeros_like(codes), codes.copy()
    for _ in range(k):
        flipped, rest = (flipped << 2) | (3 - (rest & 3)), rest >> 2
    return flipped


def _coded(sequences: Sequences, k: int, *, canonical: bool) -> tuple[np.ndarray, np.ndarray]:
    """Codes (kmer,) and where each begins in the run of all bases (kmer,)."""
    if not 1 <= k <= LONGEST:
        raise UsageError("k out of range", where="k-mers", got=k, expected=f"1 to {LONGEST}")
    begin = sequences.offsets[0]
    bases = sequences.codes[begin : sequences.offsets[-1]]
    if len(bases) < k:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    unknown = np.concatenate([[0], np.cumsum(bases == UNKNOWN, dtype=np.int32)])
    inside = unknown[k:] == unknown[:-k]
    crossing = (sequences.offsets[1:-1, None] - begin - np.arange(1, k)).ravel()
    inside[crossing[(crossing >= 0) & (crossing < len(inside))]] = False
    position = np.flatnonzero(inside)
    known = np.where(bases == UNKNOWN, 0, bases).astype(np.int64)
    forward = _rolled(known, k)[position]
    if not canonical:
        return forward, position
    return np.minimum(forward, _rolled(3 - known, k, backward=True)[position]), position


def _rolled(bases: np.ndarray, k: int, *, backward: bool = False) -> np.ndarray:
    """The code of every window of k bases, put together from windows of 1, 2, 4, ... bases."""
    code, length = np.zeros(len(bases) + 1, np.int64), 0
    piece, size = bases, 1
    while size <= k:
        if k & size:
            code = _joined(code, length, piece, size, backward=backward)
            length += size
        piece, size = _joined(piece, size, piece, size, backward=backward), 2 * size
    return code


def _joined(left: np.ndarray, n: int, right: np.ndarray, m: int, *, backward: bool) -> np.ndarray:
    """Windows of n + m bases from windows of n, each followed by a window of m."""
    if len(right) <= n:
        return np.zeros(0, np.int64)
    following = right[n:]
    leading = left[: len(following)]
    return (following << (2 * n)) | leading if backward else (leading << (2 * m)) | following


def _minimizers(
    codes: np.ndarray, position: np.ndarray, sequences: Sequences, window: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k-mers of lowest hash in each window of consecutive k-mers; a short sequence is one window."""
    starts = np.searchsorted(position, sequences.offsets - sequences.offsets[0])
    hashed = scramble(codes)
    lowest, span = hashed, 1
    while span < window:
        step = min(span, window - span)
        if len(lowest) <= step:
            break
        lowest, span = np.minimum(lowest[:-step], lowest[step:]), span + step
    keep = np.zeros(len(codes), bool)
    for first, last in pairwise(starts):
        if last - first < window:
            if last > first:
                keep[first + int(np.argmin(hashed[first:last]))] = True
            continue
        # A k-mer is kept where some window that lies within the sequence has it as its minimum.
        wanted = np.unique(lowest[first : last - window + 1])
        keep[first:last] |= np.isin(hashed[first:last], wanted)
    return codes[keep], position[keep]
