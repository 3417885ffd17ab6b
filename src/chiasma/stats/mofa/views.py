"""Views as multi-omics factor analysis sees them: checked against their likelihood, centred by group, scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chiasma.core.errors import list_some
from chiasma.stats.mofa.nodes import Block, Likelihood
from chiasma.stats.views import ViewsError

_ROUNDING = 1e-9
"""A feature varies if its largest distance from its group's mean is more than this part of its largest magnitude."""


@dataclass(frozen=True, eq=False)
class Frame:
    """How the values of one view are brought to the model and back; rows by group, the last for no known group.

    Attributes:
        likelihood: of the values.
        kept: whether a feature of the input takes part (input feature,).
        centre: subtracted (group, feature); 0 where the likelihood is not gaussian.
        unit: divided by (group,).
        alone: what is known of the features left out: their only value, NaN where never measured (input feature,).
    """

    likelihood: Likelihood
    kept: np.ndarray
    centre: np.ndarray
    unit: np.ndarray
    alone: np.ndarray

    def enter(self, values: np.ndarray, codes: np.ndarray) -> Block:
        """Values (sample, input feature) as the model sees them.

        Args:
            values: NaN where missing.
            codes: group of each sample, -1 where unknown (sample,).
        """
        inside = values[:, self.kept]
        observed = ~np.isnan(inside)
        if self.likelihood == "gaussian":
            inside = (inside - self.centre[codes]) / self.unit[codes][:, None]
        whole = bool(observed.all())
        return Block(
            self.likelihood,
            np.ascontiguousarray(inside if whole else np.where(observed, inside, 0.0)),
            None if whole else observed,
        )

    def leave(self, expected: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Expected values (sample, feature) in the units and with the features of the input."""
        values = np.repeat(self.alone[None], len(expected), axis=0)
        if self.likelihood == "gaussian":
            expected = expected * self.unit[codes][:, None] + self.centre[codes]
        values[:, self.kept] = expected
        return values


def choose_likelihoods(
    values: Mapping[str, np.ndarray], asked: Mapping[str, Likelihood], names: Mapping[str, np.ndarray]
) -> dict[str, Likelihood]:
    """The likelihood of each view: as asked, else bernoulli where all values are 0 or 1, else gaussian.

    Raises:
        ViewsError: values that a likelihood cannot have, or one asked for a view that is not there.
    """
    if strange := [name for name in asked if name not in values]:
        raise ViewsError("a likelihood for a view that is not there", got=strange[0], expected=", ".join(values))
    chosen: dict[str, Likelihood] = {}
    for name, block in values.items():
        known = ~np.isnan(block)
        binary = ~known | (block == 0) | (block == 1)
        chosen[name] = asked.get(name, "bernoulli" if binary.all() and known.any() else "gaussian")
        if chosen[name] == "bernoulli":
            _refuse(name, block, ~binary, names[name], "0, 1 or missing", "gaussian or poisson")
        elif chosen[name] == "poisson":
            wrong = known & ((block < 0) | (block != np.floor(block)))
            _refuse(name, block, wrong, names[name], "whole numbers from 0", "gaussian, after a log transform")
    return chosen


def learn_frame(
    values: np.ndarray, codes: np.ndarray, likelihood: Likelihood, *, scale_view: bool, scale_groups: bool
) -> Frame:
    """Centre and unit of one view, and which of its features vary.

    Args:
        values: NaN where missing (sample, feature).
        codes: group of each sample (sample,).
        likelihood: gaussian views are centred by group and feature, others as they are.
        scale_view: divide by the standard deviation of all values, each about its own mean.
        scale_groups: the same by group.
    """
    n_groups = int(codes.max()) + 1
    observed = ~np.isnan(values)
    filled = np.where(observed, values, 0.0)
    counts = np.stack([observed[codes == group].sum(axis=0) for group in range(n_groups)])
    means = np.stack([filled[codes == group].sum(axis=0) for group in range(n_groups)]) / np.maximum(counts, 1)
    total = counts.sum(axis=0)
    pooled = (means * counts).sum(axis=0) / np.maximum(total, 1)
    if likelihood == "gaussian":
        means = np.where(counts > 0, means, pooled)
        residual = np.where(observed, values - means[codes], 0.0)
    else:
        residual = np.where(observed, values - pooled, 0.0)
    kept = np.abs(residual).max(axis=0) > _ROUNDING * np.abs(filled).max(axis=0)
    alone = np.where(total > 0, pooled, np.nan)
    unit = np.ones(n_groups + 1)
    if likelihood != "gaussian":
        return Frame(likelihood, kept, np.zeros((n_groups + 1, int(kept.sum()))), unit, alone)
    measured = max(int(observed[:, kept].sum()), 1)
    if scale_view or scale_groups:
        unit[:] = np.sqrt((residual[:, kept] ** 2).sum() / measured) or 1.0
    if scale_groups:
        for group in range(n_groups):
            mine = codes == group
            spread = np.sqrt((residual[mine][:, kept] ** 2).sum() / max(int(observed[mine][:, kept].sum()), 1))
            unit[group] = spread or unit[-1]
    centre = np.ascontiguousarray(np.vstack([means, pooled])[:, kept])
    return Frame(likelihood, kept, centre, unit, alone)


def left_out(frames: Mapping[str, Frame], names: Mapping[str, np.ndarray]) -> dict[str, dict[str, list[str]]]:
    """Features that take no part, by view: `constant` and `unmeasured`."""
    found = {}
    for view, frame in frames.items():
        unmeasured = np.isnan(frame.alone)
        found[view] = {
            "constant": [str(name) for name in names[view][~frame.kept & ~unmeasured]],
            "unmeasured": [str(name) for name in names[view][unmeasured]],
        }
    return found


def check_samples(values: Sequence[np.ndarray], *, where: str) -> None:
    """Refuse samples without a value in any view (each (sample, feature)), naming their rows."""
    blank = np.logical_and.reduce([np.isnan(block).all(axis=1) for block in values])
    if blank.any():
        raise ViewsError(
            f"{int(blank.sum())} samples have no value in any view",
            where=where,
            got=f"rows {list_some(np.flatnonzero(blank))}",
            expected="at least one value in one view",
            do="leave these samples out",
        )


def _refuse(view: str, block: np.ndarray, wrong: np.ndarray, names: np.ndarray, expected: str, otherwise: str) -> None:
    if wrong.any():
        first = block[wrong][0]
        features = names[wrong.any(axis=0)]
        raise ViewsError(
            f"{int(wrong.sum())} values do not suit the likelihood",
            where=f"view {view}",
            got=f"{first:g}; features {list_some(features, most=3)}",
            expected=expected,
            do=f"transform the values, or take {otherwise} as this view's likelihood",
        )
