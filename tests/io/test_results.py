"""Results in AnnData and MuData, where scverse tools look for them, there and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from chiasma.core.errors import InputError
from chiasma.data.matrix import Matrix
from chiasma.io.containers import Results, add_results, write_results

anndata = pytest.importorskip("anndata")


def results() -> Results:
    draw = np.random.default_rng(0)
    graph = sp.random(6, 6, 0.4, random_state=0, format="csr")
    return Results(
        obsm={"X_wnn": draw.random((6, 2))},
        varm={"wnn": draw.random((4, 2))},
        obsp={"wnn_graph": graph},
        layers={"corrected": draw.random((6, 4))},
        uns={"wnn": {"params": {"k": 20, "views": ("rna", "adt"), "absent": None}}},
    )


def test_anndata_there_and_back(tmp_path: Path) -> None:
    found = results()
    names = (np.asarray([f"{kind}{i}" for i in range(n)], dtype=object) for kind, n in (("cell", 6), ("gene", 4)))
    matrix = Matrix(np.arange(24.0).reshape(6, 4), *names)
    write_results(tmp_path / "x.h5ad", matrix, found, obs={"set": list("aabbab")})
    back = anndata.read_h5ad(tmp_path / "x.h5ad")
    np.testing.assert_array_equal(back.X, matrix.values)
    np.testing.assert_array_equal(back.obsm["X_wnn"], found.obsm["X_wnn"])
    np.testing.assert_array_equal(back.varm["wnn"], found.varm["wnn"])
    np.testing.assert_array_equal(back.layers["corrected"], found.layers["corrected"])
    assert abs(back.obsp["wnn_graph"] - found.obsp["wnn_graph"]).max() == 0
    assert back.uns["wnn"]["params"]["k"] == 20 and list(back.uns["wnn"]["params"]["views"]) == ["rna", "adt"]
    assert list(back.obs["set"]) == list("aabbab")


def test_mudata_there_and_back(tmp_path: Path) -> None:
    mudata = pytest.importorskip("mudata")
    index = [f"cell{i}" for i in range(6)]
    parts = {name: anndata.AnnData(np.ones((6, n)), obs=pd.DataFrame(index=index)) for name, n in (("a", 3), ("b", 2))}
    for name, part in parts.items():
        part.var_names = [f"{name}{i}" for i in range(part.n_vars)]
    found = results()
    data = mudata.MuData(parts)
    add_results(data, Results(obsm=found.obsm, obsp=found.obsp, uns=found.uns))
    data.write(str(tmp_path / "x.h5mu"))
    back = mudata.read_h5mu(tmp_path / "x.h5mu")
    np.testing.assert_array_equal(back.obsm["X_wnn"], found.obsm["X_wnn"])
    assert back.uns["wnn"]["params"]["k"] == 20
    with pytest.raises(InputError, match="MuData"):
        add_results(data, Results(layers=found.layers))


def test_another_length_is_refused() -> None:
    data = anndata.AnnData(np.ones((5, 4)))
    with pytest.raises(InputError, match="X_wnn"):
        add_results(data, Results(obsm=results().obsm))
