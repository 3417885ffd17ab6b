"""Predictions against measurements across people, gene by gene: correlation, permutation null, share of wrong signs.

The question of Huang et al. 2023 and Sasse et al. 2023: not whether a model tells genes apart, but whether it tells
people apart for a given gene. Both found correlations near zero on average, and many of the wrong sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata, t

from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import generator
from chiasma.data.results import Estimate
from chiasma.stats.bootstrap import interval
from chiasma.stats.fdr import benjamini_hochberg

LEAST_PEOPLE = 10
"""People below which a correlation across them says nothing."""
SIGNIFICANT = 0.05
"""False discovery rate at which a gene's correlation counts as other than zero."""
_CONSTANT = 1e-6
"""Predictions that differ by less than this, relative to their size, are equal but for rounding."""


@dataclass(frozen=True, eq=False)
class AcrossPeople:
    """How predictions follow measurements across people.

    Attributes:
        pearson, spearman: of each gene; NaN where predictions (or measurements) are the same for everybody (gene,).
        low, high: 95 % interval of pearson, people resampled (gene,).
        p: two-sided, by permuting people (gene,).
        q: the same as false discovery rate (gene,).
        null_mean: mean pearson over genes in each permutation (draw,).
        n: people.
    """

    pearson: np.ndarray
    spearman: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    q: np.ndarray
    null_mean: np.ndarray
    n: int

    @property
    def right(self) -> np.ndarray:
        """Genes that follow the measurement (gene,)."""
        return (self.q < SIGNIFICANT) & (self.pearson > 0)

    @property
    def wrong(self) -> np.ndarray:
        """Genes that go against it: significant, and of the wrong sign (gene,)."""
        return (self.q < SIGNIFICANT) & (self.pearson < 0)

    def summary(self, *, seed: int, draws: int = 1000) -> dict[str, Estimate]:
        """Mean and median correlation and the shares of genes, with intervals from resampling genes.

        `wrong_among_significant` is missing where no gene is significant.
        """
        known = np.flatnonzero(~np.isnan(self.pearson))
        if not len(known):
            return {}
        r, right, wrong = self.pearson[known], self.right[known], self.wrong[known]
        figures = {
            "mean_pearson": r,
            "median_pearson": r,
            "share_right": right,
            "share_wrong": wrong,
            "share_negative": r < 0,
        }
        rng = generator(seed, "genes", draws)
        rows = rng.integers(0, len(known), (draws, len(known)))
        found = {}
        for name, values in figures.items():
            reduce = np.median if name.startswith("median") else np.mean
            low, high = interval(reduce(values[rows], axis=1))
            found[name] = Estimate(float(reduce(values)), low, high, "gene")
        if (right | wrong).any():
            number = (right | wrong)[rows].sum(axis=1)
            share = np.divide(wrong[rows].sum(axis=1), number, out=np.full(draws, np.nan), where=number > 0)
            low, high = interval(share)
            found["wrong_among_significant"] = Estimate(float(wrong.sum() / (right | wrong).sum()), low, high, "gene")
        return found

    @property
    def p_mean(self) -> float:
        """Two-sided permutation p-value of the mean correlation over genes; NaN without a gene."""
        if np.isnan(self.pearson).all():
            return float("nan")
        reached = np.abs(self.null_mean) >= abs(float(np.nanmean(self.pearson))) - 1e-12
        return float((1 + reached.sum()) / (1 + len(self.null_mean)))


