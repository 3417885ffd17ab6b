"""How many features to keep in each block, chosen by cross-validation inside the train part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np

from chiasma.core.rng import generator
from chiasma.stats.folds import balanced_error_rate, stratified_folds
from chiasma.stats.pls.block_components import left_over
from chiasma.stats.pls.block_plsda import PlsdaRules, Prepared, assemble, prepare
from chiasma.stats.pls.block_scaling import learn_study_scaling
from chiasma.stats.pls.plsda_config import Distance
from chiasma.stats.pls.plsda_prediction import NO_CLASS, Ties, Vote, decide
from chiasma.stats.pls.sgcca import Block, Component, find_component, start

Choice = tuple[int, ...]
MOST_COMBINATIONS = 32
"""Up to so many, `auto` tries every combination; beyond, one block at a time."""
HALVING_START, HALVING_END = 243, 9
"""Combinations that halving begins with at most, and those that all folds judge."""
Search = Literal["auto", "full", "coordinate", "halving"]


@dataclass(frozen=True, eq=False)
class Tuning:
    """What was tried and chosen.

    Attributes:
        keep: block name to features kept at each component.
        errors: for each component, the balanced error rate of every choice tried (one number a block).
        search: full, coordinate or halving; what it left out early is not among the errors.
    """

    keep: dict[str, tuple[int, ...]]
    errors: tuple[dict[Choice, float], ...]
    search: str


@dataclass(frozen=True)
class TuningRules:
    """How the choice is judged and sought.

    Attributes:
        grid: candidates of each block.
        distance: by which a block picks its class.
        vote: by which blocks agree.
        ties: who wins a tied vote.
        search: `full` tries every combination; `coordinate` one block at a time, from the middle of the grid until
            nothing changes; `halving` many combinations on one fold and ever fewer on ever more folds; `auto` is
            full up to 32 combinations, else coordinate.
        seed: of the combinations that halving begins with, where there are too many.
    """

    grid: Mapping[str, tuple[int, ...]]
    distance: Distance = "centroids"
    vote: Vote = "weighted"
    ties: Ties = "probability"
    search: Search = "auto"
    seed: int = 0


class _Fold:
    """One division into a train part, which is scaled and deflated once for all choices, and held-out samples."""

    def __init__(
        self,
        values: Mapping[str, np.ndarray],
        codes: np.ndarray,
        held_out: np.ndarray,
        rules: PlsdaRules,
        study: np.ndarray | None,
    ) -> None:
        self.held_out = held_out
        self.test = {name: block[held_out] for name, block in values.items()}
        train = {name: block[~held_out] for name, block in values.items()}
        self.rules, self.of_component = rules, rules.of_component()
        inside = None if study is None else study[~held_out]
        self.classes, own = np.unique(codes[~held_out], return_inverse=True)  # a study left out may hold all of a class
        self.prepared: Prepared = prepare(train, own, len(self.classes), rules, study=inside)
        if study is not None and inside is not None:
            for name, block in self.test.items():
                scaling = learn_study_scaling(train[name], inside, scale=rules.scale)
                self.test[name] = scaling.bring(block, study[held_out], scale=rules.scale)
        self.residuals: list[Block] = list(self.prepared.blocks)
        self.components: list[Component] = []
        self.begin = start(self.residuals, rules.init)
        self.last: Sequence[np.ndarray] | None = None

    def predict(self, choice: Choice, tuning: TuningRules, *, warm: bool) -> np.ndarray:
        """Class of each held-out sample (sample,) with this choice at the next component."""
        model = assemble(self.prepared, [*self.components, self.component(choice, warm=warm)])
        verdict = decide(model, self.test, distance=tuning.distance, vote=tuning.vote, ties=tuning.ties)
        return np.append(self.classes, NO_CLASS)[verdict.classes]

    def component(self, choice: Choice, *, warm: bool = False) -> Component:
        """The next component; `warm` starts from the one found last, which needs fewer sweeps."""
        begin = self.last if warm and self.last is not None else self.begin
        keep = [*choice, self.prepared.blocks[-1].values.shape[1]]
        component = find_component(self.residuals, begin, keep, self.of_component)
        self.last = component.loadings
        return component

    def settle(self, choice: Choice) -> None:
        self.components.append(self.component(choice))
        self.residuals = left_over(self.prepared.blocks, self.residuals, self.components[-1], self.rules.mode)
        self.begin = start(self.residuals, self.rules.init)
        self.last = None


def repeated_folds(
    codes: np.ndarray, groups: Any, *, folds: int, repeats: int, seed: int, key: str
) -> list[np.ndarray] | None:
    """Fold of each sample (sample,) in each repeat; None where there are no repeats or a class has too few units.

    Args:
        codes: class of each sample (sample,).
        groups: unit of each sample (sample,) that no fold divides, or None.
        folds: at most the units of the smallest class.
        repeats: how often they are drawn.
        seed, key: of the draws.
    """
    unit = np.arange(len(codes)) if groups is None else np.unique(groups, return_inverse=True)[1]
    classes = np.unique(codes)
    n_folds = min(folds, *(len(np.unique(unit[codes == code])) for code in classes))
    if repeats == 0 or n_folds < 2 or len(classes) < 2:
        return None
    return [
        stratified_folds(codes, n_folds, random=generator(seed, key, repeat), unit=unit) for repeat in range(repeats)
    ]


def tuning_folds(codes: np.ndarray, config: Any, groups: Any) -> list[np.ndarray] | None:
    """As `repeated_folds`, of a configuration with tune_folds, tune_repeats and random_state."""
    return repeated_folds(
        codes, groups, folds=config.tune_folds, repeats=config.tune_repeats, seed=config.random_state, key="tune"
    )


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
        codes: class of each sample (sample,).
        rules: of the model; its `keep` is not used.
        tuning: grids and judgement.
        folds: fold of each sample (sample,), once for each repeat. Scaling, selection and the start of the
            algorithm are made anew from the train part of every fold; the start serves all choices.
        study: name of each sample's study (sample,), where each is scaled by itself.

    Returns:
        The choice with the least balanced error rate (mean over repeats), of equals the one that keeps the
        smallest share of features.
    """
    names = list(values)
    grid = [tuple(sorted({min(k, values[name].shape[1]) for k in tuning.grid[name]})) for name in names]
    search = tuning.search
    if search == "auto":
        search = "full" if np.prod([len(options) for options in grid]) <= MOST_COMBINATIONS else "coordinate"
    repeats = [
        [_Fold(values, codes, numbers == number, rules, study) for number in np.unique(numbers)] for numbers in folds
    ]
    sizes = [values[name].shape[1] for name in names]
    chosen: list[Choice] = []
    tables: list[dict[Choice, float]] = []
    for number in range(rules.n_components):
        judge = _Judge(repeats, codes, tuning, warm=search != "full")
        if search == "full":
            best = _best(product(*grid), judge, sizes)
        elif search == "coordinate":
            best = _one_at_a_time(grid, judge, sizes)
        else:
            best = _halve(_candidates(grid, generator(tuning.seed, "halving", number)), judge, sizes)
        chosen.append(best)
        tables.append(judge.errors)
        for repeat in repeats:
            for fold in repeat:
                fold.settle(best)
    keep = {name: tuple(choice[index] for choice in chosen) for index, name in enumerate(names)}
    return Tuning(keep, tuple(tables), search)


