"""Painted chromosomes as networks read them: rows of pixels, or statistics of tracts in columns along the chromosome.

One encoder for simulated and called ancestry. A chromosome is divided into columns of equal width; what no tract covers
is not called, and told apart from the other sources.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.data.tracts import Tracts

CHANNELS = (
    "share of the source, less its mean along the chromosome",
    "mean log length of the source's tracts",
    "standard deviation of it",
    "mean log length of the other tracts",
    "starts of the source's tracts, a haplotype",
    "ends of the source's tracts, a haplotype",
    "mean share of the source along the chromosome",
)
"""Rows of `ColumnStatistics.values`; lengths in columns, before the logarithm."""
STARTS, ENDS = 4, 5
"""Channels that change places when a chromosome is read from its other end."""

_LEAST = 1e-6
"""Share of a column below which it counts as not covered: what rounding leaves."""


@dataclass(frozen=True, eq=False)
class ColumnStatistics:
    """Statistics of the tracts of one source along a chromosome.

    Attributes:
        values: float32 (channel, column), in the order of CHANNELS; 0 in columns without a call.
        share: share of the source among the haplotypes called (column,), NaN without a call.
        length: mean length of the source's tracts over a column, in bases (column,), NaN where it has none.
        called: share of the haplotypes' bases that have a call (column,).
    """

    values: np.ndarray
    share: np.ndarray
    length: np.ndarray
    called: np.ndarray


def column_edges(length: float, columns: int) -> np.ndarray:
    """Where the columns of a chromosome begin and end, in bases (column + 1,)."""
    return np.linspace(0.0, length, columns + 1)


def paint(tracts: Tracts, *, source: int, columns: int) -> np.ndarray:
    """A picture of the haplotypes: 1 where a column's middle is of the source, 0 of another, -1 without a call.

    Args:
        tracts: of a chromosome.
        source: index of the population painted.
        columns: pixels along the chromosome.

    Returns:
        int8 (haplotype, column), haplotypes in their order.
    """
    edges = column_edges(tracts.length, columns)
    middles = (edges[1:] + edges[:-1]) / 2
    first, last = np.searchsorted(middles, tracts.left), np.searchsorted(middles, tracts.right)
    # a tract adds its colour where it begins and takes it away where it ends; tracts of a row do not overlap
    colour = np.where(tracts.source == source, 2, 1).astype(np.int8)
    change = np.zeros((tracts.n_haplotypes, columns + 1), np.int8)
    np.add.at(change, (tracts.haplotype, first), colour)
    np.add.at(change, (tracts.haplotype, last), -colour)
    return np.cumsum(change[:, :-1], axis=1, dtype=np.int8) - np.int8(1)


def fit_rows(painted: np.ndarray, rows: int) -> np.ndarray:
    """A picture of so many rows, as a drawing scaled to a height: rows are left out or repeated, evenly, in order."""
    chosen = (np.arange(rows) + 0.5) * len(painted) // rows
    return painted[chosen.astype(np.int64)]


def column_statistics(tracts: Tracts, *, source: int, columns: int) -> ColumnStatistics:
    """What the tracts of one source look like in each column, whatever the order and number of haplotypes.

    Args:
        tracts: of a chromosome.
        source: index of the population.
        columns: along the chromosome.
    """
    width = tracts.length / columns
    own = tracts.source == source
    span = np.log(np.maximum(tracts.right - tracts.left, 1e-6 * width) / width)

    def covered(chosen: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return _covered(tracts.left[chosen], tracts.right[chosen], weight[chosen], tracts.length, columns)

    ones, least = np.ones(len(tracts)), _LEAST * width
    source_bases, other_bases = (np.maximum(covered(chosen, ones), 0) for chosen in (own, ~own))
    bases = source_bases + other_bases
    share = _quotient(source_bases, bases, least)
    mean = _quotient(covered(own, span), source_bases, least)
    square = _quotient(covered(own, span * span), source_bases, least)
    other = _quotient(covered(~own, span), other_bases, least)
    length = _quotient(covered(own, tracts.right - tracts.left), source_bases, least)
    called = bases / (width * tracts.n_haplotypes)
    average = float(source_bases.sum() / bases.sum()) if bases.sum() > 0 else 0.0
    inner = (tracts.left > 0) & own, (tracts.right < tracts.length) & own
    counts = [np.histogram(ends[use], column_edges(tracts.length, columns))[0] for ends, use in
              zip((tracts.left, tracts.right), inner)]  # fmt: skip
    rows = [
        share - average,
        mean,
        np.sqrt(np.maximum(square - mean * mean, 0)),
        other,
        *(count / tracts.n_haplotypes for count in counts),
        np.full(columns, average),
    ]
    values = np.nan_to_num(np.where(np.isnan(share), 0, np.array(rows)), nan=0.0).astype(np.float32)
    return ColumnStatistics(values, share, length, called)


SUMMARIES = (
    "share of the source",
    "its deviation along the chromosome",
    "its deviation between haplotypes",
    "mean log length of the source's tracts",
    "deviation of it",
    "mean log length of the other tracts",
    "deviation of it, other tracts",
    "changes of ancestry a haplotype",
)
"""What `summarise_tracts` gives, in this order; lengths in bases, before the logarithm."""


def summarise_tracts(tracts: Tracts, *, source: int, columns: int) -> np.ndarray:
    """One chromosome in a few numbers (summary,), by which called and simulated ones are compared; NaN where undefined.

    Args:
        tracts: of the chromosome.
        source: index of the population.
        columns: along the chromosome, for the deviation of the share along it.
    """
    share = column_statistics(tracts, source=source, columns=columns).share
    own = tracts.source == source
    spans = tracts.right - tracts.left
    inner = (tracts.left > 0) & (tracts.right < tracts.length)
    of_source, called = (
        np.bincount(tracts.haplotype, weights=spans * chosen, minlength=tracts.n_haplotypes)
        for chosen in (own, np.ones_like(own))
    )
    each = of_source[called > 0] / called[called > 0]
    total = float(spans.sum())
    figures = [float(spans[own].sum()) / total if total else np.nan, _moments(share)[1], _moments(each)[1]]
    figures += [*_moments(np.log(spans[own & inner])), *_moments(np.log(spans[~own & inner]))]
    together = (tracts.haplotype[1:] == tracts.haplotype[:-1]) & (tracts.left[1:] == tracts.right[:-1])
    return np.array([*figures, together.sum() / tracts.n_haplotypes])


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of what is known; NaN of nothing."""
    known = values[np.isfinite(values)]
    return (float(known.mean()), float(known.std())) if len(known) else (np.nan, np.nan)


def mirrored(values: np.ndarray) -> np.ndarray:
    """Statistics (channel, column) of the same chromosome read from its other end."""
    order = np.arange(len(CHANNELS))
    order[[STARTS, ENDS]] = ENDS, STARTS
    return np.ascontiguousarray(values[order, ::-1])


def _quotient(total: np.ndarray, bases: np.ndarray, least: float) -> np.ndarray:
    """Total over bases (column,), NaN where there are as good as no bases."""
    return np.where(bases > least, total / np.maximum(bases, least), np.nan)


def _covered(left: np.ndarray, right: np.ndarray, weight: np.ndarray, length: float, columns: int) -> np.ndarray:
    """Weighted bases of intervals in each column (column,)."""
    edges = column_edges(length, columns)
    # weighted bases to the left of x: over all intervals, w (x - left) once begun less w (x - right) once ended
    return np.diff(_ramp(left, weight, edges) - _ramp(right, weight, edges))


def _ramp(start: np.ndarray, weight: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Sum of weight * max(x - start, 0) over all starts (x,)."""
    order = np.argsort(start, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    moment = np.concatenate([[0.0], np.cumsum((weight * start)[order])])
    before = np.searchsorted(start[order], x)
    return total[before] * x - moment[before]
