"""The sweep of multi-omics factor analysis, its bound, its convergence and the factors that it drops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from chiasma.core.errors import RunError
from chiasma.stats.mofa.bound import factors_bound, gaussian_bound, weights_bound
from chiasma.stats.mofa.likelihoods import PseudoData, curvature, refresh, start_offset, start_pseudo_data
from chiasma.stats.mofa.nodes import (
    ALPHA_PRIOR,
    TAU_PRIOR,
    THETA_PRIOR,
    Block,
    Factors,
    Gamma,
    Moments,
    Precision,
    Weights,
    share_patterns,
)
from chiasma.stats.mofa.updates import (
    JointPatterns,
    explained_squares,
    gather_moments,
    join_patterns,
    squared_residuals,
    update_factor_relevance,
    update_factors,
    update_noise,
    update_relevance,
    update_weights,
    weight_grams,
    weight_pull,
)

TOLERANCE = {"fast": 5e-6, "medium": 5e-7, "slow": 5e-8}
"""Change of the bound, relative, below which two consecutive checks end a fit (the modes of the original)."""


@dataclass(frozen=True)
class Rules:
    """How a fit proceeds.

    Attributes:
        spike_slab: prior of the weights with a spike at 0.
        sparsity_from: iteration from which the share of features in the slab is learnt.
        group_relevance: learn the precision of the factors' prior by group.
        drop_below: a factor that explains less than this share of every view in every group is dropped, the
            smallest first, one an iteration; 0 drops none.
        tolerance: relative change of the bound by iteration.
        check_every: iterations between looks at the bound.
        max_iterations: at most.
        faithful: as the original: the change between two checks relative to the bound before the first iteration, in
            place of the change by iteration relative to the present bound; its update of q(s); its bound of q(w, s).
    """

    spike_slab: bool = True
    sparsity_from: int = 50
    group_relevance: bool = False
    drop_below: float = 0.0
    tolerance: float = TOLERANCE["fast"]
    check_every: int = 1
    max_iterations: int = 1000
    faithful: bool = False


@dataclass(frozen=True, eq=False)
class Fit:
    """A posterior and how it was reached.

    Attributes:
        factors: of the samples.
        weights: of each view.
        noise: precision of each gaussian view by group and feature, None for the others.
        offsets: intercepts of each other view (group, feature), None for the gaussian ones.
        explained: share of each view explained by each factor, the last column by all (view, group, factor + 1).
        squares: sum of squares of each view about its means, which those are shares of (view, group).
        bounds: evidence lower bound, the first before any update.
        checked: iteration of each bound.
        dropped: iterations in which a factor was dropped.
        converged: whether the tolerance was met.
    """

    factors: Factors
    weights: tuple[Weights, ...]
    noise: tuple[Gamma | None, ...]
    offsets: tuple[np.ndarray | None, ...]
    explained: np.ndarray
    squares: np.ndarray
    bounds: tuple[float, ...]
    checked: tuple[int, ...]
    dropped: tuple[int, ...]
    converged: bool


class Engine(Protocol):
    """The state of a fit between two sweeps, wherever it is computed."""

    @property
    def rules(self) -> Rules:
        """How the fit proceeds."""

    @property
    def factors(self) -> Factors:
        """Of the samples."""

    @property
    def weights(self) -> Sequence[Weights]:
        """Of each view."""

    @property
    def noise(self) -> Sequence[Gamma | None]:
        """Precision of each gaussian view, None for the others."""

    @property
    def offsets(self) -> Sequence[np.ndarray | None]:
        """Intercepts of each other view (group, feature), None for the gaussian ones."""

    @property
    def totals(self) -> Sequence[np.ndarray]:
        """Sum of squares of each view (group, feature)."""

    def sweep(self, iteration: int) -> None:
        """Update everything once."""

    def bound(self) -> float:
        """The evidence lower bound."""

    def explained(self) -> np.ndarray:
        """Share of each view by factor, the last column by all (view, group, factor + 1)."""

    def keep(self, index: np.ndarray) -> None:
        """Keep some factors, in this order."""


MakeEngine = Callable[[Sequence[Block], Sequence[slice], np.ndarray, Rules], Engine]
"""From views, groups, means (factor, sample) of the factors to begin with, and rules."""


class Ascent:
    """The state of a fit between two sweeps; each sweep raises the bound unless it drops a factor."""

    def __init__(self, blocks: Sequence[Block], groups: Sequence[slice], start: np.ndarray, rules: Rules) -> None:
        """Begin with means `start` (factor, sample) of the factors."""
        self.blocks, self.groups, self.rules = tuple(blocks), tuple(groups), rules
        n_factors = len(start)
        alpha = Gamma.ones(len(groups), n_factors) if rules.group_relevance else None
        self.factors = Factors(start.copy(), np.ones_like(start), alpha)
        self.weights = [
            Weights.start(n_factors, block.values.shape[1], spike_slab=rules.spike_slab) for block in self.blocks
        ]
        self.counts = [block.counts(self.groups) for block in self.blocks]
        self.noise: list[Gamma | None] = []
        self.pseudo: list[PseudoData | None] = []
        self.data_bounds: list[float] = []
        self.totals: list[np.ndarray] = []
        self.moments: list[Moments] = []
        self.precisions: list[Precision] = []
        for index, block in enumerate(self.blocks):
            if block.likelihood == "gaussian":
                tau = Gamma.ones(len(self.groups), block.values.shape[1])
                precision, pseudo, bound = share_patterns(block, tau.mean), None, 0.0
                total = np.stack([np.einsum("nd,nd->d", *(2 * [block.values[group]])) for group in self.groups])
            else:
                kappa = curvature(block) if block.likelihood == "poisson" else None
                pseudo = start_pseudo_data(block, start_offset(block, self.groups), kappa)
                bound, pseudo = refresh(block, self.factors, self.weights[index], pseudo, self.groups)
                tau, precision, total = None, pseudo.precision, pseudo.total
            self.noise.append(tau)
            self.pseudo.append(pseudo)
            self.precisions.append(precision)
            self.data_bounds.append(bound)
            self.totals.append(total)
        self.joint: JointPatterns = join_patterns(self.precisions, self.groups)
        self._gather()
        for index, tau in enumerate(self.noise):
            if tau is not None:
                self.data_bounds[index] = gaussian_bound(tau, self.counts[index], self._residual(index))

    @property
    def values(self) -> list[np.ndarray]:
        """What stands for the data of each view, with its weights (sample, feature)."""
        return [
            block.values if data is None else data.values for block, data in zip(self.blocks, self.pseudo, strict=True)
        ]

    @property
    def offsets(self) -> list[np.ndarray | None]:
        """Intercepts of each view (group, feature), None for the gaussian ones."""
        return [None if data is None else data.offset for data in self.pseudo]

    def sweep(self, iteration: int) -> None:
        """Update everything once: weights, their relevance, factors, theirs, noise or pseudo-data."""
        sparsity = iteration >= self.rules.sparsity_from
        for index, weights in enumerate(self.weights):
            updated = update_weights(weights, self.moments[index], self.precisions[index], faithful=self.rules.faithful)
            self.weights[index] = update_relevance(updated, sparsity=sparsity)
        pull = weight_pull(self.weights, self.values, self.precisions, self.groups)
        gram, square = weight_grams(self.weights, self.precisions, self.joint)
        self.factors = update_factors(self.factors, pull, gram, square, self.joint)
        self.factors = update_factor_relevance(self.factors, self.groups)
        self._renew()

    def bound(self) -> float:
        """The evidence lower bound."""
        return sum(self.bound_parts().values())

    def bound_parts(self) -> dict[str, float]:
        """The bound by node: data, noise, weights, alpha, theta, factors."""
        return {
            "data": sum(self.data_bounds),
            "noise": sum(tau.bound(TAU_PRIOR) for tau in self.noise if tau is not None),
            "weights": sum(weights_bound(weights, faithful=self.rules.faithful) for weights in self.weights),
            "alpha": sum(weights.alpha.bound(ALPHA_PRIOR) for weights in self.weights),
            "theta": sum(weights.theta.bound(THETA_PRIOR) for weights in self.weights if weights.inclusion is not None),
            "factors": factors_bound(self.factors, self.groups),
        }

    def explained(self) -> np.ndarray:
        """Share of each view by factor, the last column by all (view, group, factor + 1)."""
        parts = zip(self.weights, self.moments, self.precisions, self.totals, strict=True)
        return np.stack([explained_squares(w.mean, m, p.feature_pattern, total) for w, m, p, total in parts])

    def keep(self, index: np.ndarray) -> None:
        """Keep some factors, in this order."""
        self.factors = self.factors.take(index)
        self.weights = [weights.take(index) for weights in self.weights]
        self._renew()

    def _renew(self) -> None:
        """What follows from factors and weights: pseudo-data, moments, noise."""
        for index, (block, pseudo) in enumerate(zip(self.blocks, self.pseudo, strict=True)):
            if pseudo is not None:
                bound, fresh = refresh(block, self.factors, self.weights[index], pseudo, self.groups)
                self.pseudo[index], self.precisions[index] = fresh, fresh.precision
                self.data_bounds[index], self.totals[index] = bound, fresh.total
        self._gather()
        for index, tau in enumerate(self.noise):
            if tau is not None:
                residual = self._residual(index)
                tau = update_noise(residual, self.counts[index])
                self.noise[index] = tau
                self.precisions[index] = replace(self.precisions[index], scale=tau.mean)
                self.data_bounds[index] = gaussian_bound(tau, self.counts[index], residual)

    def _gather(self) -> None:
        self.moments = [
            gather_moments(self.factors, values, precision, self.groups)
            for values, precision in zip(self.values, self.precisions, strict=True)
        ]

    def _residual(self, index: int) -> np.ndarray:
        pattern = self.precisions[index].feature_pattern
        return squared_residuals(self.weights[index], self.moments[index], pattern, self.totals[index])


def fit_factors(
    blocks: Sequence[Block], groups: Sequence[slice], start: np.ndarray, rules: Rules, *, engine: MakeEngine = Ascent
) -> Fit:
    """Fit from means `start` (factor, sample) of the factors until the bound stands still.

    Raises:
        RunError: the bound is not a number, or no factor is left.
    """
    ascent = engine(blocks, groups, start, rules)
    bounds, checked, dropped = [ascent.bound()], [0], []
    token, converged, iteration = 0, False, 0
    while iteration < rules.max_iterations and not converged:
        iteration += 1
        ascent.sweep(iteration)
        if rules.drop_below > 0 and _drop(ascent):
            dropped.append(iteration)
        if (iteration - 1) % rules.check_every:
            continue
        bounds.append(ascent.bound())
        checked.append(iteration)
        if not np.isfinite(bounds[-1]):
            raise RunError("the evidence lower bound is not a number", where=f"iteration {iteration}", got=bounds[-1])
        still = iteration > 1 and _stands_still(bounds, checked, rules) and iteration not in dropped
        token = token + 1 if still else 0
        converged = token >= 2
    return Fit(
        ascent.factors,
        tuple(ascent.weights),
        tuple(ascent.noise),
        tuple(ascent.offsets),
        ascent.explained(),
        np.stack([total.sum(axis=1) for total in ascent.totals]),
        tuple(bounds),
        tuple(checked),
        tuple(dropped),
        converged,
    )


def _stands_still(bounds: Sequence[float], checked: Sequence[int], rules: Rules) -> bool:
    change = abs(bounds[-1] - bounds[-2])
    if rules.faithful:
        return change / abs(bounds[0]) < rules.tolerance
    return change / (checked[-1] - checked[-2]) / abs(bounds[-1]) < rules.tolerance


def _drop(ascent: Engine) -> bool:
    """Drop the factor that explains least, if it explains too little of every view in every group."""
    most = ascent.explained()[:, :, :-1].max(axis=(0, 1))  # (factor,)
    weakest = int(most.argmin())
    if most[weakest] >= ascent.rules.drop_below:
        return False
    if len(most) == 1:
        raise RunError(
            "no factor is left: none explains enough of any view",
            got=f"{most[weakest]:.4f} of the variance by the last one",
            expected=f"at least {ascent.rules.drop_below}",
            do="lower drop_threshold, or look whether the views hold anything but noise",
        )
    ascent.keep(np.delete(np.arange(len(most)), weakest))
    return True
