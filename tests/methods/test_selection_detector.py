"""The selection detector: what it is shown, that it begins where pg-gan ended, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from chiasma.core.errors import MismatchError
from chiasma.methods.population.pg_gan import config as game_config
from chiasma.methods.population.pg_gan import examples as game_examples
from chiasma.methods.population.pg_gan.model import PgGan
from chiasma.methods.population.selection_detector import examples
from chiasma.methods.population.selection_detector.config import Config, tiny
from chiasma.methods.population.selection_detector.model import Detector
from chiasma.methods.population.selection_detector.task import make_task
from chiasma.stats.popgen.sites import site_diversity

pytest.importorskip("msprime")


def test_strengths_come_in_turn_and_neutral_regions_have_none() -> None:
    data = examples.simulated_dataset(Config(), 1, np.arange(8))
    assert data.columns["strength"].tolist() == [0, 0.01, 0, 0.025, 0, 0.05, 0, 0.1]
    assert data.target.values.tolist() == [0, 1] * 4 and data.problems() == []


def test_sweeps_take_diversity_from_the_middle() -> None:
    config = tiny().replace(lowest_frequency=0.95)
    found: dict[int, list[tuple[float, float]]] = {0: [], 1: []}
    for index in range(24):
        example = examples.simulate(config, 1, index)
        near = np.abs(example["positions"] - config.length / 2) < 5_000
        diversity = site_diversity(example["alleles"])
        found[index % 2].append((float(diversity[near].sum()), float(diversity.sum())))
    neutral, selected = np.mean(found[0], axis=0), np.mean(found[1], axis=0)
    assert selected[0] < 0.5 * neutral[0] and selected[1] < 0.8 * neutral[1]


def test_it_begins_where_the_game_ended() -> None:
    config = game_config.tiny()
    game = PgGan(config).fit(game_examples.example(1), seed=1)
    detector = Detector(tiny().replace(length=config.length, mutation_rate=config.mutation_rate)).eval()
    detector.begin_with(game.state()[0])
    data = game_examples.example(1)
    task = make_task(tiny().replace(length=config.length), data, None)
    batch = next(task.batches("all", 1, 0))
    with torch.no_grad():
        found = detector(batch["alleles"], batch["distances"]).sigmoid().numpy()
    np.testing.assert_allclose(found, game.scores(data)[:, 1], atol=1e-6)
    with pytest.raises(MismatchError, match="no discriminator"):
        detector.begin_with({})


def test_real_windows_are_encoded_as_simulated_ones() -> None:
    """The first distance is 0 for all, and sites that all haplotypes share are not counted."""
    config = tiny()
    task = make_task(config, examples.example(1), None)
    example = examples.simulate(config, 1, 3)
    rows, sites = example["alleles"].shape
    padded = np.zeros((rows, 2 * sites), np.int8)
    padded[:, ::2] = example["alleles"]
    positions = np.repeat(example["positions"], 2)
    one, two = task._encode(example), task._encode({**example, "alleles": padded, "positions": positions})
    for left, right in zip(one, two):
        np.testing.assert_array_equal(left, right)
    assert one[1][0] == 0


def test_larger_populations_keep_address_and_class() -> None:
    config = tiny()
    for index in (2, 3):
        one, other = examples.simulate(config, 1, index), examples.resized(config, 1, index, factor=1.0)
        assert all(np.array_equal(one[name], other[name]) for name in one)
    small, large = (
        np.mean([make(config, 1, index)["alleles"].shape[1] for index in range(10)])
        for make in (examples.simulate, lambda *address: examples.resized(*address, factor=3.0))
    )
    assert large > 1.5 * small
    assert examples.parameters(config, 1, 2).tolist() == [0, 0]
    assert examples.parameters(config, 1, 3)[0] == 0.05 and 0.3 <= examples.parameters(config, 1, 3)[1] <= 1
