"""Every figure that a run's files allow, drawn anew from the numbers on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.data.results import Figure
from chiasma.plot.attention import attention_map
from chiasma.plot.attribution import position_profile
from chiasma.plot.calibration import reliability, score_histogram, set_sizes
from chiasma.plot.comparison import metric_dots, paired_differences, slice_forest
from chiasma.plot.curves import precision_recall, roc
from chiasma.plot.factors import draw_explained
from chiasma.plot.multivariate import loading_bars, sample_plot
from chiasma.plot.predicted import confusion, observed_predicted
from chiasma.plot.style import save_figure
from chiasma.plot.training import size_curve, training_curves
from chiasma.report.examples import Answers, answers
from chiasma.report.explanations import example_logos
from chiasma.report.gate import gate_figures
from chiasma.report.load import Run
from chiasma.report.words import is_number, metric_name

_MANY_SLICES = 28
EXPLAINED = "shares_of_variance"


def draw_figures(run: Run) -> dict[str, list[Figure]]:
    """Figures by section of the report: performance, slices, training, audit, uncertainty, gates, explain."""
    found = answers(run)
    drawn = {
        "performance": [
            *_metrics(run),
            *_pairs(run),
            *(_classification(found, run.method) if found else _regression(run)),
        ],
        "slices": list(_slices(run)),
        "training": [training_curves(run.log)] if len(run.log) > 1 else [],
        "audit": list(_sufficiency(run)),
        "uncertainty": list(_uncertainty(run, found)),
        "gates": gate_figures(run),
        "explain": [
            *example_logos(run),
            *_profile(run),
            *_attention(run),
            *_shares(run),
            *_loadings(run),
            *_samples(run),
        ],
    }
    return {section: figures for section, figures in drawn.items() if figures}


def save_figures(run: Run, figures: dict[str, list[Figure]]) -> list[Path]:
    """Write every figure and its table under the run's figures/."""
    return [path for group in figures.values() for one in group for path in save_figure(run.path / "figures", one)]


def shown_metrics(run: Run, most: int = 3) -> dict[str, str]:
    """The metrics worth a panel: the primary one first, then those that rivals were measured on too."""
    test = run.metrics.get("test") or {}
    ranked = sorted(test, key=lambda name: (name != run.primary, list(test).index(name)))
    known = [name for name in ranked if is_number((test[name] or {}).get("value"))]
    return {name: metric_name(name) for name in known[:most]}


def _metrics(run: Run) -> Iterator[Figure]:
    metrics = shown_metrics(run)
    if metrics:
        methods = {run.method: run.metrics["test"], **(run.metrics.get("baselines") or {})}
        yield metric_dots(methods, metrics=metrics, ours=[run.method])


def _pairs(run: Run) -> Iterator[Figure]:
    pairs = [pair for pair in run.pairs if is_number(pair.get("value"))]
    same = [pair for pair in pairs if pair.get("metric", run.primary) == run.primary]
    own = [pair for pair in same if pair["a"] == run.method]
    same = own or same
    if same:
        yield paired_differences(same, metric=metric_name(run.primary))


def _classification(found: Answers, method: str) -> Iterator[Figure]:
    if found.n_classes == 2:
        positive = found.probabilities[:, 1]
        yield roc(found.y, positive, label=method)
        yield precision_recall(found.y, positive)
    counts = np.zeros((found.n_classes, found.n_classes), int)
    np.add.at(counts, (found.y, found.probabilities.argmax(1)), 1)
    yield confusion(counts, names=found.names)
    if found.n_classes == 2:
        yield score_histogram(found.y, positive, names=found.names, label=f"probability of {found.names[1]}")
    else:
        certainty = found.probabilities.max(1)
        right = (found.probabilities.argmax(1) == found.y).astype(int)
        yield score_histogram(right, certainty, names=["wrong", "right"], label="probability of the answer given")


def _regression(run: Run) -> Iterator[Figure]:
    columns = run.predictions
    test = columns["part"] == "test" if "part" in columns else slice(None)
    tracks = [name.removeprefix("yhat_") for name in columns if name.startswith("yhat_")]
    for track in tracks[:4]:
        truth = columns.get(f"y_{track}", columns.get("y") if len(tracks) == 1 else None)
        if truth is not None:
            predicted = columns[f"yhat_{track}"][test]
            unit = str(run.target.get("unit") or "")
            yield observed_predicted(truth[test], predicted, name=track, unit=unit if unit != track else "")


def _slices(run: Run) -> Iterator[Figure]:
    rows = [row for row in run.metrics.get("slices") or [] if isinstance(row.get(run.primary), dict)]
    if rows:
        overall = ((run.metrics.get("test") or {}).get(run.primary) or {}).get("value")
        rows = rows[:_MANY_SLICES]
        yield slice_forest(rows, metric=run.primary, label=metric_name(run.primary), overall=overall)


