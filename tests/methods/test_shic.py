"""S/HIC: trees that learn sweeps, go to disk without a pickle, and say what they asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chiasma.core.errors import InputError, MismatchError
from chiasma.data.matrix import Matrix
from chiasma.data.split import Split
from chiasma.fit.checkpoint import load_arrays, save_arrays
from chiasma.fit.contracts import Procedure
from chiasma.methods.population.shic import examples
from chiasma.methods.population.shic.config import tiny
from chiasma.methods.population.shic.model import Shic, build
from chiasma.run.simulations import kept
from chiasma.stats.popgen.features import summarise_region

pytest.importorskip("msprime")


def test_trees_tell_sweeps_from_neutral_regions(tmp_path: Path) -> None:
    config = tiny().replace(sweeps=tiny().sweeps.replace(strengths=(0.3, 0.4), ends=(0.0, 4.0)))
    data = examples.simulated_dataset(config, 1, np.arange(200))
    data = replace(data, x=kept(data.x, None, executor="serial", workers=1))
    train, test = data.take(np.arange(150)), data.take(np.arange(150, 200))
    fitted = build(config).fit(train, seed=1)
    assert isinstance(fitted, Procedure)
    scores = fitted.scores(test)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    swept = np.isin(test.target.values, [0, 2])
    neutral = scores[:, 1]
    assert neutral[~swept & (test.target.values == 1)].mean() > 2 * neutral[swept].mean()
    save_arrays(tmp_path, "model", *fitted.state())
    again = Shic.from_state(config, *load_arrays(tmp_path, "model"))
    np.testing.assert_array_equal(again.scores(test), scores)
    np.testing.assert_array_equal(build(config).fit(train, seed=1).scores(test), scores)
    table = fitted.loadings()["grid"]
    assert table.shape == (15 * 11, 1) and table["share_of_splits"].sum() == pytest.approx(1)


def test_no_class_is_impossible() -> None:
    data = examples.example(1)
    fitted = build(tiny()).fit(data, seed=1)
    scores = fitted.scores(data)
    votes = fitted.forest_.probabilities(fitted._features(data))
    assert (votes == 0).any()
    assert scores.sum(axis=1) == pytest.approx(1)
    assert scores.min() == pytest.approx(1 / 5 / (fitted.config.trees + 1))
    assert (np.argmax(scores, axis=1) == np.argmax(votes, axis=1)).all()


def test_other_data_are_refused() -> None:
    data = examples.example(1).take(np.arange(10))
    with pytest.raises(InputError, match="grids"):
        build(tiny()).fit(replace(data, x=Matrix(np.zeros((10, 1)), data.ids, np.array(["f"]))), seed=1)
    with pytest.raises(MismatchError, match="statistics"):
        build(tiny().replace(statistics="diploid")).fit(data, seed=1)


def test_split_sizes_and_columns() -> None:
    from chiasma.workflow.loading.simulations import load_simulations

    data, split = load_simulations(tiny(), seed=3)
    assert isinstance(split, Split) and split.sizes() == {"calibration": 20, "test": 20, "train": 60, "valid": 20}
    assert set(data.columns["window"]) <= set(range(-1, 11)) and data.target.names == examples.CLASSES


@pytest.mark.parametrize("statistics", ["haploid", "diploid"])
def test_a_simulated_region_is_summarised_as_a_real_one(statistics: str) -> None:
    from chiasma.io.trees import from_tree_sequence

    config = tiny().replace(statistics=statistics)
    example = examples.simulate(config, 4, 2)
    read = from_tree_sequence(examples.tree_sequence(config, 4, 2)).haplotypes
    again = summarise_region(read, config.statistics)
    assert all(np.array_equal(example[name], again[name], equal_nan=True) for name in again)
