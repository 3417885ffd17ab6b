"""The penalty of an elastic net by cross-validation: glmnet's lambda.min and lambda.1se."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.stats.penalised.elastic_net import Path, fit_path

CLIP = 1e-5
"""Held-out probabilities are kept this far from 0 and 1, as in glmnet."""


@dataclass(frozen=True, eq=False)
class PenaltyCurve:
    """Held-out deviance along the path of all samples.

    Attributes:
        path: fitted to all samples.
        mean: mean held-out deviance (step,).
        error: its standard error over folds (step,).
        folds: fold of each sample (sample,).
    """

    path: Path
    mean: np.ndarray
    error: np.ndarray
    folds: np.ndarray

    @property
    def step_min(self) -> int:
        """The penalty of least deviance (lambda.min); the strongest of equals."""
        return int(np.argmin(self.mean))

    @property
    def step_1se(self) -> int:
        """The strongest penalty whose deviance is within a standard error of the least (lambda.1se)."""
        best = self.step_min
        return int(np.argmax(self.mean <= self.mean[best] + self.error[best]))


def cross_validate_penalty(
    values: np.ndarray,
    codes: np.ndarray,
    n_classes: int,
    folds: np.ndarray,
    *,
    l1_ratio: float = 1.0,
    tolerance: float = 1e-11,
) -> PenaltyCurve:
    """Fit the path to all samples, then to all folds but one at the same penalties.

    Args:
        values: complete (sample, feature).
        codes: class of each sample (sample,).
        n_classes: classes.
        folds: fold of each sample (sample,); each fold is held out once.
        l1_ratio: as in `fit_path`.
        tolerance: as in `fit_path`.
    """
    path = fit_path(values, codes, n_classes, l1_ratio=l1_ratio, tolerance=tolerance)
    deviance = np.empty((len(path.lambdas), len(codes)))
    for fold in np.unique(folds):
        held = folds == fold
        inside = fit_path(
            values[~held], codes[~held], n_classes, l1_ratio=l1_ratio, lambdas=path.lambdas, tolerance=tolerance
        )
        found = inside.probabilities(values[held])
        truth = np.take_along_axis(found, codes[held][None, :, None], axis=2)[..., 0]
        deviance[:, held] = -2 * np.log(np.clip(truth, CLIP, 1 - CLIP))
    numbers, size = np.unique(folds, return_counts=True)
    of_fold = np.stack([deviance[:, folds == fold].mean(axis=1) for fold in numbers], axis=1)  # (step, fold)
    mean = of_fold @ size / size.sum()
    variance = (of_fold - mean[:, None]) ** 2 @ size / size.sum()
    return PenaltyCurve(path, mean, np.sqrt(variance / max(len(numbers) - 1, 1)), folds)
