"""MOFA on tensors, on torch's CPU device in float64: the course of the CPU engine's fit, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from chiasma.core.errors import FitWarning, UsageError
from chiasma.methods.omics.mofa import device as mofa_device
from chiasma.methods.omics.mofa.device import TensorEngine
from chiasma.methods.omics.mofa.examples import example
from chiasma.methods.omics.mofa.model import Mofa
from chiasma.stats.mofa.fit import Ascent, Rules
from chiasma.stats.mofa.learn import Settings, learn

TENSORS = partial(TensorEngine, device="cpu")


def whole_or_absent() -> dict[str, np.ndarray]:
    """The example's views as gaussian ones, its holes filled but for the samples that lack the proteins."""
    blocks = {name: block.values.copy() for name, block in example(0).x.blocks.items()}
    blocks["rna"] = np.where(np.isnan(blocks["rna"]), np.nanmean(blocks["rna"], axis=0), blocks["rna"])
    return blocks


def assert_same_course(values, codes, settings: Settings) -> int:
    """Fit with both engines; iterations of the fit."""
    compiled = learn(values, codes, replace(settings, engine=Ascent))
    tensors = learn(values, codes, replace(settings, engine=TENSORS))
    assert tensors.checked == compiled.checked and tensors.converged == compiled.converged
    assert tensors.dropped == compiled.dropped
    np.testing.assert_allclose(tensors.bounds, compiled.bounds, rtol=1e-9)
    np.testing.assert_allclose(tensors.factors, compiled.factors, atol=1e-8)
    np.testing.assert_allclose(tensors.explained, compiled.explained, atol=1e-8)
    np.testing.assert_allclose(tensors.prior, compiled.prior, rtol=1e-7)
    np.testing.assert_allclose(tensors.squares, compiled.squares, rtol=1e-12)
    for name, view in compiled.views.items():
        np.testing.assert_allclose(tensors.views[name].mean, view.mean, atol=1e-8)
        np.testing.assert_allclose(tensors.views[name].square, view.square, atol=1e-8)
        np.testing.assert_allclose(tensors.views[name].scale, view.scale, rtol=1e-8)
    return compiled.checked[-1]


@pytest.mark.parametrize("spike", [True, False])
@pytest.mark.parametrize("faithful", [True, False])
@pytest.mark.parametrize("studies", [1, 2])
def test_the_course_of_the_compiled_engine(spike, faithful, studies):
    values = whole_or_absent()
    codes = np.arange(80) * studies // 80
    rules = Rules(spike_slab=spike, faithful=faithful, group_relevance=studies > 1, sparsity_from=5, max_iterations=60)
    settings = Settings(4, dict.fromkeys(values, "gaussian"), rules=rules)
    assert assert_same_course(values, codes, settings) > 10


def test_factors_are_dropped_alike():
    values = whole_or_absent()
    codes = np.arange(80) % 2
    rules = Rules(drop_below=0.03, group_relevance=True, sparsity_from=5, max_iterations=60)
    settings = Settings(8, dict.fromkeys(values, "gaussian"), rules=rules)
    assert_same_course(values, codes, settings)
    assert learn(values, codes, replace(settings, engine=TENSORS)).dropped


@pytest.mark.realdata
@pytest.mark.parametrize("holes", [False, True])
def test_breast_cancer_alike(data_dir, holes):
    folder = data_dir / "omics" / "breast_tcga"
    values = {
        view: pd.read_csv(folder / f"train_{view}.csv.gz", index_col=0).to_numpy(np.float64)
        for view in ("mrna", "mirna", "protein")
    }
    if holes:
        values["protein"][::7] = np.nan
    settings = Settings(10, dict.fromkeys(values, "gaussian"), seed=2018)
    assert assert_same_course(values, np.zeros(150, dtype=int), settings) > 30


@pytest.fixture
def as_if_cuda(monkeypatch):
    """A machine that says it has a GPU; the tensors lie on the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        mofa_device, "TensorEngine", lambda *given, device: TensorEngine(*given, device={"cuda": "cpu"}[device])
    )


def test_the_estimator_takes_the_device(as_if_cuda):
    values = {name: block for name, block in whole_or_absent().items() if name != "mutation"}
    one = Mofa(factors=4).fit(values, device="cuda")
    two = Mofa(factors=4).fit(values)
    np.testing.assert_allclose(one.elbo_, two.elbo_, rtol=1e-9)
    np.testing.assert_allclose(one.transform(values), two.factors_, atol=1e-8)
    assert not np.array_equal(one.elbo_, two.elbo_)  # two engines, not one twice


def test_what_only_the_cpu_fits_is_refused_and_auto_goes_there(as_if_cuda):
    values = {name: block.values.copy() for name, block in example(0).x.blocks.items()}
    with pytest.raises(UsageError, match=r"(?s)view rna: .*only the CPU.*some values missing.*device cpu"):
        Mofa(factors=4).fit(values, device="cuda")
    with pytest.raises(UsageError, match=r"(?s)view mutation.*a bernoulli likelihood"):
        Mofa(factors=4).fit(whole_or_absent(), device="cuda")
    with pytest.warns(FitWarning, match=r"on the CPU.*view rna: \d+ samples with some values.*view mutation: a bern"):
        auto = Mofa(factors=4).fit(values, device="auto")
    plain = Mofa(factors=4).fit(values)
    assert auto.remarks_[1:] == plain.remarks_
    np.testing.assert_array_equal(auto.elbo_, plain.elbo_)


def test_the_number_of_factors_is_chosen_on_the_cpu_and_fitted_on_the_gpu(as_if_cuda):
    values = {name: block for name, block in whole_or_absent().items() if name != "mutation"}
    one = Mofa(choose_from=(2, 3)).fit(values, device="cuda")
    two = Mofa(choose_from=(2, 3)).fit(values)
    assert vars(one.choice_) == vars(two.choice_) and not one.remarks_
    np.testing.assert_allclose(one.elbo_, two.elbo_, rtol=1e-9)
    assert not np.array_equal(one.elbo_, two.elbo_)


def test_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    values = {name: block.values for name, block in example(0).x.blocks.items()}
    plain = Mofa(factors=4).fit(values)
    assert np.array_equal(Mofa(factors=4).fit(values, device="auto").elbo_, plain.elbo_)
    (said,) = plain.remarks_  # four factors of three that were planted
    (dead,) = np.flatnonzero(~plain.live_)
    assert said == f"1 of 4 factors explain nothing of any view (factor{dead + 1})"
    with pytest.raises(UsageError, match="no such device"):
        Mofa().fit(values, device="cuda")
    with pytest.raises(UsageError, match="float64"):
        Mofa().fit(values, device="mps")
