from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chiasma.core.rng import generator
from chiasma.stats.folds import balanced_error_rate, stratified_folds
from chiasma.stats.pls.block_plsda import PlsdaRules, fit_block_plsda
from chiasma.stats.pls.block_tuning import TuningRules, tune_keep
from chiasma.stats.pls.plsda_prediction import decide

CODES = np.repeat([0, 1, 2], 10)
RULES = PlsdaRules(2, {}, np.array([[0.0, 0.1], [0.1, 0.0]]))


def make_values(seed: int = 0, *, signal: float = 1.0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    axes = signal * np.array([[1.5, 0], [-1, 1], [-1, -1]])[CODES]
    noise = {"a": random.standard_normal((30, 12)), "b": random.standard_normal((30, 8))}
    return {name: values + axes @ random.standard_normal((2, values.shape[1])) for name, values in noise.items()}


def test_errors_equal_those_of_plain_refits():
    values = make_values()
    folds = [stratified_folds(CODES, 3, random=generator(1, "fold"))]
    tuning = TuningRules({"a": (2, 6), "b": (2, 50)}, search="full")
    found = tune_keep(values, CODES, RULES, tuning, folds=folds)
    assert set(found.errors[0]) == {(2, 2), (2, 8), (6, 2), (6, 8)}
    first = (found.keep["a"][0], found.keep["b"][0])
    for choice, error in found.errors[1].items():
        keep = {"a": (first[0], choice[0]), "b": (first[1], choice[1])}
        predicted = np.empty_like(CODES)
        for fold in range(3):
            held = folds[0] == fold
            train = {name: block[~held] for name, block in values.items()}
            model = fit_block_plsda(train, CODES[~held], 3, replace(RULES, keep=keep))
            predicted[held] = decide(model, {name: block[held] for name, block in values.items()}).classes
        assert error == pytest.approx(balanced_error_rate(CODES, predicted))
    best = min(found.errors[1].values())
    assert found.errors[1][(found.keep["a"][1], found.keep["b"][1])] == best


def test_equal_errors_choose_the_smallest_share():
    values = make_values(signal=8.0)
    folds = [stratified_folds(CODES, 3, random=generator(1, "fold"))]
    found = tune_keep(values, CODES, RULES, TuningRules({"a": (3, 12), "b": (3, 8)}, search="full"), folds=folds)
    least = min(found.errors[1].values())
    ties = [choice for choice, error in found.errors[1].items() if error == least]
    assert len(ties) > 1
    chosen = (found.keep["a"][1], found.keep["b"][1])
    assert chosen == min(ties, key=lambda choice: choice[0] / 12 + choice[1] / 8)


def test_one_block_at_a_time_tries_fewer():
    grid = {"a": (2, 4, 6, 8, 10, 12), "b": (1, 2, 3, 4, 5, 6)}
    folds = [stratified_folds(CODES, 3, random=generator(1, "fold"))]
    found = tune_keep(make_values(), CODES, RULES, TuningRules(grid), folds=folds)
    assert found.search == "coordinate"
    assert all(len(table) < 36 for table in found.errors)


def test_halving_judges_the_last_by_all_folds():
    """Of 625 combinations 243 begin; the 27 that two folds leave are judged by all three."""
    values = make_values(signal=0.7)
    values |= {"c": make_values(1)["a"], "d": make_values(2)["b"]}
    grid = dict.fromkeys("abcd", (1, 2, 4, 6, 8))
    rules = PlsdaRules(1, {}, 0.1 * (np.ones((4, 4)) - np.eye(4)))
    folds = [stratified_folds(CODES, 3, random=generator(1, "fold"))]
    found = tune_keep(values, CODES, rules, TuningRules(grid, search="halving"), folds=folds)
    assert len(found.errors[0]) == 27
    chosen = tuple(found.keep[name][0] for name in "abcd")
    assert found.errors[0][chosen] == min(found.errors[0].values())
    again = tune_keep(values, CODES, rules, TuningRules(grid, search="halving"), folds=folds)
    assert again.keep == found.keep
    assert found.errors[0][chosen] < 0.4


def test_warm_starts_choose_as_cold_ones():
    values = make_values(signal=0.7)
    folds = [stratified_folds(CODES, 5, random=generator(1, "fold"))]
    grid = {"a": (2, 4, 8), "b": (2, 4, 8)}
    tight = replace(RULES, tolerance=1e-16, max_iterations=2000)
    warm, cold = (
        tune_keep(values, CODES, tight, TuningRules(grid, search=s), folds=folds) for s in ("coordinate", "full")
    )
    first_warm, first_cold = warm.errors[0], cold.errors[0]
    assert {choice: first_cold[choice] for choice in first_warm} == pytest.approx(first_warm)


def test_selection_inside_the_folds_finds_nothing_in_noise():
    """Chosen on all samples, the best of many noise features would look like signal."""
    random = np.random.default_rng(5)
    values = {"a": random.standard_normal((30, 500))}
    rules = PlsdaRules(1, {"a": (10,)}, np.zeros((1, 1)))
    folds = [stratified_folds(CODES, 5, random=generator(repeat, "noise")) for repeat in range(4)]
    found = tune_keep(values, CODES, rules, TuningRules({"a": (10,)}), folds=folds)
    assert 0.5 < found.errors[0][(10,)] < 0.85
