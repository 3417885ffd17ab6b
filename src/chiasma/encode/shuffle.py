"""Shuffles that keep the composition of a sequence: exact counts of single bases or of dinucleotides.

A sequence is a walk over its bases, each neighbouring pair an edge. Any walk that uses every edge once has the same
dinucleotides, the same first and the same last base. One is drawn uniformly (Altschul & Erickson 1985): the last
edges out of every base form a tree towards the final base, drawn by loop-erased random walks (Wilson 1996); the other
edges are permuted. N is a fifth letter, so pairs with N are kept too.
"""

from __future__ import annotations

import numba
import numpy as np

from chiasma.core.errors import UsageError
from chiasma.core.rng import generator
from chiasma.data.sequences import Sequences

_LETTERS = 5
_ORDERS = (1, 2)


def shuffle(sequences: Sequences, *, seed: int, k: int = 2, copies: int = 1) -> Sequences:
    """Shuffle each sequence, keeping its counts of k-mers exactly.

    Args:
        sequences: any lengths.
        seed: root of the randomness; the result for a sequence depends on it and on the sequence's index.
        k: 2 keeps dinucleotides and both end bases; 1 keeps bases only.
        copies: shuffles of each sequence, one after another.

    Returns:
        `copies` shuffles of each sequence; ids get "/shuffled" (and a number, if several); no intervals.

    Raises:
        UsageError: k is neither 1 nor 2.
    """
    n = len(sequences)
    index = np.repeat(np.arange(n), copies)
    repeated = Sequences(
        np.asarray(_names(sequences.ids, copies), dtype=object), *_ragged(sequences, index), intervals=None
    )
    codes = shuffle_codes(repeated.codes, repeated.offsets, seed=seed, k=k)
    return Sequences(repeated.ids, codes, repeated.offsets)


def shuffle_codes(codes: np.ndarray, offsets: np.ndarray, *, seed: int, k: int = 2) -> np.ndarray:
    """Shuffled codes (base,) of the ragged set `codes` (base,), `offsets` (sequence + 1,).

    Raises:
        UsageError: k is neither 1 nor 2.
    """
    if k not in _ORDERS:
        raise UsageError("a shuffle keeps k-mers of length 1 or 2", where="k", got=k, expected="1 or 2")
    seeds = generator(seed, "shuffle", k).integers(1, 2**63 - 1, size=len(offsets) - 1).astype(np.uint64)
    return _shuffle_all(
        np.ascontiguousarray(codes, np.uint8), np.asarray(offsets, np.int64), seeds, keep_pairs=(k == 2)
    )


def _names(ids: np.ndarray, copies: int) -> list[str]:
    if copies == 1:
        return [f"{name}/shuffled" for name in ids]
    return [f"{name}/shuffled{copy + 1}" for name in ids for copy in range(copies)]


def _ragged(sequences: Sequences, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    taken = sequences.take(index)
    return taken.codes, taken.offsets


@numba.njit(cache=True)
def _below(state: np.ndarray, bound: int) -> int:
    """A uniform integer in 0..bound-1 (SplitMix64, top 32 bits scaled; bias under bound / 2**32)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return int(((z >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))


@numba.njit(cache=True)
def _permute(values: np.ndarray, low: int, high: int, state: np.ndarray) -> None:
    """Fisher-Yates on values[low:high], in place."""
    for last in range(high - 1, low, -1):
        other = low + _below(state, last - low + 1)
        values[last], values[other] = values[other], values[last]


@numba.njit(cache=True)
def _shuffle_pairs(word: np.ndarray, out: np.ndarray, edges: np.ndarray, state: np.ndarray) -> None:
    """One uniform Euler walk over the pairs of `word`, written to `out`; `edges` is scratch of the same length."""
    n = len(word)
    first = np.zeros(_LETTERS + 1, np.int64)
    for i in range(n - 1):
        first[word[i] + 1] += 1
    for letter in range(_LETTERS):
        first[letter + 1] += first[letter]
    # edges[first[a] : first[a + 1]] are the bases that follow a.
    fill = first[:_LETTERS].copy()
    for i in range(n - 1):
        edges[fill[word[i]]] = word[i + 1]
        fill[word[i]] += 1
    root = word[n - 1]
    in_tree = np.zeros(_LETTERS, np.bool_)
    in_tree[root] = True
    leave = np.full(_LETTERS, -1, np.int64)
    for letter in range(_LETTERS):
        if first[letter + 1] == first[letter]:
            continue
        at = letter
        while not in_tree[at]:
            leave[at] = first[at] + _below(state, first[at + 1] - first[at])
            at = edges[leave[at]]
        at = letter
        while not in_tree[at]:
            in_tree[at] = True
            at = edges[leave[at]]
    for letter in range(_LETTERS):
        last = first[letter + 1]
        if leave[letter] >= 0:
            last -= 1
            edges[leave[letter]], edges[last] = edges[last], edges[leave[letter]]
        _permute(edges, first[letter], last, state)
    at = word[0]
    out[0] = at
    for i in range(1, n):
        step = first[at]
        first[at] += 1
        at = edges[step]
        out[i] = at


@numba.njit(cache=True)
def _shuffle_all(codes: np.ndarray, offsets: np.ndarray, seeds: np.ndarray, keep_pairs: bool) -> np.ndarray:  # noqa: FBT001
    out = codes.copy()
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    scratch = np.empty(longest, np.uint8)
    state = np.empty(1, np.uint64)
    for i in range(len(offsets) - 1):
        low, high = offsets[i], offsets[i + 1]
        state[0] = seeds[i]
        if not keep_pairs:
            _permute(out, low, high, state)
        elif high - low > 3:
            _shuffle_pairs(codes[low:high], out[low:high], scratch, state)
    return out
