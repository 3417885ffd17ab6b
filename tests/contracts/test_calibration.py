"""Calibration: nobody is left without it in silence, and the rivals get the same step as the method."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chiasma.core.errors import InsufficientDataError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Matrix
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.fit import fit
from chiasma.workflow.fitting.opponents import load_opponents
from chiasma.workflow.method import load_method

QUIET = {"explain": False, "draws": 100, "executor": "serial", "seed": 2, "repeats": 1}
FEW = {"training": {"epochs": 1, "min_steps": 0}}
BASES = np.array(list("ACGT"))


def tables(folder: Path, *, samples: int, classes: int, prefix: str, seed: int = 0) -> tuple[Path, Path]:
    """A matrix whose first features tell the classes apart a little, and its labels."""
    draw = np.random.default_rng(seed)
    codes = np.arange(samples) % classes
    values = draw.normal(size=(samples, 12))
    values[np.arange(samples), codes] += 1.5
    ids = [f"{prefix}{i}" for i in range(samples)]
    features = [f"g{i}" for i in range(12)]
    pd.DataFrame(values, index=ids, columns=features).to_csv(folder / f"{prefix}.csv")
    pd.DataFrame({"label": [f"c{code}" for code in codes]}, index=ids).to_csv(folder / f"{prefix}_labels.csv")
    return folder / f"{prefix}.csv", folder / f"{prefix}_labels.csv"


def test_a_given_test_set_is_calibrated_out_of_fold_and_so_are_the_rivals(tmp_path: Path) -> None:
    matrix, labels = tables(tmp_path, samples=90, classes=3, prefix="a")
    test_matrix, test_labels = tables(tmp_path, samples=60, classes=3, prefix="b", seed=1)
    inputs = {"matrix": matrix, "labels": labels, "test_matrix": test_matrix, "test_labels": test_labels}
    result = fit("spls-da", inputs, output=tmp_path / "r", preset="tiny", options=QUIET)
    conformal = result.metrics["conformal"]
    assert "out-of-fold" in conformal["source"] and conformal["examples"] == 90
    assert conformal["coverage"] > 0.75
    assert result.metrics["calibration"]["temperature"] > 0
    assert_rivals_calibrated(result.path, result.metrics)


def test_sets_for_a_test_part_without_a_view_promise_nothing(tmp_path: Path) -> None:
    inputs: dict[str, Any] = {"view": {}, "test_view": {}}
    for view, seed in (("one", 0), ("two", 5)):
        (tmp_path / view).mkdir()
        inputs["view"][view], inputs["labels"] = tables(tmp_path / view, samples=60, classes=2, prefix="a", seed=seed)
    inputs["test_view"]["one"], inputs["test_labels"] = tables(tmp_path, samples=30, classes=2, prefix="b", seed=9)
    options = {**QUIET, "rivals": False}
    result = fit("diablo", inputs, output=tmp_path / "r", preset="tiny", options=options)
    assert "lacks two" in result.metrics["conformal"]["note"]


def assert_rivals_calibrated(run: Path, metrics: dict[str, Any]) -> None:
    from chiasma.metrics.score import score

    table = pd.read_parquet(run / "predictions.parquet")
    truth = table.loc[table["part"] == "test", "y"].to_numpy()
    names = tuple(name[2:] for name in table if name.startswith("p_"))
    kind = "binary" if len(names) == 2 else "multiclass"
    with np.load(run / "rivals.npz") as arrays:
        raw = {name: arrays[f"{name}|test"] for name in metrics["baselines"]}
        assert all(len(arrays[f"{name}|calibration"]) >= 20 for name in raw)
    calibrated = load_opponents(run).scores
    for name, scores in calibrated.items():
        brier = score(Target(kind, truth, names), scores)["brier"]
        assert metrics["baselines"][name]["brier"]["value"] == pytest.approx(brier)
        assert (scores.argmax(axis=1) == raw[name].argmax(axis=1)).all()
    assert any(np.abs(calibrated[name] - raw[name]).max() > 1e-3 for name in raw)


def sequences(path: Path, headers: list[str]) -> Path:
    draw = np.random.default_rng(1)
    lines = [f">s{i} {head}\n{''.join(BASES[draw.integers(0, 4, 50)])}\n" for i, head in enumerate(headers)]
    path.write_text("".join(lines))
    return path


def test_rivals_of_a_network_are_calibrated_on_the_same_part(tmp_path: Path) -> None:
    source = sequences(tmp_path / "s.fa", [f"label={'ab'[i % 2]}" for i in range(260)])
    result = fit("cnn", {"sequences": source}, output=tmp_path / "r", config=FEW, preset="tiny", options=QUIET)
    assert result.metrics["conformal"]["source"] == "calibration part"
    assert_rivals_calibrated(result.path, result.metrics)


def test_too_few_calibration_examples_are_a_reason(tmp_path: Path) -> None:
    source = sequences(tmp_path / "s.fa", [f"label={'ab'[i % 2]}" for i in range(80)])
    options = {**QUIET, "rivals": False}
    result = fit("cnn", {"sequences": source}, output=tmp_path / "r", config=FEW, preset="tiny", options=options)
    assert "calibration examples, 20 are needed" in result.metrics["conformal"]["reason"]
    assert "calibration" not in result.metrics


def test_several_labels_have_no_sets_and_it_is_said(tmp_path: Path) -> None:
    source = sequences(tmp_path / "s.fa", [f"label={('one', 'two', 'one;two')[i % 3]}" for i in range(260)])
    options = {**QUIET, "rivals": False}
    result = fit("cnn", {"sequences": source}, output=tmp_path / "r", config=FEW, preset="tiny", options=options)
    assert "multilabel" in result.metrics["conformal"]["reason"]


def test_a_class_that_train_lacks_is_refused_before_training(tmp_path: Path) -> None:
    source = sequences(tmp_path / "s.fa", [f"label={'abc'[i % 3]}" for i in range(120)])
    (tmp_path / "test.txt").write_text("\n".join(f"s{i}" for i in range(2, 120, 3)))
    options = {**QUIET, "test_ids": tmp_path / "test.txt"}
    with pytest.raises(InsufficientDataError, match="c"):
        fit("cnn", {"sequences": source}, output=tmp_path / "r", config=FEW, preset="tiny", options=options)
    assert not (tmp_path / "r.partial").exists()


class TwoOfThree:
    """An estimator that met two classes, in another order."""

    classes_ = np.array(["c", "a"], dtype=object)

    def predict_proba(self, x: Any) -> np.ndarray:
        return np.tile([0.7, 0.3], (len(x), 1))


def test_scores_stand_in_the_columns_of_their_classes() -> None:
    method = load_method("spls-da")
    target = Target("multiclass", np.zeros(0), ("a", "b", "c"))
    ids = np.array(["s"], dtype=object)
    data = Dataset(ids, Matrix(np.ones((1, 1)), ids, np.array(["g"], dtype=object)), target, np.arange(1), "sample")
    found = Fitted(method, method.configure(preset="tiny"), target, TwoOfThree(), {}).scores(data)
    np.testing.assert_array_equal(found, [[0.3, 0.0, 0.7]])


def test_the_record_is_json(tmp_path: Path) -> None:
    source = sequences(tmp_path / "s.fa", [f"label={'ab'[i % 2]}" for i in range(260)])
    options = {**QUIET, "rivals": False}
    run = fit("cnn", {"sequences": source}, output=tmp_path / "r", config=FEW, preset="tiny", options=options).path
    record = json.loads((run / "model.json").read_text())["meta"]["conformal"]
    assert record["examples"] >= 20 and record["source"] == "calibration part"
