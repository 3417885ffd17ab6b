"""Do simulations look like the data? Effect sizes, and whether what was called depends on the difference.

With enough windows every test rejects every simulator. So the figures here are sizes: how well a simple classifier
tells real windows from simulated ones (its area under the ROC curve, 0.5 where it cannot), by how many standard
deviations each statistic is off, what an error of known size in the simulator would do to both, and what becomes of
the calls where simulations count by their likeness to the data.

Simulations are drawn from a prior, and the data are one draw of it: a scan whose simulations are one half sweeps
differs from a genome that is nearly all neutral without any fault of the simulator. Hence two comparisons: with the
simulations as they were drawn, and with those whose estimated parameters are those of the windows (what the model says,
and a linear estimate of all else that was drawn). Given estimates that say all there is of the parameters, windows of
a right simulator do not depend on these, whatever the prior: the verdict rests on the second comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chiasma.data.results import Estimate
from chiasma.stats.telling_apart import Scale, Told, blocks, effective_size, near_rows, tell_apart

FITS, DIFFERS, DOES_NOT_FIT, TOO_FEW = "fits", "differs", "does not fit", "too few windows to say"
FEW_ALIKE = "too few simulations alike to say"
ONE_GENEALOGY = "does not fit, or one genealogy"
"""Told apart from the few simulations that are alike: that there are few is a part of the difference."""
UNIT = "run of neighbouring windows"
FEWEST_WINDOWS = 20
FEWEST_SIMULATIONS = 40
WIDEST = 0.35
"""Width of the interval of an area above which nothing is said."""
ALIKE, APART = 0.7, 0.85
"""Areas up to which simulations fit, and from which they do not; between them they differ."""
_FEWEST_ALIKE = 30
"""Simulations of like parameters, in effect, below which an area says little."""
_MOSTLY_OUTSIDE = 0.5
_FEWEST_COUNTED = 30
"""Simulations that must be left, in effect, for what is said of reweighted ones."""


@dataclass(frozen=True, eq=False)
class Simulations:
    """Held-out simulations of a fitted model.

    Attributes:
        names: of the statistics.
        values: statistics, NaN where not defined (simulation, statistic).
        scores: what the model says of each (simulation, output).
        truth: class codes int64 (simulation,), or targets (simulation, output).
        parameters: all that was drawn for each, classes apart, on scales on which differences mean something
            (simulation, parameter); or None.
        resized: the statistics of the first few simulated again with larger populations (first, statistic).
        factor: by which populations were larger.
    """

    names: tuple[str, ...]
    values: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    parameters: np.ndarray | None = None
    resized: np.ndarray | None = None
    factor: float = 1.1

    @property
    def classes(self) -> bool:
        """Whether the target is a class."""
        return self.truth.ndim == 1


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of real data, in the order of the genome: statistics (window, statistic), scores (window, output)."""

    values: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Gate:
    """The verdict and what it rests on.

    Attributes:
        verdict: fits, differs, does not fit; does not fit, or one genealogy; too few windows, or too few simulations
            alike, to say.
        text: the same in sentences.
        facts: every figure, JSON-ready.
    """

    verdict: str
    text: str
    facts: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"verdict": self.verdict, "text": self.text, **self.facts}


def judge(simulations: Simulations, windows: Windows, *, seed: int) -> Gate:
    """Compare windows of real data with the simulations that a model learnt from.

    Args:
        simulations: held out when the model was fitted.
        windows: what was read now.
        seed: of folds and bootstrap.
    """
    n = len(windows.values)
    if n < FEWEST_WINDOWS or len(simulations.values) < FEWEST_SIMULATIONS:
        counted = f"{n} windows and {len(simulations.values)} simulations"
        needed = f"{FEWEST_WINDOWS} and {FEWEST_SIMULATIONS} are needed"
        return Gate(TOO_FEW, f"Too few windows to say whether the simulations fit: {counted}, {needed}.")
    scale = Scale(simulations.values)
    units = (np.arange(len(simulations.values)), blocks(n))
    rows = scale.features(simulations.values), scale.features(windows.values)
    drawn = tell_apart(*rows, units=units, unit_name=UNIT, seed=seed)
    near = near_rows(*_estimates(simulations, windows, rows))
    alike = tell_apart(*rows, units=units, unit_name=UNIT, weight=near, seed=seed)
    resized = _resized(simulations, scale, seed=seed)
    calls = _calls(simulations, windows, rows, drawn)
    shifts = _shifts(simulations, windows, scale, near)
    facts: dict[str, Any] = {
        "windows": n,
        "simulations": len(simulations.values),
        "area": alike.area.to_dict(),
        "area_as_drawn": drawn.area.to_dict(),
        "simulations_alike": effective_size(near),
        "area_resized": None if resized is None else resized.area.to_dict(),
        "factor": simulations.factor,
        "outside": _outside(scale, simulations.values, windows.values),
        "shifts": shifts,
        "calls": calls,
    }
    verdict = _verdict(alike.area, alike=effective_size(near), outside=facts["outside"])
    return Gate(verdict, _text(verdict, facts), facts)


