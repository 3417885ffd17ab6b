"""The course's lab on feature selection: 157 muscles, 546 genes, the donor's sex, its published numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.methods.omics.lasso.config import Config as LassoConfig
from chiasma.methods.omics.lasso.model import build as build_lasso
from chiasma.methods.omics.lda.config import default as default_lda
from chiasma.methods.omics.lda.model import build as build_lda
from chiasma.methods.omics.pls_da.config import Config as PlsDaConfig
from chiasma.methods.omics.pls_da.model import build as build_pls_da
from chiasma.methods.omics.univariate.config import Config as UnivariateConfig, ranks
from chiasma.methods.omics.univariate.model import build as build_univariate
from chiasma.workflow.fitting.cross_validate import cross_validate

pytestmark = pytest.mark.realdata
TABLE = {
    "MAP7D2": (-0.5730196, 4.425151e-15, 2.416132e-12),
    "SIAE": (0.3403994, 1.288217e-05, 3.516833e-03),
    "SPECC1": (-0.3003621, 1.323259e-04, 2.408332e-02),
}
AT_PUBLISHED = {
    "RP11-867G23.10": -0.05310193,
    "MAP7D2": -0.03306788,
    "AC008746.3": -0.03242079,
    "ENKUR": 0.02677037,
    "RP11-167N5.5": -0.02540056,
    "ANKRD22": -0.02339065,
    "CALML4": 0.02068078,
}


@pytest.fixture(scope="module")
def lab(data_dir):
    folder = data_dir / "omics" / "gtex_muscle"
    x = pd.read_csv(folder / "GTEX_SkeletalMuscles_157Samples_1000Genes.txt", sep="\t")
    x = x.loc[:, x.mean() >= 1]
    sex = pd.read_csv(folder / "GTEX_SkeletalMuscles_157Samples_Gender.txt", sep="\t", index_col=0)
    y = sex.loc[x.index, "GENDER"].to_numpy(dtype=object)
    assert x.shape == (157, 546) and (y == "Female").sum() == 58
    return x, y


def as_dataset(lab) -> Dataset:
    x, y = lab
    samples, features = np.asarray(x.index, dtype=object), np.asarray(x.columns, dtype=object)
    target = Target("binary", (y == "Male").astype(np.int64), ("Female", "Male"))
    return Dataset(samples, Matrix(x.to_numpy(float), samples, features), target, np.arange(157), "sample")


def by_gene(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_axis([name.split("_", 1)[1] for name in table.index])


def test_spearman_as_published(lab, reference_dir):
    model = build_univariate(ranks()).fit(*lab)
    found = model.statistics()
    theirs = pd.read_csv(reference_dir / "gtex" / "spearman.csv", index_col=0).loc[found.index]
    np.testing.assert_allclose(found["Male: effect"], theirs["RHO"], atol=1e-12)
    np.testing.assert_allclose(found["p"], theirs["P"], rtol=1e-6)
    np.testing.assert_allclose(found["q"], theirs["FDR"], rtol=1e-6)
    named = by_gene(found)
    for gene, figures in TABLE.items():
        np.testing.assert_allclose(named.loc[gene, ["Male: effect", "p", "q"]].astype(float), figures, rtol=1e-6)
    assert model.passed_ == 6
    genes = ["MAP7D2", "SIAE", "SPECC1", "SDC3", "CALML4", "HOTAIRM1", "FAM174B"]
    assert list(named.index[:7]) == genes
    assert named.loc["HOTAIRM1", "q"] == pytest.approx(0.0409, abs=5e-5)
    assert named.loc["FAM174B", "q"] == pytest.approx(0.213, abs=5e-4)


def test_the_moderated_t_agrees_on_the_strongest(lab):
    table = by_gene(build_univariate(UnivariateConfig()).fit(np.log2(lab[0] + 1), lab[1]).statistics())
    assert table.index[0] == "MAP7D2" and {"SIAE", "SPECC1"} <= set(table.index[:10])


def test_lasso_at_the_published_penalty(lab, reference_dir):
    model = build_lasso(LassoConfig(strength=0.03152158, stability_resamples=0)).fit(*lab)
    ours = model.loadings()["x"]["Male"]
    assert (ours != 0).sum() == 40
    theirs = pd.read_csv(reference_dir / "gtex" / "lasso_lambda0.0315.csv", index_col=0)["s1"]
    assert set(theirs.index[1:]) == set(ours.index[ours != 0])
    np.testing.assert_allclose(ours[theirs.index[1:]], theirs.iloc[1:], atol=1e-4)
    assert model.intercept_[0] == pytest.approx(theirs.iloc[0], abs=5e-3)
    named = by_gene(ours.to_frame())["Male"]
    assert list(named.abs().nlargest(7).index) == list(AT_PUBLISHED)
    for gene, coefficient in AT_PUBLISHED.items():
        assert named[gene] == pytest.approx(coefficient, abs=1e-4)


def test_penalty_chosen_with_the_same_folds(lab, reference_dir):
    folds = np.arange(157) % 10 + 1
    model = build_lasso(LassoConfig(stability_resamples=0)).fit(*lab, fold_ids=folds)
    assert model.lambda_min_ == pytest.approx(0.03624215, abs=1e-8)
    coefficients = model.loadings()["x"]["Male"]
    assert (coefficients != 0).sum() == 34
    theirs = pd.read_csv(reference_dir / "gtex" / "lasso_coef_lambdamin.csv", index_col=0)["s1"].iloc[1:]
    np.testing.assert_allclose(coefficients[theirs.index], theirs, atol=1e-4)
    path = pd.read_csv(reference_dir / "gtex" / "lasso_cv_path_foldid1to10.csv", index_col=0)
    np.testing.assert_allclose(model.curve_["lambda"], path["lambda"], rtol=1e-10)
    # glmnet stops at a change of 1e-7: its weaker penalties are a little short of the minimum that is reached here.
    np.testing.assert_allclose(model.curve_["deviance"][:50], path["cvm"].iloc[:50], atol=1e-3)
    np.testing.assert_allclose(model.curve_["deviance"], path["cvm"], atol=5e-3)
    assert np.array_equal(model.curve_["selected"][:50], path["nz"].iloc[:50])
    assert np.abs(model.curve_["selected"] - path["nz"]).max() <= 3
    net = build_lasso(LassoConfig(l1_ratio=0.5, stability_resamples=0)).fit(*lab, fold_ids=folds)
    assert np.count_nonzero(net.coef_) == 56


def test_stable_genes(lab):
    model = build_lasso(LassoConfig(strength=0.03)).fit(*lab)
    assert model.stability_features_ == 16
    assert model.stable()[0].endswith("_MAP7D2") and len(model.stable()) <= 5


def test_pls_da_as_recorded(lab, reference_dir):
    model = build_pls_da(PlsDaConfig()).fit(*lab)
    loadings = model.loadings()["x"]
    folder = reference_dir / "gtex"
    theirs = pd.read_csv(folder / "plsda_loadings.csv", index_col=0).loc[loadings.index]
    ours = loadings[["comp1", "comp2"]].to_numpy()
    signs = np.sign((ours * theirs.to_numpy()).sum(axis=0))
    np.testing.assert_allclose(ours * signs, theirs, atol=1e-10)
    vip = pd.read_csv(folder / "plsda_vip.csv", index_col=0).loc[loadings.index]
    np.testing.assert_allclose(model.vip_, vip, atol=1e-10)
    variates = pd.read_csv(folder / "plsda_variates.csv", index_col=0)
    np.testing.assert_allclose(model.transform(lab[0]) * signs, variates, atol=1e-9)
    np.testing.assert_allclose(model.explained_variance_["x"], [0.05780, 0.04398], atol=5e-6)


def test_pls_da_error_as_measured_by_mixomics(lab):
    """Theirs, 5 folds ten times over, centroids: .414 with one component, .338 with two."""
    data = as_dataset(lab)
    for ncomp, expected in ((1, 0.414), (2, 0.338)):
        found = cross_validate(lambda n=ncomp: build_pls_da(PlsDaConfig(ncomp=n)), data, seed=0, folds=5, repeats=4)
        assert found.ber.mean() == pytest.approx(expected, abs=0.05)


def test_discriminant_analysis_works_with_two_classes(lab):
    """The lab says it needs three."""
    x = np.log2(lab[0] + 1)
    model = build_lda(default_lda()).fit(x, lab[1])
    assert model.transform(x).shape == (157, 1)
    folds = np.arange(157) % 5
    held = [build_lda(default_lda()).fit(x[folds != k], lab[1][folds != k]) for k in range(5)]
    right = [model.score(x[folds == k], lab[1][folds == k]) for k, model in enumerate(held)]
    assert np.mean(right) > 0.65
