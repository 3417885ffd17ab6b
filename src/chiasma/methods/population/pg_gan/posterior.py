"""Posteriors beside annealing, on the same simulator: ABC and neural estimation, fed by the discriminator.

A data set is some regions of one history. Its statistics are the means over regions of the discriminator's last
hidden layer and of the published summary statistics, so that what was learnt in the game says what to look at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from chiasma.core.rng import derive_seed, generator
from chiasma.fit.neural_posterior import NeuralPosterior
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.config import Config
from chiasma.methods.population.pg_gan.model import PgGan
from chiasma.methods.population.pg_gan.progress import keep, take_up
from chiasma.methods.population.pg_gan.regions import Batch, Rule, simulate_batch
from chiasma.stats.abc import Ranges, abc_posterior, cross_fitted
from chiasma.stats.region_statistics import region_statistics, statistic_names

_TOGETHER = 20
"""Data sets that are kept at a time."""


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


def simulate_table(
    fitted: PgGan, *, number: int, regions: int, seed: int, rule: Rule | None = None, folder: Path | None = None
) -> Table:
    """Data sets of `regions` regions, each under a draw from the ranges; data set i of a seed is always the same.

    The regions go through what the observed windows did (`rule`, which counts them). A folder keeps the data sets as
    they come, in checkpoint/posterior: those that stand there are not simulated again.
    """
    config, rule = fitted.config, Rule() if rule is None else rule
    identity = _identity(fitted, rule, regions=regions, seed=seed)
    kept = None if folder is None else take_up(folder, "posterior", identity=identity)
    rows: dict[str, list[Any]] = {"parameters": [], "statistics": [], "counts": []}
    if kept is not None:
        rows = {name: list(kept[0][name]) for name in rows}
    for index in range(len(rows["counts"]), number):
        own = Rule(rule.fewest, rule.masks)
        rng = generator(seed, "pg-gan", "table", index)
        vector = np.array([prior.draw(rng) for prior in examples.inferred(config)])
        place = derive_seed(seed, "pg-gan", "table", index)
        batch = simulate_batch(config, examples.values_of(config, vector), number=regions, seed=place, rule=own)
        rows["parameters"].append(vector)
        rows["statistics"].append(summarise_batch(fitted, batch))
        rows["counts"].append([own.counts[name] for name in rule.counts])
        if folder is not None and (index + 1) % _TOGETHER == 0:
            keep(folder, "posterior", {name: np.array(own) for name, own in rows.items()}, {}, identity=identity)
    for name, count in zip(rule.counts, np.sum(rows["counts"], axis=0).tolist(), strict=True):
        rule.counts[name] += count
    return Table(np.array(rows["parameters"]), np.array(rows["statistics"]))


def _identity(fitted: PgGan, rule: Rule, *, regions: int, seed: int) -> dict[str, Any]:
    """What makes a table this table; JSON-ready."""
    weights = [crc32(values.tobytes()) for values in fitted.state()[0].values()]
    masks = crc32(np.concatenate(rule.masks).tobytes()) if rule.masks else 0
    return {"weights": weights, "fewest": rule.fewest, "masks": masks, "regions": regions, "seed": seed}


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
