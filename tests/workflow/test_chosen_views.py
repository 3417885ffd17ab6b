"""`--views`: samples that have no value in any of the chosen views are left out, counted and named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiasma.core.errors import InsufficientDataError
from chiasma.workflow.comparing.compare import compare
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import prepare
from chiasma.workflow.method import load_method

QUIET = {"rivals": False, "explain": False, "draws": 100, "folds": 3, "repeats": 1}


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Path]:
    """Three views of 60 samples on two shared axes; s00 to s03 are in c only, s04 in a and c, the last in b only."""
    random = np.random.default_rng(0)
    ids = np.array([f"s{number:02d}" for number in range(60)])
    axes = random.standard_normal((60, 2))
    lacking = {"a": {*ids[:4], ids[59]}, "b": set(ids[:5]), "c": {ids[59]}}
    paths = {}
    for name, absent in lacking.items():
        values = axes @ random.standard_normal((2, 12)) + 0.5 * random.standard_normal((60, 12))
        frame = pd.DataFrame(values, index=pd.Index(ids, name="id")).add_prefix(name)
        paths[name] = tmp_path / f"{name}.csv"
        frame[~np.isin(ids, list(absent))].to_csv(paths[name])
    paths["labels"] = tmp_path / "labels.csv"
    classes = np.where(axes[:, 0] > 0, "up", "down")
    pd.DataFrame({"class": classes}, index=pd.Index(ids, name="id")).to_csv(paths["labels"])
    return paths


def test_they_are_left_out_counted_and_named(tables, tmp_path):
    inputs = {"view": {name: tables[name] for name in "abc"}}
    options = {**QUIET, "views": ["a", "b"]}
    run = fit("mofa", inputs, preset="tiny", config={"factors": 2}, options=options, output=tmp_path / "run").path
    dataset = json.loads((run / "provenance.json").read_text())["dataset"]
    (skip,) = dataset["skips"]
    assert dataset["n"] == 56 and skip["count"] == 4
    assert skip["reason"] == "no value in any of the chosen views" and skip["examples"] == ["s00", "s01", "s02", "s03"]
    split = pd.read_parquet(run / "split.parquet")
    assert not split["id"].isin(skip["examples"]).any() and {"s04", "s59"} <= set(split["id"])


def test_also_of_a_test_set_already_chosen(tables, tmp_path):
    method = load_method("mofa")
    whole = {name: pd.read_csv(tables[name], index_col=0) for name in "abc"}
    test = {}
    for name, frame in whole.items():
        test[name] = tmp_path / f"test_{name}.csv"
        frame.set_axis([f"t{row}" for row in frame.index], axis=0).rename_axis("id").to_csv(test[name])
    inputs = {"view": {name: tables[name] for name in "abc"}, "test_view": test}
    options = FitOptions(views=("b",))
    found = prepare(method.card, method.configure(None), inputs, options)
    assert found.split.sizes() == {"train": 55, "test": 55} and len(found.dataset) == 110
    assert found.dataset.ids.tolist() == found.split.ids.tolist()
    assert found.dataset.skips[-1].count == 10
    inputs["test_view"] = {"c": test["c"]}
    with pytest.raises(InsufficientDataError, match="test set has no value"):
        prepare(method.card, method.configure(None), inputs, options)


def test_methods_with_views_of_their_own_are_compared_on_the_same_samples(tables, tmp_path):
    inputs = {"view": {name: tables[name] for name in "abc"}, "labels": tables["labels"]}
    compare(["mofa:tiny@a", "mofa:tiny@b"], inputs, output=tmp_path / "both", options=QUIET)
    splits = [pd.read_parquet(path) for path in sorted((tmp_path / "both").glob("**/split.parquet"))]
    assert len(splits) == 2 and splits[0]["id"].tolist() == splits[1]["id"].tolist()
    assert len(splits[0]) == 54
