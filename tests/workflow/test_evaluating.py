"""DIABLO on real data from the command line: the selection, predictions and error of the original."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest

from command_line import done

VIEWS = ("mrna", "mirna", "protein")


@pytest.mark.realdata
def test_diablo_on_breast_cancer(data_dir, reference_dir, tmp_path):
    data, run = data_dir / "omics" / "breast_tcga", tmp_path / "run"
    words = [word for view in VIEWS for word in ("--view", f"{view}={data / f'train_{view}.csv.gz'}")]
    words += [word for view in VIEWS[:2] for word in ("--test-view", f"{view}={data / f'test_{view}.csv.gz'}")]
    words += ["--labels", data / "train_subtype.csv.gz", "--test-labels", data / "test_subtype.csv.gz"]
    words += ["--preset", "breast_tcga", "--draws", 200, "--repeats", 1, "--no-rivals"]
    record = done("fit", "diablo", *words, "-o", run, "--json").json
    rows = list(csv.DictReader((run / "explain" / "loadings.tsv").read_text().splitlines(), delimiter="\t"))
    theirs = pd.read_csv(reference_dir / "diablo_breast" / "selected.csv", index_col=0)
    for (view, component), part in theirs.groupby(["block", "comp"]):
        mine = [row for row in rows if row["view"] == view and row["component"] == f"comp{component}"]
        assert [row["feature"] for row in mine] == part["name"].tolist()
        found = np.abs([float(row["loading"]) for row in mine])
        np.testing.assert_allclose(found, np.abs(part["loading"]), atol=1e-4)
        assert all(0 <= float(row["stability"] or 0) <= 1 for row in mine)
    metrics = pd.read_csv(reference_dir / "diablo_breast" / "test_metrics.csv").set_index(["vote", "dist", "comp"])
    error = metrics.loc[("WeightedVote", "centroids.dist", 2), "BER"]
    assert 1 - record["test"]["balanced_accuracy"]["value"] == pytest.approx(error, abs=1e-9)
    assert 0.02 < record["cross_validation"]["ber"] < 0.12  # selection inside the folds
    variates = (run / "explain" / "variates.tsv").read_text().splitlines()
    assert len(variates) == 1 + 150 * 3 * 2
    absent = json.loads((run / "provenance.json").read_text())["dataset"]["notes"]
    assert absent["views absent from the test set"] == ["protein"]
