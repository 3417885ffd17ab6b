"""Predictions as AnnData, Zarr and MuData: read back by the packages themselves, and by our own readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiasma.core.errors import RunError
from chiasma.io.containers import read_h5mu, read_obs
from chiasma.io.tables import read_labels, read_matrix
from chiasma.workflow.fitted import load_fitted
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.fitting.head import representation_of
from chiasma.workflow.predicting.predict import predict
from command_line import call, done

anndata = pytest.importorskip("anndata")
mudata = pytest.importorskip("mudata")
OPTIONS = {"draws": 100, "repeats": 1, "folds": 2, "rivals": False, "explain": False}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two views of 40 samples with a factor in common; the last two lack the second view."""
    folder, draw = tmp_path_factory.mktemp("views"), np.random.default_rng(0)
    codes = np.arange(40) % 2
    hidden = draw.normal(size=(40, 1)) + 3 * codes[:, None]
    ids = pd.Index([f"s{row:02d}" for row in range(40)], name="id")
    paths = {"labels": folder / "labels.csv"}
    pd.DataFrame({"class": np.array(["a", "b"])[codes]}, index=ids).to_csv(paths["labels"])
    for view, size, n in (("rna", 9, 40), ("protein", 5, 38)):
        paths[view] = folder / f"{view}.csv"
        values = hidden @ draw.normal(size=(1, size)) + draw.normal(size=(40, size))
        pd.DataFrame(values, index=ids, columns=[f"{view}{i}" for i in range(size)]).iloc[:n].to_csv(paths[view])
    return paths


def views(files: dict[str, Path]) -> dict[str, dict[str, Path]]:
    return {"view": {name: files[name] for name in ("rna", "protein")}}


@pytest.mark.parametrize("labelled", [False, True])
def test_factors_of_several_views_come_back_from_mudata(files: dict[str, Path], tmp_path: Path, labelled: bool) -> None:
    inputs = {**views(files), **({"labels": files["labels"]} if labelled else {})}
    run = fit("mofa", inputs, output=tmp_path / "r", preset="tiny", options=OPTIONS).path
    done("predict", run, *(f"--view={name}={files[name]}" for name in ("rna", "protein")), "-o", tmp_path / "x.h5mu")
    columns, _ = predict(run, views(files))
    data, model = mudata.read_h5mu(tmp_path / "x.h5mu"), representation_of(load_fitted(run).model)
    row = {name: place for place, name in enumerate(columns["id"])}
    order = [row[name] for name in data.obs_names]
    names = model.get_feature_names_out()
    np.testing.assert_allclose(data.obsm["X_mofa"], np.column_stack([columns[name] for name in names])[order])
    assert data.shape == (40, 14) and data["protein"].n_obs == 38 and data.uns["mofa"]["params"]["factors"] > 0
    for view, table in model.loadings().items():
        np.testing.assert_array_equal(data[view].varm["LFs"], table.loc[data[view].var_names])
        assert len(data.uns["mofa"]["variance"][view]) == len(names)
    assert data.varm["LFs"].shape == (14, len(names))
    np.testing.assert_allclose(data["rna"].X, pd.read_csv(files["rna"], index_col=0).to_numpy())
    assert ("p_a" in data.obs) == labelled
    if labelled:
        np.testing.assert_allclose(data.obs["p_a"], columns["p_a"][order])
    again = read_h5mu(tmp_path / "x.h5mu")  # and it is an input again
    assert np.isnan(again.blocks["protein"].values).all(axis=1).sum() == 2
    repeat, _ = predict(run, {"input": tmp_path / "x.h5mu"})
    back = {name: place for place, name in enumerate(repeat["id"])}
    for name in names:
        np.testing.assert_allclose(repeat[name][[back[one] for one in columns["id"]]], columns[name], atol=1e-10)


