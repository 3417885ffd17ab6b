"""Graph intersection: umap-learn's operators, types that no view parts alone, new samples, absent views."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from chiasma.core.errors import UsageError
from chiasma.methods.omics.graph_umap.config import Config, course, tiny
from chiasma.methods.omics.graph_umap.examples import example
from chiasma.methods.omics.graph_umap.model import GraphUmap, build
from umap_twin import import_umap


@pytest.fixture(autouse=True)
def umap(monkeypatch):
    return import_umap(monkeypatch)


def frames(seed: int = 0) -> tuple[dict[str, pd.DataFrame], np.ndarray]:
    data = example(seed)
    made = {
        name: pd.DataFrame(block.values, index=block.samples, columns=block.features)
        for name, block in data.x.blocks.items()
    }
    return made, np.asarray(data.target.values)


def near(model: GraphUmap, codes: np.ndarray) -> KNeighborsClassifier:
    return KNeighborsClassifier(5).fit(model.embedding_, codes)


@pytest.mark.parametrize("combine", ["intersection", "union", "difference"])
def test_the_graph_is_what_umap_learn_makes_of_the_views_graphs(umap, combine):
    x, _ = frames()
    model = build(
        tiny().replace(combine=combine, per_view={"rna": {"weight": 0.55}, "adt": {"weight": 0.45}}, faithful=True)
    ).fit(x)
    one, two = (graph.copy() for graph in model.graphs_.values())
    if combine == "union":
        made = umap.general_simplicial_set_union(one, two)
    else:
        apart = combine == "difference"
        made = umap.general_simplicial_set_intersection(one, two, weight=0.45, right_complement=apart)
    expected = umap.reset_local_connectivity(made, reset_local_metric=True)
    np.testing.assert_allclose(model.graph_.toarray(), expected.toarray(), atol=1e-6)  # a bisection ends on either side


@pytest.mark.parametrize("combine", ["intersection", "fusion"])
def test_types_that_no_view_parts_alone(combine):
    x, codes = frames()
    model = build(tiny().replace(combine=combine)).fit(x)
    both = near(model, codes).score(model.embedding_, codes)
    alone = build(tiny()).fit({"rna": x["rna"]})
    assert both > 0.85 and both > near(alone, codes).score(alone.embedding_, codes) + 0.2
    random = np.random.default_rng(3)
    new = {name: frame + 0.3 * random.standard_normal(frame.shape) for name, frame in x.items()}
    placed = model.transform(new)
    assert near(model, codes).score(placed, codes) > 0.85
    one = model.transform({name: frame.iloc[[11]] for name, frame in new.items()})
    np.testing.assert_allclose(one[0], placed[11], atol=1e-9)  # alike in any company
    np.testing.assert_array_equal(model.transform(x), model.embedding_)


def test_samples_may_lack_views():
    x, codes = frames()
    random = np.random.default_rng(0)
    lacks = random.permutation(80)
    x["rna"].iloc[lacks[:15]] = np.nan
    x["adt"].iloc[lacks[15:30]] = np.nan
    model = build(tiny()).fit(x)
    assert np.isfinite(model.embedding_).all()
    complete = np.sort(lacks[30:])
    found = KNeighborsClassifier(5).fit(model.embedding_[complete], codes[complete])
    assert found.score(model.embedding_[complete], codes[complete]) > 0.8
    np.testing.assert_array_equal(model.transform(x), model.embedding_)
    new = frames(0)[0]["adt"] + 0.1
    placed = model.transform({"adt": new})
    helper = near(model, codes // 2)
    assert placed.shape == (80, 2) and helper.score(placed, codes // 2) > 0.8
    with pytest.raises(ValueError, match="every view of every sample"):
        build(tiny().replace(combine="fusion")).fit(x)
    x["adt"].iloc[lacks[0]] = np.nan
    with pytest.raises(ValueError, match="1 samples have no value in any view"):
        model.transform(x)


def test_three_views_with_weights_and_the_state():
    x, _ = frames(1)
    x["noise"] = pd.DataFrame(np.random.default_rng(0).standard_normal((80, 9)), index=x["rna"].index)
    config = tiny().replace(per_view={"noise": {"weight": 0.1}}, metric="cosine")
    model = build(config).fit(x)
    arrays, meta = model.state()
    back = GraphUmap.from_state(config, arrays, json.loads(json.dumps(meta, sort_keys=True)))
    assert set(vars(back)) == set(vars(model))
    new = {name: frame + 0.1 for name, frame in x.items()}
    np.testing.assert_array_equal(back.transform(new), model.transform(new))
    assert abs(back.graph_ - model.graph_).max() == 0
    figures = model.figures()
    assert set(figures) == {"layout", "agreement"}
    assert list(figures["agreement"][1]["first"])[:2] == ["rna", "rna"]
    agreement = model.agreement().set_index(["first", "second"])["shared_neighbours"]
    assert agreement["rna", "together"] > agreement["rna", "noise"]


def test_settings_that_do_not_fit_the_views():
    x, _ = frames()
    cases = [
        (Config.parse({"per_view": {"atac": {"normalise": "log1p"}}}), "per_view names a view"),
        (Config.parse({"per_view": {"rna": {"weight": 0}, "adt": {"weight": 0}}}), "every view has weight 0"),
        (Config(combine="difference"), "difference of another number"),
    ]
    for config, message in cases:
        views = x if "number" not in message else {"rna": x["rna"]}
        with pytest.raises(UsageError, match=message):
            build(config).fit(views)
    with pytest.raises(UsageError, match="weight"):
        Config.parse({"per_view": {"rna": {"weight": -1}}})
    with pytest.raises(ValueError, match="negative"):
        build(course()).fit(x)
