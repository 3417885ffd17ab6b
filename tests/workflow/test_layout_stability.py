"""Stability of representations over seeds and subsamples, side by side with PCA."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chiasma.core.errors import UsageError
from chiasma.data.matrix import side_by_side
from chiasma.io.tables import write_matrix
from chiasma.methods.omics.graph_umap.examples import example
from chiasma.workflow.comparing.compare import compare
from chiasma.workflow.evaluating.layout_stability import layout_stability


def test_pca_has_no_seed_and_a_layout_has():
    found = layout_stability(
        ["pca", "tsne"], example(0), seeds=(1, 2), preset="tiny", configs={"tsne": {"init": "random"}}
    )
    table = found.set_index(["method", "over"])
    assert table.loc[("pca", "seeds"), "spread"] < 1e-6 and table.loc[("pca", "seeds"), "overlap"] == 1
    assert table.loc[("pca", "seeds"), "trustworthiness_sd"] == 0
    assert table.loc[("tsne", "seeds"), "spread"] > 0.1 and table.loc[("tsne", "seeds"), "overlap"] < 1
    assert table.loc[("pca", "subsamples"), "spread"] > 0.01
    scores = found[["trustworthiness", "continuity", "neighbour_recall", "overlap"]].to_numpy()
    assert np.isfinite(scores).all() and (scores > 0).all() and (scores <= 1).all()


def test_wrong_requests():
    with pytest.raises(UsageError, match="two seeds"):
        layout_stability(["pca"], example(0), seeds=(1,))
    with pytest.raises(UsageError, match="has a target"):
        layout_stability(["lda"], example(0), seeds=(1, 2))


def test_methods_of_one_matrix_and_of_views_are_measured_in_one_space(tmp_path):
    data = example(0)
    files = {name: tmp_path / f"{name}.csv" for name in data.x.blocks}
    for name, path in files.items():
        write_matrix(path, data.x.blocks[name])
    options = {"stability": 2, "undivided": True, "rivals": False, "explain": False, "draws": 100}
    first = next(iter(files))
    methods = ["pca", f"pca@{first}", "mofa"]
    found = compare(methods, {"view": files}, output=tmp_path / "c", presets="tiny", options=options)
    rows = {(row["method"], row["over"]): row for row in found.stability}
    joint = " + ".join(sorted(files)) + ", each view alike"
    spaces = {method: rows[method, "seeds"]["measured in"] for method in methods}
    assert spaces == {"pca": joint, "mofa": joint, f"pca@{first}": first}
    alone = layout_stability(
        ["pca"], replace(data, x=side_by_side(data.x)), seeds=(1, 2), preset="tiny", measured=data.x
    )
    told = alone.set_index("over").loc["subsamples", "trustworthiness"]
    np.testing.assert_allclose(rows["pca", "subsamples"]["trustworthiness"], told)
    page = (tmp_path / "c" / "report.html").read_text()
    assert f"pca@{first} ({first})" in page and "no match for each other" in page
