"""Canonical correlation: the recorded output of mixOmics 6.35.2, scikit-learn's, whole matrices, tuned ridges."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import eigh
from sklearn.cross_decomposition import CCA

from chiasma.core.errors import UsageError
from chiasma.methods.omics.rcca.config import PRESETS, Config, default, ridge
from chiasma.methods.omics.rcca.examples import example
from chiasma.methods.omics.rcca.model import Rcca, build
from chiasma.stats.pls.regularised_cca import shrinkage_intensity


def views(seed: int) -> dict[str, np.ndarray]:
    return {name: block.values for name, block in example(seed).x.blocks.items()}


@pytest.mark.realdata
def test_nutrimouse_with_shrinkage_equals_the_recorded_output(data_dir, reference_dir):
    folder = data_dir / "omics" / "nutrimouse"
    x = {view: pd.read_csv(folder / f"{view}.csv.gz", index_col=0) for view in ("gene", "lipid")}
    model = Rcca(ncomp=10).fit(x)
    np.testing.assert_allclose(model.penalties_, [0.1359755, 0.1390342], atol=1e-7)
    theirs = pd.read_csv(reference_dir / "nutrimouse" / "rcc_shrinkage_cor.csv", index_col=0)["cor"]
    np.testing.assert_allclose(model.correlations_, theirs, atol=1e-9)


def slow_intensity(x: np.ndarray) -> float:
    """Schaefer and Strimmer's estimate, one pair of features at a time."""
    n = len(x)
    z = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    above = below = 0.0
    for i in range(x.shape[1]):
        for j in range(x.shape[1]):
            if i != j:
                products = z[:, i] * z[:, j]
                above += n / (n - 1) ** 3 * ((products - products.mean()) ** 2).sum()
                below += (products.sum() / (n - 1)) ** 2
    return min(above / below, 1.0)


@pytest.mark.parametrize("shape", [(30, 6), (8, 12)])
def test_intensity_equals_its_slow_twin(shape):
    x = np.random.default_rng(0).standard_normal(shape) + np.random.default_rng(1).standard_normal((shape[0], 1))
    assert shrinkage_intensity(x) == pytest.approx(slow_intensity(x), rel=1e-10)


def slow_correlations(x: np.ndarray, y: np.ndarray, penalties: tuple[float, float]) -> np.ndarray:
    """Square roots of the eigenvalues of the whole penalised matrices."""
    p = x.shape[1]
    joint = np.cov(np.hstack([x, y]).T)
    one, two = joint[:p, :p] + penalties[0] * np.eye(p), joint[p:, p:] + penalties[1] * np.eye(y.shape[1])
    cross = joint[:p, p:]
    squares = eigh(cross @ np.linalg.solve(two, cross.T), one, eigvals_only=True)[::-1]
    return np.sqrt(np.maximum(squares, 0))


@pytest.mark.parametrize("widths", [(10, 5), (70, 12)])
def test_ridge_equals_its_slow_twin(widths):
    random = np.random.default_rng(2)
    x, y = (random.standard_normal((40, p)) for p in widths)
    model = Rcca(ncomp=4, penalty="ridge", lambda1=0.3, lambda2=0.1).fit({"x": x, "y": y})
    np.testing.assert_allclose(model.correlations_, slow_correlations(x, y, (0.3, 0.1))[:4], atol=1e-9)


def test_without_penalty_it_is_scikit_learns():
    x = {"gene": views(0)["gene"][:, :8], "lipid": views(0)["lipid"][:, :5]}
    model = Rcca(ncomp=3, penalty="ridge", lambda1=0, lambda2=0).fit(x)
    theirs = CCA(3, tol=1e-12, max_iter=5000).fit(x["gene"], x["lipid"])
    scores = theirs.transform(x["gene"], x["lipid"])
    for component in range(3):
        assert np.corrcoef(scores[0][:, component], scores[1][:, component])[0, 1] == pytest.approx(
            model.correlations_[component], abs=1e-6
        )
        found = model.variates(x)["gene"][:, component]
        assert abs(np.corrcoef(found, scores[0][:, component])[0, 1]) == pytest.approx(1, abs=1e-6)
        assert found.std(ddof=1) == pytest.approx(1)


def test_tuned_ridge_holds_up_outside():
    data, new = example(1), example(1)
    model = build(ridge()).fit(data.x)
    assert len(model.tuning_) == 16 and model.tuning_[model.penalties_] == max(model.tuning_.values())
    assert 0.5 < model.tuning_[model.penalties_] < model.correlations_[0] * 1.5
    assert model.fit(data.x, groups=np.arange(60) // 2).penalties_
    one = Rcca(penalty="ridge", lambda1=0.5, lambda2=0.5).fit(new.x)
    assert one.tuning_ is None and one.penalties_ == (0.5, 0.5)


@pytest.mark.parametrize("preset", PRESETS)
def test_holes_and_state(preset):
    x = views(3)
    draw = np.random.default_rng(0)
    holed = {name: np.where(draw.random(block.shape) < 0.1, np.nan, block) for name, block in x.items()}
    config = PRESETS[preset]()
    model = build(config).fit(holed)
    assert np.isfinite(model.transform(holed)).all()
    arrays, meta = model.state()
    back = Rcca.from_state(config, arrays, json.loads(json.dumps(meta)))
    assert np.array_equal(back.transform(holed), model.transform(holed))
    assert vars(back).keys() == vars(model).keys() and back.tuning_ == model.tuning_
    told = model.reconstruct(model.transform(holed))
    assert {name: values.shape for name, values in told.items()} == {"gene": (60, 30), "lipid": (60, 12)}
    assert model.loadings()["gene"].shape == (30, 2) and model.explained().shape == (2, 2)


def test_what_cannot_be_used_is_refused():
    for settings in ({"lambda1": -1}, {"lambda1": 2}, {"penalty": "lasso"}, {"tune_grid": (-1.0,)}):
        with pytest.raises(UsageError):
            Config.parse(settings)
    x = {"gene": np.random.default_rng(0).standard_normal((10, 30)), "lipid": views(0)["lipid"][:10]}
    with pytest.raises(ValueError, match="30 features of 10 samples"):
        Rcca(penalty="ridge", lambda1=0, lambda2=1).fit(x)
    with pytest.raises(ValueError, match="2 views"):
        build(default()).fit({"gene": x["gene"]})
