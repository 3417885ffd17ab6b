"""Generalised canonical correlation: its special cases, its equations written plainly, few features, absent views."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.linalg import eigh

from chiasma.core.errors import UsageError
from chiasma.methods.omics.rgcca.config import PRESETS, Config, default, tiny
from chiasma.methods.omics.rgcca.examples import example
from chiasma.methods.omics.rgcca.model import Rgcca, build
from chiasma.stats.pls.block_scaling import learn_scaling
from chiasma.stats.pls.rgcca import find_rgcca_component
from chiasma.stats.pls.sgcca import Block, Rules

ALL = np.ones((3, 3)) - np.eye(3)


def views(seed: int) -> dict[str, np.ndarray]:
    return {name: block.values for name, block in example(seed).x.blocks.items()}


def scaled(seed: int) -> list[np.ndarray]:
    return [learn_scaling(block).apply(block)[0] for block in views(seed).values()]


def slow_component(blocks, taus, scheme, sweeps):
    """Section 4 of the paper with whole matrices: inner component, outer weights, one block after the other."""
    n = len(blocks[0])
    metrics = [tau * np.eye(x.shape[1]) + (1 - tau) * x.T @ x / (n - 1) for x, tau in zip(blocks, taus)]
    weights = []
    for x, metric in zip(blocks, metrics):
        start = np.linalg.svd(x)[0][:, 0]
        a = np.linalg.solve(metric, x.T @ start)
        weights.append(a / np.sqrt(a @ metric @ a))
    scores = [x @ a for x, a in zip(blocks, weights)]
    for index in range(len(blocks) - 1):
        if scores[index] @ scores[-1] < 0:
            weights[index], scores[index] = -weights[index], -scores[index]
    for _ in range(sweeps):
        for j, (x, metric) in enumerate(zip(blocks, metrics)):
            inner = np.zeros(n)
            for k in range(len(blocks)):
                if k != j:
                    covariance = np.cov(scores[j], scores[k])[0, 1]
                    inner += {"horst": 1.0, "factorial": covariance, "centroid": np.sign(covariance)}[scheme] * scores[
                        k
                    ]
            a = np.linalg.solve(metric, x.T @ inner)
            weights[j] = a / np.sqrt(a @ metric @ a)
            scores[j] = x @ weights[j]
    return weights, scores


@pytest.mark.parametrize("scheme", ["horst", "factorial", "centroid"])
@pytest.mark.parametrize("taus", [(1.0, 1.0, 1.0), (0.2, 0.0, 0.7)])
def test_component_equals_its_slow_twin(scheme, taus):
    blocks = scaled(0)
    rules = Rules(ALL, scheme, tolerance=1e-300, max_iterations=6)
    found = find_rgcca_component([Block(x) for x in blocks], taus, rules)
    weights, scores = slow_component(blocks, taus, scheme, 6)
    sign = np.sign(found.variates[0] @ scores[0])
    for ours, slow in zip((*found.loadings, *found.variates), (*weights, *scores)):
        np.testing.assert_allclose(ours * sign, slow, atol=1e-9)


def test_two_views_are_the_classical_methods():
    x, y = scaled(1)[0][:, :8], scaled(1)[1]
    pair = {"x": x, "y": y}
    n = len(x)
    cov, sx, sy = x.T @ y / (n - 1), x.T @ x / (n - 1), y.T @ y / (n - 1)

    def between(tau):
        model = Rgcca(ncomp=1, tau=tau, tol=1e-20, max_iter=10_000).fit(pair)
        one, two = (model.fitted_[name].variates[:, 0] for name in pair)
        return one @ two / (n - 1)

    canonical = np.sqrt(eigh(cov @ np.linalg.solve(sy, cov.T), sx, eigvals_only=True)[-1])
    redundancy = np.sqrt(eigh(cov @ np.linalg.solve(sy, cov.T), eigvals_only=True)[-1])
    assert between((0.0, 0.0)) == pytest.approx(canonical, abs=1e-6)
    assert between((1.0, 1.0)) == pytest.approx(np.linalg.svd(cov)[1][0], abs=1e-6)
    assert between((1.0, 0.0)) == pytest.approx(redundancy, abs=1e-6)


def test_criterion_rises_and_more_features_than_samples_go():
    random = np.random.default_rng(0)
    shared = random.standard_normal((20, 1))
    x = {
        name: shared * random.standard_normal(p) + random.standard_normal((20, p)) for name, p in zip("abc", (50, 9, 4))
    }
    for scheme in ("factorial", "centroid"):
        model = Rgcca(ncomp=2, scheme=scheme).fit(x)
        assert all(np.diff(values).min(initial=0) > -1e-9 for values in model.course_.criterion)
    own = model.fitted_["a"].variates
    assert abs(np.corrcoef(own.T)[0, 1]) < 1e-9, "components of a view are uncorrelated"
    assert abs(np.corrcoef(own[:, 0], shared[:, 0])[0, 1]) > 0.8


def test_sparse_components_are_few_and_carry_the_signal():
    data = example(2)
    model = Rgcca(tau=1.0, keep_x={"gene": 6, "lipid": (4, 3), "protein": 4}).fit(data.x)
    assert [(table != 0).sum().tolist() for table in model.loadings().values()] == [[6, 6], [4, 3], [4, 4]]
    rows = [row for row in model.selected() if row["component"] == 1]
    limit = {"gene": 8, "lipid": 6, "protein": 5}
    assert np.mean([int(row["feature"].split("_")[1]) < limit[row["view"]] for row in rows]) > 0.9
    assert not hasattr(build(default()), "selected")


def test_absent_views_and_samples_that_lack_one():
    x = views(3)
    lacking = {name: block.copy() for name, block in x.items()}
    lacking["protein"][:10] = np.nan
    model = build(tiny()).fit(lacking)
    whole = build(tiny()).fit(x)
    assert abs(np.corrcoef(model.transform(lacking)[:, 0], whole.transform(x)[:, 0])[0, 1]) > 0.95
    without = {name: block for name, block in x.items() if name != "protein"}
    blank = {**without, "protein": x["protein"] * np.nan}
    np.testing.assert_allclose(model.transform(without), model.transform(blank))
    np.testing.assert_allclose(model.transform(lacking)[:10], model.transform(without)[:10])


@pytest.mark.parametrize("preset", PRESETS)
def test_state_goes_round(preset):
    data = example(4)
    config = PRESETS[preset]()
    model = build(config).fit(data.x)
    arrays, meta = model.state()
    back = Rgcca.from_state(config, arrays, json.loads(json.dumps(meta)))
    assert np.array_equal(back.transform(data.x), model.transform(data.x))
    assert vars(back).keys() == vars(model).keys() and back.tau_ == model.tau_
    assert all(0 < tau <= 1 for tau in model.tau_.values())


def test_what_cannot_be_used_is_refused():
    for settings in (
        {"tau": 1.5},
        {"keep_x": 5},
        {"tau": 1.0, "keep_x": (5,)},
        {"scheme": "horts"},
        {"tau": (0.5, -1.0)},
    ):
        with pytest.raises(UsageError):
            Config.parse(settings)
    x = views(0)
    with pytest.raises(ValueError, match="30 features of 20 samples"):
        Rgcca(tau=0.0).fit({name: block[:20] for name, block in x.items()})
    with pytest.raises(ValueError, match="another number of tau"):
        Rgcca(tau=(1.0, 0.5)).fit(x)
    with pytest.raises(ValueError, match="differ in their names"):
        Rgcca(tau=1.0, keep_x={"genes": 4}).fit(x)
    with pytest.raises(ValueError, match="two or more views"):
        build(default()).fit({"gene": x["gene"]})


@pytest.mark.parametrize("settings", [{}, {"tau": 1.0, "keep_x": 2}], ids=str)
def test_a_view_of_one_feature_and_more_components_than_rank(settings):
    x = {name: block[:, :width] for (name, block), width in zip(views(5).items(), (6, 1, 3))}
    model = Rgcca(ncomp=4, **settings).fit(x)
    assert np.isfinite(model.transform(x)).all() and model.transform(x).shape == (60, 4)
