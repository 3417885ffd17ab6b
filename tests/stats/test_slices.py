"""Metrics by slice, and the document that holds them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from chiasma.core.errors import MismatchError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.results import Estimate
from chiasma.data.sequences import Sequences
from chiasma.stats.document import metrics_document
from chiasma.stats.slices import make_slices, summary, tertiles


def example(n=300):
    rng = np.random.default_rng(0)
    ids = np.array([f"s{i}" for i in range(n)], dtype=object)
    x = Sequences.from_codes(list(ids), [rng.integers(0, 4, rng.integers(20, 60)) for _ in range(n)])
    y = rng.integers(0, 2, n)
    chrom = np.array(["chr2", "chr10", "chr9"], dtype=object)[rng.integers(0, 3, n)]
    chrom[:5] = "chrY"
    y[chrom == "chr9"] = 1
    data = Dataset(ids, x, Target("binary", y, ("no", "yes")), np.arange(n), columns={"chrom": chrom})
    p = rng.random(n)
    return data, np.column_stack([1 - p, p])


def test_slices_partition_the_examples_and_name_what_cannot_be_judged():
    data, scores = example()
    distance = np.random.default_rng(1).random(300)
    found = make_slices(data, scores, seed=0, distance=distance, draws=20)
    assert {part.by for part in found} == {"chromosome", "gc", "length", "distance"}
    for by in ("chromosome", "gc", "length", "distance"):
        assert sum(part.n for part in found if part.by == by) == 300
    by_name = {part.name: part for part in found if part.by == "chromosome"}
    assert list(by_name) == ["chr2", "chr9", "chr10", "chrY"]
    assert "one class only (yes)" in by_name["chr9"].reason
    assert "fewer than 30" in by_name["chrY"].reason
    assert np.isfinite(by_name["chr2"].estimates["auroc"].low)
    assert len(summary(found, "auroc")["not_assessable"]) == 2


def test_tertiles_keep_ties_together():
    labels = tertiles(np.array([1.0, 1, 1, 1, 2, np.nan]), "bp")
    assert labels[5] == "" and len(set(labels[:4])) == 1
    assert len(set(tertiles(np.full(9, 3.0), ""))) == 1


def test_wrong_lengths_are_told():
    data, scores = example()
    with pytest.raises(MismatchError):
        make_slices(data, scores[:10], seed=0)


def test_document_is_json_with_null_for_undefined():
    data, scores = example()
    figures = {"auroc": Estimate(0.9, 0.8, float("nan"), "peak")}
    document = metrics_document(
        figures,
        {"majority": figures},
        slices=make_slices(data, scores, seed=0, draws=5),
        ratios={"1:1": figures},
        negatives="shuffled",
        extra={"primary": "auroc"},
    )
    read = json.loads(json.dumps(document, allow_nan=False))
    assert read["test"]["auroc"] == {"value": 0.9, "low": 0.8, "high": None, "unit": "peak"}
    assert read["baselines"]["majority"]["auroc"]["value"] == 0.9
    assert read["negatives"] == "shuffled" and read["primary"] == "auroc"
    assert {"slice", "value", "n", "note"} <= set(read["slices"][0])
