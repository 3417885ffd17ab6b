"""Evaluation: calibrated predictions, metrics with intervals beside the rivals, conformal sets, a verdict in words."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import FitWarning
from chiasma.core.files import read_json, write_json
from chiasma.data.dataset import Dataset, Target
from chiasma.data.matrix import Views
from chiasma.data.sequences import Sequences
from chiasma.workflow.evaluating.strengths import evaluate_strengths, has_strengths, keep_neutral_scores
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.calibrating import CLASSES, calibrate, coverage, reliability_figures, save_out_of_fold
from chiasma.workflow.fitting.head import build_model
from chiasma.workflow.fitting.opponents import Opponents, load_opponents
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.fitting.training import worker_count
from chiasma.workflow.loading.prepare import Prepared, training_part
from chiasma.workflow.model import Model
from chiasma.workflow.predicting.predictions import conformal_sets, write_predictions


def evaluate(fitted: Fitted, prepared: Prepared, opponents: Opponents, options: FitOptions, *, folder: Path) -> None:
    """Write predictions.parquet, metrics.json and compare.json; calibrate the model on the calibration part.

    Args:
        fitted: the model; its meta gains the temperature and the conformal thresholds, and it is saved again.
        prepared: data and split.
        opponents: scores of the simple rivals on the test part.
        options: seed, bootstrap draws, miscoverage.
        folder: the run folder.
    """
    from chiasma.stats.bootstrap import bootstrap, bootstrap_ratios
    from chiasma.stats.document import metrics_document
    from chiasma.stats.slices import make_slices

    parts = {name: prepared.split.where(name) for name in ("valid", "calibration", "test")}
    parts = {name: index for name, index in parts.items() if len(index)}
    kept = prepared.dataset.take(np.concatenate(list(parts.values())))
    raw = fitted.scores(kept, device=options.device, executor=options.executor, workers=worker_count(options))
    part = np.repeat(list(parts), [len(index) for index in parts.values()])
    why_not = calibrate(fitted, kept, raw, part, options=options, folder=folder)
    scores = apply_calibration(fitted, raw)
    if has_strengths(kept):
        untouched = np.isin(part, ("calibration", "test"))
        keep_neutral_scores(fitted, kept.take(untouched), scores[untouched, -1])
    fitted.save(folder)
    test, test_scores = kept.take(part == "test"), scores[part == "test"]
    target, unit = test.target, test.unit
    common: dict[str, Any] = {"unit_name": test.unit_name, "seed": options.seed, "draws": options.draws}
    estimates = bootstrap(target, test_scores, unit, **common)
    baselines = {name: bootstrap(target, values, unit, **common) for name, values in opponents.scores.items()}
    ratios = None
    if target.kind == "binary":
        ratios = bootstrap_ratios(target, test_scores, unit, **{**common, "draws": min(options.draws, 300)})
    sets = conformal_sets(fitted, scores)
    extra: dict[str, Any] = {
        "primary": _primary(target),
        "calibration": reliability_figures(fitted, target, raw[part == "test"], test_scores),
        "conformal": coverage(fitted, target, None if sets is None else sets[part == "test"], why_not),
        "cross_validation": _cross_validated(folder),
        "conditions": {"seed": options.seed, "unit_name": test.unit_name, "n": len(test)},
    }
    if sets is not None and (absent := prepared.dataset.notes.get("views absent from the test set")):
        why = f"the test part lacks {', '.join(absent)}, and so calibrating left it out of the held-out samples as well"
        extra["conformal"]["note"] = why
    slices = make_slices(test, test_scores, seed=options.seed, distance=_distance(prepared, test))
    if has_strengths(test):
        everyone = {fitted.method.name: test_scores, **opponents.scores}
        judged: dict[str, Any] = {"seed": options.seed, "draws": options.draws, "folder": folder}
        by_strength, extra["by_strength"] = evaluate_strengths(test, everyone, **judged)
        slices += by_strength
    negatives = prepared.dataset.notes.get("negatives")
    document = metrics_document(
        estimates,
        baselines,
        slices=slices,
        ratios=ratios,
        negatives=negatives,
        extra={k: v for k, v in extra.items() if v},
    )
    write_json(folder / "metrics.json", document)
    write_predictions(folder / "predictions.parquet", fitted, kept, scores, part=part, sets=sets)
    own = read_json(folder / "cost.json") if (folder / "cost.json").exists() else {}
    _write_comparison(
        fitted.method.name, test, test_scores, opponents, options, folder=folder, own=own, negatives=negatives
    )


def cross_validation(fitted: Fitted, prepared: Prepared, options: FitOptions, *, folder: Path) -> None:
    """Repeated cross-validation of a matrix method on what it learnt from: cross_validation.json.

    Whatever the method selects or tunes, it does anew inside every fold. Regression is left out.
    """
    from chiasma.workflow.fitting.cross_validate import cross_validate, permuted

    part = prepared.dataset.take(training_part(prepared))
    if part.target.kind not in CLASSES:
        return
    test = prepared.dataset.take(prepared.split.where("test")).x
    shown = [name for name, has in test.present().items() if has.any()] if isinstance(test, Views) else None

    def make() -> Any:
        return build_model(fitted.method, fitted.config, classes=True, seed=options.seed, device=options.device)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # the fit itself says so, once
        found = cross_validate(make, part, seed=options.seed, folds=options.folds, repeats=options.repeats, shown=shown)
        save_out_of_fold(folder, found, part)
        chance = permuted(make, part, found, seed=options.seed, permutations=options.permutations)
    write_json(folder / "cross_validation.json", {**found.to_dict(), **chance})


def _cross_validated(folder: Path) -> dict[str, Any] | None:
    """The figures for metrics.json: neither the table of stability nor the time."""
    path = folder / "cross_validation.json"
    if not path.exists():
        return None
    return {key: value for key, value in read_json(path).items() if key not in ("stability", "cpu_seconds")}


def apply_calibration(fitted: Model, raw: np.ndarray) -> np.ndarray:
    """Scores after the temperature fitted on the calibration part; regression and uncalibrated models as they are."""
    from chiasma.uncertainty.calibration import apply_temperature

    temperature = fitted.meta.get("temperature")
    return raw if temperature is None else apply_temperature(raw, temperature)


def _distance(prepared: Prepared, test: Dataset) -> np.ndarray | None:
    """Largest k-mer share of each test sequence with one training sequence (example,): 1 is a copy."""
    if not isinstance(test.x, Sequences):
        return None
    if prepared.split.nearest_share is not None:
        return 1.0 - prepared.split.nearest_share[prepared.split.where("test")]
    from chiasma.stats.sharing import containment

    train = prepared.dataset.take(prepared.split.where("train")).x
    assert isinstance(train, Sequences)
    return 1.0 - containment(test.x, train).share


def _primary(target: Target) -> str:
    from chiasma.metrics.score import PRIMARY

    return PRIMARY[target.kind]


def _write_comparison(
    name: str,
    test: Dataset,
    scores: np.ndarray,
    opponents: Opponents,
    options: FitOptions,
    *,
    folder: Path,
    own: Mapping[str, Any],
    negatives: str | None,
) -> None:
    record = {"method": name, "cost": {name: dict(own), **opponents.cost}, "primary": _primary(test.target)}
    if not opponents.scores:
        record |= {"verdict": "No simple rival was fitted, so nothing can be said of an advantage.", "pairs": []}
        write_json(folder / "compare.json", record)
        return
    found = comparison(name, test, {name: scores, **opponents.scores}, options, negatives=negatives)
    write_json(folder / "compare.json", {**record, **found})


def comparison(
    network: str, test: Dataset, scores: Mapping[str, np.ndarray], options: FitOptions, *, negatives: str | None
) -> dict[str, Any]:
    """Pairs, the best rival, the effect against it, the verdict and what may not be claimed."""
    from chiasma.stats.compare import against_best, compare_all, verdict

    pairs = compare_all(
        test.target, scores, test.unit, unit_name=test.unit_name, seed=options.seed, draws=options.draws
    )
    rivals = [name for name in scores if name != network]
    best = against_best(pairs, network, rivals)
    text = verdict(pairs, network=network, rivals=rivals, negatives=negatives)
    head, *limits = _sentences(text)
    return {
        "best_rival": best.b,
        "difference": {**best.difference.to_dict(), "p": best.p},
        "verdict": head,
        "may_not_claim": limits,
        "pairs": [pair.to_dict() for pair in pairs],
    }


def _sentences(text: str) -> list[str]:
    """The verdict's sentences: the first is the verdict, the rest its limits."""
    return [part if part.endswith(".") else part + "." for part in text.split(". ") if part]


@dataclass(frozen=True, eq=False)
class TestPart:
    """The held-out part of a run as read from disk."""

    __test__ = False
    target: Target
    ids: np.ndarray
    unit: np.ndarray
    unit_name: str
    seed: int
    rivals: dict[str, np.ndarray]


def read_test(run: Path) -> tuple[TestPart, np.ndarray]:
    """The test part of a complete run, and the method's scores on it (example, output)."""
    from chiasma.workflow.predicting.predictions import read_predictions

    table, target, unit = read_predictions(run, part="test")
    conditions = json.loads((run / "metrics.json").read_text())["conditions"]
    rivals = load_opponents(run).scores if (run / "rivals.json").exists() else {}
    seed = int(conditions["seed"])
    return TestPart(target, table.ids, unit, conditions["unit_name"], seed, rivals), table.scores()