def _estimates(
    simulations: Simulations, windows: Windows, rows: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Estimated parameters of simulations and of windows: the scores, and ridge regressions of all that was drawn."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import KFold, cross_val_predict

    simulated, real = simulations.scores, windows.scores
    if simulations.classes:
        simulated, real = (_log_odds(scores) for scores in (simulated, real))
    if simulations.parameters is None or not simulations.parameters.shape[1]:
        return simulated, real
    model = Ridge(alpha=10.0)
    # the windows' estimates know no truth, and neither must the simulations'
    folds = KFold(5, shuffle=True, random_state=0)
    held = cross_val_predict(model, rows[0], simulations.parameters, cv=folds).reshape(len(simulated), -1)
    new = model.fit(rows[0], simulations.parameters).predict(rows[1]).reshape(len(real), -1)
    return np.hstack([simulated, held]), np.hstack([real, new])


def _log_odds(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(scores, 1e-3, 1 - 1e-3)
    return np.log(clipped) - np.log1p(-clipped)


def _verdict(area: Estimate, *, alike: float, outside: float) -> str:
    """From the area and its interval: apart only where the interval says so, alike only where the area is small."""
    if outside > _MOSTLY_OUTSIDE and area.low > ALIKE:
        return DOES_NOT_FIT
    if not area.high - area.low <= WIDEST:
        return TOO_FEW
    if alike < _FEWEST_ALIKE:
        return ONE_GENEALOGY if area.low > ALIKE else FEW_ALIKE
    if area.value <= ALIKE:
        return FITS
    return DOES_NOT_FIT if area.value >= APART and area.low > ALIKE else DIFFERS


def _resized(simulations: Simulations, scale: Scale, *, seed: int) -> Told | None:
    """Simulations against the same ones with larger populations: what an error of that size looks like."""
    if simulations.resized is None or len(simulations.resized) < FEWEST_WINDOWS:
        return None
    count = len(simulations.resized)
    rows = scale.features(simulations.values[:count]), scale.features(simulations.resized)
    return tell_apart(*rows, units=(np.arange(count),) * 2, unit_name="simulation", paired=True, seed=seed)


def _mean(values: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Mean of what is defined (statistic,), NaN where nothing is."""
    known = np.isfinite(values)
    own = np.ones(len(values)) if weight is None else weight
    total = own @ known
    return np.divide(own @ np.where(known, values, 0), total, out=np.full(values.shape[1], np.nan), where=total > 0)


def _shifts(
    simulations: Simulations, windows: Windows, scale: Scale, near: np.ndarray
) -> list[dict[str, float | str | None]]:
    """Of each statistic the mean of the windows minus that of simulations, in standard deviations of the latter."""
    real, simulated, alike = _mean(windows.values), _mean(simulations.values), _mean(simulations.values, near)
    resized = np.full(len(real), np.nan)
    if simulations.resized is not None and len(simulations.resized):
        resized = _mean(simulations.resized) - _mean(simulations.values[: len(simulations.resized)])
    table = zip(simulations.names, real, simulated, real - alike, real - simulated, resized, scale.deviation)
    return [
        {
            "statistic": name,
            "windows": float(mean),
            "simulations": float(expected),
            "shift": float(off / spread),
            "shift_as_drawn": float(off_drawn / spread),
            "shift_resized": float(larger / spread),
        }
        for name, mean, expected, off, off_drawn, larger, spread in table
    ]


def _outside(scale: Scale, simulated: np.ndarray, real: np.ndarray) -> float:
    """Share of windows farther from the middle of the simulations than 99 in 100 of these are."""
    rows = scale.ranks(simulated)
    covariance = np.cov(rows.T) + 0.05 * np.eye(rows.shape[1])
    inverse = np.linalg.inv(covariance)

    def distance(x: np.ndarray) -> np.ndarray:
        return np.einsum("ij,jk,ik->i", x - rows.mean(axis=0), inverse, x - rows.mean(axis=0))

    return float((distance(scale.ranks(real)) > np.quantile(distance(rows), 0.99)).mean())


def _calls(
    simulations: Simulations, windows: Windows, rows: tuple[np.ndarray, np.ndarray], drawn: Told
) -> dict[str, Any]:
    """What becomes of the calls where simulations count by their likeness to the data (odds of the classifier)."""
    chance = np.clip(drawn.chance[: len(simulations.values)], 1e-3, 1 - 1e-3)
    odds = chance / (1 - chance)
    weight = np.minimum(odds, np.quantile(odds, 0.99))
    counted = effective_size(weight)
    measure = "accuracy" if simulations.classes else "rmse"
    plain, weighted = (_performance(simulations, own) for own in (np.ones(len(weight)), weight))
    before, after = (_refit(simulations, rows, own) for own in (np.ones(len(weight)), weight))
    if simulations.classes:
        changed = float((before != after).mean())
        kept = changed <= 0.1 and weighted >= plain - 0.1
    else:
        spread = np.maximum(simulations.truth.std(axis=0), 1e-9)
        error = _performance(simulations, np.ones(len(weight)))
        changed = float((np.abs(before - after) / spread).mean())
        kept = changed <= 0.5 * error and weighted <= 1.25 * plain
    state = "cannot be said" if counted < _FEWEST_COUNTED else "survive" if kept else "do not survive"
    return {
        "state": state,
        "simulations_that_count": counted,
        "measure": measure,
        "as_drawn": plain,
        "reweighted": weighted,
        "changed": changed,
        "changed_is": "share of windows" if simulations.classes else "standard deviations of the target",
    }


def _performance(simulations: Simulations, weight: np.ndarray) -> float:
    """Accuracy of the model, or its root mean squared error in standard deviations of the target, weighted."""
    if simulations.classes:
        return float(np.average(simulations.scores.argmax(axis=1) == simulations.truth, weights=weight))
    spread = np.maximum(simulations.truth.std(axis=0), 1e-9)
    square = (((simulations.scores - simulations.truth) / spread) ** 2).mean(axis=1)
    return float(np.sqrt(np.average(square, weights=weight)))


def _refit(simulations: Simulations, rows: tuple[np.ndarray, np.ndarray], weight: np.ndarray) -> np.ndarray:
    """Calls for the windows by a linear model of the statistics, fitted to simulations that count unequally."""
    from sklearn.linear_model import LogisticRegression, Ridge

    own = weight / weight.mean()
    if not simulations.classes:
        return Ridge(alpha=10.0).fit(rows[0], simulations.truth, sample_weight=own).predict(rows[1])
    if len(np.unique(simulations.truth)) < 2:
        return np.full(len(rows[1]), simulations.truth[0])
    return LogisticRegression(C=0.1, max_iter=200).fit(rows[0], simulations.truth, sample_weight=own).predict(rows[1])


_MEANING = {
    FITS: "The simulations fit",
    DIFFERS: "The simulations differ from the data",
    DOES_NOT_FIT: "The simulations do not fit",
    TOO_FEW: "Too few windows to say whether the simulations fit",
    FEW_ALIKE: "Too few simulations like the windows to say whether they fit",
    ONE_GENEALOGY: "The simulations do not fit, or the windows share one genealogy, which few simulations resemble",
}


def _text(verdict: str, facts: dict[str, Any]) -> str:
    area, drawn, resized, calls = (facts[key] for key in ("area", "area_as_drawn", "area_resized", "calls"))
    lines = [
        f"{_MEANING[verdict]}: a classifier tells {facts['windows']:,} windows from simulations of like parameters "
        f"({facts['simulations_alike']:.0f}, in effect) with an area of {_area(area)}; 0.5 is chance.",
        f"From the simulations as they were drawn it tells them with {_area(drawn)}; {facts['outside']:.0%} of the "
        "windows lie farther out than 99 in 100 simulations.",
    ]
    if resized is not None:
        lines.append(f"Populations {facts['factor'] - 1:.0%} larger would give {_area(resized)}.")
    known = [row for row in facts["shifts"] if np.isfinite(row["shift"])]
    if known:
        worst = max(known, key=lambda row: abs(row["shift"]))
        lines.append(f"Farthest off: {worst['statistic']}, by {worst['shift']:+.2f} standard deviations.")
    lines.append(_calls_text(calls))
    return " ".join(lines)


def _calls_text(calls: dict[str, Any]) -> str:
    figures = (
        f"{calls['measure']} {calls['reweighted']:.2f} instead of {calls['as_drawn']:.2f}, a linear model's calls "
        f"changed by {calls['changed']:.2f} ({calls['changed_is']})"
    )
    if calls["state"] == "cannot be said":
        count = calls["simulations_that_count"]
        return f"Whether the calls survive cannot be said: weighted by likeness, {count:.0f} simulations count."
    return f"Weighted by likeness to the data, the calls {calls['state']}: {figures}."


def _area(row: dict[str, Any]) -> str:
    return f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
