"""MOFA: parity with recorded outputs and a live run of mofapy2, projection, studies, likelihoods, what it refuses."""

from __future__ import annotations

import contextlib
import io
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

from chiasma.core.errors import InsufficientDataError, RunError, UsageError
from chiasma.methods.omics.mofa.config import Config, course, default, mofapy2, tiny
from chiasma.methods.omics.mofa.examples import example
from chiasma.methods.omics.mofa.model import Mofa, build
from chiasma.stats.mofa.choose import log_likelihood
from chiasma.stats.mofa.fit import Rules, fit_factors
from chiasma.stats.mofa.likelihoods import softplus
from chiasma.stats.mofa.nodes import Block

BREAST = ("mrna", "mirna", "protein")
SCMT = ("RNA_expression", "Met_Enhancers", "Met_CpG_Islands", "Met_Promoters")
RECORDED = Config(faithful=True, check_every=5, random_state=2018)


def table(path) -> pd.DataFrame:
    return pd.read_csv(path, index_col=0)


@pytest.fixture(scope="module")
def breast(data_dir):
    return {view: table(data_dir / "omics" / "breast_tcga" / f"train_{view}.csv.gz") for view in BREAST}


@pytest.fixture(scope="module")
def scmt(data_dir, reference_dir):
    """The thousand features of most variance of each view; cells that a view lacks are NaN there."""
    whole = {view: table(data_dir / "omics" / "scmt" / f"{view}.csv.gz") for view in SCMT}
    cells = sorted(set().union(*(frame.index for frame in whole.values())))
    chosen = {view: table(reference_dir / "mofa_scmt" / f"W_{view}.csv.gz").index for view in SCMT}
    return {view: frame.reindex(cells)[list(chosen[view])] for view, frame in whole.items()}


def assert_recorded(model: Mofa, folder, views, *, bound: float, iterations: int) -> None:
    assert model.n_iter_ == iterations
    assert model.elbo_[-1] == pytest.approx(bound, rel=1e-6)
    theirs = table(folder / "Z_group0.csv.gz").to_numpy()
    alike = np.abs(np.corrcoef(model.factors_.T, theirs.T)[:10, 10:])
    match = alike.argmax(axis=0)
    assert sorted(match) == list(range(10)) and alike.max(axis=0).min() > 0.99999
    total = pd.read_csv(folder / "r2_total_group0.csv").to_numpy()[:, 1]
    np.testing.assert_allclose([100 * model.total_explained_[view] for view in views], total.astype(float), atol=0.01)
    each = table(folder / "r2_per_factor_group0.csv")
    np.testing.assert_allclose(100 * model.explained().to_numpy().T[match], each[list(views)], atol=0.01)
    for view in views:
        weights, ours = table(folder / f"W_{view}.csv.gz"), model.loadings()[view]
        assert list(weights.index) == list(ours.index)
        signs = np.sign((theirs * model.factors_[:, match]).sum(axis=0))
        np.testing.assert_allclose(ours.to_numpy()[:, match] * signs, weights, atol=2e-3)


@pytest.mark.realdata
def test_breast_cancer_as_recorded(breast, reference_dir):
    model = build(RECORDED).fit(breast)
    assert_recorded(model, reference_dir / "mofa_breast", BREAST, bound=-88883.89, iterations=111)
    np.testing.assert_allclose(model.transform(breast), model.factors_, atol=1e-9)


@pytest.mark.realdata
def test_the_default_finds_the_same_factors(breast, reference_dir):
    model = build(default().replace(random_state=2018)).fit(breast)
    assert (np.diff(model.elbo_) > 0).all()
    theirs = table(reference_dir / "mofa_breast" / "Z_group0.csv.gz").to_numpy()
    alike = np.abs(np.corrcoef(model.factors_.T, theirs.T)[:10, 10:])
    assert alike.max(axis=0).min() > 0.99
    total = [100 * model.total_explained_[view] for view in BREAST]
    np.testing.assert_allclose(total, [46.36, 46.98, 50.31], atol=0.5)


@pytest.mark.realdata
@pytest.mark.slow
def test_single_cells_that_lack_views_as_recorded(scmt, reference_dir):
    assert {view: int(frame.isna().all(axis=1).sum()) for view, frame in scmt.items()}["RNA_expression"] == 6
    gaussian = dict.fromkeys(SCMT, "gaussian")  # the recorded run took the rates, nearly all of them 0 or 1, as such
    model = build(RECORDED.replace(scale_views=False, likelihoods=gaussian)).fit(scmt)
    assert_recorded(model, reference_dir / "mofa_scmt", SCMT, bound=-244842.86, iterations=196)
    np.testing.assert_allclose(model.transform(scmt), model.factors_, atol=1e-9)


