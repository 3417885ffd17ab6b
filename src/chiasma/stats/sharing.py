"""Which sequences share k-mers, on either strand, in time that grows with the number of k-mers.

A k-mer of a repeat family occurs in thousands of sequences, and comparing all of them with each other would be
quadratic. Each k-mer is therefore compared with at most `cap` of its carriers, always those that come first in one
fixed shuffle of the sequences: the members of a family meet the same few representatives and are found through them.
What is missed is a pair whose only common k-mers have more than `cap` earlier carriers; such a pair is still joined
through a representative when sequences are clustered. For containment the capped counts only nominate: the shares of
the few best by all k-mers and by the rare ones are then counted in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from chiasma.data.sequences import Sequences, concatenate, reverse_complement
from chiasma.stats.kmers import kmer_sets, scramble

CAP = 64
"""Carriers of a k-mer that every other carrier is compared with."""

_ROWS = 4096
_CANDIDATES = 8
"""Nearest targets whose shares are counted in full: as many again by their rare k-mers."""
_TABLE = 1 << 26
"""k-mers up to which a table of all of them is smaller than sorting those that occur."""


@dataclass(frozen=True, eq=False)
class Containment:
    """The nearest relative of each query among the targets.

    Attributes:
        share: largest share, over the targets, of the distinct k-mers of whichever of the two has fewer that the other
            has as well (query,); 0 where nothing is shared.
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
    """How much of its k-mers each query shares with the nearest single target, both strands.

    A share is of the smaller of the two, as in `clusters`: a short window that lies inside a long one is found from
    either side.

    Args:
        queries: for instance the test part.
        targets: for instance the training part.
        k: bases; by default 12, or 21 for sequences longer than 10 kb on average.
        window: minimizer window; by default all k-mers, fewer beyond 20 million bases.
        cap: carriers of one k-mer by which candidates are nominated (see the module).
    """
    both = concatenate([queries, targets])
    k = default_k(both) if k is None else k
    carriers, sizes = _incidence(both, k, default_window(both) if window is None else window)
    n = len(queries)
    capped = _capped(carriers[n:], cap)
    exact = capped.nnz == carriers[n:].nnz
    total, smaller = sizes[:n], sizes[n:]
    share, nearest = np.zeros(n), np.full(n, -1)
    by_count, by_rarity = capped.T.tocsr(), None if exact else _rare(capped, carriers[n:]).T.tocsr()
    for first in range(0, n, _ROWS):
        block = carriers[first : min(first + _ROWS, n)]
        row, column, shared = _shared(block, by_count)
        value = shared / np.minimum(total[first + row], smaller[column])
        if by_rarity is not None:
            rare_row, rare_column, weight = _shared(block, by_rarity)
            weight = weight / np.minimum(total[first + rare_row], smaller[rare_column])
            often, rarely = _best(row, value, _CANDIDATES), _best(rare_row, weight, _CANDIDATES)
            row = np.concatenate([row[often], rare_row[rarely]])
            column = np.concatenate([column[often], rare_column[rarely]])
            value = _exact(block, carriers[n:], row, column) / np.minimum(total[first + row], smaller[column])
        found = _best(row, value, 1)
        share[first + row[found]], nearest[first + row[found]] = value[found], column[found]
    return Containment(share, nearest)


def _shared(rows: Any, by_kmer: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, target and shared k-mers of every pair that shares one."""
    product = (rows @ by_kmer).tocoo()
    return product.row, product.col, product.data


def _best(row: np.ndarray, value: np.ndarray, most: int) -> np.ndarray:
    """Indices of the `most` largest values of each row."""
    order = np.lexsort((-value, row))
    ordered = row[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered, side="left")
    return order[rank < most]


def _rare(capped: Any, carriers: Any) -> Any:
    """Every k-mer weighted by one over all its carriers, so that rare ones count most."""
    weighted = capped.astype(float)
    weighted.data = 1.0 / np.bincount(carriers.indices, minlength=carriers.shape[1])[capped.indices]
    return weighted


def _exact(queries: Any, targets: Any, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Shared k-mers of pairs of a query and a target, counted in full (pair,)."""
    counts = np.zeros(len(row))
    for first in range(0, len(row), _ROWS):
        chosen = slice(first, first + _ROWS)
        counts[chosen] = np.asarray(queries[row[chosen]].multiply(targets[column[chosen]]).sum(axis=1)).ravel()
    return counts


def clusters(
    sequences: Sequences, *, k: int | None = None, threshold: float = 0.1, window: int | None = None, cap: int = CAP
) -> np.ndarray:
    """Cluster label of each sequence (sequence,): single linkage over shared k-mers, both strands.

    Two sequences are joined when the one with fewer distinct k-mers has at least `threshold` of them in the other.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    k = default_k(sequences) if k is None else k
    carriers, sizes = _incidence(sequences, k, default_window(sequences) if window is None else window)
    n = len(sequences)
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


def canonical_groups(sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """Which sequences are the same, on either strand, by hashes of 128 bits: sixteen bytes each, whatever the lengths.

    Returns:
        group: label, the same for a sequence and its reverse complement, in order of first occurrence (sequence,).
        flipped: whether it is the other strand that stands for the group (sequence,): two members of a group are equal
            where this is, and each other's reverse complement where it is not.
    """
    known: dict[bytes, int] = {}
    group, flipped = np.empty(len(sequences), np.int64), np.empty(len(sequences), bool)
    for index in range(len(sequences)):
        codes = sequences[index]
        forward, backward = codes.tobytes(), reverse_complement(codes).tobytes()
        flipped[index] = backward < forward
        digest = blake2b(min(forward, backward), digest_size=16).digest()
        group[index] = known.setdefault(digest, len(known))
    return group, flipped


def _incidence(sequences: Sequences, k: int, window: int) -> tuple[Any, np.ndarray]:
    """Which sequence carries which k-mer that another one has too, csr int32 (sequence, kmer), and all it carries."""
    from scipy.sparse import csr_matrix

    codes, offsets = kmer_sets(sequences, k, window=window)
    sizes = np.diff(offsets)
    if 4**k <= _TABLE:
        wanted = np.bincount(codes, minlength=4**k) > 1
        place = np.cumsum(wanted, dtype=np.int32) - 1
        common = wanted[codes]
        column, count = place[codes[common]], int(place[-1]) + 1
    else:
        ordered = np.sort(codes)
        several = ordered[1:][ordered[1:] == ordered[:-1]]
        several = several[np.diff(several, prepend=-1) != 0]
        at = np.searchsorted(several, codes)
        common = (
            several[np.minimum(at, max(len(several) - 1, 0))] == codes if len(several) else np.zeros(len(codes), bool)
        )
        column, count = at[common].astype(np.int32), len(several)
    del codes
    kept = np.concatenate([[0], np.cumsum(common, dtype=np.int64)])[offsets]
    ones = np.ones(len(column), np.int32)
    return csr_matrix((ones, column, kept), shape=(len(sequences), max(count, 1))), sizes


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
