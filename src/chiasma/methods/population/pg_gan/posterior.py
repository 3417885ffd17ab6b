"""Posteriors beside annealing, on the same simulator: ABC and neural estimation, fed by the discriminator.

A data set is some regions of one history. Its statistics are the means over regions of the discriminator's last
hidden layer and of the published summary statistics, so that what was learnt in the game says what to look at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chiasma.core.rng import derive_seed, generator
from chiasma.fit.neural_posterior import NeuralPosterior
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.config import Config
from chiasma.methods.population.pg_gan.model import PgGan
from chiasma.methods.population.pg_gan.regions import Batch, Rule, simulate_batch
from chiasma.stats.abc import Ranges, abc_posterior, cross_fitted
from chiasma.stats.region_statistics import region_statistics, statistic_names


@dataclass(frozen=True, eq=False)
class Table:
    """Data sets simulated under draws from the ranges.

    Attributes:
        parameters: (data set, parameter).
        statistics: (data set, statistic).
    """

    parameters: np.ndarray
    statistics: np.ndarray

    def take(self, index: np.ndarray) -> Table:
        """Some of the data sets."""
        return Table(self.parameters[index], self.statistics[index])

    def first(self, number: int) -> Table:
        """The data sets with their first statistics only."""
        return Table(self.parameters, self.statistics[:, :number])


def summarise_batch(fitted: PgGan, batch: Batch) -> np.ndarray:
    """Statistics of one data set of encoded regions (statistic,); a bin of LD without a pair of sites counts as 0."""
    published = np.nan_to_num(published_statistics(fitted.config, batch))
    hidden = fitted.hidden(batch)
    return np.concatenate([published.mean(axis=0), hidden.mean(axis=0)])


def published_statistics(config: Config, batch: Batch) -> np.ndarray:
    """The published statistics of each region (region, statistic), columns as `published_names`."""
    return region_statistics(*batch, length=config.length, sizes=examples.sample_sizes(config))


def published_names(config: Config) -> tuple[str, ...]:
    """Names of the published statistics, the first of those that a data set is summarised by."""
    return statistic_names(len(examples.sample_sizes(config)))


def simulate_table(fitted: PgGan, *, number: int, regions: int, seed: int, rule: Rule | None = None) -> Table:
    """Data sets of `regions` regions, each under a draw from the ranges; data set i of a seed is always the same.

    The regions go through what the observed windows did (`rule`).
    """
    config = fitted.config
    parameters, statistics = [], []
    for index in range(number):
        rng = generator(seed, "pg-gan", "table", index)
        vector = np.array([prior.draw(rng) for prior in examples.inferred(config)])
        place = derive_seed(seed, "pg-gan", "table", index)
        batch = simulate_batch(config, examples.values_of(config, vector), number=regions, seed=place, rule=rule)
        parameters.append(vector)
        statistics.append(summarise_batch(fitted, batch))
    return Table(np.array(parameters), np.array(statistics))


def ranges(config: Config) -> Ranges:
    """Of the parameters that are inferred."""
    chosen = examples.inferred(config)
    return Ranges(np.array([one.low for one in chosen]), np.array([one.high for one in chosen]))


def guided_abc(fitted: PgGan, table: Table, observed: np.ndarray, *, keep: int, draws: int, seed: int) -> np.ndarray:
    """Posterior by ABC with regression adjustment, on one learnt summary a parameter.

    Args:
        fitted: the game whose discriminator made the statistics.
        table: simulated data sets.
        observed: statistics of the data sets to explain (data set, statistic).
        keep: data sets of the table nearest to each.
        draws: of each posterior.
        seed: of resampling.

    Returns:
        (data set, draw, parameter).
    """
    bounds = ranges(fitted.config)
    summary, learnt = cross_fitted(table.statistics, bounds.free(table.parameters))
    return abc_posterior(
        table.parameters,
        learnt,
        summary.transform(observed),
        bounds,
        keep=keep,
        draws=draws,
        rng=generator(seed, "pg-gan", "abc"),
    )


def neural_posterior(fitted: PgGan, table: Table, observed: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """Posterior by a mixture density network trained on the table, on one learnt summary a parameter.

    Args:
        fitted: the game whose discriminator made the statistics.
        table: simulated data sets.
        observed: statistics of the data sets to explain (data set, statistic).
        draws: of each posterior.
        seed: of weights, order and draws.

    Returns:
        (data set, draw, parameter).
    """
    bounds = ranges(fitted.config)
    free = bounds.free(table.parameters)
    summary, learnt = cross_fitted(table.statistics, free)
    density = NeuralPosterior().fit(learnt, free, seed=seed)
    return bounds.bounded(density.draw(summary.transform(observed), draws=draws, seed=seed))
