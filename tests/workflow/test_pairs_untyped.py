"""Two sets of cells without types, values imputed in the query, and sets that are declared to be the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from chiasma.core.errors import InsufficientDataError, MismatchError, UsageError
from chiasma.core.files import read_json
from chiasma.methods.omics.align_subspace import model as align_subspace
from chiasma.methods.omics.cca_anchors.examples import example
from chiasma.methods.omics.harmony import model as harmony
from chiasma.workflow.comparing.compare import compare
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.pair import load_pair, query_dataset, read_pair
from chiasma.workflow.predicting.predict import predict

QUIET = {"draws": 100, "seed": 2}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Genes in rows in both files, R's habit; two values of the reference that follow its types, and of the query."""
    folder, data = tmp_path_factory.mktemp("untyped"), example(0)
    counts = pd.DataFrame(data.x.values.astype(int), index=data.ids, columns=data.x.features)  # type: ignore[union-attr]
    noise = np.random.default_rng(0).normal(0, 0.1, (len(data), 2))
    marks = pd.DataFrame(data.target.values[:, None] * [1.0, -2.0] + noise, index=data.ids, columns=["up", "down"])
    second = data.columns["set"] == "second"
    found = {name: folder / f"{name}.csv" for name in ("reference", "query", "values", "query_values")}
    counts[~second].T.to_csv(found["reference"])
    counts[second].T.to_csv(found["query"])
    marks[~second].iloc[3:].to_csv(found["values"])
    marks[second].assign(other=1.0).to_csv(found["query_values"])
    return found


def only(files: dict[str, Path], *names: str) -> dict[str, Path]:
    return {name: files[name] for name in names}


@pytest.mark.parametrize("method", ["cca-anchors", "harmony", "align-subspace"])
def test_sets_are_aligned_without_types(method: str, files: dict[str, Path], tmp_path: Path) -> None:
    result = fit(method, only(files, "reference", "query"), output=tmp_path / "r", preset="tiny", options=QUIET)
    after, before = result.metrics["test"], result.metrics["baselines"]["unaligned"]
    assert after["ilisi"]["value"] > before["ilisi"]["value"] + 0.2 and set(after) == {
        "ilisi",
        "kbet",
        "neighbours_kept",
    }
    assert 0.15 < after["neighbours_kept"]["value"] < 1 and before["neighbours_kept"]["value"] == 1
    assert "the sets mix more than before" in result.verdict and result.report is not None
    written = {one.name for one in (result.path / "integrated").iterdir()}
    assert "query_types.parquet" not in written and {"cells.parquet", "mixing.json"} <= written
    notes = read_json(result.path / "provenance.json")
    assert any("no types of reference cells" in text for text in notes["split"]["warnings"])
    columns, _ = predict(result.path, {"input": files["query"]}, output=tmp_path / "places.csv")
    cells = pq.read_table(result.path / "integrated" / "cells.parquet").to_pandas()
    key = method.replace("-", "_")
    np.testing.assert_allclose(columns[f"{key}1"], cells["after1"][80:], atol=1e-9)
    assert pd.read_csv(tmp_path / "places.csv").shape == (70, len(columns))


