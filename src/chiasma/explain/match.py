"""Match motifs to a database: Tomtom's null (Gupta et al. 2007) with complete scores, both strands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chiasma.core.errors import InputError
from chiasma.data.motif import NamedMotif, consensus

_BINS = 100


@dataclass(frozen=True)
class Match:
    """A query motif's match to a database motif.

    Attributes:
        motif: name of the query.
        consensus: of the query.
        match: name of the database motif.
        p: of the best alignment, corrected for the alignments tried.
        q: Benjamini-Hochberg over the database, for each query.
        strand: "+", or "-" where the database motif is reverse-complemented.
        offset: position of the database motif's first column relative to the query's.
        overlap: positions aligned.
    """

    motif: str
    consensus: str
    match: str
    p: float
    q: float
    strand: str
    offset: int
    overlap: int


def match_motifs(
    queries: Sequence[NamedMotif], database: Sequence[NamedMotif], *, top: int = 3, least_overlap: int = 5
) -> list[list[Match]]:
    """The best matches of each query, best first.

    The score of two columns is minus their Euclidean distance, less the query column's median over all database
    columns, so that columns beyond the overlap count as the median: zero. The null of a span of the query draws
    each database column independently, by convolution of the columns' histograms.

    Args:
        queries: motifs to name.
        database: motifs with names, 25 or more for a usable null.
        top: matches kept for each query.
        least_overlap: positions that an alignment must share, or the shorter motif's width.

    Raises:
        InputError: the database is empty.
    """
    from chiasma.stats.fdr import benjamini_hochberg

    if not database:
        raise InputError("no motif to match against", expected="a MEME file with at least one motif")
    targets, widths = _both_strands(database)
    found = []
    for query in queries:
        p, offset, overlap, strand = match_one(query.probabilities, targets, widths, least_overlap=least_overlap)
        q = np.asarray(benjamini_hochberg(p))
        best = np.lexsort((np.arange(len(p)), p))[:top]
        found.append(
            [
                Match(
                    query.name,
                    consensus(query.probabilities),
                    database[index].name,
                    float(p[index]),
                    float(q[index]),
                    "-" if strand[index] else "+",
                    int(offset[index]),
                    int(overlap[index]),
                )
                for index in best
            ]
        )
    return found


def _both_strands(database: Sequence[NamedMotif]) -> tuple[np.ndarray, np.ndarray]:
    """Matrices padded with NaN (2 motif, position, base), the other strands after the first; widths (motif,)."""
    widths = np.array([len(motif.probabilities) for motif in database])
    padded = np.full((2 * len(database), widths.max(), 4), np.nan)
    for index, motif in enumerate(database):
        padded[index, : widths[index]] = motif.probabilities
        padded[len(database) + index, : widths[index]] = motif.probabilities[::-1, ::-1]
    return padded, widths


def match_one(
    query: np.ndarray, targets: np.ndarray, widths: np.ndarray, *, least_overlap: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """p-value, offset, overlap and other strand (motif,) of one query (position, base) against all targets."""
    length, longest = len(query), targets.shape[1]
    distance = -np.sqrt(((query[None, :, None, :] - targets[:, None, :, :]) ** 2).sum(axis=-1))
    columns = distance.transpose(1, 0, 2).reshape(length, -1)
    columns = columns[:, ~np.isnan(columns[0])]
    median = np.median(columns, axis=1)
    spread = max(float((columns - median[:, None]).max() - (columns - median[:, None]).min()), 1e-9)
    scale = _BINS / spread
    scores = np.rint((distance - median[None, :, None]) * scale)
    null = _Null(np.rint((columns - median[:, None]) * scale).astype(int))
    width = np.concatenate([widths, widths])
    smallest = np.full(len(width), np.inf)
    offset, overlap = np.zeros(len(width), int), np.zeros(len(width), int)
    for shift in range(-longest + 1, length):  # the target's first column lies at query position `shift`
        first = max(0, shift)
        last = np.minimum(length, width + shift)
        enough = last - first >= np.minimum(least_overlap, np.minimum(length, width))
        if not enough.any():
            continue
        diagonal = np.stack([scores[:, j, j - shift] for j in range(first, min(length, longest + shift))], axis=1)
        total = np.nansum(diagonal, axis=1)
        p = np.ones(len(width))
        for end in np.unique(last[enough]):
            chosen = enough & (last == end)
            p[chosen] = null.tail(first, int(end), total[chosen].astype(int))
        better = enough & (p < smallest)
        smallest[better], offset[better], overlap[better] = p[better], shift, (last - first)[better]
    half = len(widths)
    flipped = smallest[half:] < smallest[:half]
    tried = 2 * np.maximum(length + widths - 2 * np.minimum(least_overlap, np.minimum(length, widths)) + 1, 1)
    best = np.clip(np.minimum(smallest[:half], smallest[half:]), 0, 1)
    corrected = -np.expm1(tried * np.log1p(-np.minimum(best, 1 - 1e-12)))
    return (
        np.clip(corrected, 0, 1),
        np.where(flipped, offset[half:], offset[:half]),
        np.where(flipped, overlap[half:], overlap[:half]),
        flipped,
    )


class _Null:
    """Upper tails of the summed score of any span of a query."""

    def __init__(self, columns: np.ndarray) -> None:
        self.low = columns.min(axis=1)
        self.histograms = [np.bincount(row - row.min()) / len(row) for row in columns]
        self.tails: dict[tuple[int, int], tuple[int, np.ndarray]] = {}
        self.sums: dict[tuple[int, int], np.ndarray] = {}

    def tail(self, first: int, end: int, score: np.ndarray) -> np.ndarray:
        """Probability of at least `score` over query positions [first, end)."""
        if (first, end) not in self.tails:
            mass = self._mass(first, end)
            self.tails[first, end] = (int(self.low[first:end].sum()), np.cumsum(mass[::-1])[::-1])
        low, upper = self.tails[first, end]
        return np.clip(upper[np.clip(score - low, 0, len(upper) - 1)], 0, 1)

    def _mass(self, first: int, end: int) -> np.ndarray:
        if (first, end) not in self.sums:
            last = self.histograms[end - 1]
            whole = last if end - first == 1 else np.convolve(self._mass(first, end - 1), last)
            self.sums[first, end] = whole
        return self.sums[first, end]