@pytest.mark.realdata
@pytest.mark.slow
def test_factors_of_binary_views_as_recorded_but_for_the_intercept(data_dir, reference_dir):
    """Theirs has no intercept: its first factor is in part how often sites are open at all, which ours keeps apart."""
    views = {}
    for name in ("scBSseq", "scATACseq"):
        cells = pd.read_csv(data_dir / "omics" / "scnmt" / f"{name}_scNMTseq.txt.gz", sep="\t").drop(columns="cluster")
        ones = (cells.astype(float) >= 50).astype(float).add_prefix(f"{name}_")
        share = ones.mean()
        views[name] = ones.loc[:, (share > 0.05) & (share < 0.95)]
        weights = table(reference_dir / "mofa_scnmt_bernoulli" / f"W_{name}.csv.gz")
        assert list(weights.index) == list(views[name].columns)
    with pytest.warns(ConvergenceWarning):  # the recorded run stopped there too
        model = build(RECORDED.replace(scale_views=False, max_iter=200)).fit(views)
    assert set(model.likelihoods_.values()) == {"bernoulli"}
    theirs = table(reference_dir / "mofa_scnmt_bernoulli" / "Z_group0.csv.gz").to_numpy()[:, :4]
    alike = np.abs(np.corrcoef(model.factors_[:, :4].T, theirs.T)[:4, 4:])
    best = alike.max(axis=0)
    assert (best[1:] > 0.93).all() and 0.7 < best[0] < 0.93
    shared = (model.explained() > 0.01).sum(axis=0)
    assert shared.max() == 1, "nothing shared, as there"


@pytest.mark.realdata
def test_new_tumours_without_protein(breast, data_dir):
    """Factors of the test set follow the classes as those of the train part do."""
    folder = data_dir / "omics" / "breast_tcga"
    new = {view: table(folder / f"test_{view}.csv.gz") for view in BREAST[:2]}
    kinds, truth = (table(folder / f"{part}_subtype.csv.gz")["subtype"].to_numpy() for part in ("train", "test"))
    model = build(default()).fit(breast)
    placed = model.transform(new)
    means = np.stack([model.factors_[kinds == name].mean(axis=0) for name in np.unique(kinds)])
    nearest = np.unique(kinds)[((placed[:, None, :4] - means[None, :, :4]) ** 2).sum(axis=2).argmin(axis=1)]
    assert (nearest == truth).mean() > 0.85


def three_factors(seed: int, *, n: int = 120) -> tuple[dict[str, np.ndarray], np.ndarray]:
    random = np.random.default_rng(seed)
    axes = random.standard_normal((n, 3))
    strength = {"a": (1, 1, 0), "b": (1, 0, 1), "c": (1, 0, 0)}
    views = {
        name: axes @ (random.standard_normal((3, 30)) * np.array(parts)[:, None]) + random.standard_normal((n, 30))
        for name, parts in strength.items()
    }
    return views, axes


def test_factors_of_their_own_and_shared_ones():
    views, axes = three_factors(0)
    model = Mofa(factors=6).fit(views)
    shares = model.explained()
    assert list(shares.columns) == [f"factor{k}" for k in range(1, 7)]
    assert (shares.iloc[:, 0] > 0.2).all()
    assert ((shares.iloc[:, 1:3] > 0.1).sum(axis=0) == 1).all()
    assert np.abs(shares.iloc[:, 3:].to_numpy()).max() < 0.02
    assert np.all(np.diff(shares.sum(axis=0)) < 1e-6)
    alike = np.abs(np.corrcoef(model.factors_[:, :3].T, axes.T)[:3, 3:])
    assert alike.max(axis=0).min() > 0.95
    for number in range(3):
        weights = np.concatenate([frame.iloc[:, number] for frame in model.loadings().values()])
        assert weights[np.abs(weights).argmax()] > 0


def test_held_out_values_choose_the_number_of_factors():
    views, _ = three_factors(1)
    views["a"][:4] = np.nan
    model = Mofa(choose_from=(1, 2, 3, 5, 8)).fit(views)
    assert model.choice_.chosen == 3 == model.n_factors_
    scores = dict(zip(model.choice_.tried, model.choice_.scores))
    assert scores[1] < scores[2] < scores[3]
    best = model.choice_.scores.index(max(model.choice_.scores))
    assert model.choice_.errors[best] == 0


