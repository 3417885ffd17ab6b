"""pg-gan: annealing as published, the leak through the first distance, recovery of simulated truth."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from chiasma.core.errors import InsufficientDataError, UsageError
from chiasma.data.dataset import Dataset, Target
from chiasma.data.simulated import Simulated
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.annealing import anneal, propose
from chiasma.methods.population.pg_gan.config import Config, published, tiny
from chiasma.methods.population.pg_gan.model import Game, PgGan
from chiasma.methods.population.pg_gan.posterior import guided_abc, neural_posterior, predictive_check, simulate_table
from chiasma.methods.population.pg_gan.regions import observed_in, simulate_batch
from chiasma.simulate.demographies import Prior
from chiasma.stats.sbc import calibrate_posteriors

pytest.importorskip("msprime")

AXES = (Prior("a", 0, 0, 10), Prior("b", 0, -1, 1))


def test_annealing_finds_a_minimum_and_centres_on_where_it_stands() -> None:
    tried: list[np.ndarray] = []

    def loss(vector: np.ndarray) -> float:
        tried.append(vector)
        return float((vector[0] - 9) ** 2 + (vector[1] + 0.5) ** 2)

    trained: list[np.ndarray] = []
    steps = anneal(
        np.array([1.0, 0.9]),
        AXES,
        loss=loss,
        train=trained.append,
        iterations=60,
        proposals=10,
        spread=15,
        rng=np.random.default_rng(1),
    )
    # 8 away at a deviation of 10 / 15: anchored on the start it could not come here
    np.testing.assert_allclose(steps[-1].current, [9, -0.5], atol=0.3)
    assert len(tried) == 1 + 60 * 2 * 10 and len(trained) == sum(step.accepted for step in steps)
    assert [step.temperature for step in steps[:2]] == [1, 1 - 1 / 60]
    one, two = np.array(tried[1:11]), np.array(tried[11:21])
    assert (one[:, 1] == 0.9).all() and (two[:, 0] == 1.0).all(), "one parameter at a time"


def test_worse_is_accepted_by_temperature() -> None:
    rising = iter(np.arange(1.0, 1e4))
    steps = anneal(
        np.array([5.0, 0.0]),
        AXES,
        loss=lambda _: next(rising),
        train=lambda _: None,
        iterations=200,
        proposals=1,
        spread=15,
        rng=np.random.default_rng(1),
    )
    accepted = np.array([step.accepted for step in steps])
    assert 0 < accepted[:100].mean() < 1 and accepted[-20:].mean() < accepted[:20].mean() + 0.2
    assert all((step.current == before.current).all() for before, step in pairwise(steps) if not step.accepted)


def test_proposals_stay_in_their_range() -> None:
    rng = np.random.default_rng(1)
    drawn = np.array([propose(0.1, AXES[0], 3.0, rng) for _ in range(500)])
    assert drawn.min() > 0 and drawn.max() < 10 and drawn.std() > 0.5


@pytest.mark.parametrize("name", ["const", "exp", "im", "ooa2", "post_ooa", "ooa3"])
def test_every_history_gives_batches(name: str) -> None:
    config = Config(model=name, haplotypes=(6,) * {"const": 1, "exp": 1, "ooa3": 3}.get(name, 2))  # type: ignore[arg-type]
    codes, distances = simulate_batch(config, examples.truth(config), number=2, seed=1)
    assert codes.shape == (2, sum(examples.sample_sizes(config)), 36) and distances.shape == (2, 36)
    assert set(np.unique(codes)) <= {-1, 0, 1} and distances.max() > 0
    game = Game(config, observed_in(config, examples.simulated_dataset(config, 1, np.arange(2)), seed=1), seed=1)
    assert np.isfinite(game.loss(examples.truth(config)))


def as_windows(config: Config, *, number: int, seed: int) -> Dataset:
    """Regions of the truth that do not say where they come from, as real ones."""
    source = examples.simulated_dataset(config, seed, np.arange(1, 2 * number, 2))
    held = [{k: v for k, v in one.items() if k != "target"} for one in source.x]  # type: ignore[union-attr]
    x = Simulated(lambda _, __, index: held[index], None, seed, np.arange(number))
    return Dataset(source.ids, x, Target("none", np.zeros(0), ()), np.arange(number))


@pytest.mark.parametrize("faithful", [False, True])
def test_the_first_distance_tells_real_from_simulated_only_where_asked_for(faithful: bool) -> None:
    config = tiny().replace(faithful=faithful)
    real, simulated = (
        observed_in(config, as_windows(config, number=12, seed=1), seed=1)(12),
        simulate_batch(config, examples.truth(config), number=12, seed=2),
    )
    firsts = [
        np.array([row[np.flatnonzero(code.any(axis=0))[0]] for code, row in zip(*batch)]) for batch in (real, simulated)
    ]
    assert (firsts[0] == 0).all()
    assert (firsts[1] > 0).mean() > 0.5 if faithful else (firsts[1] == 0).all()
    truth = observed_in(config, examples.simulated_dataset(config, 1, np.arange(1, 24, 2)), seed=1)(12)
    tells = [row[np.flatnonzero(code.any(axis=0))[0]] > 0 for code, row in zip(*truth)]
    assert np.mean(tells) > 0.5 if faithful else not any(tells), "simulated truth is told as what it is set against"


def test_same_seed_same_estimate_and_to_disk_and_back() -> None:
    config = tiny()
    data = examples.example(1)
    first, again, other = (PgGan(config).fit(data, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.estimate_, again.estimate_)
    np.testing.assert_array_equal(first.scores(data), again.scores(data))
    assert first.estimate_ != other.estimate_
    back = PgGan.from_state(config, *first.state())
    np.testing.assert_array_equal(first.scores(data), back.scores(data))
    assert back.values() == first.values() and len(back.steps_) == config.iterations
    assert all(1_000 < step.current[0] < 30_000 for step in first.steps_)


def test_what_cannot_be_fitted_is_refused() -> None:
    data = examples.simulated_dataset(tiny(), 1, np.arange(0, 8, 2))
    with pytest.raises(InsufficientDataError, match="no region is observed"):
        PgGan(tiny()).fit(data, seed=1)
    with pytest.raises(UsageError, match="Ne"):
        examples.inferred(Config(parameters=("Ni",)))


def test_the_published_budget() -> None:
    config = published()
    assert (config.starts, config.start_batches, config.iterations, config.train_batches) == (10, 800, 300, 100)
    assert (config.sites, config.batch, config.length, config.proposals, config.spread) == (36, 50, 50_000, 10, 15)


def test_the_discriminator_learns_to_tell_histories_apart() -> None:
    config = tiny().replace(batch=24, learning_rate=5e-3, dropout=0.0)
    game = Game(config, observed_in(config, examples.example(1), seed=1), seed=1)
    right = game.train({"Ne": 1_000.0}, 40)
    assert np.mean(right) > 0.8
    assert game.loss({"Ne": 1_000.0}) > game.loss(examples.truth(config))


def test_a_wrong_size_shows_in_the_published_statistics() -> None:
    game = PgGan(tiny().replace(length=50_000.0)).fit(examples.example(1), seed=3)
    game.estimate_ = np.array([10_000.0])
    right, wrong = (
        predictive_check(game, simulate_batch(game.config, {"Ne": size}, number=60, seed=5), regions=60, seed=1)
        for size in (10_000.0, 3_000.0)
    )
    known = [check.difference for check in right if np.isfinite(check.difference)]
    assert len(known) > 15 and np.max(np.abs(known)) < 5
    assert next(check.difference for check in wrong if check.name == "distance") > 8


@pytest.mark.slow
def test_a_constant_size_is_recovered() -> None:
    """Recorded with a truth drawn anew for every minibatch: 4,875 from a start of 20,073 in 85 CPU seconds."""
    config = Config(
        haplotypes=(10,),
        truth={"Ne": 5_000.0},
        starts=4,
        start_batches=150,
        start_accuracy=0.85,
        iterations=24,
        train_batches=20,
        proposals=8,
        learning_rate=2e-3,
        dropout=0.25,
    )
    found = PgGan(config).fit(examples.simulated_dataset(config, 2, np.arange(1, 1_001, 2)), seed=2)
    assert abs(found.start_[0] / 5_000 - 1) > 1
    assert abs(found.estimate_[0] / 5_000 - 1) < 0.2


@pytest.mark.slow
def test_posteriors_of_a_constant_size_cover_the_truth() -> None:
    """120 truths: recorded, in a game on a truth drawn anew, coverage of 90 % intervals .85 (ABC), .87 (network)."""
    config = Config(
        haplotypes=(10,),
        starts=2,
        start_batches=60,
        start_accuracy=0.85,
        iterations=4,
        train_batches=10,
        proposals=2,
        learning_rate=5e-3,
        dropout=0.1,
    )
    game = PgGan(config).fit(examples.simulated_dataset(config, 1, np.arange(1, 601, 2)), seed=1)
    table = simulate_table(game, number=620, regions=10, seed=5)
    truths, rest = table.take(np.arange(120)), table.take(np.arange(120, 620))
    for found in (
        guided_abc(game, rest, truths.statistics, keep=100, draws=199, seed=1),
        neural_posterior(game, rest, truths.statistics, draws=199, seed=1),
    ):
        (one,) = calibrate_posteriors(truths.parameters, found, game.names_)
        assert one.covered > 0.8 and one.high > 0.88 and one.p_uniform > 0.01
        middle = np.median(found, axis=1)
        assert np.median(np.abs(middle - truths.parameters) / truths.parameters) < 0.15
