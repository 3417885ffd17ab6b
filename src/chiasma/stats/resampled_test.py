"""Methods against each other by repeated cross-validation on the same folds.

The scores of folds are not independent: training parts overlap. The variance of their mean is therefore corrected by
the ratio of test to training samples (Nadeau and Bengio 2003, Machine Learning 52:239, eq. 10, for repeated k-fold as
in Bouckaert and Frank 2004, PAKDD, LNCS 3056:3); the reference is Student's t with one degree of freedom fewer than
folds.
"""

from __future__ import annotations

import numpy as np

from chiasma.data.results import Estimate
from chiasma.stats.folds import balanced_error_rate


def accuracy_of_folds(codes: np.ndarray, predicted: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Balanced accuracy of every fold, all repeats in a row (repeat * fold,).

    Args:
        codes: class of each sample (sample,).
        predicted: class it was given when held out (repeat, sample).
        folds: its fold (repeat, sample); a class without a sample in a fold does not count there.
    """
    return np.array(
        [
            1.0 - balanced_error_rate(codes[fold == number], row[fold == number])
            for fold, row in zip(folds, predicted, strict=True)
            for number in range(int(fold.max()) + 1)
        ]
    )


def corrected(values: np.ndarray, *, n_folds: int, unit: str = "fold") -> tuple[Estimate, float]:
    """The mean of one value a fold (repeat * fold,), its corrected 95 % interval, and the two-sided p of it being 0.

    Args:
        values: scores of folds, or differences of scores on the same folds.
        n_folds: folds of one repeat: test samples are 1 / (n_folds - 1) of the training ones.
        unit: what is said to have been drawn.

    Returns:
        NaN interval and p where there are fewer than three folds; where no value differs from the others, the interval
        is the mean itself and p is 1 for a mean of 0, else NaN.
    """
    from scipy.stats import t

    mean, count = float(values.mean()), len(values)
    if count < 3:
        return Estimate(mean, unit=unit), float("nan")
    error = float(np.sqrt((1 / count + 1 / (n_folds - 1)) * values.var(ddof=1)))
    if error < 1e-12:
        return Estimate(mean, mean, mean, unit), 1.0 if abs(mean) < 1e-12 else float("nan")
    half = float(t.ppf(0.975, count - 1)) * error
    return Estimate(mean, mean - half, mean + half, unit), float(2 * t.sf(abs(mean) / error, count - 1))
