"""Tests of one feature at a time: Spearman, Mann-Whitney and the moderated t of Smyth (2004), every class at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special, stats

from chiasma.stats.fdr import benjamini_hochberg

Test = Literal["moderated-t", "spearman", "mann-whitney"]


@dataclass(frozen=True, eq=False)
class Tests:
    """What a test says of every feature in every contrast; NaN where a feature cannot be tested.

    Two classes make one contrast, the second against the first; more make one a class, it against the others.

    Attributes:
        effect: difference of means, rank correlation, or twice the area under the ROC curve less 1 (contrast, feature).
        statistic: t, rank correlation, or z (contrast, feature).
        p: two-sided (contrast, feature).
    """

    effect: np.ndarray
    statistic: np.ndarray
    p: np.ndarray

    def of_feature(self) -> tuple[np.ndarray, np.ndarray]:
        """Each feature's p over its contrasts (Bonferroni), and q over features (Benjamini-Hochberg), (feature,)."""
        tested = (~np.isnan(self.p)).sum(axis=0)
        least = np.where(tested > 0, np.fmin.reduce(self.p), np.nan)
        p = np.minimum(least * np.maximum(tested, 1), 1.0)
        return p, benjamini_hochberg(p)


@dataclass(frozen=True)
class VariancePrior:
    """Prior of the features' variances, a scaled inverse chi-square.

    Attributes:
        freedom: degrees of freedom d0; 0 means no shrinkage, infinity one variance for all.
        variance: prior variance s0^2.
    """

    freedom: float
    variance: float


def contrasts(n_classes: int) -> list[int]:
    """The classes that have a contrast: the second of two, or every one of more."""
    return [1] if n_classes == 2 else list(range(n_classes))


def run_tests(values: np.ndarray, codes: np.ndarray, n_classes: int, test: Test) -> Tests:
    """Test every feature for every contrast.

    Args:
        values: (sample, feature), NaN where missing; a feature is tested on the samples that have it.
        codes: class of each sample, 0 .. n_classes - 1 (sample,).
        n_classes: classes.
        test: which; Mann-Whitney is corrected for ties and continuity, Spearman's p is that of its t.
    """
    if test == "moderated-t":
        return moderated_t(values, codes, n_classes)[0]
    found = [_rank_test(values, codes == k, test) for k in contrasts(n_classes)]
    effect, statistic, p = (np.stack(part) for part in zip(*found))
    return Tests(effect, statistic, p)


