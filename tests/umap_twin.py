"""umap-learn for tests: its graph functions run as Python, for compiling them takes longer than they do."""

from __future__ import annotations

import warnings
from typing import Any

import pytest


def import_umap(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module umap.umap_ with plain Python in place of its compiled functions of graphs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pytest.importorskip("umap.umap_")
    for module, names in (
        (found, ("smooth_knn_dist", "compute_membership_strengths", "reset_local_metrics", "reprocess_row")),
        (found.sparse, ("general_sset_intersection", "general_sset_union")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name).py_func)
    return found
