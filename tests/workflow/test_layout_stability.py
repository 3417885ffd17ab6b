"""Stability of representations over seeds and subsamples, side by side with PCA."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import UsageError
from chiasma.methods.omics.graph_umap.examples import example
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
