"""How well a block PLS-DA does with one component, two, ..., by every distance and vote, in repeated folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import ttest_rel

from chiasma.stats.folds import balanced_error_rate
from chiasma.stats.pls.block_plsda import PlsdaRules, fit_block_plsda
from chiasma.stats.pls.block_scaling import learn_study_scaling
from chiasma.stats.pls.block_tuning import repeated_folds
from chiasma.stats.pls.plsda_config import Distance
from chiasma.stats.pls.plsda_prediction import NO_CLASS, Ties, Vote, decide

DISTANCES: tuple[Distance, ...] = ("max", "centroids", "mahalanobis")
VOTES: tuple[Vote, ...] = ("weighted", "majority")
ALPHA = 0.01
"""Level of the one-sided t-test by which a further component must better the error, as in mixOmics."""
_FEWEST = 3
"""Repeats below which a t-test says nothing."""


def perf_folds(codes: np.ndarray, config: Any, groups: Any) -> list[np.ndarray] | None:
    """Fold of each sample (sample,) in each repeat; None where none are asked for or a class has too few units.

    Args:
        codes: class of each sample (sample,).
        config: perf_folds, perf_repeats and random_state.
        groups: unit of each sample (sample,) that no fold divides, or None.
    """
    return repeated_folds(
        codes, groups, folds=config.perf_folds, repeats=config.perf_repeats, seed=config.random_state, key="perf"
    )


def cross_validated_errors(
    values: Mapping[str, np.ndarray],
    codes: np.ndarray,
    rules: PlsdaRules | Callable[[np.ndarray], PlsdaRules],
    *,
    folds: Sequence[np.ndarray],
    distances: Sequence[Distance] = DISTANCES,
    votes: Sequence[Vote] = VOTES,
    ties: Ties = "probability",
    study: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """Error rates on held-out samples; no class (a tie in faithful votes) is an error.

    Args:
        values: block name to (sample, feature).
        codes: class of each sample (sample,).
        rules: of the model, with as many components as are to be looked at; or what gives them for the rows of a train
            part (sample,): what is tuned must be tuned there, since a choice made on all samples has seen those held
            out.
        folds: fold of each sample (sample,), once for each repeat.
        distances: by which a block picks its class.
        votes: by which blocks agree.
        ties: who wins a tied vote.
        study: name of each sample's study (sample,), where each is scaled by itself.

    Returns:
        Rows of repeat, component, distance, vote, ber, overall, classes (the error of each) and, where there are
        studies, studies (the error in each).
    """
    classes = np.unique(codes)
    rows: list[dict[str, Any]] = []
    for repeat, numbers in enumerate(folds):
        predicted: dict[tuple[int, Distance, Vote], np.ndarray] = {}
        for number in np.unique(numbers):
            train, held = np.flatnonzero(numbers != number), numbers == number
            own = rules(train) if callable(rules) else rules
            seen, inside = np.unique(codes[train], return_inverse=True)  # a study left out may hold all of a class
            blocks = {name: block[train] for name, block in values.items()}
            known = None if study is None else study[train]
            model = fit_block_plsda(blocks, inside, len(seen), own, study=known)
            outside = {name: block[held] for name, block in values.items()}
            if study is not None and known is not None:
                for name, block in outside.items():
                    scaling = learn_study_scaling(blocks[name], known, scale=own.scale)
                    outside[name] = scaling.bring(block, study[held], scale=own.scale)
            for h in range(1, own.n_components + 1):
                for distance in distances:
                    for vote in votes:
                        verdict = decide(model, outside, distance=distance, vote=vote, ties=ties, n_components=h)
                        answer = predicted.setdefault((h, distance, vote), np.full(len(codes), NO_CLASS))
                        answer[held] = np.append(seen, NO_CLASS)[verdict.classes]
        for (h, distance, vote), answer in predicted.items():
            wrong = answer != codes
            row: dict[str, Any] = {
                "repeat": repeat + 1,
                "component": h,
                "distance": distance,
                "vote": vote,
                "ber": balanced_error_rate(codes, answer),
                "overall": float(wrong.mean()),
                "classes": [float(wrong[codes == code].mean()) for code in classes],
            }
            if study is not None:
                row["studies"] = {str(name): float(wrong[study == name].mean()) for name in np.unique(study)}
            rows.append(row)
    return rows


def choose_components(errors: np.ndarray) -> int:
    """How many components are worth having, from their errors (repeat, component).

    The first, unless a later one betters the best so far by a one-sided paired t-test at level 0.01 over repeats, and
    so on; with fewer than three repeats the least mean error.
    """
    if len(errors) < _FEWEST:
        return int(errors.mean(axis=0).argmin()) + 1
    best = 0
    for candidate in range(1, errors.shape[1]):
        gain = errors[:, best] - errors[:, candidate]
        if np.ptp(gain) == 0:
            better = gain[0] > 0
        else:
            better = ttest_rel(errors[:, best], errors[:, candidate], alternative="greater").pvalue < ALPHA
        best = candidate if better else best
    return best + 1


def choices(rows: Sequence[Mapping[str, Any]], measure: str = "ber") -> dict[tuple[str, str], int]:
    """Components worth having for each distance and vote, by `ber` or `overall`."""
    found = {}
    for distance, vote in dict.fromkeys((row["distance"], row["vote"]) for row in rows):
        mine = [row for row in rows if (row["distance"], row["vote"]) == (distance, vote)]
        table = np.zeros((max(row["repeat"] for row in mine), max(row["component"] for row in mine)))
        for row in mine:
            table[row["repeat"] - 1, row["component"] - 1] = row[measure]
        found[distance, vote] = choose_components(table)
    return found