def across_people(
    predicted: np.ndarray,
    measured: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    seed: int = 1,
    permutations: int = 1000,
    draws: int = 1000,
) -> AcrossPeople:
    """Correlate predictions with measurements across people.

    Args:
        predicted, measured: (gene, person), without missing values.
        groups: population of each person (person,): means of populations are taken out, and people are permuted and
            resampled within theirs, so that a difference between populations counts for nothing.
        seed: root of permutations and draws.
        permutations: people permuted so many times, for all genes alike.
        draws: bootstrap draws of people.

    Raises:
        InsufficientDataError: fewer than ten people.
    """
    n = predicted.shape[1]
    if n < LEAST_PEOPLE:
        raise InsufficientDataError(
            "too few people to correlate across", got=f"{n} with genotypes and expression", expected=f"{LEAST_PEOPLE}"
        )
    codes = np.zeros(n, np.int64) if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
    x, y = _standard(predicted, codes), _standard(measured, codes)
    pearson = (x * y).sum(axis=1)
    spearman = (_standard(_ranks(predicted), codes) * _standard(_ranks(measured), codes)).sum(axis=1)
    spearman[np.isnan(pearson)] = np.nan
    p, null_mean = _permuted(x, y, codes, pearson, generator(seed, "permutations", permutations), permutations)
    low, high = _resampled(x, y, codes, generator(seed, "people", draws), draws)
    return AcrossPeople(pearson, spearman, low, high, p, benjamini_hochberg(p), null_mean, n)


def p_of_correlation(r: np.ndarray, n: int) -> np.ndarray:
    """Two-sided p-values of Pearson correlations of n pairs, by the t distribution with n - 2 degrees of freedom."""
    r = np.clip(np.asarray(r, float), -1 + 1e-15, 1 - 1e-15)
    return 2 * t.sf(np.abs(r) * np.sqrt((n - 2) / (1 - r**2)), n - 2)


def _ranks(values: np.ndarray) -> np.ndarray:
    return rankdata(values, axis=1)


def _standard(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Rows without their groups' means and of length 1; NaN where nothing is left."""
    size = np.bincount(codes)
    indicator = np.eye(len(size))[codes]  # (person, group)
    centred = values - (values @ indicator / size) @ indicator.T
    length = np.sqrt((centred**2).sum(axis=1))
    scale = np.sqrt((values**2).sum(axis=1))
    known = length > _CONSTANT * scale
    return np.where(known[:, None], centred / np.where(known, length, 1.0)[:, None], np.nan)


def _permuted(
    x: np.ndarray, y: np.ndarray, codes: np.ndarray, pearson: np.ndarray, rng: np.random.Generator, permutations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided p-values (gene,) and mean correlations of the permutations (draw,)."""
    known = np.flatnonzero(~np.isnan(pearson))
    p, means = np.full(len(pearson), np.nan), np.full(permutations, np.nan)
    if not len(known):
        return p, means
    x, y, found = x[known], y[known], np.abs(pearson[known]) - 1e-12
    home = np.argsort(codes, kind="stable")
    reached = np.zeros(len(known))
    for draw in range(permutations):
        order = np.empty(len(codes), np.int64)
        order[home] = np.lexsort((rng.random(len(codes)), codes))
        r = np.einsum("gp,gp->g", x[:, order], y)
        reached += np.abs(r) >= found
        means[draw] = r.mean()
    p[known] = (1 + reached) / (1 + permutations)
    return p, means


def _resampled(
    x: np.ndarray, y: np.ndarray, codes: np.ndarray, rng: np.random.Generator, draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """95 % percentile interval of each gene's correlation (gene,), people drawn within their groups."""
    members = [np.flatnonzero(codes == code) for code in range(int(codes.max()) + 1)]
    weights = np.zeros((draws, len(codes)))
    for group in members:
        chosen = rng.integers(0, len(group), (draws, len(group)))
        np.add.at(weights, (np.arange(draws)[:, None], group[chosen]), 1.0)
    cross = weights @ (x * y).T
    squares = [weights @ (side**2).T for side in (x, y)]
    for group in members:
        part = weights[:, group]
        sums = [part @ side[:, group].T for side in (x, y)]
        cross -= sums[0] * sums[1] / len(group)
        squares = [square - one**2 / len(group) for square, one in zip(squares, sums, strict=True)]
    spread = np.sqrt(np.maximum(squares[0], 0) * np.maximum(squares[1], 0))
    r = np.divide(cross, spread, out=np.full_like(cross, np.nan), where=spread > 1e-12)  # (draw, gene)
    bounds = np.array([interval(r[:, gene]) for gene in range(r.shape[1])]).reshape(-1, 2)
    return bounds[:, 0], bounds[:, 1]
