"""The corrected test of repeated cross-validation: the formula, and how often it errs without a difference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from chiasma.stats.resampled_test import accuracy_of_folds, corrected


def test_balanced_accuracy_of_every_fold() -> None:
    codes = np.array([0, 0, 1, 1, 1, 0])
    predicted = np.array([[0, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 1]])
    folds = np.array([[0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 1]])
    found = accuracy_of_folds(codes, predicted, folds)
    np.testing.assert_allclose(found, [(0.5 + 1) / 2, (0.5 + 1) / 2, 0.0, 0.0])


def test_the_variance_is_corrected_by_the_ratio_of_test_to_train() -> None:
    values = np.random.default_rng(0).normal(0.1, 0.2, 20)
    found, p = corrected(values, n_folds=10)
    error = np.sqrt((1 / 20 + 1 / 9) * values.var(ddof=1))
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.value == pytest.approx(t.ppf(0.975, 19) * error)
    assert p == pytest.approx(2 * t.sf(abs(values.mean()) / error, 19))
    plain = 2 * t.sf(abs(values.mean()) / np.sqrt(values.var(ddof=1) / 20), 19)
    assert p > plain


def test_no_difference_is_no_difference() -> None:
    found, p = corrected(np.zeros(20), n_folds=10)
    assert (found.value, found.low, found.high, p) == (0.0, 0.0, 0.0, 1.0)
    assert np.isnan(corrected(np.full(20, 0.1), n_folds=10)[1])
    assert np.isnan(corrected(np.array([0.1, 0.2]), n_folds=2)[1])


def test_two_equal_methods_are_seldom_told_apart() -> None:
    """Two features, equally good: nearest mean on one against the other, 5 x 2 folds, 200 data sets."""
    wrong = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        codes = np.arange(40) % 2
        x = draw.normal(size=(40, 2)) + codes[:, None]
        folds = np.stack([draw.permutation(40) % 5 for _ in range(2)])
        answers = np.zeros((2, 2, 40), dtype=int)
        for repeat, fold in enumerate(folds):
            for number in range(5):
                train, held = fold != number, fold == number
                for feature in range(2):
                    means = [x[train & (codes == code), feature].mean() for code in (0, 1)]
                    answers[feature, repeat, held] = np.abs(x[held, feature] - means[1]) < np.abs(
                        x[held, feature] - means[0]
                    )
        scores = [accuracy_of_folds(codes, one, folds) for one in answers]
        wrong += corrected(scores[0] - scores[1], n_folds=5)[1] < 0.05
    assert wrong <= 18  # 5 % of 200 are 10; the uncorrected test errs in about a quarter
