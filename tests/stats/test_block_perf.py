"""Errors by component against plain refits, and the number of components chosen."""

from __future__ import annotations

import numpy as np
import pytest

from chiasma.core.rng import generator
from chiasma.stats.folds import stratified_folds
from chiasma.stats.pls.block_perf import choices, choose_components, cross_validated_errors
from chiasma.stats.pls.block_plsda import PlsdaRules, fit_block_plsda
from chiasma.stats.pls.plsda_prediction import decide

CODES = np.repeat([0, 1, 2], 10)


def test_errors_equal_those_of_plain_refits():
    random = np.random.default_rng(0)
    axes = np.array([[1.5, 0], [-1, 1], [-1, -1]])[CODES]
    values = {k: random.standard_normal((30, p)) + axes @ random.standard_normal((2, p)) for k, p in zip("ab", (12, 8))}
    rules = PlsdaRules(2, {"a": (4, 4), "b": (3, 3)}, np.array([[0.0, 0.1], [0.1, 0.0]]))
    folds = [stratified_folds(CODES, 3, random=generator(repeat, "fold")) for repeat in range(2)]
    rows = cross_validated_errors(values, CODES, rules, folds=folds, ties="mixomics")
    assert len(rows) == 2 * 2 * 3 * 2
    row = next(r for r in rows if (r["repeat"], r["component"], r["distance"], r["vote"]) == (2, 1, "max", "majority"))
    wrong = np.zeros(30, dtype=bool)
    for fold in range(3):
        held = folds[1] == fold
        model = fit_block_plsda({k: v[~held] for k, v in values.items()}, CODES[~held], 3, rules)
        said = decide(
            model,
            {k: v[held] for k, v in values.items()},
            distance="max",
            vote="majority",
            ties="mixomics",
            n_components=1,
        )
        wrong[held] = said.classes != CODES[held]
    assert row["overall"] == pytest.approx(wrong.mean())
    assert row["classes"] == pytest.approx([wrong[k == CODES].mean() for k in range(3)])
    assert row["ber"] == pytest.approx(np.mean(row["classes"]))
    assert set(choices(rows)) == {(d, v) for d in ("max", "centroids", "mahalanobis") for v in ("weighted", "majority")}


def test_a_further_component_must_be_better_for_sure():
    clear = np.array([[0.30, 0.10, 0.09, 0.02], [0.32, 0.11, 0.12, 0.03], [0.29, 0.09, 0.08, 0.01]])
    assert choose_components(clear) == 4
    assert choose_components(clear[:, :3]) == 2
    assert choose_components(np.array([[0.3, 0.2], [0.3, 0.2], [0.3, 0.2]])) == 2
    assert choose_components(np.array([[0.2, 0.2], [0.2, 0.2], [0.2, 0.2]])) == 1
    assert choose_components(np.array([[0.3, 0.1, 0.2]])) == 2
