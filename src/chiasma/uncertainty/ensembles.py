"""Several models asked the same question: their mean, and how far they disagree (Lakshminarayanan et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chiasma.core.errors import InsufficientDataError, MismatchError


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What the members say together.

    Attributes:
        mean: (example, output).
        variance: between members (example, output); 0 for one member.
        disagreement: for class probabilities, the mutual information of label and member in nats (example,): the part
            of the uncertainty that more data would take away; None for other outputs.
        members: how many.
    """

    mean: np.ndarray
    variance: np.ndarray
    disagreement: np.ndarray | None
    members: int


def combine(outputs: Sequence[np.ndarray], *, probabilities: bool = False) -> Ensemble:
    """Mean and variance over members.

    Args:
        outputs: one array (example, output) a member.
        probabilities: whether rows are class probabilities, so that disagreement means something.

    Raises:
        InsufficientDataError: no member.
        MismatchError: members answer in different shapes.
    """
    if not len(outputs):
        raise InsufficientDataError("an ensemble without members", where="ensemble")
    shapes = {np.shape(output) for output in outputs}
    if len(shapes) > 1:
        raise MismatchError("members answer in different shapes", where="ensemble", got=sorted(shapes))
    stack = np.stack([np.asarray(output, float) for output in outputs])
    mean = stack.mean(axis=0)
    variance = stack.var(axis=0, ddof=1) if len(stack) > 1 else np.zeros_like(mean)
    spread = _entropy(mean) - _entropy(stack).mean(axis=0) if probabilities else None
    return Ensemble(mean, variance, None if spread is None else np.maximum(spread, 0.0), len(stack))


def _entropy(values: np.ndarray) -> np.ndarray:
    """Entropy over the last axis, nats."""
    safe = np.where(values > 0, values, 1.0)
    return -(values * np.log(safe)).sum(axis=-1)
