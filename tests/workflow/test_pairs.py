"""Two sets of cells through the workflow: genes matched, types measured or not, predictions, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from chiasma.core.errors import InsufficientDataError, MismatchError
from chiasma.core.files import read_json
from chiasma.methods.omics.cca_anchors.examples import example
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.pair import load_pair
from chiasma.workflow.predicting.predict import predict

QUIET = {"draws": 100, "seed": 2}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A reference with cells in rows, a query with cells in columns and other genes besides, types of both."""
    folder, data = tmp_path_factory.mktemp("pair"), example(0)
    counts = pd.DataFrame(data.x.values.astype(int), index=data.ids, columns=data.x.features)  # type: ignore[union-attr]
    types = pd.DataFrame({"kind": np.asarray(data.target.names)[data.target.values]}, index=data.ids)
    second = data.columns["set"] == "second"
    query = counts[second].assign(other=3).iloc[:, ::-1]
    found = {name: folder / f"{name}.csv" for name in ("reference", "query", "labels", "query_labels")}
    counts[~second].to_csv(found["reference"])
    query.T.to_csv(found["query"])
    types[~second].iloc[2:].to_csv(found["labels"])
    types[second].iloc[:-3].to_csv(found["query_labels"])
    return found


def test_genes_cells_and_types_are_matched_and_the_rest_is_counted(files: dict[str, Path]) -> None:
    data, split = load_pair(files, FitOptions())
    assert split.sizes() == {"train": 78, "test": 67}
    assert data.notes["genes"] == {"reference": 120, "query": 121, "in both": 120}
    assert {str(skip).split(":")[0] for skip in data.skips} == {"2 skipped", "3 skipped"}
    assert (data.columns["total"][-1] > data.x.values[-1].sum()) and not data.problems()  # type: ignore[union-attr]


@pytest.mark.parametrize("method", ["cca-anchors", "harmony", "align-subspace"])
def test_types_of_the_query_are_measured_beside_rivals_without_alignment(
    method: str, files: dict[str, Path], tmp_path: Path
) -> None:
    result = fit(method, files, output=tmp_path / "r", preset="tiny", options=QUIET)
    assert result.metrics["test"]["balanced_accuracy"]["value"] > 0.85
    assert {"nearest-centroid", "pca-neighbours", "pca-logistic"} <= set(result.metrics["baselines"])
    record = read_json(result.path / "integrated" / "mixing.json")
    assert record["after"]["ilisi"] > record["before"]["ilisi"] and record["after"]["clisi"] > 0.5
    assert result.metrics["integration"] == record
    table = pq.read_table(result.path / "integrated" / "query_types.parquet").to_pandas()
    assert len(table) == 70 and table["score"].between(1 / 3, 1.0001).all()
    assert (result.path / "integrated" / "corrected.parquet").exists() == (method == "cca-anchors")
    assert result.report is not None
    assert {"integration.svg", "mixing.svg", "mixing.csv"} <= {one.name for one in (result.path / "figures").iterdir()}
    columns, _ = predict(result.path, {"input": files["query"]})
    np.testing.assert_array_equal(columns["id"], table["id"])
    for name in ("p_b", "p_monocyte", "p_t"):
        np.testing.assert_allclose(columns[name], table[name], atol=1e-9)


