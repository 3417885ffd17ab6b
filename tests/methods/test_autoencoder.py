"""The autoencoder: the course's parameters, likelihoods and what they refuse, absent views, views from each other."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from chiasma.core.cards import find_card
from chiasma.core.errors import UsageError
from chiasma.methods.omics.autoencoder.config import PRESETS, Config, course, tiny
from chiasma.methods.omics.autoencoder.examples import example
from chiasma.methods.omics.autoencoder.model import Autoencoder, _kept, build, count_parameters

QUICK = {"epochs": 40, "batch_size": 32, "learning_rate": 1e-2, "patience": 40, "precision": "32"}


def toy(n: int = 120, seed: int = 0) -> tuple[dict[str, pd.DataFrame], np.ndarray]:
    """Numbers, counts and bits that follow the same two axes, and the three classes that these part."""
    random = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    axes = 2 * np.array([[1, 0], [-0.5, 0.9], [-0.5, -0.9]])[codes] + 0.4 * random.standard_normal((n, 2))
    draw = np.random.default_rng(1)  # the same weights whatever the seed
    numbers = axes @ draw.standard_normal((2, 12)) + 0.5 * random.standard_normal((n, 12))
    counts = random.poisson(np.exp(1.5 + 0.5 * axes @ draw.standard_normal((2, 10))))
    bits = random.random((n, 8)) < 1 / (1 + np.exp(-2 * axes @ draw.standard_normal((2, 8))))
    blocks = {"numbers": 5 + 3 * numbers, "counts": counts.astype(float), "bits": bits.astype(float)}
    index = [f"s{row:03d}" for row in range(n)]
    return {
        name: pd.DataFrame(values, index=index, columns=[f"{name}{j}" for j in range(values.shape[1])])
        for name, values in blocks.items()
    }, codes


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    frames, _ = toy()
    return build(Config(factors=4, hidden=16, decoder=16, training=QUICK)).fit(frames)


def test_parameters_are_those_of_the_card_and_of_the_course():
    data = example(0)
    counted = {name: count_parameters(make(), data) for name, make in PRESETS.items()}
    assert counted == find_card("autoencoder").parameters
    assert counted["course"] == 115_216
    assert [block.values.shape[1] for block in data.x.blocks.values()] == [976, 10]


def test_the_courses_network_learns_the_synthetic_twin():
    model = build(course()).fit(example(0).x)
    losses = [row["train_loss"] for row in model.history_]
    assert len(losses) == 10 and (np.diff(losses) < 0).all()
    assert losses[-1] < 0.5 * losses[0] and model.n_parameters_ == 115_216
    assert model.factors_.shape == (90, 50)


def test_likelihoods_are_read_off_the_values_and_each_view_is_rebuilt(fitted):
    assert fitted.likelihoods_ == {"numbers": "gaussian", "counts": "nb", "bits": "bernoulli"}
    new, codes = toy(seed=5)
    scores = fitted.reconstruction_scores(new)
    whole = scores[scores["source"] == "all views"].set_index("view")
    assert whole.loc["numbers", "value"] > 0.7 and whole.loc["counts", "value"] > 0.3
    assert whole.loc["bits", "metric"] == "auroc" and whole.loc["bits", "value"] > 0.8
    crossed = scores[scores["source"] == "the other views"].set_index("view")["value"]
    assert crossed["numbers"] > 0.5 and crossed["bits"] > 0.75
    assert set(scores["source"]) == {"all views", "the other views", "numbers", "counts", "bits"}
    centres = np.stack([fitted.factors_[toy()[1] == code].mean(axis=0) for code in range(3)])
    distance = ((fitted.transform(new)[:, None] - centres)[..., :4] ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == codes).mean() > 0.9


def test_one_view_is_told_from_another(fitted):
    new, _ = toy(seed=6)
    made = fitted.impute({"counts": new["counts"]})
    assert {name: values.shape for name, values in made.items()} == {n: f.shape for n, f in new.items()}
    correlation = np.corrcoef(made["numbers"].ravel() - 5, new["numbers"].to_numpy().ravel() - 5)[0, 1]
    assert correlation > 0.6
    assert ((made["bits"] > 0) & (made["bits"] < 1)).all() and (made["counts"] >= 0).all()
    np.testing.assert_allclose(made["counts"].sum(axis=1), new["counts"].sum(axis=1))
    alike = fitted.impute(new, source=["counts"])
    np.testing.assert_allclose(alike["numbers"], made["numbers"], atol=1e-9)
    with pytest.raises(UsageError, match="view"):
        fitted.impute(new, source=["count"])
    with pytest.raises(ValueError, match="no value in any view"):
        fitted.impute({"bits": new["bits"]}, source=["counts"])


def test_samples_may_lack_views_in_the_fit_and_later():
    frames, _ = toy(seed=2)
    random = np.random.default_rng(0)
    holed = {name: frame.copy() for name, frame in frames.items()}
    holed["numbers"].iloc[:30] = np.nan
    holed["counts"].iloc[30:60] = np.nan
    holed["bits"] = holed["bits"].mask(random.random(holed["bits"].shape) < 0.1)
    model = build(Config(factors=4, hidden=16, decoder=16, training=QUICK)).fit(holed)
    assert np.isfinite(model.factors_).all() and np.isfinite([row["train_loss"] for row in model.history_]).all()
    told = model.impute(holed)["numbers"][:30]  # of samples whose numbers the network never saw
    assert np.corrcoef(told.ravel(), frames["numbers"].to_numpy()[:30].ravel())[0, 1] > 0.5
    without = model.transform({name: frame for name, frame in frames.items() if name != "bits"})
    blank = model.transform({**frames, "bits": frames["bits"] * np.nan})
    np.testing.assert_allclose(without, blank, atol=1e-12)
    frames["numbers"].iloc[4], frames["counts"].iloc[4], frames["bits"].iloc[4] = np.nan, np.nan, np.nan
    with pytest.raises(ValueError, match=r"1 samples have no value"):
        build(tiny()).fit(frames)


def test_scaling_knows_nothing_of_the_samples_that_choose_the_epoch():
    frames, _ = toy()
    model = build(tiny()).fit(frames)
    kept = _kept(model._config(), len(frames["numbers"]))
    assert 0 < kept.sum() < len(kept)
    np.testing.assert_allclose(model.inputs_["numbers"].scaling.mean, frames["numbers"].to_numpy()[~kept].mean(axis=0))
    assert build(tiny().replace(valid_share=0.0)).fit(frames).validation_ == []


def test_a_plain_network_needs_every_view():
    frames, _ = toy()
    model = build(tiny().replace(kind="plain")).fit(frames)
    assert set(pd.DataFrame(model.validation_)["source"]) == {"all views"}
    with pytest.raises(ValueError, match=r"lack view bits[\s\S]*variational"):
        model.transform({name: frame for name, frame in frames.items() if name != "bits"})
    frames["counts"].iloc[3] = np.nan
    with pytest.raises(ValueError, match="1 samples lack view counts"):
        build(tiny().replace(kind="plain")).fit(frames)


def test_values_that_a_likelihood_cannot_have_are_named():
    frames, _ = toy()
    cases = {
        "bernoulli": ("counts", r"view counts, feature counts\d+, row \d+[\s\S]*0 and 1 only"),
        "nb": ("numbers", r"view numbers, feature numbers\d+[\s\S]*whole numbers from 0"),
        "zinb": ("numbers", "whole numbers from 0"),
    }
    for likelihood, (view, message) in cases.items():
        with pytest.raises(ValueError, match=message):
            build(tiny().replace(per_view={view: {"likelihood": likelihood}})).fit(frames)
    percent = {"atac": pd.DataFrame(np.random.default_rng(0).random((30, 4)) * 100)}
    with pytest.raises(ValueError, match="bernoulli"):  # the course's log percentages
        build(tiny().replace(likelihood="bernoulli")).fit(percent)
    with pytest.raises(ValueError, match="from 0"):
        build(tiny().replace(log1p=True, likelihood="gaussian")).fit({"x": percent["atac"] - 50})
    with pytest.raises(UsageError, match="per_view names a view"):
        build(tiny().replace(per_view={"rna": {"likelihood": "nb"}})).fit(frames)


def test_extra_zeros_and_one_view():
    random = np.random.default_rng(3)
    counts = random.poisson(20, (60, 9)) * (random.random((60, 9)) > 0.4)
    model = build(Config(factors=2, hidden=8, decoder=8, likelihood="zinb", training=QUICK)).fit({"rna": counts})
    made = model.impute({"rna": counts})["rna"]
    assert 0.4 < made.mean() / counts.mean() < 1.6
    assert model.transform({"rna": counts[:3]}).shape == (3, 3)


def test_seeds_state_and_company(fitted):
    frames, _ = toy()
    small = Config(factors=3, hidden=8, decoder=8, training={**QUICK, "epochs": 3})
    one, two, other = (build(small.replace(random_state=seed)).fit(frames) for seed in (0, 0, 1))
    assert np.array_equal(one.factors_, two.factors_) and not np.array_equal(one.factors_, other.factors_)
    arrays, meta = fitted.state()
    back = Autoencoder.from_state(fitted._config(), arrays, json.loads(json.dumps(meta)))
    assert set(vars(back)) == set(vars(fitted))
    np.testing.assert_array_equal(back.transform(frames), fitted.transform(frames))
    np.testing.assert_array_equal(fitted.transform(frames), fitted.factors_)
    row = {name: frame.iloc[[7]] for name, frame in frames.items()}
    np.testing.assert_allclose(fitted.transform(row)[0], fitted.factors_[7], atol=1e-10)
    rebuilt = fitted.reconstruct(fitted.factors_)
    assert {name: values.shape for name, values in rebuilt.items()} == {n: f.shape for n, f in frames.items()}
    assert list(fitted.get_feature_names_out()) == ["factor1", "factor2", "factor3", "factor4", "depth_counts"]
    imputed = fitted.impute(frames)  # which is told the depth and not given it as a factor
    for name, values in rebuilt.items():
        np.testing.assert_allclose(values, imputed[name], rtol=1e-9)


def test_figures_have_tables(fitted):
    figures = fitted.figures()
    assert set(figures) == {"autoencoder_training", "reconstruction", "factors"}
    _, table = figures["reconstruction"]
    assert {"view", "source", "metric", "value", "samples"} <= set(table.columns)
    assert len(figures["autoencoder_training"][1]) == len(fitted.history_)


def test_wrong_settings_are_refused():
    with pytest.raises(UsageError, match="factors"):
        Autoencoder(factors=0).fit(toy()[0])
    with pytest.raises(UsageError, match="hidden"):
        Config.parse({"hidden": 0})
