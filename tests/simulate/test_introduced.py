"""Alleles that arose at a given time: forward paths against a slow twin, the course along which ancestry is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chiasma.core.errors import InputError, InsufficientDataError
from chiasma.simulate.sweeps import Introduced, SizeHistory, introduced, simulate_introduced
from chiasma.simulate.sweeps.introduced import course_of, forward_path

pytest.importorskip("msprime")
SMALL = SizeHistory.of((0, 100.0), (12, 40.0))


def twin(s: float, generations: int, draw: np.random.Generator) -> float:
    """Today's frequency of one copy that was not lost: genotypes of all parents, one generation after another."""
    while True:
        copies = 1
        for ago in range(generations, 0, -1):
            parents = np.zeros(int(2 * SMALL.at(ago)))
            parents[:copies] = 1
            carried = draw.permutation(parents).reshape(-1, 2).sum(axis=1)
            # Hardy and Weinberg hold for an infinite number of offspring, so pairs are weighed as drawn at random
            x = copies / len(parents)
            fit = {0: 1.0, 1: 1 + s / 2, 2: 1 + s}
            share = {0: (1 - x) ** 2, 1: 2 * x * (1 - x), 2: x**2}
            mean = sum(fit[k] * share[k] for k in share)
            expected = sum(k / 2 * fit[k] * share[k] for k in share) / mean
            assert carried.sum() == copies
            copies = int((draw.random(int(2 * SMALL.at(ago - 1))) < expected).sum())
            if copies == 0:
                break
        else:
            return copies / (2 * SMALL.at(0))


@pytest.mark.parametrize("s", [0.0, 0.4])
def test_paths_are_those_of_a_slow_twin(s: float) -> None:
    draw = np.random.default_rng(2)
    slow = np.array([twin(s, 20, draw) for _ in range(120)])
    fast = np.array([forward_path(Introduced(0, s, 20), SMALL, seed=seed)[-1] for seed in range(120)])
    error = np.hypot(slow.std(), fast.std()) / np.sqrt(120)
    assert abs(slow.mean() - fast.mean()) < 3.5 * error and slow.mean() > 0.02


def test_a_path_begins_with_one_copy_and_is_never_lost() -> None:
    path = forward_path(Introduced(0, 0.2, 60), SMALL, seed=1)
    assert len(path) == 61 and path[0] == 1 / 80 and (path > 0).all()
    np.testing.assert_array_equal(path, forward_path(Introduced(0, 0.2, 60), SMALL, seed=1))


def test_a_course_begins_with_fixation() -> None:
    course = course_of(np.array([0.1, 0.5, 1.0, 1.0, 1.0]), SizeHistory.constant(10), position=5.0)
    assert course.times.tolist() == [2, 3, 4] and course.carriers == 1 and course.origin
    np.testing.assert_allclose(course.frequencies, [0.75, 0.3])
    partial = course_of(np.array([0.1, 0.5, 0.8]), SizeHistory.constant(10), position=5.0)
    assert partial.times.tolist() == [0, 1, 2] and partial.carriers == 0.8


def test_ancestry_is_whole_and_sweeps_leave_few_trees() -> None:
    history = SizeHistory.constant(500)
    where: dict[str, Any] = {"haplotypes": 8, "length": 20_000, "recombination": 1e-6}
    trees = [simulate_introduced(Introduced(10_000, 0.4, 200), history, **where, seed=seed) for seed in range(6)]
    assert all(ts.num_samples == 8 and all(tree.num_roots == 1 for tree in ts.trees()) for ts in trees)
    near = np.mean([ts.at(10_000).time(ts.at(10_000).root) for ts in trees])
    far = np.mean([ts.at(0).time(ts.at(0).root) for ts in trees])
    assert near <= 201 < far


def test_what_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="outside"):
        simulate_introduced(Introduced(9.0, 0.1, 50), SMALL, haplotypes=4, length=5, recombination=0.0, seed=1)
    with pytest.raises(InputError, match="generations is 1"):
        simulate_introduced(Introduced(1.0, 0.1, 1), SMALL, haplotypes=4, length=5, recombination=0.0, seed=1)
    monkeypatch.setattr(introduced, "_AT_ONCE", 1)
    monkeypatch.setattr(introduced, "_MOST_ROUNDS", 3)
    with pytest.raises(InsufficientDataError, match="lost each time"):
        forward_path(Introduced(1.0, 0.0, 2_000), SizeHistory.constant(10_000), seed=1)
