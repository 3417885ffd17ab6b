"""Match motifs to a database: Tomtom's columns (Gupta et al. 2007) with complete scores (Tanaka et al. 2011)."""

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
        p: of a score as large as the best alignment's, over all alignments and both strands.
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
    each database column independently, by convolution of the columns' histograms; that of the best alignment is the
    largest of independent draws, one for each alignment of motifs of these widths; of the strands the better counts.

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
    best = np.full(len(width), -np.inf)
    offset, overlap = np.zeros(len(width), int), np.zeros(len(width), int)
    for shift in range(-longest + 1, length):  # the target's first column lies at query position `shift`
        first = max(0, shift)
        last = np.minimum(length, width + shift)
        enough = last - first >= np.minimum(least_overlap, np.minimum(length, width))
        if not enough.any():
            continue
        diagonal = np.stack([scores[:, j, j - shift] for j in range(first, min(length, longest + shift))], axis=1)
        total = np.nansum(diagonal, axis=1)
        better = enough & (total > best)
        best[better], offset[better], overlap[better] = total[better], shift, (last - first)[better]
    p = np.ones(len(width))
    for wide in np.unique(widths):
        chosen = width == wide
        p[chosen] = null.of_largest(int(wide), best[chosen].astype(int), least_overlap=least_overlap)
    half = len(widths)
    flipped = p[half:] < p[:half]
    smaller = np.minimum(p[:half], p[half:])
    return (
        smaller * (2 - smaller),
        np.where(flipped, offset[half:], offset[:half]),
        np.where(flipped, overlap[half:], overlap[:half]),
        flipped,
    )


class _Null:
    """Upper tails of the summed score of any span of a query, and of the largest over alignments."""

    def __init__(self, columns: np.ndarray) -> None:
        self.columns = columns
        self.low = int(np.minimum(columns.min(axis=1), 0).sum())
        self.high = int(np.maximum(columns.max(axis=1), 0).sum())
        self.tails: dict[tuple[int, int], np.ndarray] = {}

    def of_largest(self, width: int, score: np.ndarray, *, least_overlap: int) -> np.ndarray:
        """Probability that any alignment with a motif of `width` positions scores at least `score`."""
        length = len(self.columns)
        shortest = min(least_overlap, length, width)
        none = np.zeros(self.high - self.low + 1)  # log of the probability that no alignment scores so much
        for shift in range(-width + 1, length):
            first, end = max(0, shift), min(length, width + shift)
            if end - first >= shortest:
                with np.errstate(divide="ignore"):
                    none += np.log1p(-self._tail(first, end))
        return -np.expm1(none[np.clip(score - self.low, 0, len(none) - 1)])

    def _tail(self, first: int, end: int) -> np.ndarray:
        """Probability that query positions [first, end) score at least low, low + 1, ..., high."""
        if (first, end) not in self.tails:
            mass = np.ones(1)
            for column in self.columns[first:end]:
                mass = np.convolve(mass, np.bincount(column - column.min()) / len(column))
            begin = int(self.columns[first:end].min(axis=1).sum()) - self.low
            whole = np.zeros(self.high - self.low + 1)
            whole[begin : begin + len(mass)] = mass
            self.tails[first, end] = np.clip(np.cumsum(whole[::-1])[::-1], 0, 1)
        return self.tails[first, end]
