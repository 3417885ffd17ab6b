"""Factors of samples, given everything else: the exact E-step of multi-omics factor analysis.

With the weights' posterior fixed, the mean of a gaussian sample's factors solves, for the views and features measured,

    (diag(alpha_g) + sum_d tau_gd <w_d w_d'>) z = sum_d tau_gd <w_d> y_d

which is where the factor-by-factor updates of the fit come to rest. Bernoulli and Poisson views enter through their
pseudo-data, renewed until the factors stand still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from chiasma.stats.mofa.likelihoods import PseudoData, refresh, start_pseudo_data
from chiasma.stats.mofa.nodes import Block, Factors, Likelihood, Precision, share_patterns
from chiasma.stats.mofa.updates import JointPatterns, join_patterns, weight_grams, weight_pull

_TOLERANCE, _MOST = 1e-7, 1000
"""Largest change of a factor at which pseudo-data are at rest; renewals at most."""


@dataclass(frozen=True, eq=False)
class ViewModel:
    """What a fit learnt of one view.

    Attributes:
        likelihood: of its values.
        mean: <s w> (factor, feature).
        square: <(s w)^2> (factor, feature).
        scale: tau of a gaussian view, kappa of a Poisson one, 1 (group, feature).
        offset: intercepts of a view that is not gaussian, else 0 (group, feature).
    """

    likelihood: Likelihood
    mean: np.ndarray
    square: np.ndarray
    scale: np.ndarray
    offset: np.ndarray

    def take(self, index: np.ndarray, signs: np.ndarray) -> ViewModel:
        """Some factors, in this order, with these signs."""
        return replace(self, mean=self.mean[index] * signs[:, None], square=self.square[index] + 0.0)


def infer_factors(
    blocks: Mapping[str, Block], views: Mapping[str, ViewModel], prior: np.ndarray, groups: Sequence[slice]
) -> Factors:
    """Posterior of the factors of samples that are in the order of their groups; means are exact, variances mean-field.

    Args:
        blocks: the views that were measured.
        views: what was learnt of them.
        prior: precision of the factors (group, factor).
        groups: samples of each group, some of them empty.
    """
    names = list(blocks)
    chosen = [views[name] for name in names]
    n_samples = len(next(iter(blocks.values())).values)
    codes = np.concatenate([np.full(group.stop - group.start, code) for code, group in enumerate(groups)])
    start = np.zeros((prior.shape[1], n_samples))
    factors = Factors(start, 1 / prior[codes].T)
    pseudo: list[PseudoData | None] = [
        None
        if view.likelihood == "gaussian"
        else start_pseudo_data(blocks[name], view.offset, view.scale[0] if view.likelihood == "poisson" else None)
        for name, view in zip(names, chosen, strict=True)
    ]
    precisions: list[Precision] = [
        share_patterns(blocks[name], view.scale) if data is None else data.precision
        for name, view, data in zip(names, chosen, pseudo, strict=True)
    ]
    values = [blocks[name].values for name in names]
    rounds = _MOST if any(data is not None for data in pseudo) else 1
    for _ in range(rounds):
        for index, data in enumerate(pseudo):
            if data is not None:
                _, data = refresh(blocks[names[index]], factors, chosen[index], data, groups, fixed=True)
                pseudo[index], precisions[index], values[index] = data, data.precision, data.values
        updated = _solve(chosen, values, precisions, prior, groups)
        moved = np.abs(updated.mean - factors.mean).max()
        factors = updated
        if moved < _TOLERANCE:
            break
    return factors


def _solve(
    views: Sequence[ViewModel],
    values: Sequence[np.ndarray],
    precisions: Sequence[Precision],
    prior: np.ndarray,
    groups: Sequence[slice],
) -> Factors:
    joint: JointPatterns = join_patterns(precisions, groups)
    pull = weight_pull(views, values, precisions, groups)  # (factor, sample)
    gram, square = weight_grams(views, precisions, joint)
    diagonal = prior[joint.group].T + square  # (factor, pattern)
    size = len(diagonal)
    gram[np.arange(size), np.arange(size)] = diagonal
    mean = np.empty_like(pull)
    order = np.argsort(joint.of_sample, kind="stable")
    cuts = np.searchsorted(joint.of_sample[order], np.arange(len(joint.group) + 1))
    for pattern, (begin, end) in enumerate(pairwise(cuts)):
        mine = order[begin:end]
        mean[:, mine] = np.linalg.solve(gram[:, :, pattern], pull[:, mine])
    return Factors(mean, (1 / diagonal)[:, joint.of_sample])