def _sufficiency(run: Run) -> Iterator[Figure]:
    for finding in run.audit.get("findings") or []:
        curve = (finding.get("figures") or {}).get("curve") if finding.get("pitfall") == "sufficiency" else None
        if isinstance(curve, list) and len(curve) > 1 and all(is_number(row.get("n")) for row in curve):
            metric = str((finding["figures"]).get("metric") or run.primary)
            yield size_curve([row["n"] for row in curve], [_spread(row) for row in curve], label=metric_name(metric))
            return


def _spread(row: dict[str, Any]) -> dict[str, Any]:
    """A point of the curve with an interval: its own, else 1.96 errors of its repeats, else that of the test part."""
    if is_number(row.get("low")):
        return row
    if is_number(row.get("error")) and row["error"] > 0:
        half = 1.96 * row["error"]
        return {"value": row["value"], "low": row["value"] - half, "high": row["value"] + half}
    within = row.get("test") or row.get("estimate") or {}
    return {"value": row.get("value", within.get("value")), "low": within.get("low"), "high": within.get("high")}


def _uncertainty(run: Run, found: Answers | None) -> Iterator[Figure]:
    curve = (run.metrics.get("calibration") or {}).get("curve") or []
    if curve:
        yield reliability(curve)
    if found is not None and found.sets is not None:
        yield set_sizes(found.set_sizes(), n_classes=found.n_classes)


def _profile(run: Run) -> Iterator[Figure]:
    rows = run.explain.get("position_profile") or []
    if not rows:
        return
    numeric = {key: [_float(row[key]) for row in rows] for key in rows[0]}
    position = numeric.pop("position", list(range(len(rows))))
    wanted = [key for key in numeric if key.startswith("mean")] or [key for key in numeric if key != "n"][:4]
    columns = {key: numeric[key] for key in wanted if np.isfinite(numeric[key]).any()}
    if columns:
        label = str(run.notes.get("position_label") or "position (bases)")
        yield position_profile(position, columns, label=label)


def _attention(run: Run) -> Iterator[Figure]:
    rows = run.explain.get("attention") or []
    if rows and {"layer", "head", "axis", "at", "attention"} <= rows[0].keys():
        yield attention_map(rows)


def _shares(run: Run) -> Iterator[Figure]:
    """Shares of variance by view and factor, where the method drew none itself."""
    rows = run.explain.get("explained") or []
    own = [path for path in (run.path / "figures").glob("*explained*.svg")]
    if not rows or own or not {"view", "factor", "share"} <= rows[0].keys():
        return
    import pandas as pd

    table = pd.DataFrame(rows).assign(share=lambda found: found["share"].map(_float).fillna(0.0))
    views, factors = (list(dict.fromkeys(table[name])) for name in ("view", "factor"))
    shares = table.pivot(index="view", columns="factor", values="share").loc[views, factors].fillna(0.0)
    shares["total"] = shares.sum(axis=1)
    shares.index = pd.MultiIndex.from_product([["all"], views], names=["study", "view"])
    yield replace(draw_explained(shares), name=EXPLAINED)


def _loadings(run: Run) -> Iterator[Figure]:
    rows: list[dict[str, Any]] = [
        {**row, "loading": _float(row.get("loading")), "stability": _float(row.get("stability"))}
        for row in run.explain.get("loadings") or []
        if {"view", "feature", "loading"} <= row.keys()
    ]
    for component in list(dict.fromkeys(str(row.get("component", "1")) for row in rows))[:3]:
        chosen = [row for row in rows if str(row.get("component", "1")) == component and row["loading"] != 0]
        if chosen:
            yield loading_bars(chosen, component=component)[0]


def _samples(run: Run) -> Iterator[Figure]:
    rows = run.explain.get("variates") or []
    if not rows or not {"sample", "view", "component", "value"} <= rows[0].keys():
        return
    components = list(dict.fromkeys(row["component"] for row in rows))[:2]
    if len(components) < 2:
        return
    values: dict[str, dict[str, dict[str, float]]] = {}
    classes: dict[str, str] = {}
    for row in rows:
        values.setdefault(row["view"], {}).setdefault(row["sample"], {})[row["component"]] = _float(row["value"])
        classes[row["sample"]] = row.get("class") or "all samples"
    names = [name for name in classes if all(name in view for view in values.values())]
    variates = {
        view: np.array([[by_sample[name].get(key, np.nan) for key in components] for name in names])
        for view, by_sample in values.items()
    }
    yield sample_plot(variates, [classes[name] for name in names], components=(components[0], components[1]))[0]


def _float(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return float("nan")
