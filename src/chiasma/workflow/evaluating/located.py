"""Evaluation of methods that draw intervals along chromosomes: precision, recall and centre, beside the rivals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import read_json, write_json
from chiasma.data.dataset import Dataset
from chiasma.metrics.localisation import LocalisationSums, best_interval, called_intervals
from chiasma.metrics.score import LOCALISATION
from chiasma.stats.localisation import LocalisationScores, score_localisation
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.opponents import Opponents
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.fitting.training import worker_count
from chiasma.workflow.loading.prepare import Prepared

PRIMARY = "auprc"
SCORES = "located.npz"
"""In a run: scores of the test chromosomes' columns, the true ones, where the sites lie in columns, and the ids."""
_STRENGTHS = (0.0, 0.02, 0.05, 0.1, 0.2)
"""Lower ends of the classes of selection coefficients in the table by strength."""
_FEWEST = 10
"""Chromosomes below which a class of strengths has no row."""
_SHOWN = 3
"""Chromosomes that are drawn."""


def evaluate_located(
    fitted: Fitted, prepared: Prepared, opponents: Opponents, options: FitOptions, *, folder: Path
) -> None:
    """Write predictions.parquet, metrics.json, compare.json and figures of the test part.

    Args:
        fitted: the model; its meta gains the temperature of its scores, and it is saved again.
        prepared: data and split.
        opponents: scores of the simple rivals on the test part.
        options: seed, bootstrap draws.
        folder: the run folder.
    """
    parts = {name: prepared.split.where(name) for name in ("calibration", "test")}
    kept = prepared.dataset.take(np.concatenate(list(parts.values())))
    raw = fitted.scores(kept, device=options.device, executor=options.executor, workers=worker_count(options))
    held = np.arange(len(kept)) < len(parts["calibration"])
    calibration = calibrate_intervals(fitted, kept.take(held), raw[held])
    fitted.save(folder)
    test = kept.take(~held)
    scores = {fitted.method.name: tempered(fitted, raw[~held]), **opponents.scores}
    config: Any = fitted.config
    site = _site(fitted, test)
    sums = {
        name: LocalisationSums.of(test.target.values, site, values, threshold=config.threshold)
        for name, values in scores.items()
    }
    common: dict[str, Any] = {"unit_name": test.unit_name, "seed": options.seed, "draws": options.draws}
    common["scale"] = config.length / config.columns / 1e6
    found = {name: score_localisation(one, **common) for name, one in sums.items()}
    if calibration:
        calibration |= _reliability(site, scores[fitted.method.name], raw[~held])
    _write_scores(folder / SCORES, test, scores[fitted.method.name], site)
    write_json(folder / "metrics.json", _document(fitted, test, sums, found, calibration, common))
    _write_intervals(folder / "predictions.parquet", fitted, test, scores[fitted.method.name])
    _write_comparison(fitted.method.name, found, opponents, test, folder=folder)
    _draw(fitted, test, scores, sums, folder=folder)


def calibrate_intervals(fitted: Fitted, held: Dataset, raw: np.ndarray) -> dict[str, Any]:
    """Fit the temperature that makes scores of best intervals come true as often as they say; it goes to the meta.

    Returns:
        The temperature and how many chromosomes it is from; empty where there are too few.
    """
    from chiasma.uncertainty.calibration import fit_temperature
    from chiasma.workflow.fitting.calibrating import FEWEST

    if len(held) < FEWEST:
        return {}
    score, right = best_and_right(raw, _site(fitted, held))
    fitted.meta["temperature"] = fit_temperature(np.column_stack([1 - score, score]), right)
    return {"temperature": fitted.meta["temperature"], "examples": len(held)}


def tempered(fitted: Fitted, raw: np.ndarray) -> np.ndarray:
    """Scores (example, column) after the temperature of the calibration part; 0 stays 0, where no interval lies."""
    from chiasma.uncertainty.calibration import apply_temperature

    if "temperature" not in fitted.meta:
        return raw
    flat = raw.ravel()
    warm = apply_temperature(np.column_stack([1 - flat, flat]), fitted.meta["temperature"])[:, 1]
    return np.where(flat > 0, warm, 0.0).reshape(raw.shape)


