"""The omics wing end to end at the command line, on breast cancers, muscle, scM&T-seq and CITE-seq cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from chiasma.core.files import read_json
from chiasma.io.tables import read_matrix, write_matrix
from command_line import done

pytestmark = pytest.mark.realdata
QUICK = ("--draws", 100, "--repeats", 1, "--folds", 3, "--preset", "tiny", "--no-explain")


@pytest.fixture(scope="module")
def breast(data_dir: Path) -> dict[str, Any]:
    folder = data_dir / "omics" / "breast_tcga"
    views = [f"--view={name}={folder}/train_{name}.csv.gz" for name in ("mrna", "mirna", "protein")]
    return {
        "views": views,
        "labels": ("--labels", folder / "train_subtype.csv.gz"),
        "rna": folder / "train_mrna.csv.gz",
    }


@pytest.fixture(scope="module")
def muscle(data_dir: Path) -> tuple[Any, ...]:
    stem = data_dir / "omics" / "gtex_muscle" / "GTEX_SkeletalMuscles_157Samples"
    return f"{stem}_1000Genes.txt", "--labels", f"{stem}_Gender.txt"


@pytest.fixture(scope="module")
def scmt(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The 150 most variable features of each layer; cells lack layers, and most values of methylation."""
    source, folder = data_dir / "omics" / "scmt", tmp_path_factory.mktemp("scmt")
    views = []
    for name in ("RNA_expression", "Met_Promoters", "Met_Enhancers"):
        matrix = read_matrix(source / f"{name}.csv.gz")
        seen = np.isfinite(matrix.values).mean(axis=0) > 0.3
        spread = np.where(seen, np.nanvar(np.where(seen, matrix.values, 0.0), axis=0), -1.0)
        write_matrix(folder / f"{name}.parquet", matrix.take_features(np.sort(np.argsort(-spread)[:150])))
        views.append(f"--view={name}={folder / name}.parquet")
    return {"views": views, "labels": ("--labels", f"{source / 'coldata.csv'}:culture")}


