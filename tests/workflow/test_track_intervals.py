from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiasma.data.dataset import Dataset
from chiasma.data.rows import Rows
from chiasma.data.split import Split
from chiasma.data.tracks import Tracks
from chiasma.fit.loop import build_seeded
from chiasma.methods.regulation.basenji.config import tiny
from chiasma.methods.regulation.basenji.model import build
from chiasma.methods.regulation.basenji.task import make_task
from chiasma.simulate.planted_tracks import planted_tracks
from chiasma.workflow.evaluating.tracks import evaluate_tracks
from chiasma.workflow.fitted import Fitted, load_fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import Prepared
from chiasma.workflow.method import load_method
from chiasma.workflow.predicting.predict import predict
from track_material import write_genome


def mapped(data: Dataset, folder: Path) -> Dataset:
    """The windows on disk."""
    assert isinstance(data.x, Tracks)
    np.save(folder / "codes.npy", data.x.codes)
    np.save(folder / "targets.npy", data.target.values)
    codes, values = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("codes", "targets"))
    return replace(data, x=replace(data.x, codes=codes), target=replace(data.target, values=values))


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network on 60 windows, 20 of them to learn intervals from: what it says is poor, and so is said."""
    data = mapped(planted_tracks(1, examples=60), tmp_path_factory.mktemp("kept"))
    split = Split("given", data.ids, np.array(["train", "valid", "test"], dtype=object)[np.arange(60) % 3])
    task = make_task(tiny(), data, split)
    model, target = build_seeded(build, tiny(), 4, seed=1), data.target.take(np.arange(0))
    fitted = Fitted(load_method("basenji"), tiny(), target, model, {"task": task.meta()})
    folder = tmp_path_factory.mktemp("run")
    options = FitOptions.parse({"draws": 100})
    assert data.problems() == [] and isinstance(data.take(split.where("test")).target.values, Rows)
    evaluate_tracks(fitted, Prepared(data, split), options, card_rival="gc-content", folder=folder)
    return folder


def test_intervals_are_measured_on_the_test_part(evaluated: Path) -> None:
    record = json.loads((evaluated / "metrics.json").read_text())["conformal"]
    assert record["alpha"] == 0.1 and record["regions"] == "20" and "validation part" in record["source"]
    rows = pd.read_csv(evaluated / "tracks.tsv", sep="\t", keep_default_na=False)
    assert record["coverage"] == pytest.approx(rows["covered"].mean(), abs=1e-5)
    assert set(json.loads((evaluated / "metrics.json").read_text())["baselines"]) == {"mean-coverage", "gc-content"}
    assert 0.85 < record["coverage"] < 0.99


def test_predictions_along_a_genome_have_both_ends(evaluated: Path, tmp_path: Path) -> None:
    fasta, _ = write_genome(tmp_path, {"chr1": 3000})
    columns, _ = predict(load_fitted(evaluated), {"input": fasta}, tracks=["ap1", "ctcf"])
    assert list(columns)[4:] == ["yhat_ap1", "low_ap1", "high_ap1", "yhat_ctcf", "low_ctcf", "high_ctcf"]
    for track in ("ap1", "ctcf"):
        value, low, high = (columns[f"{kind}_{track}"] for kind in ("yhat", "low", "high"))
        assert (low >= 0).all() and (low < value).all() and (value < high).all()
    alone, _ = predict(load_fitted(evaluated), {"input": fasta}, tracks=["ctcf"])
    np.testing.assert_allclose(alone["high_ctcf"], columns["high_ctcf"], rtol=1e-6)
