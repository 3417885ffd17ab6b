"""Figures: complete, the same bytes every time, right numbers behind them."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from chiasma.core.rng import generator
from chiasma.data.results import Figure
from chiasma.plot.attribution import position_profile
from chiasma.plot.calibration import reliability, score_histogram, set_sizes
from chiasma.plot.comparison import metric_dots, paired_differences, slice_forest
from chiasma.plot.curves import precision_recall, rates, roc
from chiasma.plot.multivariate import loading_bars, overlaps, sample_plot
from chiasma.plot.predicted import confusion, observed_predicted
from chiasma.plot.style import save_figure, shorten, thin, to_csv
from chiasma.plot.training import size_curve, training_curves

NAN = float("nan")


def est(value: float | None, half: float | None = 0.1) -> dict:
    known = value is not None and half is not None
    return {"value": value, "low": value - half if known else None, "high": value + half if known else None}


def _labels(seed: int = 1, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = generator(seed, "plot")
    y = rng.integers(0, 2, n)
    return y, np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0, 1)


def _all_figures() -> dict[str, Figure]:
    y, score = _labels()
    pair = {"a": "cnn", "b": "rival $x$ <&>", "p": 0.01, **est(0.1)}
    features = [{"view": v, "feature": f"g{i}<&>", "loading": 0.1 * i - 0.3} for v in ("a", "b") for i in range(5)]
    log = [{"epoch": i, "train_loss": 1 / (i + 1), "valid_loss": None if i == 0 else 0.5} for i in range(4)]
    bins = [{"mean_p": p, "observed": p, "low": p - 0.1, "high": p + 0.1, "n": 3} for p in (0.1, 0.9)]
    figures = [
        roc(y, score),
        precision_recall(y, score),
        metric_dots({"cnn": {"auroc": est(0.9)}, "GC": {}, "k": {"auroc": est(None)}}, metrics={"auroc": "AUROC"}),
        paired_differences([pair, {**pair, "b": "other", **est(0.0, None)}], metric="AUROC"),
        slice_forest(
            [{"slice": "GC", "value": "low", "n": 3, "r2": est(0.2)}, {"slice": "x"}], metric="r2", overall=0.3
        ),
        training_curves(log),
        size_curve([10, 100], [est(0.5), est(0.7)], label="AUROC"),
        reliability(bins),
        set_sizes([1, 1, 2, 0], n_classes=2),
        score_histogram(y, score, names=["no", "yes"]),
        observed_predicted(np.append(score, NAN), np.append(score, 1.0), name="log rho", unit="nats"),
        confusion(np.array([[3, 0], [1, 0]]), names=["a", "b"]),
        position_profile([-1, 0, 1], {"mean": [0.0, 1.0, 0.5], "other": [0, 0, 0]}),
        loading_bars(features)[0],
        sample_plot({"a": np.eye(2), "b": np.eye(2)}, ["x", "y"], components=("1", "2"))[0],
        overlaps({"a": ["x", "y"], "b": ["y", "z"]}, what="genes"),
    ]
    return {figure.name: figure for figure in figures}


FIGURES = sorted(_all_figures())


@pytest.fixture(scope="module")
def twice() -> tuple[dict[str, Figure], dict[str, Figure]]:
    return _all_figures(), _all_figures()


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_complete_and_reproducible(name, twice):
    first, second = (figures[name] for figures in twice)
    root = ET.fromstring(first.svg)
    assert root.tag.endswith("svg") and root.get("viewBox")
    assert first.svg == second.svg
    assert len({len(column) for column in first.table.values()}) == 1
    assert first.title and first.caption
    assert "metadata" not in first.svg and "<image" not in first.svg


def test_loadings_and_samples_come_with_their_tidy_tables():
    rows = [{"view": "a", "feature": f"g{i}", "loading": 0.1 * i - 0.3, "stability": 0.5} for i in range(20)]
    figure, bars = loading_bars(rows, component="comp2")
    assert list(bars.columns) == ["view", "feature", "loading", "stability"] and len(bars) == 15
    assert bars["loading"].abs().is_monotonic_decreasing and bars["feature"][0] == "g19"
    assert figure.name == "loadings_comp2" and figure.table["loading"] == bars["loading"].tolist()
    assert "stability" not in loading_bars([{k: row[k] for k in ("view", "feature", "loading")} for row in rows])[1]
    points = np.array([[1.0, 2.0], [3.0, 4.0]])
    figure, samples = sample_plot({"a": points, "b": -points}, ["x", "y"], components=("pc1", "pc2"))
    assert samples.to_dict("list") == {
        "view": ["a", "a", "b", "b"],
        "class": ["x", "y", "x", "y"],
        "pc1": [1, 3, -1, -3],
        "pc2": [2, 4, -2, -4],
    }
    assert figure.table == samples.to_dict("list")


def test_text_of_figures_is_text(twice):
    assert "<text" in twice[0]["roc"].svg
    assert "rival $x$ &lt;&amp;&gt;" in twice[0]["paired_differences"].svg


def test_saved_figure_reads_back(tmp_path, twice):
    figure = twice[0]["size_curve"]
    drawing, table = save_figure(tmp_path / "figures", figure)
    assert ET.parse(drawing).getroot().tag.endswith("svg")
    with open(table, newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [float(row["value"]) for row in rows] == [0.5, 0.7]


def test_csv_leaves_absent_cells_empty():
    assert to_csv({"a": [1, None], "b": ["x,y", 'say "z"']}) == 'a,b\n1,"x,y"\n,"say ""z"""\n'


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_rates_equal_the_count_at_every_threshold(pairs):
    y, score = np.array([int(a) for a, _ in pairs]), np.array([b for _, b in pairs], float)
    fpr, tpr = rates(y, score)
    thresholds = sorted(set(score.tolist()), reverse=True)
    slow = [(0.0, 0.0)]
    for t in thresholds:
        called = score >= t
        slow.append((sum(called & (y == 0)) / max(sum(y == 0), 1), sum(called & (y == 1)) / max(sum(y == 1), 1)))
    np.testing.assert_allclose(np.column_stack([fpr, tpr]), slow)