def test_results_stand_where_scverse_looks_for_them(files: dict[str, Path], tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    run = fit("cca-anchors", files, output=tmp_path / "r", preset="tiny", options={**QUIET, "rivals": False}).path
    data = anndata.read_h5ad(run / "integrated" / "integrated.h5ad")
    assert data.shape == (148, 60) and set(data.layers) == {"corrected"}
    assert set(data.obsm) == {"X_pca", "X_cca_anchors"} and data.uns["cca_anchors"]["params"]["k_anchor"] == 5
    assert set(data.obs["role"]) == {"reference", "query"}


@pytest.mark.parametrize("method", ["cca-anchors", "align-subspace", "harmony"])
def test_without_types_of_the_query_the_figures_are_of_the_reference_and_say_so(
    method: str, files: dict[str, Path], tmp_path: Path
) -> None:
    inputs = {name: path for name, path in files.items() if name != "query_labels"}
    result = fit(method, inputs, output=tmp_path / "r", preset="tiny", options={**QUIET, "rivals": False})
    warnings = read_json(result.path / "provenance.json")["split"]["warnings"]
    assert any("no types of query cells" in warning for warning in warnings)
    assert result.metrics["test"]["balanced_accuracy"]["value"] > 0.8
    table = pq.read_table(result.path / "integrated" / "query_types.parquet").to_pandas()
    truth = pd.read_csv(files["query_labels"], index_col=0)["kind"]
    assert (table.set_index("id")["type"].loc[truth.index] == truth).mean() > 0.9


def test_what_cannot_be_used_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    def changed(name: str, table: pd.DataFrame) -> dict[str, Path]:
        table.to_csv(tmp_path / f"{name}.csv")
        return {**files, name: tmp_path / f"{name}.csv"}

    query = pd.read_csv(files["query"], index_col=0)
    other = query.set_axis([f"ENSG{row:06d}" for row in range(len(query))])
    with pytest.raises(MismatchError, match="genes in common"):
        load_pair(changed("query", other), FitOptions())
    types = pd.read_csv(files["labels"], index_col=0)
    with pytest.raises(MismatchError, match="among the labels"):
        load_pair(changed("labels", types.set_axis([f"x{row}" for row in range(len(types))])), FitOptions())
    with pytest.raises(InsufficientDataError, match="one type"):
        load_pair(changed("labels", types.assign(kind="t")), FitOptions())
    unknown = pd.read_csv(files["query_labels"], index_col=0).assign(kind="neutrophil")
    with pytest.raises(MismatchError, match="type of the reference"):
        load_pair(changed("query_labels", unknown), FitOptions())


def test_cells_of_the_same_name_are_told_apart_and_sets_are_read(files: dict[str, Path], tmp_path: Path) -> None:
    sets = tmp_path / "sets.csv"
    pd.DataFrame({"donor": ["a", "b"] * 40}, index=[f"cell{row:03d}" for row in range(80)]).to_csv(sets)
    inputs = {**files, "query": files["reference"], "query_labels": files["labels"], "sets": sets}
    data, split = load_pair(inputs, FitOptions(seed=1))
    assert data.problems() == []
    assert all(name.startswith("query:cell") for name in data.ids[split.part == "test"])
    assert set(data.columns["set"]) == {"a", "b"}


def test_a_set_of_the_query_is_never_one_of_the_reference(files: dict[str, Path], tmp_path: Path) -> None:
    cells = [name for key in ("labels", "query_labels") for name in pd.read_csv(files[key], index_col=0).index]
    sets = tmp_path / "sets.csv"
    pd.DataFrame({"donor": "a"}, index=cells).to_csv(sets)
    options = {**QUIET, "rivals": False}
    plain = fit("harmony", files, output=tmp_path / "plain", preset="tiny", options=options)
    named = fit("harmony", {**files, "sets": sets}, output=tmp_path / "named", preset="tiny", options=options)
    record = named.metrics["integration"]
    assert record["alignment"]["sets"] == 3 and plain.metrics["integration"]["alignment"]["sets"] == 2
    assert record["after"]["ilisi"] > record["before"]["ilisi"]
    inputs = {**files, "sets": sets}
    del inputs["query_labels"]
    data, split = load_pair(inputs, FitOptions())
    assert set(data.columns["set"][split.part == "test"]) == {"query"}
    assert set(data.columns["set"][split.part == "train"]) == {"a"}


def test_ids_without_a_cell_and_cells_without_a_set_are_counted(files: dict[str, Path], tmp_path: Path) -> None:
    inputs = dict(files)
    for name, extra in (("labels", 1), ("query_labels", 2)):
        table = pd.read_csv(files[name], index_col=0)
        inputs[name] = tmp_path / f"{name}.csv"
        strange = pd.DataFrame({"kind": "t"}, index=[f"{name}{row}" for row in range(extra)])
        pd.concat([table, strange]).to_csv(inputs[name])
    known = pd.read_csv(files["labels"], index_col=0).index[4:]
    inputs["sets"] = tmp_path / "sets.csv"
    pd.DataFrame({"donor": "a"}, index=[*known, "none1", "none2", "none3"]).to_csv(inputs["sets"])
    skips = {skip.reason: (skip.count, skip.examples) for skip in load_pair(inputs, FitOptions())[0].skips}
    assert skips["a label, but no reference cell"] == (1, ("labels0",))
    assert skips["a query label, but no query cell"] == (2, ("query_labels0", "query_labels1"))
    assert skips["in the sets, but no cell"] == (3, ("none1", "none2", "none3"))
    assert skips["reference cell without a set: in the set reference"][0] == 4
    assert skips["query cell without a set: in the set query"][0] == 70
