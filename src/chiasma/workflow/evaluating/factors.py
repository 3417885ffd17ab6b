"""Evaluation of a method without a target: what its factors keep of held-out samples, beside simple projections."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import atomic_write, read_json, write_json
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.results import Estimate
from chiasma.fit.contracts import STUDY, ask
from chiasma.metrics.embedding import Agreement, Kept, Score, neighbourhoods, neighbours_of, reconstruction
from chiasma.rivals.projection import Projection, Standard, projection_rivals
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.component_count import component_facts
from chiasma.workflow.fitting.head import living, representation_of
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import Prepared, training_part
from chiasma.workflow.predicting.predictions import write_predictions

MOST = 1000
"""Samples whose neighbours and distances are compared; more are drawn from."""
SCORES = "factor_scores.npz"
HELD_OUT = "the test part"
"""What `conditions` say was scored where samples were held out."""
NONE_HELD_OUT = "No sample was held out: nothing may be claimed of samples that the method has not seen."
_PREFIX = "reconstruction_r2"


@dataclass(frozen=True, eq=False)
class FactorScores:
    """Scores of several representations on the same samples.

    Attributes:
        rows: name to score to what it is computed from; reconstruction is over samples of `unit`, the neighbourhood
            scores over those of `near_unit`.
        unit: resampling unit of each evaluated sample (sample,).
        near_unit: the same for the samples whose neighbours were looked at.
    """

    rows: dict[str, dict[str, Score]]
    unit: np.ndarray
    near_unit: np.ndarray

    def units(self, metric: str) -> np.ndarray:
        """Units of the samples that a score is over."""
        return self.unit if metric.startswith(_PREFIX) else self.near_unit


def evaluate_factors(fitted: Fitted, prepared: Prepared, options: FitOptions, *, folder: Path) -> None:
    """Write predictions.parquet (the factors), metrics.json and compare.json of a method without a target.

    Args:
        fitted: the model.
        prepared: data and split; without a test part (a transductive method) all samples are scored.
        options: seed, bootstrap draws, whether there are rivals.
        folder: the run folder.
    """
    split, data = prepared.split, prepared.dataset
    held = split.where("test")
    index = held if len(held) else np.arange(len(data))
    train = data.take(training_part(prepared))
    kept = data.take(np.concatenate([split.where(name) for name in ("train", "valid", "calibration", "test")]))
    part = np.concatenate([split.part[split.where(name)] for name in ("train", "valid", "calibration", "test")])
    factors = fitted.scores(kept)
    write_predictions(folder / "predictions.parquet", fitted, kept, factors, part=part, sets=None)
    place = {name: row for row, name in enumerate(kept.ids.tolist())}
    test = data.take(index)
    own = factors[[place[name] for name in test.ids.tolist()]]
    # Rivals with a direction for each factor that died would have more to work with than the method used.
    alive = max(1, int(living(factors[[place[name] for name in train.ids.tolist()]]).sum()))
    rivals, cost = _fit_rivals(train, alive, options)
    scores = _score_all(fitted, own, rivals, train, test, seed=options.seed)
    _save(folder / SCORES, scores)
    primary = primary_of(scores, fitted.method.name)
    described = {
        "seed": options.seed,
        "unit_name": data.unit_name,
        "n": len(test),
        "factors": alive,
        "asked": _asked(fitted, own.shape[1]),
        "scored on": HELD_OUT if len(held) else "all samples: none was held out",
        "neighbours": neighbours_of(len(scores.near_unit)),
        "samples whose neighbours were compared": len(scores.near_unit),
    }
    write_json(folder / "metrics.json", _document(scores, fitted.method.name, primary, described, options))
    spent = read_json(folder / "cost.json") if (folder / "cost.json").exists() else {}
    record = {"method": fitted.method.name, "cost": {fitted.method.name: spent, **cost}, "primary": primary}
    write_json(
        folder / "compare.json", {**record, **_comparison(scores, fitted.method.name, primary, described, options)}
    )


def _asked(fitted: Fitted, columns: int) -> int:
    """Factors that were asked for: more than columns where a method leaves those out that it could not fill."""
    counted = component_facts(fitted.config, fitted.model)
    return max(columns, int(counted.get("asked", 0)))


def primary_of(scores: FactorScores, name: str) -> str:
    """Reconstruction where the method reconstructs, else trustworthiness."""
    return _PREFIX if _PREFIX in scores.rows[name] else "trustworthiness"


def _fit_rivals(train: Dataset, factors: int, options: FitOptions) -> tuple[list[Projection], dict[str, Any]]:
    cost: dict[str, Any] = {}
    rivals = projection_rivals(factors) if options.rivals else []
    for rival in rivals:
        start, wall = time.process_time(), time.perf_counter()
        rival.fit(train.x, seed=options.seed)  # type: ignore[arg-type]
        spent = {"cpu_seconds": time.process_time() - start, "seconds": time.perf_counter() - wall}
        cost[rival.name] = {**spent, "parameters": None}
    return rivals, cost


def _score_all(
    fitted: Fitted, own: np.ndarray, rivals: list[Projection], train: Dataset, test: Dataset, *, seed: int
) -> FactorScores:
    standard = Standard.learn(train.x)  # type: ignore[arg-type]
    truth = standard.blocks(test.x)  # type: ignore[arg-type]
    factors = {fitted.method.name: own, **{rival.name: rival.transform(test.x) for rival in rivals}}  # type: ignore[arg-type]
    rebuilt = {rival.name: rival.reconstruct(factors[rival.name]) for rival in rivals}
    representation = representation_of(fitted.model)
    if hasattr(representation, "reconstruct"):
        rebuilt[fitted.method.name] = standard.rebuilt(
            ask(representation.reconstruct, own, study=test.columns.get(STUDY))
        )
    whole = np.flatnonzero(np.all([~np.isnan(block).all(axis=1) for block in truth.values()], axis=0))
    if len(whole) > MOST:
        whole = np.sort(generator(seed, "neighbours").permutation(whole)[:MOST])
    given = standard.side_by_side(test.x)[whole]  # type: ignore[arg-type]
    rows: dict[str, dict[str, Score]] = {}
    for name, placed in factors.items():
        found: dict[str, Score] = {}
        if name in rebuilt:
            shares = reconstruction(truth, rebuilt[name])
            found = {_PREFIX if view == "all" else f"{_PREFIX}|{view}": share for view, share in shares.items()}
        rows[name] = found | neighbourhoods(given, np.nan_to_num(placed[whole]))
    return FactorScores(rows, test.unit, test.unit[whole])


def _document(
    scores: FactorScores, name: str, primary: str, described: Mapping[str, Any], options: FitOptions
) -> dict[str, Any]:
    from chiasma.stats.document import metrics_document

    estimates = {one: _estimates(scores, one, described, options) for one in scores.rows}
    plain = {one: {key: value for key, value in row.items() if "|" not in key} for one, row in estimates.items()}
    views = {
        view: {one: row[key].to_dict() for one, row in estimates.items() if (key := f"{_PREFIX}|{view}") in row}
        for view in dict.fromkeys(key.split("|")[1] for row in estimates.values() for key in row if "|" in key)
    }
    extra = {"primary": primary, "by_view": views if len(views) > 1 else {}, "conditions": dict(described)}
    return metrics_document(plain.pop(name), plain, extra=extra)


def _estimates(
    scores: FactorScores, name: str, described: Mapping[str, Any], options: FitOptions
) -> dict[str, Estimate]:
    from chiasma.stats.embedding_scores import score_embedding

    found: dict[str, Estimate] = {}
    for unit, chosen in (
        (scores.unit, {key: one for key, one in scores.rows[name].items() if key.startswith(_PREFIX)}),
        (scores.near_unit, {key: one for key, one in scores.rows[name].items() if not key.startswith(_PREFIX)}),
    ):
        if chosen:
            common: dict[str, Any] = {"unit_name": described["unit_name"], "seed": options.seed, "draws": options.draws}
            found |= score_embedding(chosen, unit, **common)
    return found


def _comparison(
    scores: FactorScores, name: str, primary: str, described: Mapping[str, Any], options: FitOptions
) -> dict[str, Any]:
    from chiasma.stats.compare import against_best, verdict
    from chiasma.stats.embedding_scores import compare_embeddings

    rivals = [one for one in scores.rows if one != name]
    if not rivals or primary not in scores.rows[name]:
        why = "No simple rival was fitted" if not rivals else "There are too few samples to look at neighbours"
        return {"verdict": f"{why}, so nothing can be said of an advantage.", "pairs": []}
    rows = {one: row[primary] for one, row in scores.rows.items() if primary in row}
    common: dict[str, Any] = {"unit_name": described["unit_name"], "seed": options.seed, "draws": options.draws}
    pairs = compare_embeddings(rows, scores.units(primary), metric=primary, **common)
    best = against_best(pairs, name, rivals)
    head, *limits = [
        part if part.endswith(".") else part + "." for part in verdict(pairs, network=name, rivals=rivals).split(". ")
    ]
    return {
        "best_rival": best.b,
        "difference": {**best.difference.to_dict(), "p": best.p},
        "verdict": head,
        "may_not_claim": [*limits, *_limits(scores, described, primary)],
        "pairs": [pair.to_dict() for pair in pairs],
    }


def _limits(scores: FactorScores, described: Mapping[str, Any], primary: str) -> list[str]:
    found = ["A score without a target says how much of the data is kept, not how much of it is biology."]
    if described["scored on"] != HELD_OUT:
        found.insert(0, NONE_HELD_OUT)
    if primary == _PREFIX and "trustworthiness" in next(iter(scores.rows.values())):
        found.append("Principal components are the best linear reconstruction of the training samples by their making.")
    return found


def _save(path: Path, scores: FactorScores) -> None:
    arrays = {
        f"{name}\t{metric}\t{part}": array
        for name, row in scores.rows.items()
        for metric, score in row.items()
        for part, array in enumerate(score.arrays)
    }
    with atomic_write(path, "wb") as handle:
        np.savez_compressed(handle, unit=scores.unit, near_unit=scores.near_unit, **arrays)  # type: ignore[arg-type]


def load_factor_scores(path: Path) -> FactorScores:
    """What `evaluate_factors` wrote."""
    rows: dict[str, dict[str, Score]] = {}
    with np.load(path, allow_pickle=False) as arrays:
        for key in arrays.files:
            if "\t" not in key or key.endswith("\t1"):
                continue
            name, metric, _ = key.split("\t")
            make = Agreement if metric == "distance_correlation" else Kept
            rows.setdefault(name, {})[metric] = make(arrays[key], arrays[f"{name}\t{metric}\t1"])
        return FactorScores(rows, arrays["unit"], arrays["near_unit"])
