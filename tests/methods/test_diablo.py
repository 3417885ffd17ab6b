"""DIABLO: parity with the recorded output of mixOmics 6.35.2 on TCGA breast cancer, and what the model promises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from chiasma.core.errors import UsageError
from chiasma.methods.omics.diablo.config import Config, breast_tcga, default
from chiasma.methods.omics.diablo.examples import example
from chiasma.methods.omics.diablo.model import Diablo, build
from chiasma.stats.pls.block_perf import perf_folds
from chiasma.stats.pls.plsda_prediction import decide

VIEWS = ("mrna", "mirna", "protein")
CLASSES = ["Basal", "Her2", "LumA"]


def table(path) -> pd.DataFrame:
    return pd.read_csv(path, index_col=0)


@pytest.fixture(scope="module")
def train(data_dir):
    folder = data_dir / "omics" / "breast_tcga"
    x = {view: table(folder / f"train_{view}.csv.gz") for view in VIEWS}
    return x, table(folder / "train_subtype.csv.gz")["subtype"].to_numpy()


@pytest.fixture(scope="module")
def test_set(data_dir):
    folder = data_dir / "omics" / "breast_tcga"
    x = {view: table(folder / f"test_{view}.csv.gz") for view in VIEWS[:2]}
    return x, table(folder / "test_subtype.csv.gz")["subtype"].to_numpy()


@pytest.fixture(scope="module")
def recorded(reference_dir):
    return reference_dir / "diablo_breast"


@pytest.fixture(scope="module")
def fitted(train) -> Diablo:
    return build(breast_tcga()).fit(*train)


def signed(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Ours with the signs of theirs, column by column."""
    return ours * np.sign((ours * theirs).sum(axis=0))


def assert_parity(model: Diablo, recorded, prefix: str, *, tolerance: float, variates: bool = True) -> None:
    for view in VIEWS:
        theirs = table(recorded / f"{prefix}loadings_{view}.csv")
        ours = model.loadings()[view]
        assert list(ours.index) == list(theirs.index)
        assert np.array_equal(ours.to_numpy() != 0, theirs.to_numpy() != 0), "another selection"
        np.testing.assert_allclose(signed(ours.to_numpy(), theirs.to_numpy()), theirs, atol=tolerance)
        if variates:
            theirs = table(recorded / f"{prefix}variates_{view}.csv").to_numpy()
            np.testing.assert_allclose(signed(model.model_.blocks[view].variates, theirs), theirs, atol=tolerance)
    theirs = table(recorded / f"{prefix}loadings_Y.csv").to_numpy()
    np.testing.assert_allclose(signed(model.model_.y_loadings, theirs), theirs, atol=tolerance)


@pytest.mark.realdata
def test_tight_tolerance_to_eight_digits(train, recorded):
    model = build(breast_tcga().replace(tol=1e-20, max_iter=10_000)).fit(*train)
    assert_parity(model, recorded, "tight_", tolerance=1e-8)
    theirs = table(recorded / "tight_variates_Y.csv").to_numpy()
    np.testing.assert_allclose(signed(model.model_.y_variates, theirs), theirs, atol=1e-8)
    assert model.n_iter_.tolist() == [20, 10]


@pytest.mark.realdata
def test_default_tolerance(fitted, recorded):
    assert_parity(fitted, recorded, "", tolerance=1e-4)
    assert fitted.n_iter_.tolist() == table(recorded / "iter.csv")["iter"].tolist()
    np.testing.assert_allclose(fitted.model_.weights, table(recorded / "weights.csv").loc[list(VIEWS)], atol=1e-4)
    explained = table(recorded / "prop_expl_var.csv")
    for view in (*VIEWS, "Y"):
        np.testing.assert_allclose(fitted.explained_variance_[view], explained.loc[view], atol=1e-4)
    ave = table(recorded / "ave.csv")
    np.testing.assert_allclose(fitted.ave_["outer"], ave["AVE_outer"], atol=1e-4)
    np.testing.assert_allclose(fitted.ave_["inner"], ave["AVE_inner"], atol=1e-4)


@pytest.mark.realdata
def test_selected_features_in_their_order(fitted, recorded):
    theirs = table(recorded / "selected.csv")
    ours = pd.DataFrame(fitted.selected())
    for (view, component), rows in theirs.groupby(["block", "comp"]):
        mine = ours[(ours["view"] == view) & (ours["component"] == component)]
        assert mine["feature"].tolist() == rows["name"].tolist()
        np.testing.assert_allclose(np.abs(mine["loading"]), np.abs(rows["loading"]), atol=1e-4)