@pytest.fixture(scope="module")
def citeseq(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two sets of 200 cells, 400 genes, the proteins of both, and types gated on three of them."""
    source, folder = data_dir / "omics" / "citeseq", tmp_path_factory.mktemp("citeseq")
    counts = {name: read_matrix(source / name) for name in ("pbmc5k", "pbmc10k")}
    total = [pd.Series(matrix.values.sum(axis=0), matrix.features) for matrix in counts.values()]
    genes = (total[0] + total[1]).dropna().nlargest(400).index
    found: dict[str, Any] = {}
    for name, matrix in counts.items():
        found[name] = folder / f"{name}.csv"
        write_matrix(found[name], matrix.take_features(pd.Index(matrix.features).get_indexer(genes)))
        protein = pd.read_csv(source / name / "protein.csv.gz", index_col=0)
        found[f"{name} protein"] = folder / f"{name}_protein.csv"
        np.log1p(protein).to_csv(found[f"{name} protein"])
        gates = protein[["CD3_TotalSeqB", "CD19_TotalSeqB", "CD14_TotalSeqB"]].rank(pct=True)
        kinds = pd.DataFrame({"type": np.array(["T", "B", "monocyte"])[gates.to_numpy().argmax(axis=1)]}, gates.index)
        found[f"{name} type"] = folder / f"{name}_type.csv"
        kinds.to_csv(found[f"{name} type"])
    found["views"] = [f"--view=rna={found['pbmc5k']}", f"--view=adt={found['pbmc5k protein']}"]
    found["labels"] = ("--labels", found["pbmc5k type"])
    return found


def fit(tmp_path: Path, *words: object) -> dict[str, Any]:
    """metrics.json of a fit, whose run has the files that people look for."""
    done("fit", *words, *QUICK, "-o", tmp_path / "run")
    for name in ("report.html", "metrics.json", "model.safetensors", "predictions.parquet", "citations.bib"):
        assert (tmp_path / "run" / name).stat().st_size > 0, name
    return read_json(tmp_path / "run" / "metrics.json")


def accuracy(metrics: dict[str, Any], name: str | None = None) -> float:
    return float((metrics["baselines"][name] if name else metrics["test"])["balanced_accuracy"]["value"])


def test_subtypes_of_breast_cancer_by_diablo(breast: dict[str, Any], tmp_path: Path) -> None:
    metrics = fit(tmp_path, "diablo", *breast["views"], *breast["labels"], "--no-rivals")
    assert accuracy(metrics) > 0.8 and metrics["cross_validation"]["ber"] < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("method", ["mofa", "autoencoder", "graph-umap", "wnn", "spls-da"])
def test_subtypes_of_breast_cancer(method: str, breast: dict[str, Any], tmp_path: Path) -> None:
    metrics = fit(tmp_path, method, *([breast["rna"]] if method == "spls-da" else breast["views"]), *breast["labels"])
    assert accuracy(metrics) > 0.55  # a third is chance
    assert accuracy(metrics, "majority") == pytest.approx(1 / 3)


def test_sex_of_muscle_by_sparse_pls_da(muscle: tuple[Any, ...], tmp_path: Path) -> None:
    metrics = fit(tmp_path, "spls-da", *muscle, "--no-rivals")
    assert 0.4 < accuracy(metrics) <= 1 and 0.1 < metrics["cross_validation"]["ber"] < 0.5


@pytest.mark.slow
def test_methods_on_muscle_side_by_side(muscle: tuple[Any, ...], tmp_path: Path) -> None:
    record = done("compare", "spls-da", "pca", "univariate", *muscle, *QUICK, "-o", tmp_path, "--json").json
    rows = {row["name"]: row["value"] for row in record["cross_validation"]["table"]}
    assert {"spls-da", "pca", "univariate", "pca-logistic"} <= set(rows) and rows["spls-da"] > 0.5 > rows["pca"] - 0.25
    assert (tmp_path / "report.html").exists()


def test_factors_of_cells_that_lack_layers(scmt: dict[str, Any], tmp_path: Path) -> None:
    metrics = fit(tmp_path, "mofa", *scmt["views"], "--no-rivals")
    assert 0.02 < metrics["test"]["reconstruction_r2"]["value"] < 0.9
    assert set(metrics["by_view"]) == {"RNA_expression", "Met_Promoters", "Met_Enhancers"}
    done("predict", tmp_path / "run", *scmt["views"], "-o", tmp_path / "cells.h5mu")
    assert (tmp_path / "cells.h5mu").stat().st_size > 0


@pytest.mark.slow
@pytest.mark.parametrize("method", ["mofa", "autoencoder", "graph-umap"])
def test_culture_of_cells_that_lack_layers(method: str, scmt: dict[str, Any], tmp_path: Path) -> None:
    metrics = fit(tmp_path, method, *scmt["views"], *scmt["labels"])
    assert metrics["test"]["auroc"]["value"] > 0.6  # a tiny head may call one class only: ranks, not calls


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no convergence")  # most values of methylation are missing, and it says so
def test_culture_by_a_method_that_needs_all_layers(scmt: dict[str, Any], tmp_path: Path) -> None:
    metrics = fit(tmp_path, "diablo", *scmt["views"], *scmt["labels"])
    assert metrics["cross_validation"]["ber"] < 0.5
    skips = read_json(tmp_path / "run" / "provenance.json")["dataset"]["skips"]
    assert any("not measured in view" in skip["reason"] for skip in skips)


def test_types_of_cells_from_weighted_neighbours(citeseq: dict[str, Any], tmp_path: Path) -> None:
    metrics = fit(tmp_path, "wnn", *citeseq["views"], *citeseq["labels"], "--no-rivals")
    assert accuracy(metrics) > 0.5 and metrics["cross_validation"]["ber"] < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("method", ["graph-umap", "autoencoder", "mofa", "diablo"])
def test_types_of_cells_of_two_layers(method: str, citeseq: dict[str, Any], tmp_path: Path) -> None:
    metrics = fit(tmp_path, method, *citeseq["views"], *citeseq["labels"])
    assert accuracy(metrics) > 0.5 and metrics["cross_validation"]["ber"] < 0.5


def test_proteins_imputed_in_another_experiment(citeseq: dict[str, Any], tmp_path: Path) -> None:
    sets = ("--reference", citeseq["pbmc5k"], "--query", citeseq["pbmc10k"])
    values = ("--values", citeseq["pbmc5k protein"], "--query-values", citeseq["pbmc10k protein"])
    done("fit", "cca-anchors", *sets, *values, "--draws", 100, "-o", tmp_path / "run")
    record = read_json(tmp_path / "run" / "metrics.json")["integration"]
    assert record["after"]["ilisi"] > record["before"]["ilisi"] and record["after"]["neighbours_kept"] > 0.3
    known = record["imputation"]["values known of the query"]
    assert known["features"] == 14
    assert known["median correlation"]["cca-anchors"] > 0.3
    table = pq.read_table(tmp_path / "run" / "integrated" / "imputed_known.parquet").to_pandas().set_index("feature")
    assert table.loc["CD3_TotalSeqB", "correlation cca-anchors"] > 0.6
    hidden = record["imputation"]["genes hidden from the query"]
    assert (
        hidden["features"] == 40
        and hidden["median rmse"]["cca-anchors"] < hidden["median rmse"]["mean of the reference"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", ["cca-anchors", "harmony", "align-subspace"])
def test_types_handed_over_to_another_experiment(method: str, citeseq: dict[str, Any], tmp_path: Path) -> None:
    sets = ("--reference", citeseq["pbmc5k"], "--query", citeseq["pbmc10k"])
    types = ("--labels", citeseq["pbmc5k type"], "--query-labels", citeseq["pbmc10k type"])
    done("fit", method, *sets, *types, "--draws", 100, "-o", tmp_path / "run")
    metrics = read_json(tmp_path / "run" / "metrics.json")
    assert accuracy(metrics) > 0.5 and {"pca-neighbours", "nearest-centroid"} <= set(metrics["baselines"])


@pytest.mark.slow
def test_layouts_of_cells_side_by_side(citeseq: dict[str, Any], tmp_path: Path) -> None:
    words = ("graph-umap", "wnn", "autoencoder", *citeseq["views"], "--undivided", "--stability", 2, *QUICK)
    record = done("compare", *words, "-o", tmp_path, "--json").json
    assert {row["measured in"] for row in record["stability"]} == {"adt + rna, each view alike"}
    assert all(0.5 < row["trustworthiness"] <= 1 for row in record["stability"])
    assert len(record["stability"]) == 6 and (tmp_path / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "methods"), [("breast", ("diablo", "spls-da", "mofa")), ("scmt", ("mofa", "pca"))])
def test_ways_of_joining_layers_side_by_side(
    name: str, methods: tuple[str, ...], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    data = request.getfixturevalue(name)
    words = (*methods, *data["views"], *data["labels"], *QUICK, "--permutations", 3)
    record = done("compare", *words, "-o", tmp_path / name, "--json").json
    rows = {row["name"]: row for row in record["cross_validation"]["table"]}
    assert {*methods, "concatenated-logistic"} <= set(rows)
    assert all(0.25 <= row["permutation_p"] <= 1 for row in rows.values())
    assert max(row["value"] for row in rows.values()) > 0.6