def test_variates_stand_in_their_modality(files: dict[str, Path], tmp_path: Path) -> None:
    inputs = {**views(files), "labels": files["labels"]}
    run = fit("diablo", inputs, output=tmp_path / "r", preset="tiny", options=OPTIONS).path
    predict(run, views(files), output=tmp_path / "x.h5mu")
    data, model = mudata.read_h5mu(tmp_path / "x.h5mu"), load_fitted(run).model
    shown = {name: pd.read_csv(files[name], index_col=0) for name in ("rna", "protein")}
    shown["protein"] = shown["protein"].reindex(shown["rna"].index)
    variates = model.transform(shown)["protein"]
    np.testing.assert_allclose(data["protein"].obsm["X_diablo"], variates[: data["protein"].n_obs])
    assert {"p_a", "p_b"} <= set(data.obs) and not data.obsm.keys() & {"X_diablo"}
    predict(run, views(files), output=tmp_path / "x.h5ad")
    joint = anndata.read_h5ad(tmp_path / "x.h5ad")
    assert set(joint.obsm) == {"X_diablo_rna", "X_diablo_protein"} and joint.n_vars == 0


@pytest.mark.parametrize("suffix", [".h5ad", ".zarr"])
def test_one_matrix_comes_back_with_loadings(files: dict[str, Path], tmp_path: Path, suffix: str) -> None:
    run = fit("pca", {"matrix": files["rna"]}, output=tmp_path / "r", preset="tiny", options=OPTIONS).path
    out = tmp_path / f"x{suffix}"
    columns, _ = predict(run, {"matrix": files["rna"]}, output=out)
    data = anndata.read_zarr(out) if suffix == ".zarr" else anndata.read_h5ad(out)
    model = load_fitted(run).model
    names = list(model.get_feature_names_out())
    np.testing.assert_allclose(data.obsm["X_pca"], np.column_stack([columns[name] for name in names]))
    np.testing.assert_array_equal(data.varm["PCs"], model.loadings()["x"].loc[data.var_names])
    np.testing.assert_array_equal(read_matrix(out).values, read_matrix(files["rna"]).values)
    repeat, _ = predict(run, {"matrix": out}, output=out)  # over itself
    np.testing.assert_allclose(repeat["pc1"], columns["pc1"])
    answer = call("predict", run, files["rna"], "-o", tmp_path / "x.h5mu")
    assert answer.code == 2 and "write .h5ad" in answer.err and not (tmp_path / "x.h5mu").exists()


def test_labels_are_read_from_zarr_and_a_folder_of_others_is_left_alone(files: dict[str, Path], tmp_path: Path) -> None:
    run = fit("lda", {"matrix": files["rna"], "labels": files["labels"]}, output=tmp_path / "r", options=OPTIONS).path
    predict(run, {"matrix": files["rna"]}, output=tmp_path / "x.zarr")
    data = anndata.read_zarr(tmp_path / "x.zarr")
    assert data.obsm["X_lda"].shape == (40, 1) and "p_a" in read_obs(tmp_path / "x.zarr")
    assert set(read_labels(f"{tmp_path / 'x.zarr'}:set").values()) <= {"a", "b", "a|b", ""}
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "notes.txt").write_text("keep")
    with pytest.raises(RunError, match="no Zarr store"):
        predict(run, {"matrix": files["rna"]}, output=tmp_path / "mine.zarr")
    assert [one.name for one in (tmp_path / "mine.zarr").iterdir()] == ["notes.txt"]


def test_a_new_set_of_cells_lies_in_the_common_space(tmp_path: Path) -> None:
    from chiasma.methods.omics.harmony.examples import example

    data = example(0)
    second = data.columns["set"] == "second"
    for name, rows in (("reference", ~second), ("query", second)):
        counts = pd.DataFrame(data.x.values[rows].astype(int), index=data.ids[rows], columns=data.x.features)  # type: ignore[union-attr]
        counts.to_csv(tmp_path / f"{name}.csv")
    inputs = {name: tmp_path / f"{name}.csv" for name in ("reference", "query")}
    run = fit("harmony", inputs, output=tmp_path / "r", preset="tiny", options=OPTIONS).path
    columns, _ = predict(run, {"query": inputs["query"]}, output=tmp_path / "q.h5ad")
    found = anndata.read_h5ad(tmp_path / "q.h5ad")
    np.testing.assert_allclose(found.obsm["X_harmony"][:, 0], columns["harmony1"])
    assert found.shape == (70, 120) and list(found.obs) == []
