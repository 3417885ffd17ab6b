"""Plots of component methods: complete drawings, the right tables behind them, and those that estimators offer."""

from __future__ import annotations

import importlib
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from chiasma.data.results import Figure
from chiasma.methods.omics.diablo.model import Diablo
from chiasma.plot.component_figures import view_figures
from chiasma.plot.relations import circos, clustered_map, links, network
from chiasma.plot.variables import arrow_plot, component_errors, correlation_circle, explained_bars

MEMBERS = [("gene", "g1"), ("gene", "g<2>"), ("lipid", "l1"), ("lipid", "l2"), ("protein", "p1")]
ALIKE = np.array(
    [
        [1.0, 0.9, 0.8, -0.2, 0.1],
        [0.9, 1.0, -0.75, 0.7, 0.0],
        [0.8, -0.75, 1.0, 0.9, 0.3],
        [-0.2, 0.7, 0.9, 1.0, -0.95],
        [0.1, 0.0, 0.3, -0.95, 1.0],
    ]
)


def check(drawn: tuple[Figure, pd.DataFrame]) -> pd.DataFrame:
    figure, table = drawn
    root = ET.fromstring(figure.svg)
    assert root.tag.endswith("svg") and figure.title and figure.caption
    assert list(figure.table) == list(table.columns)
    assert {len(column) for column in figure.table.values()} <= {len(table)}
    return table


def test_links_are_between_views_and_strong():
    table = links(MEMBERS, ALIKE, cutoff=0.7)
    assert table["similarity"].tolist() == [-0.95, 0.8, -0.75, 0.7]
    assert (table["view_a"] != table["view_b"]).all()
    for draw in (circos, network):
        pd.testing.assert_frame_equal(check(draw(MEMBERS, ALIKE)), table)
        assert len(check(draw(MEMBERS, ALIKE, cutoff=2.0))) == 0
    assert circos(MEMBERS, ALIKE)[0].svg == circos(MEMBERS, ALIKE)[0].svg


def test_circle_names_the_farthest():
    table = pd.DataFrame({"pc1": [0.9, 0.1, -0.5], "pc2": [0.1, 0.2, 0.6]}, index=["far", "near", "middle"])
    rows = check(correlation_circle({"x": table, "y": table.rename(index=str.upper)}))
    assert len(rows) == 6 and rows["length"].max() == pytest.approx(np.hypot(0.9, 0.1))
    svg = correlation_circle({"x": table})[0].svg
    assert "far" in svg and "near" in svg


def test_arrows_bring_views_to_one_spread():
    random = np.random.default_rng(0)
    one = random.standard_normal((10, 2))
    rows = check(arrow_plot({"a": one, "b": 100 * one + 5}, samples=range(10), classes=list("xy") * 5))
    a, b = (rows[rows["view"] == view][["x", "y"]].to_numpy() for view in "ab")
    np.testing.assert_allclose(a, b)
    assert len(check(arrow_plot({name: one[:, :1] for name in "abc"}, samples=range(10)))) == 30


def test_clustered_map_keeps_every_value():
    values = pd.DataFrame(np.random.default_rng(0).standard_normal((8, 5)), columns=list("abcde"))
    table = check(clustered_map(values, row_groups=list("xxxxyyyy"), column_groups=list("uuvvv")))
    back = table.pivot(index="row", columns="column", values="value")
    np.testing.assert_allclose(back.to_numpy(), values.to_numpy())


def test_shares_and_errors():
    shares = pd.DataFrame([[0.5, 0.2], [0.1, 0.3]], index=["gene", "lipid"], columns=["comp1", "comp2"])
    assert check(explained_bars(shares))["share"].tolist() == [0.5, 0.2, 0.1, 0.3]
    rows = [
        {"repeat": r, "component": c, "distance": "max", "vote": "weighted", "ber": r * 0.1 / c, "overall": 0.0}
        for r in (1, 2)
        for c in (1, 2)
    ]
    table = check(component_errors(rows))
    assert table["ber"].tolist() == pytest.approx([0.15, 0.075])
    assert table["standard_error"].tolist() == pytest.approx([0.05, 0.025])


def test_nothing_alike_draws_no_links():
    flat = {name: pd.DataFrame(np.full((3, 2), 0.1), index=list("abc"), columns=["c1", "c2"]) for name in ("x", "y")}
    shares = pd.DataFrame([[0.1, 0.1]] * 2, index=["x", "y"], columns=["c1", "c2"])
    variates = {name: np.random.default_rng(0).standard_normal((5, 2)) for name in ("x", "y")}
    assert set(view_figures(flat, shares, variates)) == {"explained", "variables", "arrows"}


@pytest.mark.parametrize("name", ["pca", "pls_da", "spls_da", "mint", "pls", "spls", "rcca", "rgcca"])
def test_estimators_offer_theirs(name):
    module = f"chiasma.methods.omics.{name}"
    data = importlib.import_module(f"{module}.examples").example(0)
    config = importlib.import_module(f"{module}.config").tiny()
    model = importlib.import_module(f"{module}.model").build(config).fit(data.x, data.target.values)
    drawn = model.figures()
    assert {"explained", "variables"} <= set(drawn)
    for each in drawn.values():
        check(each)
    if hasattr(data.x, "blocks"):
        assert {"arrows", "circos", "network"} <= set(drawn)


def test_diablo_offers_all_after_a_round_trip():
    from chiasma.methods.omics.diablo.examples import example

    data = example(0)
    model = Diablo(keep_x=(5, 5), perf_repeats=2, perf_folds=3).fit(data.x, data.target.values)
    back = Diablo.from_state(model._config(), *model.state())
    drawn = back.figures()
    wanted = {"explained", "variables", "arrows", "circos", "network", "clustered_map", "component_errors"}
    assert set(drawn) == wanted
    for each in drawn.values():
        check(each)
    assert set(drawn["arrows"][1]["class"]) == {"0", "1", "2"}
