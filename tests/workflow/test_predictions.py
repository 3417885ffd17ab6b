"""Conformal sets as text, and tables in the format of the suffix."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.errors import UsageError
from chiasma.data.dataset import Target
from chiasma.workflow.predicting.predictions import set_texts, write_table


def test_sets_as_text():
    target = Target("multiclass", np.zeros(0, int), ("a", "b", "c"))
    sets = np.array([[True, False, True], [False, False, False]])
    assert set_texts(target, sets).tolist() == ["a|c", ""]
    assert set_texts(target, None) is None
    track = Target("regression", np.zeros((0, 1)), ("y",))
    assert set_texts(track, np.array([[[0.5, 1.25]]])).tolist() == ["0.5..1.25"]


def test_unknown_suffix_and_missing_places(tmp_path):
    columns = {"id": np.array(["a"]), "p_x": np.array([0.5])}
    with pytest.raises(UsageError, match="unknown output format"):
        write_table(tmp_path / "a.xls", columns)
    with pytest.raises(UsageError, match="no place on a genome"):
        write_table(tmp_path / "a.bed", columns)
    assert list(tmp_path.iterdir()) == []


def test_a_table_reads_back(tmp_path):
    columns = {"id": np.array(["a", "b"]), "p_x": np.array([0.25, 0.75])}
    path = write_table(tmp_path / "a.tsv", columns)
    assert path.read_text() == "id\tp_x\na\t0.25\nb\t0.75\n"


def test_factors_go_where_scverse_looks_for_them(tmp_path):
    anndata = pytest.importorskip("anndata")
    columns = {"id": np.array(["a", "b"]), "umap1": np.array([1.0, 2.0]), "umap2": np.array([3.0, 4.0])}
    path = write_table(tmp_path / "a.h5ad", {**columns, "p_x1": np.array([0.25, 0.75]), "set": np.array(["x", "y"])})
    found = anndata.read_h5ad(path)
    np.testing.assert_array_equal(found.obsm["X_umap"], [[1.0, 3.0], [2.0, 4.0]])
    assert list(found.obs_names) == ["a", "b"] and list(found.obs["p_x1"]) == [0.25, 0.75]
    assert list(found.obs["set"]) == ["x", "y"] and found.n_vars == 0
