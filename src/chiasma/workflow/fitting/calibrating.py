"""Calibration: a temperature and conformal thresholds from examples that the model did not learn from.

These are the calibration part where it holds FEWEST examples or more. A matrix method on a small table, or beside a
test set that was given, has none: its out-of-fold probabilities of cross-validation stand in (cross-conformal
prediction, Vovk 2015, Ann Math Artif Intell 74:9), those of the first repeat, so that each sample counts once. The
models of the folds learnt from a little less than the final one, so such sets hold the truth about as often as
promised, without the guarantee of a part of its own. Where neither is there, the reason is written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.data.dataset import Dataset, Target
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.cross_validate import CrossValidation
from chiasma.workflow.fitting.options import FitOptions

CLASSES = ("binary", "multiclass")
FEWEST = 20
"""Calibration examples below which no temperature or threshold is fitted: with fewer, a set at 90 % is mostly full."""
OUT_OF_FOLD = "out_of_fold.npz"


@dataclass(frozen=True, eq=False)
class Held:
    """Scores of examples that were not learnt from, and their truth.

    Attributes:
        scores: uncalibrated (example, output).
        values: target values of the same examples.
        source: where they are from, in words.
    """

    scores: np.ndarray
    values: np.ndarray
    source: str


def save_out_of_fold(folder: Path, found: CrossValidation, part: Dataset) -> None:
    """Keep the held-out probabilities (sample, class) of the first repeat, and the answers and folds of all."""
    from chiasma.core.files import atomic_write

    arrays = {"probabilities": found.probabilities[0], "codes": part.target.values, "unit": part.unit}
    arrays |= {"folds": found.folds, "predicted": found.predicted, "ids": part.ids.astype(str)}
    with atomic_write(folder / OUT_OF_FOLD, "wb") as handle:
        np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]


def calibrate(
    fitted: Fitted, kept: Dataset, raw: np.ndarray, part: np.ndarray, *, options: FitOptions, folder: Path
) -> str | None:
    """Fit the temperature and the conformal thresholds; they go to `fitted.meta`.

    Args:
        fitted: the model.
        kept: examples of the valid, calibration and test parts.
        raw: its scores on them (example, output).
        part: theirs.
        options: the miscoverage.
        folder: the run, where out-of-fold probabilities may lie.

    Returns:
        Why there is no calibration, or None if there is one.
    """
    from chiasma.uncertainty.calibration import apply_temperature, fit_temperature
    from chiasma.uncertainty.conformal import MondrianConformal
    from chiasma.uncertainty.intervals import SplitConformal

    found = _held(kept.target, raw, part, folder)
    if isinstance(found, str):
        return found
    about = {"alpha": options.alpha, "source": found.source, "examples": len(found.values)}
    if kept.target.kind == "regression":
        fitted.meta["conformal"] = {**about, **SplitConformal().fit(found.scores, found.values).to_dict()}
        return None
    temperature = fit_temperature(found.scores, found.values)
    conformal = MondrianConformal().fit(apply_temperature(found.scores, temperature), found.values)
    fitted.meta.update(temperature=temperature, conformal={**about, **conformal.to_dict()})
    return None


def _held(target: Target, raw: np.ndarray, part: np.ndarray, folder: Path) -> Held | str:
    """Examples to calibrate on, or why there are none."""
    if target.kind not in (*CLASSES, "regression"):
        return f"sets of classes are not defined for a {target.kind} target: its labels do not exclude each other"
    index = part == "calibration"
    if index.sum() >= FEWEST:
        return Held(raw[index], target.values[index], "calibration part")
    path = folder / OUT_OF_FOLD
    if target.kind in CLASSES and path.exists():
        with np.load(path, allow_pickle=False) as arrays:
            probabilities, codes = arrays["probabilities"], arrays["codes"]
        if len(codes) >= FEWEST:
            return Held(probabilities, codes, "out-of-fold probabilities of cross-validation (cross-conformal)")
    return f"{int(index.sum())} calibration examples, {FEWEST} are needed: give more data, or a larger calibration part"


def reliability_figures(fitted: Fitted, target: Target, raw: np.ndarray, scores: np.ndarray) -> dict[str, Any] | None:
    """Temperature, reliability curve and calibration error of the test part before and after; None without one."""
    from chiasma.metrics.score import evaluators
    from chiasma.uncertainty.calibration import reliability

    if "temperature" not in fitted.meta:
        return None
    before, after = (evaluators(target, values, metrics=["ece"])["ece"](None) for values in (raw, scores))
    curve = reliability(scores, target.values).rows()
    return {"temperature": fitted.meta["temperature"], "curve": curve, "ece_before": before, "ece_after": after}


def coverage(fitted: Fitted, target: Target, sets: np.ndarray | None, reason: str | None) -> dict[str, Any]:
    """How often the conformal sets of the test part hold the truth, in all and by class; or why there are none."""
    if sets is None:
        return {"reason": reason or "not calibrated"}
    record, values = fitted.meta["conformal"], target.values
    about = {key: record[key] for key in ("alpha", "source", "examples") if key in record}
    if target.kind == "regression":
        inside = (values >= sets[..., 0]) & (values <= sets[..., 1])
        return {**about, "coverage": float(inside.mean()), "mean_width": float(np.nanmean(sets[..., 1] - sets[..., 0]))}
    inside = sets[np.arange(len(sets)), values]
    per_class = {
        name: float(inside[values == code].mean()) for code, name in enumerate(target.names) if (values == code).any()
    }
    size = sets.sum(axis=1)
    figures = {"coverage": float(inside.mean()), "mean_size": float(size.mean()), "empty": float((size == 0).mean())}
    return {**about, **figures, "per_class": per_class}