@pytest.mark.realdata
@pytest.mark.parametrize("distance", ["max", "centroids", "mahalanobis-mixomics"])
@pytest.mark.parametrize("components", [1, 2])
def test_every_test_sample_gets_the_same_class(fitted, test_set, recorded, distance, components):
    x, truth = test_set
    file, column = distance.removesuffix("-mixomics"), f"comp{components}"
    values = {view: frame.to_numpy() for view, frame in x.items()}
    named = np.array([*CLASSES, None], dtype=object)  # -1 is the last: no class
    for vote in ("weighted", "majority"):
        found = decide(fitted.model_, values, distance=distance, vote=vote, ties="mixomics", n_components=components)
        theirs = table(recorded / f"test_{vote}vote_{file}.dist.csv")[column]
        theirs = theirs.astype(object).where(theirs.notna(), None)
        assert named[found.classes].tolist() == theirs.tolist()
        metrics = table(recorded / "test_metrics.csv").set_index(["vote", "dist", "comp"])
        theirs = metrics.loc[
            ({"weighted": "WeightedVote", "majority": "MajorityVote"}[vote], f"{file}.dist", components)
        ]
        wrong = named[found.classes] != truth
        ber = np.mean([wrong[truth == name].mean() for name in CLASSES])
        assert ber == pytest.approx(theirs["BER"], abs=1e-12)
    for view in x:
        opinion = found.opinions[view]
        theirs = table(recorded / f"test_class_{view}_{file}.dist.csv")[column]
        assert named[opinion.classes].tolist() == theirs.tolist()
        theirs = table(recorded / f"test_predict_{view}_comp{components}.csv").to_numpy()
        np.testing.assert_allclose(opinion.response, theirs, atol=1e-4)


@pytest.mark.realdata
@pytest.mark.parametrize("vote", ["weighted", "majority"])
def test_faithful_answers_as_mixomics_did(train, test_set, recorded, vote):
    model = build(breast_tcga().replace(faithful=True, distance="mahalanobis", vote=vote)).fit(*train)
    theirs = table(recorded / f"test_{vote}vote_mahalanobis.dist.csv")["comp2"].astype(object)
    assert list(model.predict(test_set[0])) == theirs.where(theirs.notna(), None).tolist()


@pytest.mark.realdata
def test_test_set_without_protein(fitted, test_set):
    x, truth = test_set
    confusion = pd.crosstab(truth, fitted.predict(x)).to_numpy().tolist()
    assert confusion == [[20, 1, 0], [0, 13, 1], [0, 3, 32]]
    recorded_variates = fitted.transform(x)
    assert set(recorded_variates) == {"mrna", "mirna"}


@pytest.mark.realdata
def test_ten_per_cent_missing(train, recorded):
    x = {view: table(recorded / f"NA10_input_{view}.csv.gz") for view in VIEWS}
    assert all(0.05 < frame.isna().to_numpy().mean() < 0.15 for frame in x.values())
    model = build(breast_tcga()).fit(x, train[1])
    assert_parity(model, recorded, "NA10_", tolerance=1e-3, variates=False)


@pytest.mark.realdata
def test_similarity_behind_the_circos_plot(fitted, recorded):
    theirs = table(recorded / "circos_similarity.csv")
    members, ours = fitted.similarity_
    names = [fitted.feature_names_[view][column] for view, column in members]
    np.testing.assert_allclose(ours, theirs.loc[names, names], atol=1e-4)


@pytest.mark.realdata
def test_cross_validated_error_is_the_published_one(train):
    """perf of mixOmics, 10 folds twice: weighted vote by centroids .0811."""
    from chiasma.core.rng import generator
    from chiasma.stats.folds import balanced_error_rate, stratified_folds

    x, y = train
    codes = np.searchsorted(CLASSES, y)
    rates = []
    for repeat in range(6):
        folds = stratified_folds(codes, 10, random=generator(11, "perf", repeat))
        predicted = np.empty_like(y)
        for fold in range(10):
            inside = {view: frame[folds != fold] for view, frame in x.items()}
            model = build(breast_tcga()).fit(inside, y[folds != fold])
            predicted[folds == fold] = model.predict({view: frame[folds == fold] for view, frame in x.items()})
        rates.append(balanced_error_rate(codes, np.searchsorted(CLASSES, predicted)))
    error = np.std(rates, ddof=1)  # of one repeat; the published figure is the mean of two
    assert abs(np.mean(rates) - 0.0811) < 2 * error * np.sqrt(1 / 6 + 1 / 2)


