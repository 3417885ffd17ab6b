"""Severities and the small phrases that findings share."""

from __future__ import annotations

from chiasma.data.results import Estimate


def graded(value: float, *, note: float, warning: float, critical: float) -> str:
    """The severity of a figure that is worse the larger it is."""
    for severity, limit in (("critical", critical), ("warning", warning), ("note", note)):
        if value >= limit:
            return severity
    return "ok"


def strength(estimate: Estimate, *, continuous: bool) -> float:
    """How far the interval's near end lies from chance, on the scale of an AUROC (.5 to 1)."""
    if continuous:
        near = max(estimate.low, -estimate.high, 0.0)
        return 0.5 + near / 2
    return max(estimate.low, 1 - estimate.high, 0.5)


def shown(estimate: Estimate) -> str:
    """A figure with its interval.

    >>> shown(Estimate(0.5, 0.48, 0.52))
    '0.500 (0.480 to 0.520)'
    """
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def some(count: int, total: int, what: str) -> str:
    """A count with its share."""
    return f"{count:,} of {total:,} {what} ({count / max(total, 1):.1%})"