def test_area_is_the_chance_that_a_positive_outranks_a_negative():
    y, score = _labels(n=60)
    score = score.round(1)
    fpr, tpr = rates(y, score)
    wins = [(p > q) + 0.5 * (p == q) for p in score[y == 1] for q in score[y == 0]]
    assert np.trapezoid(tpr, fpr) == pytest.approx(np.mean(wins))


def test_precision_at_a_ratio_equals_that_of_copied_negatives():
    y, score = _labels(n=40)
    balanced = np.concatenate([np.flatnonzero(y == 1)[:12], np.flatnonzero(y == 0)[:12]])
    y, score = y[balanced], score[balanced]
    figure = precision_recall(y, score, ratios=[3])
    for recall, precision in zip(figure.table["recall"], figure.table["precision"], strict=True):
        reached = [t for t in score if (score[y == 1] >= t).mean() >= recall - 1e-12]
        options = [
            (score[y == 1] >= t).sum() / ((score[y == 1] >= t).sum() + 3 * (score[y == 0] >= t).sum()) for t in reached
        ]
        assert any(abs(precision - option) < 1e-9 for option in options) or recall == 0


def test_overlaps_count_every_item_once():
    figure = overlaps({"a": ["x", "y", "w"], "b": ["y", "z", "y"], "c": ["y"]}, what="genes")
    rows = list(zip(figure.table["a"], figure.table["b"], figure.table["c"], figure.table["genes"], strict=True))
    assert sorted(rows) == [(False, True, False, 1), (True, False, False, 2), (True, True, True, 1)]


def test_confusion_rows_are_shares_of_the_true_class():
    table = confusion(np.array([[3, 1], [0, 0]]), names=["a", "b"]).table
    assert table["share_of_true"] == [0.75, 0.25, 0.0, 0.0]


@given(st.integers(1, 5000), st.integers(2, 300))
def test_thinning_keeps_both_ends(n, most):
    kept = thin(n, most)
    assert kept[0] == 0 and kept[-1] == n - 1 and len(kept) <= max(most, 1) and kept == sorted(set(kept))


def test_labels_are_shortened_visibly():
    assert shorten("abcdef", 4) == "abc…" and shorten("abc", 4) == "abc"
