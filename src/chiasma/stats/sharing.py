"""Which sequences share k-mers, on either strand, in time that grows with the number of k-mers.

A k-mer of a repeat family occurs in thousands of sequences, and comparing all of them with each other would be
quadratic. Each k-mer is therefore compared with at most `cap` of its carriers, always those that come first in one
fixed shuffle of the sequences: the members of a family meet the same few representatives and are found through them.
What is missed is a pair whose only common k-mers have more than `cap` earlier carriers; such a pair is still joined
through a representative when sequences are clustered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.data.sequences import Sequences, concatenate
from chiasma.stats.kmers import kmer_sets, scramble

CAP = 64
"""Carriers of a k-mer that every other carrier is compared with."""

_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Containment:
    """The nearest relative of each query among the targets.

    Attributes:
        share: largest share of the query's distinct k-mers found in one target (query,); 0 where it has none.
        nearest: index of that target (query,); -1 where nothing is shared.
    """

    share: np.ndarray
    nearest: np.ndarray


def default_k(sequences: Sequences) -> int:
    """A length at which unrelated sequences of this size share next to nothing: 12 up to 10 kb, else 21."""
    return 12 if len(sequences) == 0 or float(sequences.lengths.mean()) <= 10_000 else 21


def default_window(sequences: Sequences) -> int:
    """All k-mers up to 20 million bases, minimizers thinner and thinner beyond."""
    return max(1, 2 * int(len(sequences.codes) // 20_000_000))


def containment(
    queries: Sequences, targets: Sequences, *, k: int | None = None, window: int | None = None, cap: int = CAP
) -> Containment:
    """The largest share of each query's k-mers found in a single target, both strands.

    Args:
        queries: for instance the test part.
        targets: for instance the training part.
        k: bases; by default 12, or 21 for sequences longer than 10 kb on average.
        window: minimizer window; by default all k-mers, fewer beyond 20 million bases.
        cap: carriers of one k-mer that are looked at (see the module).
    """
    both = concatenate([queries, targets])
    k = default_k(both) if k is None else k
    carriers = _incidence(both, k, default_window(both) if window is None else window)
    n = len(queries)
    total = np.diff(carriers.indptr)[:n]
    shared_by = _capped(carriers[n:], cap).T.tocsr()
    share, nearest = np.zeros(n), np.full(n, -1)
    for first in range(0, n, _ROWS):
        shared = (carriers[first : min(first + _ROWS, n)] @ shared_by).tocsr()
        for row in np.flatnonzero(np.diff(shared.indptr)):
            begin, end = shared.indptr[row], shared.indptr[row + 1]
            best = begin + int(np.argmax(shared.data[begin:end]))
            share[first + row] = shared.data[best] / total[first + row]
            nearest[first + row] = shared.indices[best]
    return Containment(share, nearest)


def clusters(
    sequences: Sequences, *, k: int | None = None, threshold: float = 0.1, window: int | None = None, cap: int = CAP
) -> np.ndarray:
    """Cluster label of each sequence (sequence,): single linkage over shared k-mers, both strands.

    Two sequences are joined when the one with fewer distinct k-mers has at least `threshold` of them in the other.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    k = default_k(sequences) if k is None else k
    carriers = _incidence(sequences, k, default_window(sequences) if window is None else window)
    n, sizes = len(sequences), np.diff(carriers.indptr)
    shared_by = _capped(carriers, cap).T.tocsr()
    left, right = [], []
    for first in range(0, n, _ROWS):
        shared = (carriers[first : first + _ROWS] @ shared_by).tocoo()
        row, column = shared.row + first, shared.col
        close = (row != column) & (shared.data >= threshold * np.minimum(sizes[row], sizes[column]))
        left.append(row[close])
        right.append(column[close])
    rows, columns = (np.concatenate(side) if side else np.zeros(0, int) for side in (left, right))
    links = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(n, n))
    return connected_components(links, directed=False)[1]


def canonical_texts(sequences: Sequences) -> np.ndarray:
    """One text per sequence, the same for a sequence and its reverse complement (sequence,)."""
    forward, backward = sequences.strings(), sequences.reverse_complemented().strings()
    return np.array([min(pair) for pair in zip(forward, backward, strict=True)], dtype=object)


def _incidence(sequences: Sequences, k: int, window: int) -> Any:
    """Which sequence carries which k-mer, csr int32 (sequence, kmer)."""
    from scipy.sparse import csr_matrix

    codes, offsets = kmer_sets(sequences, k, window=window)
    known, column = np.unique(codes, return_inverse=True)
    ones = np.ones(len(codes), np.int32)
    return csr_matrix((ones, column.ravel(), offsets), shape=(len(sequences), max(len(known), 1)))


def _capped(carriers: Any, cap: int) -> Any:
    """The same, with at most `cap` carriers of each k-mer: the first ones of a fixed shuffle."""
    columns = carriers.tocsc()
    counts = np.diff(columns.indptr)
    if counts.max(initial=0) <= cap:
        return carriers
    rank = np.argsort(np.argsort(scramble(np.arange(1, carriers.shape[0] + 1)), kind="stable"))
    order = np.lexsort((rank[columns.indices], np.repeat(np.arange(len(counts)), counts)))
    place = np.arange(len(order)) - np.repeat(columns.indptr[:-1], counts)
    kept = np.zeros(len(order), columns.data.dtype)
    kept[order] = place < cap
    columns.data = kept
    columns.eliminate_zeros()
    return columns.tocsr()
