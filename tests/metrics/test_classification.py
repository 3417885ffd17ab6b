"""Classification metrics against slow twins and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chiasma.metrics.classification import auprc, auroc, balanced_accuracy, brier, ece, loglik, mcc


def slow_auroc(y, score):
    pairs = [(p > q) + 0.5 * (p == q) for p in score[y == 1] for q in score[y == 0]]
    return np.mean(pairs) if pairs else np.nan


def slow_auprc(y, score, ratio=None):
    positives, negatives = (y == 1).sum(), (y == 0).sum()
    if not positives or not negatives:
        return np.nan
    each = 1.0 if ratio is None else ratio * positives / negatives
    total, recall = 0.0, 0.0
    for cut in sorted(set(score), reverse=True):
        true, false = (score[y == 1] >= cut).sum(), (score[y == 0] >= cut).sum() * each
        total += (true / positives - recall) * true / (true + false)
        recall = true / positives
    return total


def slow_ece(y, p, bins=15):
    gaps = [[] for _ in range(bins)]
    for value in set(p):
        below, same = (p < value).sum(), (p == value).sum()
        place = min(int((below + same / 2) / len(p) * bins), bins - 1)
        gaps[place] += list(y[p == value] - value)
    return sum(abs(sum(gap)) for gap in gaps) / len(p)


examples = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 1), min_size=n, max_size=n),
        st.lists(st.integers(0, 8), min_size=n, max_size=n),
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
    )
)


@given(examples)
def test_ranking_metrics_equal_slow_twins_with_ties_and_counts(drawn):
    y, score, weight = (np.array(part) for part in drawn)
    score = score / 8
    again = np.repeat(np.arange(len(y)), weight)
    for got, expected in [
        (auroc(y, score), slow_auroc(y, score)),
        (auprc(y, score), slow_auprc(y, score)),
        (auprc(y, score, negatives_per_positive=10), slow_auprc(y, score, 10)),
        (ece(y, score), slow_ece(y, score)),
        (auroc(y, score, weight=weight), slow_auroc(y[again], score[again])),
        (auprc(y, score, weight=weight, negatives_per_positive=7), slow_auprc(y[again], score[again], 7)),
    ]:
        assert got == pytest.approx(expected, nan_ok=True)
    if len(again):
        assert ece(y, score, weight=weight) == pytest.approx(slow_ece(y[again], score[again]))


def test_binary_metrics_equal_scikit_learn():
    rng = np.random.default_rng(1)
    from sklearn import metrics as sk

    y, p = rng.integers(0, 2, 500), rng.integers(1, 50, 500) / 50
    w = rng.integers(1, 4, 500)
    assert auroc(y, p, weight=w) == pytest.approx(sk.roc_auc_score(y, p, sample_weight=w))
    assert auprc(y, p, weight=w) == pytest.approx(sk.average_precision_score(y, p, sample_weight=w))
    assert brier(y, p, weight=w) == pytest.approx(sk.brier_score_loss(y, p, sample_weight=w))
    assert loglik(y, np.clip(p, 0.01, 0.99)) == pytest.approx(-sk.log_loss(y, np.clip(p, 0.01, 0.99)))


def test_class_metrics_equal_scikit_learn():
    rng = np.random.default_rng(2)
    from sklearn import metrics as sk

    y, called = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    p = rng.dirichlet(np.ones(4), 300)
    assert balanced_accuracy(y, called, 4) == pytest.approx(sk.balanced_accuracy_score(y, called))
    assert mcc(y, called, 4) == pytest.approx(sk.matthews_corrcoef(y, called))
    assert loglik(y, p) == pytest.approx(-sk.log_loss(y, p))
    assert brier(y, p) == pytest.approx(((p - np.eye(4)[y]) ** 2).sum(axis=1).mean())


def test_ratio_equals_a_set_that_has_it():
    rng = np.random.default_rng(3)
    y, p = np.repeat([0, 1], 100), rng.random(200)
    many = np.concatenate([np.flatnonzero(y == 1), np.tile(np.flatnonzero(y == 0), 10)])
    assert auprc(y, p, negatives_per_positive=10) == pytest.approx(auprc(y[many], p[many]))


@pytest.mark.parametrize("y", [np.zeros(5, int), np.ones(5, int), np.zeros(0, int)])
def test_one_class_or_nothing_is_nan(y):
    p = np.linspace(0, 1, len(y))
    for value in (auroc(y, p), auprc(y, p), balanced_accuracy(y, y, 2), mcc(y, y)):
        assert np.isnan(value)


def test_a_missing_score_is_nan_and_a_constant_one_is_chance():
    y = np.array([0, 1, 0, 1])
    assert np.isnan([auroc(y, np.array([0.1, np.nan, 0.2, 0.3])), ece(y, np.array([0.1, np.nan, 0.2, 0.3]))]).all()
    assert auroc(y, np.full(4, 0.5)) == 0.5
    assert ece(y, np.full(4, 0.5)) == 0
    assert mcc(y, np.zeros(4, int)) == 0