def test_sets_that_mix_less_than_before_are_said_to(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both sets are from one experiment, and there is nothing to align."""
    cells = pd.read_csv(files["reference"], index_col=0)
    halves = {"reference": cells.iloc[:, ::2], "query": cells.iloc[:, 1::2]}
    inputs = {name: tmp_path / f"{name}.csv" for name in halves}
    for name, table in halves.items():
        table.to_csv(inputs[name])
    result = fit("cca-anchors", inputs, output=tmp_path / "r", preset="tiny", options=QUIET)
    after, before = result.metrics["test"]["ilisi"]["value"], result.metrics["baselines"]["unaligned"]["ilisi"]["value"]
    assert after < before
    told = f"the sets mix less than before, {before:.3f} to {after:.3f}"
    assert told in result.verdict and told in capsys.readouterr().err


def test_methods_without_types_stand_side_by_side_without_a_winner(files: dict[str, Path], tmp_path: Path) -> None:
    names = ("cca-anchors", "harmony")
    found = compare(names, only(files, "reference", "query"), output=tmp_path / "c", presets="tiny", options=QUIET)
    assert [row["name"] for row in found.table] == [*names, "unaligned"] and found.pairs == []
    assert "pull against each other" in found.verdict and found.report is not None
    assert all(row["ilisi"]["value"] is not None for row in found.table)


@pytest.mark.parametrize("method", ["cca-anchors", "harmony", "align-subspace"])
def test_values_of_the_reference_are_imputed_and_checked(method: str, files: dict[str, Path], tmp_path: Path) -> None:
    run = fit(method, files, output=tmp_path / "r", preset="tiny", options=QUIET).path
    out = run / "integrated"
    truth = pd.read_csv(files["query_values"], index_col=0)
    made = pq.read_table(out / "imputed.parquet").to_pandas().set_index("id")
    assert list(made.columns) == ["up", "down"] and list(made.index) == list(truth.index)
    for name in made:
        assert np.corrcoef(made[name], truth[name])[0, 1] > 0.9
    record = read_json(run / "metrics.json")["integration"]["imputation"]
    known, hidden = record["values known of the query"], record["genes hidden from the query"]
    assert known["features"] == 2 and hidden["features"] == 6
    assert known["median correlation"][method] > 0.9 and known["median correlation"]["mean of the reference"] is None
    assert known["median rmse"][method] < 0.5 * known["median rmse"]["mean of the reference"]
    table = pq.read_table(out / "imputed_hidden_genes.parquet").to_pandas()
    assert len(table) == 6 and table["cells"].eq(70).all()
    np.testing.assert_allclose(
        table[f"correlation {method}"].median(), hidden["median correlation"][method], atol=1e-12
    )


def test_cells_without_values_are_counted_and_have_no_say(files: dict[str, Path]) -> None:
    pair = read_pair(files)
    assert pair.values is not None and np.isnan(pair.values.values[:3]).all()
    assert {skip.reason: skip.count for skip in pair.skips}["reference cell without values"] == 3
    assert pair.notes["reference turned (cells were in columns)"] is True


def test_what_cannot_be_measured_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--values of the reference are needed"):
        load_pair(only(files, "reference", "query", "query_values"), FitOptions())
    with pytest.raises(UsageError, match="--labels of the reference are needed"):
        load_pair({**only(files, "reference", "query"), "query_labels": files["values"]}, FitOptions())
    strange = pd.read_csv(files["values"], index_col=0)
    strange.set_axis([f"x{row}" for row in range(len(strange))]).to_csv(tmp_path / "strange.csv")
    with pytest.raises(MismatchError, match="reference cell is among the values"):
        load_pair({**files, "values": tmp_path / "strange.csv"}, FitOptions())


def test_sets_of_one_name_are_one_only_where_that_is_declared(files: dict[str, Path], tmp_path: Path) -> None:
    inputs = only(files, "reference", "query")
    cells = [name for path in inputs.values() for name in pd.read_csv(path, index_col=0).columns]
    inputs["sets"] = tmp_path / "sets.csv"
    donors = np.where(np.arange(len(cells)) % 2, "a", "b")
    pd.DataFrame({"donor": donors}, index=cells).to_csv(inputs["sets"])

    data, _ = load_pair(inputs, FitOptions())
    assert data.notes["sets named alike in reference and query"] == "a, b"
    query = query_dataset(read_pair(inputs), data.target)
    for module in (harmony, align_subspace):
        counts = [
            int(module.build(module.Config(features=60, same_sets=same)).fit(data, seed=1).cells(query).sets.max()) + 1
            for same in (False, True)
        ]
        assert counts == [4, 2]
    one = replace(data, columns={**data.columns, "set": np.full(len(data), "a", dtype=object)})
    model = harmony.build(harmony.Config(same_sets=True)).fit(one, seed=1)
    alone = replace(query, columns={**query.columns, "set": np.full(len(query), "a", dtype=object)})
    with pytest.raises(InsufficientDataError, match="one set: there is nothing to align"):
        model.align(alone)
