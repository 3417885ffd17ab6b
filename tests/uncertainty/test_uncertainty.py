"""Uncertainty: what is promised is measured on data drawn for it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chiasma.core.errors import InsufficientDataError, MismatchError, NotTrainedError, UsageError
from chiasma.data.sequences import Sequences
from chiasma.uncertainty.calibration import apply_temperature, fit_temperature, reliability, wilson
from chiasma.uncertainty.conformal import MondrianConformal
from chiasma.uncertainty.ensembles import combine
from chiasma.uncertainty.intervals import SplitConformal
from chiasma.uncertainty.ood import MahalanobisScore, ood_features


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def draw(n: int, rng: np.random.Generator, *, sharp: float = 1.0, rare: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    y = (rng.random(n) < rare).astype(int)
    return softmax(sharp * (np.eye(2)[y] * 1.5 + rng.normal(size=(n, 2)))), y


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
def test_each_class_is_covered_as_promised_even_a_rare_one(alpha):
    rng = np.random.default_rng(1)
    covered = np.zeros((200, 2))
    for trial in range(200):
        calibration, test = draw(300, rng), draw(600, rng)
        sets = MondrianConformal().fit(*calibration).sets(test[0], alpha)
        for code in (0, 1):
            covered[trial, code] = sets[test[1] == code, code].mean()
    # Mean coverage lies between 1 - alpha and 1 - alpha + 1 / (n + 1); three standard errors are allowed.
    error = 3 * covered.std(axis=0) / np.sqrt(200)
    assert (covered.mean(axis=0) >= 1 - alpha - error).all()
    assert (covered.mean(axis=0) <= 1 - alpha + 1 / 25 + error).all()


@given(st.integers(1, 40), st.integers(0, 1000), st.floats(0.02, 0.5))
def test_p_values_equal_the_slow_twin(n, seed, alpha):
    rng = np.random.default_rng(seed)
    probabilities, y = softmax(rng.normal(size=(n, 3)).round(1)), rng.integers(0, 3, n)
    model = MondrianConformal().fit(probabilities, y)
    new = softmax(rng.normal(size=(5, 3)).round(1))
    for row, values in zip(new, model.p_values(new), strict=True):
        for code in range(3):
            known = [1 - p for p in probabilities[y == code, code]]
            assert values[code] == (sum(s >= 1 - row[code] for s in known) + 1) / (len(known) + 1)
    again = MondrianConformal.from_dict(json.loads(json.dumps({"alpha": alpha, **model.to_dict()})))
    assert np.array_equal(again.sets(new, alpha), model.sets(new, alpha))


def test_a_class_too_small_for_alpha_is_in_every_set_and_shares_are_described():
    model = MondrianConformal().fit(np.array([[0.9, 0.1]] * 50 + [[0.2, 0.8]]), np.r_[np.zeros(50, int), 1])
    sets = model.sets(np.array([[0.99, 0.01], [0.3, 0.7]]), 0.1)
    assert sets.tolist() == [[True, True], [False, True]]
    assert model.describe(sets) == {"empty": 0.0, "single": 0.5, "full": 0.5, "mean_size": 1.5}


def test_conformal_refuses_what_it_cannot_use():
    with pytest.raises(NotTrainedError):
        MondrianConformal().sets(np.ones((1, 2)), 0.1)
    with pytest.raises(InsufficientDataError):
        MondrianConformal().fit(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(MismatchError):
        MondrianConformal().fit(np.ones((3, 2)), np.array([0, 1, 2]))
    fitted = MondrianConformal().fit(np.ones((3, 2)) / 2, np.array([0, 1, 1]))
    with pytest.raises(UsageError):
        fitted.sets(np.ones((1, 2)), 1.5)
    with pytest.raises(MismatchError):
        fitted.sets(np.ones((1, 3)), 0.1)


@settings(deadline=None)
@given(st.integers(5, 60), st.floats(0.05, 0.5), st.integers(0, 100))
def test_intervals_take_the_finite_sample_quantile(n, alpha, seed):
    residuals = np.random.default_rng(seed).normal(size=n)
    width = SplitConformal().fit(np.zeros(n), residuals).width(alpha)[0]
    covering = (np.abs(residuals) <= width).sum()
    assert covering + 1e-6 >= (n + 1) * (1 - alpha) or width == np.inf
    assert width == np.inf or (np.abs(residuals) < width).sum() < (n + 1) * (1 - alpha)


def test_intervals_cover_new_draws_and_round_trip():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        model = SplitConformal().fit(np.zeros((50, 2)), rng.normal(size=(50, 2)) * [1, 5])
        truth = rng.normal(size=(100, 2)) * [1, 5]
        ends = SplitConformal.from_dict({"alpha": 0.1, **model.to_dict()}).intervals(np.zeros((100, 2)), 0.1)
        assert ends.shape == (100, 2, 2)
        covered.append(((truth >= ends[..., 0]) & (truth <= ends[..., 1])).mean(axis=0))
    assert ((np.mean(covered, axis=0) > 0.89) & (np.mean(covered, axis=0) < 0.93)).all()
    with pytest.raises(MismatchError):
        SplitConformal().fit(np.zeros(3), np.zeros(4))


def test_the_temperature_of_an_overconfident_model_is_found():
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(20_000, 3))
    y = np.array([rng.choice(3, p=p) for p in softmax(logits)])
    overconfident = softmax(2.5 * logits)
    temperature = fit_temperature(overconfident, y)
    assert abs(temperature - 2.5) < 0.15
    mended = apply_temperature(overconfident, temperature)
    assert np.allclose(mended.sum(axis=1), 1) and np.allclose(mended, softmax(logits), atol=0.05)
    assert reliability(mended, y).ece < 0.02 < reliability(overconfident, y).ece


def test_the_reliability_curve_has_equal_bins_and_holds_the_diagonal():
    rng = np.random.default_rng(4)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p).astype(int)
    curve = reliability(np.column_stack([1 - p, p]), y)
    assert set(curve.count) == {2000}
    assert ((curve.low <= curve.confidence) & (curve.confidence <= curve.high)).mean() >= 0.8
    assert curve.rows()[0].keys() == {"confidence", "observed", "low", "high", "count"}
    constant = reliability(np.full((10, 2), 0.5), np.r_[np.ones(5, int), np.zeros(5, int)])
    assert constant.ece == 0 and constant.count.tolist() == [10]


def test_wilson_at_known_values():
    low, high = wilson(np.array([0.0, 0.5]), np.array([10.0, 10.0]))
    assert np.allclose(low, [0.0, 0.2366], atol=1e-4) and np.allclose(high, [0.2775, 0.7634], atol=1e-4)


def test_members_that_agree_do_not_disagree():
    sure = [np.array([[0.9, 0.1]])] * 3
    apart = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])]
    agreed, split = combine(sure, probabilities=True), combine(apart, probabilities=True)
    assert agreed.disagreement is not None and split.disagreement is not None
    assert agreed.disagreement[0] < 1e-12 and np.isclose(split.disagreement[0], np.log(2))
    assert split.variance.tolist() == [[0.5, 0.5]] and agreed.members == 3
    with pytest.raises(MismatchError):
        combine([np.zeros((1, 2)), np.zeros((2, 2))])


def test_mc_dropout_varies_restores_the_network_and_repeats():
    torch = pytest.importorskip("torch")
    from chiasma.uncertainty.mc_dropout import mc_dropout

    torch.manual_seed(0)
    layers = [torch.nn.Linear(4, 64), torch.nn.BatchNorm1d(64), torch.nn.Dropout(0.5), torch.nn.Linear(64, 2)]
    network = torch.nn.Sequential(*layers).train()
    before = torch.random.get_rng_state()
    inputs = torch.ones(3, 4)
    first, second = (mc_dropout(network, inputs, samples=30, seed=5) for _ in range(2))
    assert np.array_equal(first.mean, second.mean) and (first.variance > 0).all()
    assert network.training and torch.equal(before, torch.random.get_rng_state())
    assert float(layers[1].num_batches_tracked) == 0
    with pytest.raises(InsufficientDataError, match="no dropout"):
        mc_dropout(torch.nn.Linear(4, 2), inputs)


def test_strangers_lie_farther_out_than_kin():
    rng = np.random.default_rng(5)
    kin = [rng.choice(4, 200, p=[0.3, 0.2, 0.2, 0.3]).astype(np.uint8) for _ in range(300)]
    strange = [rng.choice(4, 200, p=[0.1, 0.4, 0.4, 0.1]).astype(np.uint8) for _ in range(20)]
    names = [str(i) for i in range(320)]
    features = ood_features(Sequences.from_codes(names, [*kin, *strange]))
    score = MahalanobisScore().fit(features[:250])
    assert (score.p_value(features[300:]) < 0.05).all()
    assert 0.01 < (score.p_value(features[250:300]) < 0.1).mean() < 0.4
    again = MahalanobisScore.from_state(score.state())
    assert np.array_equal(again.distance(features), score.distance(features))
    with pytest.raises(MismatchError):
        score.distance(features[:, :3])


def test_the_distance_is_mahalanobis_where_samples_abound():
    rng = np.random.default_rng(6)
    mixing = rng.normal(size=(3, 3))
    values = rng.normal(size=(5000, 3)) @ mixing
    new = rng.normal(size=(10, 3)) @ mixing
    covariance = np.cov(values.T, ddof=0)
    centred = new - values.mean(axis=0)
    expected = np.sqrt(np.einsum("ij,jk,ik->i", centred, np.linalg.inv(covariance), centred))
    import chiasma.uncertainty.ood as module

    kept, module.SHRINKAGE = module.SHRINKAGE, 0.0
    try:
        assert np.allclose(MahalanobisScore().fit(values).distance(new), expected)
    finally:
        module.SHRINKAGE = kept