def moderated_t(values: np.ndarray, codes: np.ndarray, n_classes: int) -> tuple[Tests, VariancePrior]:
    """Class mean against the mean of the other class means, variances shrunken to a common prior.

    Within-class variance s^2 with d = n - classes degrees of freedom becomes (d0 s0^2 + d s^2) / (d0 + d), and t has
    d0 + d degrees of freedom. Source: Smyth 2004, eq. 2 and sections 3 and 4; the prior is that of section 6.2.
    """
    observed = ~np.isnan(values)
    filled = np.where(observed, values, 0.0)
    one_hot = np.eye(n_classes)[codes]
    count = one_hot.T @ observed  # (class, feature)
    mean = np.divide(one_hot.T @ filled, count, out=np.full(count.shape, np.nan), where=count > 0)
    around = np.where(observed, filled - np.nan_to_num(mean)[codes], 0.0)
    freedom = (count.sum(axis=0) - (count > 0).sum(axis=0)).astype(float)
    spread = (around**2).sum(axis=0)
    spread = np.where(spread > 1e-26 * (filled**2).sum(axis=0), spread, 0.0)
    variance = np.divide(spread, freedom, out=np.zeros_like(spread), where=freedom > 0)
    varies = np.fmax.reduce(values) > np.fmin.reduce(values)
    prior = fit_prior(variance, freedom)
    if np.isinf(prior.freedom):
        shrunken = np.full_like(variance, prior.variance)
    else:
        total = prior.freedom + freedom
        shrunken = np.divide(
            prior.freedom * prior.variance + freedom * variance, total, out=np.zeros_like(total), where=total > 0
        )
    rows = []
    for k in contrasts(n_classes):
        sign = np.where(np.arange(n_classes) == k, 1.0, -1.0 / (n_classes - 1))[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            effect = (sign * mean).sum(axis=0)
            t = effect / np.sqrt(shrunken * (sign**2 / count).sum(axis=0))
        t[~np.isfinite(t) | ~varies] = np.nan
        p = 2 * stats.t.sf(np.abs(t), np.minimum(prior.freedom + freedom, max(freedom.sum(), 1.0)))
        rows.append((effect, t, np.where(np.isnan(t), np.nan, p)))
    effect, statistic, p = (np.stack(part) for part in zip(*rows))
    return Tests(effect, statistic, p), prior


def fit_prior(variance: np.ndarray, freedom: np.ndarray) -> VariancePrior:
    """The prior from the mean and variance of log s^2 over features.

    Args:
        variance: of each feature (feature,); zeros are left out.
        freedom: degrees of freedom of each (feature,).

    Source: Smyth 2004, section 6.2.
    """
    usable = (variance > 0) & (freedom > 0)
    if usable.sum() < 2:
        return VariancePrior(0.0, float(variance[usable].mean()) if usable.any() else 0.0)
    half = freedom[usable] / 2
    e = np.log(variance[usable]) - special.digamma(half) + np.log(half)
    excess = float(e.var(ddof=1) - special.polygamma(1, half).mean())
    if excess <= 0:
        return VariancePrior(np.inf, float(np.exp(e.mean())))
    d0 = 2 * inverse_trigamma(excess)
    return VariancePrior(d0, float(np.exp(e.mean() + special.digamma(d0 / 2) - np.log(d0 / 2))))


def inverse_trigamma(x: float) -> float:
    """The y > 0 whose trigamma is x > 0, by Newton steps on 1 / trigamma, which is nearly linear.

    Source: Smyth 2004, appendix; beyond its bounds the asymptotes 1 / sqrt(x) and 1 / x.
    """
    if x > 1e7:
        return float(1 / np.sqrt(x))
    if x < 1e-6:
        return float(1 / x)
    y = 0.5 + 1 / x
    for _ in range(50):
        value = special.polygamma(1, y)
        step = value * (1 - value / x) / special.polygamma(2, y)
        y += step
        if abs(step) < 1e-12 * y:
            break
    return float(y)


def _rank_test(values: np.ndarray, second: np.ndarray, test: Test) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Effect, statistic and p (feature,); features with holes one by one."""
    holed = np.flatnonzero(np.isnan(values).any(axis=0))
    whole = _spearman if test == "spearman" else _mann_whitney
    found = np.stack(whole(np.where(np.isnan(values), 0.0, values), second))
    for column in holed:
        rows = ~np.isnan(values[:, column])
        found[:, column] = np.stack(whole(values[rows, column, None], second[rows]))[:, 0]
    return found[0], found[1], found[2]


def _spearman(values: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(second)
    if n < 3 or second.all() or not second.any():
        return (np.full(values.shape[1], np.nan),) * 3
    ranks = stats.rankdata(values, axis=0)
    ranks -= ranks.mean(axis=0)
    other = second - second.mean()
    length = np.sqrt((ranks**2).sum(axis=0) * (other @ other))
    rho = np.divide(other @ ranks, length, out=np.full(len(length), np.nan), where=length > 0)
    rho = np.clip(rho, -1, 1)
    with np.errstate(divide="ignore"):
        t = rho * np.sqrt((n - 2) / ((1 - rho) * (1 + rho)))
    return rho, rho, 2 * stats.t.sf(np.abs(t), n - 2)


def _mann_whitney(values: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, n1 = len(second), int(second.sum())
    n0 = n - n1
    if not n0 or not n1:
        return (np.full(values.shape[1], np.nan),) * 3
    ranks = stats.rankdata(values, axis=0)
    u = ranks[second].sum(axis=0) - n1 * (n1 + 1) / 2
    ordered = np.sort(values, axis=0)
    ties = np.array([_tied(column) for column in ordered.T])
    sd = np.sqrt(n0 * n1 / 12 * np.maximum((n + 1) - ties / (n * (n - 1)), 0))
    gap = u - n0 * n1 / 2
    shifted = np.sign(gap) * np.maximum(np.abs(gap) - 0.5, 0)
    z = np.divide(shifted, sd, out=np.full(len(sd), np.nan), where=sd > 0)
    effect = np.where(sd > 0, 2 * gap / (n0 * n1), np.nan)
    return effect, z, 2 * stats.norm.sf(np.abs(z))


def _tied(ordered: np.ndarray) -> float:
    """Sum of t^3 - t over the runs of equal values."""
    edges = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]]))
    run = np.diff(edges).astype(float)
    return float((run**3 - run).sum())