def test_likelihoods_of_values_sum_to_one():
    eta, variance, scale = np.array([[0.4, -2.0]]), np.array([[0.3, 0.1]]), np.array([[2.0, 1.0]])
    both = [log_likelihood("bernoulli", np.full((1, 2), y), eta, variance, scale) for y in (0.0, 1.0)]
    np.testing.assert_allclose(np.exp(both).sum(axis=0), 1)
    many = [log_likelihood("poisson", np.full((1, 2), float(y)), eta, variance, scale) for y in range(60)]
    np.testing.assert_allclose(np.exp(many).sum(axis=0), 1)
    grid = np.linspace(-30, 30, 20_001)[:, None] + np.zeros((1, 2))
    dense = np.exp(log_likelihood("gaussian", grid, eta, variance, scale)).sum(axis=0) * (grid[1] - grid[0])
    np.testing.assert_allclose(dense, 1, rtol=1e-6)


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson"])
def test_axes_are_found_in_other_likelihoods(likelihood):
    random = np.random.default_rng(4)
    axes = random.standard_normal((200, 2))
    eta = axes @ random.standard_normal((2, 80)) * 1.5 + random.standard_normal(80)
    values = random.random(eta.shape) < expit(eta) if likelihood == "bernoulli" else random.poisson(softplus(eta))
    values = np.where(random.random(eta.shape) < 0.1, np.nan, values)
    x = {"counts": values, "other": axes[:, :1] + random.standard_normal((200, 5))}
    model = Mofa(factors=3, likelihoods={"counts": likelihood}, max_iter=3000).fit(x)
    assert model.likelihoods_ == {"counts": likelihood, "other": "gaussian"}
    left = np.linalg.qr(axes - axes.mean(axis=0))[0]
    right = np.linalg.qr(model.factors_[:, :2] - model.factors_[:, :2].mean(axis=0))[0]
    assert np.linalg.svd(left.T @ right)[1].min() > 0.9
    np.testing.assert_allclose(model.transform(x), model.factors_, atol=1e-5)
    rebuilt = model.reconstruct(model.factors_)["counts"]
    rate = expit(eta) if likelihood == "bernoulli" else softplus(eta)
    assert rebuilt.min() >= 0 and np.corrcoef(rebuilt.ravel(), rate.ravel())[0, 1] > 0.9


def test_missing_binary_values_are_not_zeros():
    """The original counts a missing binary value as an observed 0; what is missing here has no influence."""
    random = np.random.default_rng(0)
    axes = random.standard_normal((150, 1))
    full = (random.random((150, 40)) < expit(2 * axes @ random.standard_normal((1, 40)))).astype(float)
    x = {"m": np.where(random.random(full.shape) < 0.4, np.nan, full)}
    model = Mofa(factors=1).fit(x)
    rebuilt = model.reconstruct(model.factors_)["m"]
    known = ~np.isnan(x["m"])
    assert abs(rebuilt[known].mean() - full[known].mean()) < 0.02
    assert abs(rebuilt[~known].mean() - full[~known].mean()) < 0.03


