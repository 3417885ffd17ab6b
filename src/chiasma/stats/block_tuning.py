"""How many features to keep in each block, chosen by cross-validation inside the train part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np

from chiasma.core.rng import generator
from chiasma.stats.block_components import left_over
from chiasma.stats.block_plsda import BlockPlsda, PlsdaRules, Prepared, assemble, prepare
from chiasma.stats.block_scaling import learn_study_scaling
from chiasma.stats.folds import balanced_error_rate, stratified_folds
from chiasma.stats.plsda_prediction import Distance, Vote, decide
from chiasma.stats.sgcca import Block, Component, find_component, start

Choice = tuple[int, ...]
MOST_COMBINATIONS = 32
"""Up to so many, `auto` tries every combination; beyond, one block at a time."""


@dataclass(frozen=True, eq=False)
class Tuning:
    """What was tried and chosen.

    Attributes:
        keep: block name to features kept at each component.
        errors: for each component, the balanced error rate of every choice tried (one number a block).
        search: full or coordinate.
    """

    keep: dict[str, tuple[int, ...]]
    errors: tuple[dict[Choice, float], ...]
    search: str


@dataclass(frozen=True)
class TuningRules:
    """How the choice is judged: grid of each block, distance, vote, search."""

    grid: Mapping[str, tuple[int, ...]]
    distance: Distance = "centroids"
    vote: Vote = "weighted"
    search: Literal["auto", "full", "coordinate"] = "auto"


class _Fold:
    """One division into a train part, which is scaled and deflated once for all choices, and held-out samples."""

    def __init__(
        self,
        values: Mapping[str, np.ndarray],
        codes: np.ndarray,
        n_classes: int,
        held_out: np.ndarray,
        rules: PlsdaRules,
        study: np.ndarray | None,
    ) -> None:
        self.held_out = held_out
        self.test = {name: block[held_out] for name, block in values.items()}
        train = {name: block[~held_out] for name, block in values.items()}
        self.rules, self.of_component = rules, rules.of_component()
        inside = None if study is None else study[~held_out]
        self.prepared: Prepared = prepare(train, codes[~held_out], n_classes, rules, study=inside)
        if study is not None and inside is not None:
            for name, block in self.test.items():
                scaling = learn_study_scaling(train[name], inside, scale=rules.scale)
                self.test[name] = scaling.bring(block, study[held_out], scale=rules.scale)
        self.residuals: list[Block] = list(self.prepared.blocks)
        self.components: list[Component] = []
        self.begin = start(self.residuals, rules.init)

    def component(self, choice: Choice) -> Component:
        keep = [*choice, self.prepared.blocks[-1].values.shape[1]]
        return find_component(self.residuals, self.begin, keep, self.of_component)

    def model(self, choice: Choice) -> BlockPlsda:
        return assemble(self.prepared, [*self.components, self.component(choice)])

    def settle(self, choice: Choice) -> None:
        self.components.append(self.component(choice))
        self.residuals = left_over(self.prepared.blocks, self.residuals, self.components[-1], self.rules.mode)
        self.begin = start(self.residuals, self.rules.init)


def tuning_folds(codes: np.ndarray, config: Any, groups: Any) -> list[np.ndarray] | None:
    """Fold of each sample (sample,) in each repeat of the tuning; None where a class has too few units for folds.

    Args:
        codes: class of each sample (sample,).
        config: tune_folds, tune_repeats and random_state.
        groups: unit of each sample (sample,) that no fold divides, or None.
    """
    unit = np.arange(len(codes)) if groups is None else np.unique(groups, return_inverse=True)[1]
    classes = np.unique(codes)
    n_folds = min(config.tune_folds, *(len(np.unique(unit[codes == code])) for code in classes))
    if n_folds < 2 or len(classes) < 2:
        return None
    return [
        stratified_folds(codes, n_folds, random=generator(config.random_state, "tune", repeat), unit=unit)
        for repeat in range(config.tune_repeats)
    ]


def tune_keep(
    values: Mapping[str, np.ndarray],
    codes: np.ndarray,
    rules: PlsdaRules,
    tuning: TuningRules,
    *,
    folds: Sequence[np.ndarray],
    study: np.ndarray | None = None,
) -> Tuning:
    """Choose the kept features component by component, earlier choices held.

    Args:
        values: block name to (sample, feature).
        codes: class of each sample (sample,), all of 0 .. largest present.
        rules: of the model; its `keep` is not used.
        tuning: grids and judgement.
        folds: fold of each sample (sample,), once for each repeat. Scaling, selection and the start of the
            algorithm are made anew from the train part of every fold; the start serves all choices.
        study: name of each sample's study (sample,), where each is scaled by itself.

    Returns:
        The choice with the least balanced error rate (mean over repeats), of equals the one that keeps the
        smallest share of features.
    """
    n_classes = int(codes.max()) + 1
    names = list(values)
    grid = [tuple(sorted({min(k, values[name].shape[1]) for k in tuning.grid[name]})) for name in names]
    search = tuning.search
    if search == "auto":
        search = "full" if np.prod([len(options) for options in grid]) <= MOST_COMBINATIONS else "coordinate"
    repeats = [
        [_Fold(values, codes, n_classes, numbers == number, rules, study) for number in np.unique(numbers)]
        for numbers in folds
    ]
    sizes = [values[name].shape[1] for name in names]
    chosen: list[Choice] = []
    tables: list[dict[Choice, float]] = []
    for _ in range(rules.n_components):
        errors: dict[Choice, float] = {}

        def judge(choice: Choice, errors: dict[Choice, float] = errors) -> float:
            if choice not in errors:
                errors[choice] = float(np.mean([_error(repeat, choice, codes, tuning) for repeat in repeats]))
            return errors[choice]

        best = _search(grid, judge, sizes) if search == "coordinate" else _best(product(*grid), judge, sizes)
        chosen.append(best)
        tables.append(errors)
        for repeat in repeats:
            for fold in repeat:
                fold.settle(best)
    keep = {name: tuple(choice[index] for choice in chosen) for index, name in enumerate(names)}
    return Tuning(keep, tuple(tables), search)


def _error(repeat: list[_Fold], choice: Choice, codes: np.ndarray, tuning: TuningRules) -> float:
    predicted = np.zeros_like(codes)
    for fold in repeat:
        verdict = decide(fold.model(choice), fold.test, distance=tuning.distance, vote=tuning.vote)
        predicted[fold.held_out] = verdict.classes
    return balanced_error_rate(codes, predicted)


def _best(choices: Iterable[Choice], judge: Callable[[Choice], float], sizes: list[int]) -> Choice:
    return min(choices, key=lambda choice: (judge(choice), sum(k / p for k, p in zip(choice, sizes)), choice))


def _search(grid: list[tuple[int, ...]], judge: Callable[[Choice], float], sizes: list[int]) -> Choice:
    """One block at a time from the middle of the grid, until a whole round changes nothing (three rounds at most)."""
    current = tuple(options[len(options) // 2] for options in grid)
    for _ in range(3):
        before = current
        for index, options in enumerate(grid):
            around = [(*current[:index], option, *current[index + 1 :]) for option in options]
            current = _best(around, judge, sizes)
        if current == before:
            break
    return current
