"""How many factors: by the likelihood of values that were hidden from the fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln, log_expit

from chiasma.core.rng import generator
from chiasma.stats.mofa.learn import Learnt, Settings, learn
from chiasma.stats.mofa.likelihoods import log_softplus, softplus

RELEVANT = 1e-3
"""Nats a value: a smaller gain is none, however sure, since learnt relevance makes needless factors nearly harmless."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Numbers of factors tried.

    Attributes:
        chosen: the smallest that is no worse than the best by one standard error of the difference, or by `RELEVANT`.
        tried: numbers of factors, ascending.
        scores: mean log-likelihood of a hidden value, by number tried.
        errors: standard error over samples of the difference to the best.
    """

    chosen: int
    tried: tuple[int, ...]
    scores: tuple[float, ...]
    errors: tuple[float, ...]


def choose_factors(
    values: Mapping[str, np.ndarray], codes: np.ndarray, settings: Settings, *, numbers: Sequence[int], folds: int = 10
) -> Choice:
    """Hide one value in `folds`, fit with each number of factors to the rest, and score the hidden ones.

    Samples and the features of each view are dealt to `folds` sets at random; a value is hidden where the two sets
    meet. So each sample lacks one set of features and each feature one set of samples, and few patterns of holes are
    enough for the fits to stay cheap.
    """
    random = generator(settings.seed, "mofa-hidden")
    row = random.permutation(len(codes)) % folds
    columns = {name: random.permutation(block.shape[1]) % folds for name, block in values.items()}
    hidden = {name: (row[:, None] + column) % folds == 0 for name, column in columns.items()}
    holed = {name: np.where(hidden[name], np.nan, block) for name, block in values.items()}
    tried = tuple(sorted(set(numbers)))
    sums, counts = [], np.zeros(len(codes))
    for number in tried:
        model = learn(holed, codes, replace(settings, factors=number))
        score, counts = _score(model, values, holed, hidden, codes)
        sums.append(score)
    means = [float(score.sum() / counts.sum()) for score in sums]
    best = int(np.argmax(means))
    errors = []
    for score in sums:
        gap = score - sums[best] - counts * (score - sums[best]).sum() / counts.sum()
        errors.append(float(np.sqrt((gap**2).sum()) / counts.sum()))
    within = [mean >= means[best] - max(error, RELEVANT) for mean, error in zip(means, errors, strict=True)]
    return Choice(tried[within.index(True)], tried, tuple(means), tuple(errors))


def _score(
    model: Learnt,
    values: Mapping[str, np.ndarray],
    holed: Mapping[str, np.ndarray],
    hidden: Mapping[str, np.ndarray],
    codes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Summed log-likelihood of the hidden values, and their number, by sample."""
    factors = model.infer(holed, codes)
    total, count = np.zeros(len(codes)), np.zeros(len(codes))
    for name, (eta, variance) in model.expect(factors, codes).items():
        frame, view = model.frames[name], model.views[name]
        block = frame.enter(values[name], codes)
        known = hidden[name][:, frame.kept] & (True if block.observed is None else block.observed)
        scale = view.scale[codes]
        known = known & (scale > 0)
        score = log_likelihood(view.likelihood, block.values, eta, variance, scale)
        total += np.where(known, score, 0.0).sum(axis=1)
        count += known.sum(axis=1)
    return total, count


def log_likelihood(
    likelihood: str, values: np.ndarray, eta: np.ndarray, variance: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Log-likelihood of values given mean and variance of the linear predictor; all (sample, feature).

    Gaussian: exact. Bernoulli: the logistic-normal integral by MacKay 1992, eta / sqrt(1 + pi variance / 8).
    Poisson: at the mean.
    """
    if likelihood == "gaussian":
        spread = 1 / np.where(scale > 0, scale, 1.0) + variance
        return -0.5 * (np.log(2 * np.pi * spread) + (values - eta) ** 2 / spread)
    if likelihood == "bernoulli":
        return log_expit((2 * values - 1) * eta / np.sqrt(1 + np.pi * variance / 8))
    return values * log_softplus(eta) - softplus(eta) - gammaln(values + 1)