def test_tuning_is_part_of_the_fit():
    data = example(0)
    model = build(default()).fit(data.x, data.target.values)
    assert model.tuning_ is not None
    assert set(model.keep_x_) == {"mrna", "mirna", "protein"}
    chosen = tuple(model.keep_x_[view][0] for view in model.keep_x_)
    assert model.tuning_.errors[0][chosen] == min(model.tuning_.errors[0].values())
    again = build(default()).fit(data.x, data.target.values)
    assert again.keep_x_ == model.keep_x_


def test_grids_by_view_and_every_search():
    data = example(0)
    grids = {"mrna": (2, 6), "protein": (3,)}
    for search in ("full", "coordinate", "halving"):
        model = Diablo(ncomp=1, tune_grid=(4, 8), tune_grids=grids, tune_search=search)
        tuning = model.fit(data.x, data.target.values).tuning_
        assert tuning.search == search
        assert set(tuning.errors[0]) <= {(a, b, 3) for a in (2, 6) for b in (4, 8)}
    with pytest.raises(ValueError, match="unknown views"):
        Diablo(tune_grids={"rna": (2,)}).fit(data.x, data.target.values)


def test_error_of_every_number_of_components_by_distance_and_vote():
    data = example(0)
    model = Diablo(ncomp=3, keep_x=(5, 5, 5), perf_repeats=3, perf_folds=4).fit(data.x, data.target.values)
    rows = pd.DataFrame(model.perf_)
    assert len(rows) == 3 * 3 * 3 * 2  # repeat, component, distance, vote
    one = rows[(rows["distance"] == "centroids") & (rows["vote"] == "weighted")]
    assert one.groupby("component")["ber"].mean()[2] < 0.1
    worth = model.components_worth_having()
    assert worth.loc["centroids", "weighted"] in (1, 2) and worth.shape == (3, 2)
    with pytest.raises(UsageError, match="perf_repeats"):
        Diablo(keep_x=(5, 5)).fit(data.x, data.target.values).components_worth_having()


def test_errors_by_component_tune_anew_in_every_fold():
    """Each fold once more by a whole fit to its train part, which tunes for itself and keeps units together."""
    data = example(3)
    x = {name: block.values for name, block in data.x.blocks.items()}
    y, groups = data.target.values, np.arange(60) // 2 * 2
    model = Diablo(tune_grid=(2, 6), tune_folds=3, perf_repeats=1, perf_folds=3).fit(x, y, groups=groups)
    fold = perf_folds(y, model._config(), groups)[0]
    assert all(len(np.unique(fold[groups == unit])) == 1 for unit in np.unique(groups))
    wrong = np.zeros(60, dtype=bool)
    kept = []
    for number in range(3):
        held = fold == number
        alone = Diablo(tune_grid=(2, 6), tune_folds=3)
        alone.fit({name: block[~held] for name, block in x.items()}, y[~held], groups=groups[~held])
        wrong[held] = alone.predict({name: block[held] for name, block in x.items()}) != y[held]
        kept.append(alone.keep_x_)
    rows = pd.DataFrame(model.perf_).set_index(["component", "distance", "vote"])
    assert rows.loc[(2, "centroids", "weighted"), "overall"] == pytest.approx(wrong.mean())
    assert any(one != model.keep_x_ for one in kept), "the same choice in every fold would show nothing"


def test_in_noise_the_error_is_chance_unless_the_choice_saw_the_samples():
    """Few samples of many features of nothing: keep_x tuned on all samples makes the error of the folds too small."""

    def error(seed: int, *, faithful: bool) -> float:
        random = np.random.default_rng(seed)
        x = {name: random.standard_normal((30, width)) for name, width in (("a", 300), ("b", 200))}
        settings = {"tune_grid": (1, 3, 10, 40, 150), "tune_folds": 3, "perf_repeats": 2, "perf_folds": 5}
        model = Diablo(ncomp=1, faithful=faithful, random_state=seed, **settings).fit(x, np.repeat([0, 1], 15))
        rows = pd.DataFrame(model.perf_).query("distance == 'centroids' and vote == 'weighted'")
        return float(rows["ber"].mean())

    nested, reused = (np.mean([error(seed, faithful=faithful) for seed in range(5)]) for faithful in (False, True))
    assert 0.47 < nested < 0.63
    assert reused < nested - 0.04


@pytest.mark.parametrize("faithful", [False, True])
def test_a_given_choice_is_the_same_in_every_fold(faithful):
    data = example(0)
    model = Diablo(keep_x=(5, 5), perf_repeats=1, perf_folds=4, faithful=faithful)
    rows = pd.DataFrame(model.fit(data.x, data.target.values).perf_)
    again = pd.DataFrame(model.set_params(tune_grid=(1,)).fit(data.x, data.target.values).perf_)
    pd.testing.assert_frame_equal(rows, again)


