"""Penalised paths against the conditions of their minimum, against slow descent, and their choice of penalty."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.stats.penalised.elastic_net import (
    class_probabilities,
    first_penalty,
    fit_path,
    order_of_entry,
    penalties_down_to,
)
from chiasma.stats.penalised.elastic_net_cv import cross_validate_penalty


def problem(seed: int, n: int, p: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(n_classes), random.integers(0, n_classes, n - n_classes)])
    values = random.standard_normal((n, p)) * random.uniform(0.2, 5, p) + random.uniform(-3, 3, p)
    values[:, 0] += codes * 2
    return values, codes


def standardised(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sd = values.std(axis=0)
    return (values - values.mean(axis=0)) / sd, sd


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(12, 40),
    p=st.integers(2, 30),
    n_classes=st.integers(2, 4),
    l1_ratio=st.sampled_from([0.2, 0.5, 1.0]),
)
def test_solutions_meet_the_conditions_of_a_minimum(seed, n, p, n_classes, l1_ratio):
    """At a minimum the gradient of the loss is balanced by the penalty where b is not 0, and smaller elsewhere."""
    values, codes = problem(seed, n, p, n_classes)
    first = first_penalty(values, codes, n_classes, l1_ratio=l1_ratio)
    lambdas = first * np.array([0.7, 0.3, 0.1])
    path = fit_path(values, codes, n_classes, l1_ratio=l1_ratio, lambdas=lambdas, tolerance=1e-14)
    columns, sd = standardised(values)
    one_hot = np.eye(n_classes)[codes]
    for strength, b, found in zip(lambdas, path.coefficients, path.probabilities(values)):
        error = (one_hot - found)[:, 1:] if n_classes == 2 else one_hot - found
        pull = error.T @ columns / n
        scaled = b * sd
        balance = pull - strength * (1 - l1_ratio) * scaled
        limit = strength * l1_ratio
        np.testing.assert_allclose(balance[b != 0], limit * np.sign(b[b != 0]), atol=2e-5)
        assert (np.abs(balance[b == 0]) <= limit + 2e-5).all()
        np.testing.assert_allclose(error.sum(axis=0), 0, atol=1e-4)


def slow_logistic(columns: np.ndarray, y: np.ndarray, strength: float) -> np.ndarray:
    """Proximal gradient, thousands of small steps."""
    n, p = columns.shape
    b, intercept = np.zeros(p), 0.0
    step = 1 / (0.25 * (np.linalg.norm(columns, 2) ** 2 / n + 1))
    for _ in range(5000):
        error = y - 1 / (1 + np.exp(-(columns @ b + intercept)))
        moved = b + step * columns.T @ error / n
        b = np.sign(moved) * np.maximum(np.abs(moved) - step * strength, 0)
        intercept += step * error.mean()
    return b


def test_coefficients_equal_slow_descent():
    values, codes = problem(3, 40, 12, 2)
    columns, sd = standardised(values)
    strength = 0.2 * first_penalty(values, codes, 2)
    path = fit_path(values, codes, 2, lambdas=penalties_down_to(strength, 5 * strength), tolerance=1e-13)
    np.testing.assert_allclose(path.coefficients[-1, 0] * sd, slow_logistic(columns, codes, strength), atol=1e-6)


def test_the_path_is_laid_out_as_in_glmnet():
    for n, p, ratio in ((30, 10, 1e-4), (30, 40, 1e-2)):
        values, codes = problem(1, n, p, 2)
        columns, _ = standardised(values)
        largest = np.abs(columns.T @ (codes - codes.mean())).max() / n
        for mix in (1.0, 0.5):
            path = fit_path(values, codes, 2, l1_ratio=mix)
            assert path.lambdas[0] == pytest.approx(largest / mix)
            assert path.selected[0] == 0 and path.selected[1] >= 1
            step = np.diff(np.log(path.lambdas))
            np.testing.assert_allclose(step, np.log(ratio) / 99)
            assert (np.diff(path.explained) > -1e-8).all()


def test_a_path_ends_when_told():
    values, codes = problem(5, 30, 40, 3)
    path = fit_path(values, codes, 3, most=4)
    chosen = order_of_entry(path)
    assert len(chosen) >= 4 and len(path.lambdas) < 100
    assert path.selected[-2] < 4
    assert (path.coefficients[:, :, chosen[0]] != 0).any()


def test_constant_features_and_absent_classes_are_harmless():
    values, codes = problem(7, 30, 6, 2)
    values[:, 3] = 7.0
    assert (fit_path(values, codes, 2).coefficients[:, :, 3] == 0).all()
    alone = fit_path(values, np.zeros(30, dtype=int), 2, lambdas=np.array([0.1]))
    assert alone.probabilities(values)[0, :, 0].min() > 0.99
    three = fit_path(values, codes, 3, lambdas=np.array([0.1]))
    assert three.probabilities(values)[0, :, 2].max() < 0.01
    flat = fit_path(np.ones((10, 2)), np.arange(10) % 2, 2)
    np.testing.assert_allclose(flat.probabilities(np.ones((1, 2)))[-1], 0.5)


def test_penalties_down_to():
    steps = penalties_down_to(0.01, 1.0)
    assert steps[-1] == 0.01 and steps[0] < 1 and (np.diff(steps) < 0).all()
    assert penalties_down_to(2.0, 1.0).tolist() == [2.0]
    assert penalties_down_to(0.99, 1.0)[-1] == pytest.approx(0.99)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_penalty_curve_by_definition(n_classes):
    values, codes = problem(11, 45, 8, n_classes)
    folds = np.arange(45) % 4
    curve = cross_validate_penalty(values, codes, n_classes, folds)
    step = 20
    means, sizes = [], []
    for fold in range(4):
        train = folds != fold
        model = fit_path(values[train], codes[train], n_classes, lambdas=curve.path.lambdas[: step + 1])
        found = model.probabilities(values[~train])[-1]
        truth = found[np.arange(len(found)), codes[~train]]
        means.append(np.mean(-2 * np.log(np.clip(truth, 1e-5, 1 - 1e-5))))
        sizes.append(len(truth))
    mean = np.average(means, weights=sizes)
    error = np.sqrt(np.average((np.array(means) - mean) ** 2, weights=sizes) / 3)
    assert curve.mean[step] == pytest.approx(mean, abs=1e-6)
    assert curve.error[step] == pytest.approx(error, abs=1e-6)
    best = min(range(len(curve.mean)), key=lambda index: curve.mean[index])
    within = [index for index in range(len(curve.mean)) if curve.mean[index] <= curve.mean[best] + curve.error[best]]
    assert (curve.step_min, curve.step_1se) == (best, within[0])


def test_probabilities_of_scores():
    np.testing.assert_allclose(class_probabilities(np.array([[0.0], [800.0]])), [[0.5, 0.5], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(class_probabilities(np.zeros((1, 4))), 0.25)