class _Judge:
    """Balanced error rates of choices at one component; what a fold predicted is not asked twice."""

    def __init__(self, repeats: list[list[_Fold]], codes: np.ndarray, tuning: TuningRules, *, warm: bool) -> None:
        self.repeats, self.codes, self.tuning, self.warm = repeats, codes, tuning, warm
        self.errors: dict[Choice, float] = {}
        self.predicted: dict[tuple[Choice, int, int], np.ndarray] = {}

    @property
    def n_folds(self) -> int:
        return min(len(repeat) for repeat in self.repeats)

    def __call__(self, choice: Choice) -> float:
        """Error over all folds, kept in `errors`."""
        if choice not in self.errors:
            self.errors[choice] = self.over(choice, None)
        return self.errors[choice]

    def over(self, choice: Choice, n_folds: int | None) -> float:
        """Mean over repeats of the error on the samples that the first folds hold out."""
        rates = []
        for number, repeat in enumerate(self.repeats):
            some = repeat[:n_folds]
            answers = [self._ask(choice, number, index) for index in range(len(some))]
            truth = np.concatenate([self.codes[fold.held_out] for fold in some])
            rates.append(balanced_error_rate(truth, np.concatenate(answers)))
        return float(np.mean(rates))

    def _ask(self, choice: Choice, repeat: int, fold: int) -> np.ndarray:
        key = choice, repeat, fold
        if key not in self.predicted:
            self.predicted[key] = self.repeats[repeat][fold].predict(choice, self.tuning, warm=self.warm)
        return self.predicted[key]


def _cost(choice: Choice, error: float, sizes: list[int]) -> tuple[float, float, Choice]:
    """What is least for the best: error, then the share of features kept."""
    return error, sum(k / p for k, p in zip(choice, sizes)), choice


def _best(choices: Iterable[Choice], judge: Callable[[Choice], float], sizes: list[int]) -> Choice:
    return min(choices, key=lambda choice: _cost(choice, judge(choice), sizes))


def _one_at_a_time(grid: list[tuple[int, ...]], judge: Callable[[Choice], float], sizes: list[int]) -> Choice:
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


def _candidates(grid: list[tuple[int, ...]], random: np.random.Generator) -> list[Choice]:
    """All combinations, or as many drawn without repetition as halving begins with."""
    if np.prod([float(len(options)) for options in grid]) <= HALVING_START:
        return list(product(*grid))
    drawn = {tuple(options[len(options) // 2] for options in grid): None}  # the middle is always among them
    while len(drawn) < HALVING_START:
        drawn[tuple(options[int(random.integers(len(options)))] for options in grid)] = None
    return list(drawn)


def _halve(choices: list[Choice], judge: _Judge, sizes: list[int]) -> Choice:
    """A third goes on to twice as many folds, until a few are left, which all folds judge."""
    n_folds = 1
    while len(choices) > HALVING_END and n_folds < judge.n_folds:
        scores = {choice: judge.over(choice, n_folds) for choice in choices}
        ranked = sorted(choices, key=lambda choice: _cost(choice, scores[choice], sizes))
        choices = ranked[: max(len(ranked) // 3, HALVING_END)]
        n_folds *= 2
    return _best(choices, judge, sizes)