def studies(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Axis 0 varies in both studies, axis 1 in the second alone; means and noise differ."""
    random = np.random.default_rng(seed)
    names = np.array(["north", "south"], dtype=object)[random.integers(0, 2, 160)]
    south = names == "south"
    axes = random.standard_normal((160, 2)) * np.column_stack([np.ones(160), south])
    views = {
        name: axes @ random.standard_normal((2, 25))
        + np.where(south[:, None], 5.0, 0.0)
        + np.where(south[:, None], 1.0, 0.4) * random.standard_normal((160, 25))
        for name in ("a", "b")
    }
    return views, names, axes


def test_studies_have_means_noise_and_relevance_of_their_own():
    views, names, axes = studies(0)
    model = Mofa(factors=3, scale_views=False).fit(views, study=names)
    assert model.studies_ == ["north", "south"]
    shares = model.explained_by_study()
    one, two = (int(np.abs(np.corrcoef(model.factors_.T, axis)[:-1, -1]).argmax()) for axis in axes.T)
    assert one != two
    assert (shares.loc["south"].iloc[:, two] > 0.1).all() and (shares.loc["north"].iloc[:, two] < 0.02).all()
    assert (shares.iloc[:, one] > 0.1).all()
    noise = model.learnt_.views["a"].scale.mean(axis=1)
    np.testing.assert_allclose(noise[:2] ** -0.5, [0.4, 1.0], rtol=0.15)
    assert noise[1] < noise[2] < noise[0]
    np.testing.assert_allclose(model.transform(views, study=names), model.factors_, atol=1e-9)
    strangers = model.transform(views)
    np.testing.assert_array_equal(model.transform(views, study=np.full(160, "west")), strangers)
    rebuilt = model.reconstruct(model.factors_, study=names)["a"]
    assert 1 - ((views["a"] - rebuilt) ** 2).sum() / ((views["a"] - views["a"].mean(axis=0)) ** 2).sum() > 0.8
    pooled = model.explained()
    assert (pooled.iloc[:, two] > shares.loc["north"].iloc[:, two]).all()
    shuffled = np.random.default_rng(1).permutation(160)
    again = Mofa(factors=3, scale_views=False).fit({n: v[shuffled] for n, v in views.items()}, study=names[shuffled])
    np.testing.assert_allclose(np.abs(again.factors_), np.abs(model.factors_[shuffled]), atol=1e-5)
    with pytest.raises(ValueError, match="studies and samples"):
        Mofa().fit(views, study=names[1:])


def test_each_study_scaled_by_itself():
    views, names, _ = studies(1)
    model = Mofa(factors=3, scale_groups=True).fit(views, study=names)
    unit = model.learnt_.frames["a"].unit
    residual = views["a"][names == "south"]
    assert unit[1] == pytest.approx((residual - residual.mean(axis=0)).std())
    assert unit[0] < unit[2] < unit[1]


def test_state_with_studies_and_a_choice_goes_round():
    views, names, _ = studies(2)
    config = Config(choose_from=(1, 2), scale_views=False)
    model = build(config).fit(views, study=names)
    arrays, meta = model.state()
    back = Mofa.from_state(config, arrays, json.loads(json.dumps(meta, sort_keys=True)))
    assert set(vars(back)) == set(vars(model))
    assert back.choice_.chosen == model.choice_.chosen and back.views_ == model.views_
    np.testing.assert_array_equal(back.transform(views, study=names), model.transform(views, study=names))
    pd.testing.assert_frame_equal(back.explained_by_study(), model.explained_by_study())
    assert back.state()[1] == json.loads(json.dumps(meta))


def test_what_does_not_vary_is_left_out_and_named():
    data = example(0)
    x = {name: block.values.copy() for name, block in data.x.blocks.items()}
    x["rna"][:, 3], x["rna"][:, 5] = 2.5, np.nan
    x["mutation"][:, 0] = 1.0
    model = build(tiny()).fit(x)
    assert model.left_out_["rna"] == {"constant": ["rna_3"], "unmeasured": ["rna_5"]}
    assert model.left_out_["mutation"]["constant"] == ["mutation_0"]
    assert not model.loadings()["rna"].iloc[[3, 5]].to_numpy().any()
    rebuilt = model.reconstruct(model.factors_)
    assert (rebuilt["rna"][:, 3] == 2.5).all() and np.isnan(rebuilt["rna"][:, 5]).all()
    assert (rebuilt["mutation"][:, 0] == 1).all()


def test_a_view_of_one_feature():
    views, _ = three_factors(2)
    views["one"] = views["a"][:, :1] * 100
    model = Mofa(factors=3).fit(views)
    assert model.total_explained_["one"] > 0.3
    assert model.transform({"one": views["one"]}).shape == (120, 3)


@pytest.mark.parametrize(
    ("view", "values", "likelihood", "message"),
    [
        ("mutation", 2.0, "bernoulli", "0, 1 or missing"),
        ("mutation", 0.5, "bernoulli", "mutation_2"),
        ("mutation", -1.0, "poisson", "whole numbers from 0"),
        ("mutation", 1.5, "poisson", "1.5"),
        ("rna", None, "bernoulli", "view rna"),
        ("genes", None, "bernoulli", "not there"),
    ],
)
def test_values_that_do_not_suit_their_likelihood(view, values, likelihood, message):
    x = {name: block.values.copy() for name, block in example(0).x.blocks.items()}
    if values is not None:
        x[view][7, 2] = values
    with pytest.raises(ValueError, match=message):
        Mofa(factors=2, likelihoods={view: likelihood}).fit(x)


def test_new_binary_values_are_checked_too():
    x = {name: block.values.copy() for name, block in example(0).x.blocks.items()}
    model = build(tiny()).fit(x)
    x["mutation"][0, 0] = 3.0
    with pytest.raises(ValueError, match="view mutation"):
        model.transform(x)


def test_bad_input_is_refused():
    x = {name: block.values.copy() for name, block in example(0).x.blocks.items()}
    few = {name: values[:6] for name, values in x.items()}
    with pytest.raises(InsufficientDataError, match="at most 6: 6 samples"):
        Mofa(factors=7).fit(few)
    blank = {name: values.copy() for name, values in x.items()}
    for values in blank.values():
        values[[4, 7]] = np.nan
    with pytest.raises(ValueError, match="rows 4, 7"):
        Mofa(factors=2).fit(blank)
    with pytest.raises(ValueError, match="rows 4, 7"):
        build(tiny()).fit(x).transform(blank)
    with pytest.raises(ValueError, match="no feature varies"):
        Mofa(factors=2).fit({**x, "flat": np.ones((80, 3))})
    with pytest.raises(RunError, match="drop_threshold"):
        Mofa(factors=2, drop_threshold=0.95).fit(x)
    for settings in ({"factors": 0}, {"likelihoods": {"a": "normal"}}, {"choose_from": (0, 2)}, {"convergence": "now"}):
        with pytest.raises(UsageError, match=next(iter(settings))):
            Mofa(**settings).fit(x)
    with pytest.raises(ValueError, match="not places on the factors"):
        build(tiny()).fit(x).reconstruct(np.zeros((3, 9)))
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        Mofa(factors=2, max_iter=2).fit(x)


def test_presets_and_figures():
    assert course().factors == 20 and not course().spike_slab and mofapy2().faithful
    data = example(3)
    model = build(tiny()).fit(data.x)
    drawn = model.figures()
    assert set(drawn) == {"variance_explained", "factor_overview", "measured", "bound"}
    shares = drawn["variance_explained"][1]
    cell = shares[(shares["view"] == "protein") & (shares["factor"] == "factor1")]["share"]
    assert cell.item() == pytest.approx(model.explained().loc["protein", "factor1"])
    assert len(drawn["factor_overview"][1]) == 80 * 4
    assert drawn["measured"][1]["samples"].tolist() == [71, 9]
    several = Mofa(factors=3).fit(data.x, study=np.arange(80) % 3).figures()["variance_explained"][0]
    assert several.svg.count("north") == 0 and len(several.table["share"]) == 3 * 3 * 4


def original(views, config: Config, *, study=None):
    """A run of mofapy2: its start (factor, sample) and the bound of every iteration, from before the first."""
    run = pytest.importorskip("mofapy2.run.entry_point")
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        entry = run.entry_point()
        entry.set_data_options(scale_views=config.scale_views)
        codes = np.zeros(len(next(iter(views.values()))), int) if study is None else np.asarray(study)
        parts = [np.flatnonzero(codes == code) for code in np.unique(codes)]
        nested = [[values[rows].copy() for rows in parts] for values in views.values()]
        entry.set_data_matrix(nested, likelihoods=["gaussian"] * len(views), views_names=list(views))
        entry.set_model_options(
            factors=config.factors,
            spikeslab_weights=config.spike_slab,
            ard_weights=True,
            ard_factors=bool(config.group_relevance),
            spikeslab_factors=False,
        )
        entry.set_train_options(
            iter=config.max_iter + 1, convergence_mode=config.convergence, freqELBO=1, startELBO=1, seed=2018
        )
        entry.build()
        start = np.array(entry.model.getNodes()["Z"].getExpectation()).T.copy()
        bounds, compute = [], entry.model.calculateELBO

        def record(*arguments, **named):
            value = compute(*arguments, **named)
            bounds.append(float(np.asarray(value.loc["total"]).ravel()[0]))
            return value

        entry.model.calculateELBO = record
        entry.run()
    return start, np.array(bounds)


@pytest.mark.oracle
@pytest.mark.parametrize("spike", [True, False])
@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("holes", [True, False])
def test_bound_of_every_iteration_is_that_of_the_original(spike, grouped, holes):
    views, _ = three_factors(5, n=60)
    if holes:
        random = np.random.default_rng(0)
        views["a"][random.random(views["a"].shape) < 0.1] = np.nan
        views["b"][3:9] = np.nan
    study = np.repeat([0, 1], [35, 25]) if grouped else None
    config = Config(
        factors=5, spike_slab=spike, group_relevance=grouped, faithful=True, convergence="slow", random_state=2018
    ).replace(max_iter=120)
    start, theirs = original(views, config, study=study)
    model = build(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(views, study=study)
    assert len(model.elbo_) == len(theirs) == model.n_iter_ + 1
    np.testing.assert_allclose(model.elbo_, theirs, rtol=1e-9)
    frames = model.learnt_.frames
    codes = np.zeros(60, int) if study is None else study
    blocks: list[Block] = [frames[name].enter(values, codes) for name, values in views.items()]
    groups = [slice(0, 35), slice(35, 60)] if grouped else [slice(0, 60)]
    rules = Rules(spike_slab=spike, group_relevance=grouped, faithful=True, max_iterations=10, tolerance=0)
    np.testing.assert_allclose(fit_factors(blocks, groups, start, rules).bounds, theirs[:11], rtol=1e-9)
