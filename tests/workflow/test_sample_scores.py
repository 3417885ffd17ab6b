"""The table of sample scores has one row for each sample, view and component that was measured."""

from __future__ import annotations

import numpy as np

from chiasma.methods.omics.diablo import config as diablo_config, examples as diablo_examples, model as diablo_model
from chiasma.methods.omics.spls_da import config as spls_config, examples as spls_examples, model as spls_model
from chiasma.workflow.evaluating.sample_scores import variate_rows, write_variates


def test_views_and_samples_without_one(tmp_path):
    data = diablo_examples.example(0)
    model = diablo_model.build(diablo_config.tiny()).fit(data.x, data.target.values)
    data.x.blocks["protein"].values[:10] = np.nan
    rows = variate_rows(model, data)
    assert len(rows) == 2 * (60 + 60 + 50)
    first = rows[0]
    assert first["sample"] == "sample00" and first["view"] == "mrna" and first["class"] == "basal"
    assert first["value"] == model.transform(data.x)["mrna"][0, 0]
    lines = write_variates(tmp_path, variate_rows(model, data)).read_text().splitlines()
    assert lines[0] == "sample\tview\tcomponent\tvalue\tclass" and len(lines) == len(rows) + 1


def test_one_matrix():
    data = spls_examples.example(0)
    model = spls_model.build(spls_config.tiny()).fit(data.x, data.target.values)
    rows = variate_rows(model, data)
    assert len(rows) == 120 and {row["view"] for row in rows} == {"x"}