@pytest.mark.realdata
def test_errors_by_component_are_those_of_mixomics(train, recorded):
    """perf of the model with all features, 10 folds three times over; two components are worth having."""
    model = Diablo(ncomp=3, keep_x=(500, 500, 500), perf_repeats=3).fit(*train)
    rows = pd.DataFrame(model.perf_)
    mine = rows[(rows["distance"] == "centroids") & (rows["vote"] == "weighted")].groupby("component")
    theirs = table(recorded / "perf_fullmodel_ncomp5_centroids.csv").iloc[:, :3]
    np.testing.assert_allclose(mine["ber"].mean(), theirs.loc["Overall.BER"], atol=0.02)
    np.testing.assert_allclose(mine["overall"].mean(), theirs.loc["Overall.ER"], atol=0.02)
    assert model.components_worth_having().loc["centroids", "weighted"] == 2


def test_tuning_never_divides_a_unit():
    """Every sample twice under one unit: with groups the folds are those of the units, and nothing leaks."""
    data = example(0)
    x = {name: np.repeat(block.values, 2, axis=0) for name, block in data.x.blocks.items()}
    y, groups = np.repeat(data.target.values, 2), np.repeat(np.arange(60), 2)
    noise = np.random.default_rng(0).permutation(60).repeat(2)
    model = Diablo(tune_grid=(5, 12), tune_repeats=2)
    kept = model.fit(x, y[np.argsort(np.argsort(noise, kind="stable"), kind="stable")], groups=groups).tuning_
    leaked = model.fit(x, y[np.argsort(np.argsort(noise, kind="stable"), kind="stable")]).tuning_
    assert min(kept.errors[1].values()) > min(leaked.errors[1].values())


def test_a_class_too_small_for_folds_takes_the_middle_of_the_grid():
    data = example(0)
    keep = np.r_[0:40, 40]
    model = build(default()).fit(data.x.take(keep), data.target.values[keep])
    assert model.tuning_ is None and model.keep_x_["mrna"] == (20, 20)


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": "factorial"},
        {"scheme": "centroid"},
        {"mode": "canonical"},
        {"mode": "classic"},
        {"init": "svd"},
        {"scale": False},
        {"design": "full"},
        {"design": "null"},
        {"design": ((0, 0.5, 0.1), (0.5, 0, 0.1), (0.1, 0.1, 0))},
        {"near_zero_var": True},
        {"distance": "max", "vote": "average"},
        {"distance": "mahalanobis", "vote": "majority"},
        {"vote": "weighted-average"},
        {"keep_x": {"mrna": 5, "mirna": (4, 4), "protein": (300, 2)}},
    ],
    ids=str,
)
def test_every_setting_fits_and_learns(changes):
    data = example(1)
    model = Diablo(**{"keep_x": (5, 5), **changes}).fit(data.x, data.target.values)
    assert model.score(data.x, data.target.values) > 0.8


def test_votes_that_end_in_nothing_are_none():
    data = example(2)
    model = Diablo(keep_x=(5, 5), vote="majority", faithful=True).fit(data.x, data.target.values)
    two = {name: block.values for name, block in list(data.x.blocks.items())[:2]}
    noise = {name: values + 3 * np.random.default_rng(0).standard_normal(values.shape) for name, values in two.items()}
    answers = model.predict(noise)
    assert any(answer is None for answer in answers)


def test_constant_features_are_named():
    data = example(0)
    x = {name: block.values.copy() for name, block in data.x.blocks.items()}
    x["mrna"][:, 4] = 1.0
    model = Diablo(keep_x=(30, 30)).fit(x, data.target.values)
    assert model.constant_features_ == {"mrna": ["mrna_4"], "mirna": [], "protein": []}
    assert not model.loadings()["mrna"].loc["mrna_4"].any()


def test_slow_convergence_is_said():
    data = example(0)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        Diablo(keep_x=(5, 5), max_iter=1).fit(data.x, data.target.values)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keep_x": (5,)}, "keep_x"),
        ({"keep_x": {"mrna": (5, 0)}}, "keep_x"),
        ({"keep_x": {"mrna": 0}}, "keep_x"),
        ({"scheme": "horts"}, "horst"),
        ({"distance": "euclid"}, "centroids"),
        ({"ncomps": 2}, "ncomp"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        Config.parse(settings)


@pytest.mark.parametrize("settings", [{"keep_x": {"rna": (5, 5)}}, {"keep_x": (5, 5), "design": ((0, 1), (1, 0))}])
def test_settings_that_do_not_fit_the_views(settings):
    data = example(0)
    with pytest.raises(ValueError, match="views"):
        Diablo(**settings).fit(data.x, data.target.values)
