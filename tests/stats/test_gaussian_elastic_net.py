"""The elastic net of PrediXcan, against scikit-learn's coordinate descent and its optimality conditions."""

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

from chiasma.stats.penalised.gaussian_elastic_net import choose_net, fit_gaussian_path


def genotypes(seed, people=120, variants=60):
    """Copies 0 to 2, neighbours alike as in linkage disequilibrium."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(2 * people, variants))
    for column in range(1, variants):
        hidden[:, column] = 0.8 * hidden[:, column - 1] + 0.6 * hidden[:, column]
    carried = hidden > rng.uniform(0, 1.5, variants)
    return carried.reshape(people, 2, variants).sum(axis=1).astype(float), rng


@pytest.mark.parametrize("variants", [40, 200])
def test_the_path_is_that_of_scikit_learn(variants):
    x, rng = genotypes(1, variants=variants)
    x[:, 3] = 1.0
    y = x[:, 5] - 0.5 * x[:, 20] + rng.normal(size=len(x))
    path = fit_gaussian_path(x, y, tolerance=1e-14)
    sd = x.std(axis=0)
    scaled = (x - x.mean(axis=0)) / np.where(sd > 0, sd, 1)
    for step in range(0, len(path.lambdas), 9):
        other = ElasticNet(alpha=path.lambdas[step], l1_ratio=0.5, tol=1e-12, max_iter=100_000).fit(scaled, y)
        np.testing.assert_allclose(path.coefficients[step] * np.where(sd > 0, sd, 1), other.coef_, atol=1e-5)
        np.testing.assert_allclose(path.predict(x)[step], other.predict(scaled), atol=1e-4)
    assert not path.coefficients[0].any()
    assert not path.coefficients[:, 3].any()


def test_cross_validation_finds_the_variant_and_predicts_other_people():
    x, rng = genotypes(2, people=300)
    y = 1.5 * x[:, 30] + rng.normal(size=len(x))
    net = choose_net(x[:200], y[:200], seed=1)
    assert np.corrcoef(net.predict(x[200:]), y[200:])[0, 1] > 0.5
    assert net.error < y[:200].var()
    assert np.array_equal(net.coefficients, choose_net(x[:200], y[:200], seed=1).coefficients)


def test_without_anything_to_learn_from_the_mean_is_predicted():
    net = choose_net(np.ones((50, 4)), np.arange(50.0))
    assert net.predict(np.ones((3, 4))).tolist() == [24.5] * 3
