"""`--device` reaches estimators that ask for it, and what a fit remarks reaches the run and its page."""

from __future__ import annotations

import json
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chiasma.core.cards import find_card
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix, Views
from chiasma.fit import contracts
from chiasma.methods.omics.autoencoder import model as autoencoder
from chiasma.methods.omics.mofa import model as mofa
from chiasma.workflow.evaluating.layout_stability import layout_stability
from chiasma.workflow.fitting.cross_validate import cross_validate_files
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.fitting.head import Headed
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import prepare
from chiasma.workflow.method import load_method

QUIET = {"rivals": False, "explain": False, "draws": 100, "folds": 3, "repeats": 1}


class Asks:
    """A representation that keeps the device it was told."""

    def fit(self, X, y=None, *, device="nowhere"):
        self.told = device
        return self

    def transform(self, X):
        return np.asarray(X["a"])[:, :1]

    def get_feature_names_out(self):
        return ["factor1"]


def test_those_that_ask_are_told():
    values = np.random.default_rng(0).standard_normal((20, 3))
    ids, names = np.arange(20).astype(object), np.array(["x", "y", "z"], dtype=object)
    x = Views({"a": Matrix(values, ids, names)})
    data = Dataset(ids, x, Target("none", np.zeros(0), ()), np.arange(20))
    model = Asks()
    contracts.fit_representation(model, data, {"a": values}, procedure=False, seed=1, device="cuda")
    assert model.told == "cuda"
    head = Headed(Asks(), device="mps").fit({"a": values}, np.arange(20) % 2)
    assert head.embedding.told == "mps"


@pytest.fixture
def noise(tmp_path: Path) -> dict[str, Path]:
    """Two views of 300 samples in which nothing is shared, and classes of nothing."""
    random = np.random.default_rng(2)
    ids = pd.Index([f"s{number}" for number in range(300)], name="id")
    paths = {}
    for name, width in (("a", 3), ("b", 3)):
        frame = pd.DataFrame(random.standard_normal((300, width)), index=ids).add_prefix(name)
        paths[name] = tmp_path / f"{name}.csv"
        frame.to_csv(paths[name])
    paths["labels"] = tmp_path / "labels.csv"
    pd.DataFrame({"class": np.where(np.arange(300) % 4 == 0, "rare", "common")}, index=ids).to_csv(paths["labels"])
    return paths


@pytest.mark.filterwarnings("ignore::chiasma.core.errors.FitWarning")  # mofa finds nothing in noise, and says so
@pytest.mark.parametrize("name", ["mofa", "autoencoder"])
@pytest.mark.parametrize("labelled", [False, True])
def test_the_option_reaches_the_fit(name, labelled, noise, tmp_path, monkeypatch):
    kind: Any = {"mofa": mofa.Mofa, "autoencoder": autoencoder.Autoencoder}[name]
    told, whole = [], kind.fit

    @wraps(whole)
    def listen(self, X, y=None, **given):
        told.append(given["device"])
        return whole(self, X, y, **given)

    monkeypatch.setattr(kind, "fit", listen)
    inputs = {"view": {key: noise[key] for key in "ab"}, **({"labels": noise["labels"]} if labelled else {})}
    options = {**QUIET, "device": "cpu"}
    fit(name, inputs, preset="tiny", config={}, options=options, output=tmp_path / "run")
    assert told and set(told) == {"cpu"}
    told.clear()
    if labelled:
        asked = {"device": "cpu", "folds": 2, "repeats": 1}
        cross_validate_files(name, inputs, preset="tiny", options=asked)
    else:
        one = {"view": inputs["view"]}
        data = prepare(find_card(name), load_method(name).configure(preset="tiny"), one, FitOptions()).dataset
        layout_stability([name], data, seeds=(1, 2), preset="tiny", device="cpu")
    assert told and set(told) == {"cpu"}


@pytest.mark.parametrize("labelled", [False, True])
def test_nothing_shared_is_said_in_the_run_and_predictions_abstain(labelled, noise, tmp_path, capsys):
    inputs = {"view": {key: noise[key] for key in "ab"}, **({"labels": noise["labels"]} if labelled else {})}
    config = {"factors": 3, "spike_slab": False}
    options = {**QUIET, "seed": 2}
    run = fit("mofa", inputs, config=config, options=options, output=tmp_path / "run").path
    said = "no factor explains anything"
    assert capsys.readouterr().err.count(said) == 1
    assert said in json.loads((run / "cost.json").read_text())["remarks"][0]
    assert said in (run / "report.html").read_text()
    found = pd.read_parquet(run / "predictions.parquet")
    if labelled:
        shares = found[["p_common", "p_rare"]].to_numpy()
        assert np.allclose(shares, shares[0]) and 0.6 < shares[0, 0] < 0.9
    else:
        assert (found.filter(like="factor").to_numpy() == 0).all()