def best_and_right(scores: np.ndarray, site: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score of each chromosome's best interval, and whether the selected site lies in it, 0 or 1 (example,).

    A chromosome on which nothing is drawn scores 0 everywhere: its best interval would be all of it, and is none.

    Args:
        scores: of columns (example, column).
        site: in columns from the beginning (example,), NaN where nothing is selected.
    """
    best = [best_interval(row) for row in scores]
    right = [one.score > 0 and one.first <= place < one.last for one, place in zip(best, site)]
    return np.array([one.score for one in best]), np.array(right, np.int64)


def best_answers(fitted: Fitted, data: Dataset, *, device: str) -> tuple[np.ndarray, np.ndarray]:
    """What a model says of whole chromosomes, as of two classes, and the truth: does the site lie in the best interval?

    Returns:
        Probabilities of no and of yes (example, 2), and the truth as codes (example,).
    """
    score, right = best_and_right(tempered(fitted, fitted.scores(data, device=device)), _site(fitted, data))
    return np.column_stack([1 - score, score]), right


def _site(fitted: Fitted, data: Dataset) -> np.ndarray:
    """Where the selected site lies, in columns from the beginning (example,)."""
    config: Any = fitted.config
    return np.asarray(data.columns["position"], float) / config.length * config.columns


def _reliability(site: np.ndarray, scores: np.ndarray, raw: np.ndarray) -> dict[str, Any]:
    """How often intervals of some score hold the site, before and after the temperature."""
    from chiasma.metrics.classification import Calibration
    from chiasma.uncertainty.calibration import reliability

    found = {}
    for name, values in (("ece_before", raw), ("ece_after", scores)):
        score, right = best_and_right(values, site)
        found[name] = Calibration(right, score).ece(None)
    curve = reliability(np.column_stack([1 - score, score]), right).rows()
    return {**found, "curve": curve, "of": "the best interval of each chromosome: whether the site lies in it"}


def _document(
    fitted: Fitted,
    test: Dataset,
    sums: dict[str, LocalisationSums],
    found: dict[str, LocalisationScores],
    calibration: dict[str, Any],
    common: dict[str, Any],
) -> dict[str, Any]:
    from chiasma.stats.document import metrics_document

    config: Any = fitted.config
    shown = shown_figures(test.columns["position"])
    figures = {name: {key: one.estimates[key] for key in shown} for name, one in found.items()}
    own = figures.pop(fitted.method.name)
    slices = [] if "s" not in test.columns else _by_strength(test, sums[fitted.method.name], shown, common)
    drawn = {name: {key: one.estimates[key].to_dict() for key in ("intervals", "width")} for name, one in found.items()}
    conditions = {
        "seed": common["seed"],
        "unit_name": test.unit_name,
        "n": len(test),
        "figure": f"of {config.columns} columns of a chromosome, those that score {config.threshold:g} or more; the "
        f"true interval has {config.box} columns around the site (Hamid et al. 2023)",
        "centre error": "megabases from the middle of the best interval, whatever its score",
    }
    extra: dict[str, Any] = {"primary": PRIMARY, "conditions": conditions, "slices": slices, "drawn": drawn}
    extra["conformal"] = {"reason": "an interval has its probability; sets of columns are not made"}
    if calibration:
        extra["calibration"] = calibration
    return metrics_document(own, figures, extra=extra)


def _by_strength(
    test: Dataset, sums: LocalisationSums, shown: list[str], common: dict[str, Any]
) -> list[dict[str, Any]]:
    """The figures by selection coefficient, as slices of metrics.json."""
    s, selected = np.asarray(test.columns["s"], float), np.isfinite(np.asarray(test.columns["position"], float))
    rows = []
    for low, high in zip(_STRENGTHS, (*_STRENGTHS[1:], np.inf)):
        index = np.flatnonzero(selected & (s >= low) & (s < high))
        if len(index) < _FEWEST:
            continue
        found = score_localisation(sums.take(index), **common).estimates
        value = f"s from {low:g}" + ("" if np.isinf(high) else f" to {high:g}")
        row = {"slice": "strength of selection", "value": value, "n": len(index), "units": len(index), "note": ""}
        rows.append({**row, **{key: found[key].to_dict() for key in shown if key != "false_calls"}})
    return rows


def shown_figures(site: np.ndarray) -> list[str]:
    """The figures that chromosomes with these sites allow (chromosome,); NaN is one without selection."""
    return [name for name in LOCALISATION if name != "false_calls" or np.isnan(site).any()]


def _write_scores(path: Path, test: Dataset, scores: np.ndarray, site: np.ndarray) -> None:
    from chiasma.core.files import atomic_write

    truth = (np.asarray(test.target.values) > 0.5).astype(np.uint8)
    arrays = {"scores": scores.astype(np.float32), "truth": truth, "site": site, "ids": test.ids.astype(str)}
    with atomic_write(path, "wb") as handle:
        np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]


def _write_intervals(path: Path, fitted: Fitted, test: Dataset, scores: np.ndarray) -> None:
    """One row a chromosome: truth, best interval and its score, how many intervals were called."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from chiasma.core.files import atomic_write

    config: Any = fitted.config
    base = config.length / config.columns
    best = [best_interval(row) for row in scores]
    columns: dict[str, Any] = {
        "id": test.ids.astype(str),
        "part": np.repeat("test", len(test)).astype(str),
        "unit": test.unit,
        "position": test.columns["position"],
        "s": test.columns["s"],
        "start": np.array([one.first for one in best]) * base,
        "end": np.array([one.last for one in best]) * base,
        "score": np.array([one.score for one in best]),
        "called": np.array([len(called_intervals(row, config.threshold)) for row in scores]),
    }
    with atomic_write(path, "wb") as handle:
        pq.write_table(pa.table(columns), handle)


def _write_comparison(
    method: str, found: dict[str, LocalisationScores], opponents: Opponents, test: Dataset, *, folder: Path
) -> None:
    from chiasma.stats.compare import against_best, pairs_of_draws, verdict

    own = read_json(folder / "cost.json") if (folder / "cost.json").exists() else {}
    record: dict[str, Any] = {"method": method, "cost": {method: own, **opponents.cost}, "primary": PRIMARY}
    names = list(found)
    if len(names) > 1:
        whole = np.array([one.estimates[PRIMARY].value for one in found.values()])
        table = np.array([one.draws[PRIMARY] for one in found.values()])
        pairs = pairs_of_draws(names, whole, table, test.unit, metric=PRIMARY, unit_name=test.unit_name)
        best = against_best(pairs, method, names[1:])
        text = verdict(pairs, network=method, rivals=names[1:])
        head, *limits = [part if part.endswith(".") else part + "." for part in text.split(". ")]
        record |= {"best_rival": best.b, "difference": {**best.difference.to_dict(), "p": best.p}, "verdict": head}
        record |= {"may_not_claim": limits, "pairs": [pair.to_dict() for pair in pairs]}
    else:
        record |= {"verdict": "No simple rival was fitted, so nothing can be said of an advantage.", "pairs": []}
    write_json(folder / "compare.json", record)


def _draw(
    fitted: Fitted,
    test: Dataset,
    scores: dict[str, np.ndarray],
    sums: dict[str, LocalisationSums],
    *,
    folder: Path,
) -> None:
    """Precision over recall beside the rivals; a few chromosomes with what was drawn on them."""
    from chiasma.data.tracts import Tracts
    from chiasma.encode.painted import paint
    from chiasma.plot.painted import painted_chromosome, precision_recall_lines
    from chiasma.plot.style import save_figure

    config: Any = fitted.config
    points = {name: (one.curve(), one.figures()) for name, one in sums.items()}
    save_figure(folder / "figures", precision_recall_lines(points, threshold=config.threshold))
    strong = np.argsort(-np.nan_to_num(np.asarray(test.columns["s"], float)), kind="stable")
    chosen = strong[np.unique(np.linspace(0, len(strong) - 1, _SHOWN + 1).astype(int))[:_SHOWN]]
    for number, row in enumerate(chosen, start=1):
        example: Any = test.x[int(row)]  # type: ignore[index]
        tracts = Tracts.unpacked(example)
        figure = painted_chromosome(
            paint(tracts, source=0, columns=config.columns),
            scores[fitted.method.name][row],
            length=config.length,
            threshold=config.threshold,
            site=float(test.columns["position"][row]),
            name=f"painted_chromosome_{number}",
            title=f"Test chromosome {test.ids[row]}, s {test.columns['s'][row]:.3f}",
        )
        save_figure(folder / "figures", figure)
