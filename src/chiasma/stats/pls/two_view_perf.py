"""How well partial least squares between two views does with one component, two, ..., on samples held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.rng import generator
from chiasma.stats.folds import stratified_folds
from chiasma.stats.pls.block_components import FittedView, decode
from chiasma.stats.pls.block_perf import choose_components
from chiasma.stats.pls.block_plsda import correlation
from chiasma.stats.pls.sgcca import Block

MEASURES = ("q2", "r2", "msep")


@dataclass(frozen=True, eq=False)
class TwoViewFit:
    """What a fit to some samples says of both views, whichever they are called.

    Attributes:
        predictor, response: what was learnt of each view.
        place: factors (sample, component) of values of the views by name (sample, feature).
    """

    predictor: FittedView
    response: FittedView
    place: Callable[[Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True, eq=False)
class TwoViewPerf:
    """Figures of merit on held-out samples.

    Attributes:
        rows: of repeat, component and, over all features of the response alike, q2, explained (share of the squares
            about the train part's means that all components up to this one explain), r2, msep and, for comparison,
            msep_of_means; in canonical mode of repeat, component and the correlation of both views' variates.
        features: q2, r2 and msep of each feature of the response, means over repeats (component, feature); none in
            canonical mode. msep is in squared units of the input.
    """

    rows: list[dict[str, Any]]
    features: dict[str, np.ndarray]


def view_folds(n_samples: int, config: Any, groups: Any) -> list[np.ndarray] | None:
    """Fold of each sample (sample,) in each repeat; None where none are asked for or there are too few units.

    Args:
        n_samples: samples.
        config: perf_folds, perf_repeats and random_state.
        groups: unit of each sample (sample,) that no fold divides, or None.
    """
    units = n_samples if groups is None else len(np.unique(groups))
    n_folds = min(config.perf_folds, units)
    if config.perf_repeats == 0 or n_folds < 2:
        return None
    nobody = np.zeros(n_samples, dtype=np.int64)
    return [
        stratified_folds(nobody, n_folds, random=generator(config.random_state, "perf", repeat), unit=groups)
        for repeat in range(config.perf_repeats)
    ]


def prediction_errors(
    values: Mapping[str, np.ndarray],
    fit: Callable[[np.ndarray], TwoViewFit],
    *,
    folds: Sequence[np.ndarray],
    response: str,
    n_components: int,
) -> TwoViewPerf:
    """How well held-out samples of the response are predicted from the other view, by number of components.

    Q2 of component h is 1 - PRESS_h / RSS_(h-1): squared errors of h components on held-out samples over the squares
    that a fit of h - 1 to all samples leaves (Tenenhaus 1998, La regression PLS); a strict figure from the second
    component on, since the latter are fitted and the former are not. Everything is learnt anew from the train part of
    each fold; mixOmics takes the components before h from the fit to all samples. Of all features together, errors
    count in units of each feature's variance; r2, the squared correlation of what is predicted with what is, is their
    mean.

    Args:
        values: both views (sample, feature), NaN where missing.
        fit: to the rows of a train part (sample,), with everything that is tuned tuned there.
        folds: fold of each sample (sample,), once for each repeat.
        response: which view is predicted.
        n_components: looked at.
    """
    truth = values[response]
    everyone = np.arange(len(truth))
    whole = fit(everyone)
    left = [_squares(truth, told) for told in _told(whole, values, everyone, everyone, response, n_components)]
    before = np.stack([_squares(truth, whole.response.scaling.mean), *left[:-1]])  # RSS (component, feature)
    variance = whole.response.scaling.sd**2
    weight = np.divide(1.0, variance, out=np.zeros_like(variance), where=variance > 0)
    counted = np.maximum((~np.isnan(truth)).sum(axis=0), 1)
    rows: list[dict[str, Any]] = []
    of_repeats = []
    for repeat, numbers in enumerate(folds):
        said = np.full((n_components, *truth.shape), np.nan)
        means = np.empty_like(truth)
        for number in np.unique(numbers):
            train, held = np.flatnonzero(numbers != number), np.flatnonzero(numbers == number)
            own = fit(train)
            said[:, held] = _told(own, values, train, held, response, n_components)
            means[held] = own.response.scaling.mean
        press = np.stack([_squares(truth, told) for told in said])
        r2 = np.stack([_squared_correlations(truth, told) for told in said])
        of_repeats.append({"q2": _one_minus(press, before), "r2": r2, "msep": press / counted})
        share = _one_minus(press @ weight, before @ weight)
        spread = (press / counted * weight)[:, weight > 0].mean(axis=1)
        of_means = float((_squares(truth, means) / counted * weight)[weight > 0].mean())
        rows += [
            {
                "repeat": repeat + 1,
                "component": h + 1,
                "q2": float(share[h]),
                "explained": 1.0 - float(spread[h]) / of_means,
                "r2": float(r2[h, weight > 0].mean()),
                "msep": float(spread[h]),
                "msep_of_means": of_means,
            }
            for h in range(n_components)
        ]
    features = {name: np.mean([one[name] for one in of_repeats], axis=0) for name in MEASURES}
    return TwoViewPerf(rows, features)


def variate_correlations(
    values: Mapping[str, np.ndarray],
    fit: Callable[[np.ndarray], TwoViewFit],
    *,
    folds: Sequence[np.ndarray],
    names: tuple[str, str],
    n_components: int,
) -> TwoViewPerf:
    """Correlation of both views' variates over held-out samples, component by component: for views that are equal.

    Args:
        values: both views (sample, feature), NaN where missing.
        fit: to the rows of a train part (sample,).
        folds: fold of each sample (sample,), once for each repeat.
        names: of the predictor and the response.
        n_components: looked at.
    """
    rows: list[dict[str, Any]] = []
    for repeat, numbers in enumerate(folds):
        scores = np.zeros((2, len(numbers), n_components))
        for number in np.unique(numbers):
            own, held = fit(np.flatnonzero(numbers != number)), numbers == number
            scores[0, held] = own.predictor.place(values[names[0]][held])
            scores[1, held] = own.response.place(values[names[1]][held])
        rows += [
            {
                "repeat": repeat + 1,
                "component": h + 1,
                "correlation": correlation(scores[0, :, h], scores[1, :, h]),
            }
            for h in range(n_components)
        ]
    return TwoViewPerf(rows, {})


def components_worth_having(rows: Sequence[Mapping[str, Any]]) -> int:
    """How many components better the squared error on held-out samples, by `choose_components`; 0 if none does."""
    table = np.zeros((max(row["repeat"] for row in rows), max(row["component"] for row in rows) + 1))
    for row in rows:
        table[row["repeat"] - 1, row["component"]] = row["msep"]
        table[row["repeat"] - 1, 0] = row["msep_of_means"]
    return choose_components(table) - 1


def _told(
    own: TwoViewFit,
    values: Mapping[str, np.ndarray],
    train: np.ndarray,
    rows: np.ndarray,
    response: str,
    n_components: int,
) -> np.ndarray:
    """What one component, two, ... of a fit say of some rows' response (component, sample, feature)."""
    learnt = own.place({name: block[train] for name, block in values.items()})
    placed = own.place({name: block[rows] for name, block in values.items()})
    scaling = own.response.scaling
    block = Block(*scaling.apply(values[response][train]))
    slopes = [decode(block, learnt[:, : h + 1]) for h in range(n_components)]
    return np.stack([placed[:, : h + 1] @ slope * scaling.sd + scaling.mean for h, slope in enumerate(slopes)])


def _squares(truth: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Squared errors summed over what was measured (feature,)."""
    return np.nansum((truth - told) ** 2, axis=0)


def _one_minus(errors: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """1 - errors / spread; 0 where nothing was left to tell."""
    return 1.0 - np.divide(errors, spread, out=np.ones_like(errors), where=spread > 0)


def _squared_correlations(truth: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Of each feature, over what was measured (feature,); 0 where either does not vary."""
    seen = ~np.isnan(truth)
    return np.array([correlation(truth[rows, j], told[rows, j]) ** 2 for j, rows in enumerate(seen.T)])
