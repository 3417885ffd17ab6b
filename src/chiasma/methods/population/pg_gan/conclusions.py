"""What pg-gan says of the observed regions: estimates with intervals, what these are worth, checks, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.errors import list_some
from chiasma.core.rng import derive_seed
from chiasma.data.results import Inference
from chiasma.methods.population.pg_gan import examples
from chiasma.methods.population.pg_gan.gate import Check, compare_regions
from chiasma.methods.population.pg_gan.model import PgGan
from chiasma.methods.population.pg_gan.posterior import (
    Table,
    guided_abc,
    neural_posterior,
    published_names,
    simulate_table,
    summarise_batch,
)
from chiasma.methods.population.pg_gan.regions import Batch, Rule
from chiasma.plot.demography import draw_demography
from chiasma.plot.inference import plot_annealing, plot_checks, plot_intervals, plot_ranks
from chiasma.stats.sbc import Calibration, calibrate_posteriors

LEVEL = 0.9
"""Of the intervals."""
FEWEST_REGIONS = 10
"""Observed regions that were not learnt from, below which no posterior is given."""
FEWEST_SETS = 200
"""Simulated data sets below which intervals are not to be believed: of 200, ABC keeps 40, and 40 are truths to find."""
_FEWEST_TRUTHS = 10
_OUTSIDE = 0.1
"""Share of statistics beyond all simulated data sets above which intervals are said to be extrapolated."""
_KEPT = 0.25
"""Share of the table that ABC keeps."""
_UNINFORMED = 0.8
"""Share of the error of the middle of the range above which the data are said to tell nothing."""


def conclude(
    fitted: PgGan,
    observed: Batch,
    *,
    truth: Mapping[str, float] | None,
    seed: int,
    rule: Rule | None = None,
    folder: Path | None = None,
) -> Inference:
    """Whether the estimate fits, estimates, posteriors with their calibration, and figures of them.

    Args:
        fitted: the game that was played.
        observed: encoded regions that the discriminator was not trained on; posteriors are given these.
        truth: all values by name where the observed regions are simulated, else None.
        seed: of simulations and draws.
        rule: what the observed regions went through, and simulated ones go through in turn.
        folder: keeps the simulated data sets as they come; None: memory only.
    """
    config, rule = fitted.config, Rule() if rule is None else rule
    compared = compare_regions(fitted, observed, seed=seed, rule=rule)
    checks = compared.checks
    estimates = _estimates(fitted, truth)
    tables: dict[str, dict[str, Any]] = {
        "annealing": _trace(fitted),
        "checks": {key: [asdict(check)[key] for check in checks] for key in asdict(checks[0])},
    }
    bounds = {one.name: (one.low, one.high) for one in examples.inferred(config)}
    figures = [plot_annealing(tables["annealing"], bounds), plot_checks(tables["checks"])]
    facts: dict[str, Any] = {
        "estimate": fitted.values(),
        "truth": None if truth is None else dict(truth),
        "observed regions": len(observed[0]),
        "level": LEVEL,
        "gate": compared.text,
        "fit": compared.facts,
        "checks": _words_of_checks(checks),
    }
    graphs = {"estimate": fitted.values()}
    if config.posterior_sets and len(observed[0]) < FEWEST_REGIONS:
        facts["says"] = (
            f"No intervals: {len(observed[0])} observed regions were held out, and {FEWEST_REGIONS} or more are needed."
        )
    elif config.posterior_sets:
        posteriors, calibrations, kept = posteriors_of(fitted, observed, seed=seed, rule=rule, folder=folder)
        rows = _intervals(fitted, posteriors, calibrations, kept)
        tables |= {"posterior": _draws(fitted, posteriors), "intervals": rows}
        tables["calibration"] = _rank_table(calibrations)
        figures.insert(0, plot_intervals(rows, estimates))
        if calibrations:
            figures.append(plot_ranks({way: _shares(found) for way, found in calibrations.items()}))
        medians = np.median(posteriors["abc"], axis=0)
        graphs["posterior median"] = examples.values_of(config, medians)
        facts |= {
            "intervals": _by_way(rows),
            "says": _words_of_intervals(rows, kept),
            "data sets simulated": kept["sets"],
        }
        facts["statistics outside all simulated"] = kept["outside"]
    facts["regions drawn again"] = {"game": fitted.redrawn_, "conclusions": dict(rule.counts)}
    if rule.counts["drawn again"]:
        facts["gate"] += f" {_words_of_rule(rule.counts)}"
    if truth is not None:
        graphs["truth"] = dict(truth)
    history = examples.history(config)
    drawn = {name: history.graph(values) for name, values in graphs.items()}
    tables["estimates"] = estimates
    return Inference(facts, tables, (draw_demography(drawn), *figures))


def _shares(found: list[Calibration]) -> dict[str, np.ndarray]:
    """Ranks of truths as shares of the draws, by parameter."""
    return {one.name: (one.ranks + 0.5) / (one.draws + 1) for one in found}


def posteriors_of(
    fitted: PgGan, observed: Batch, *, seed: int, rule: Rule | None = None, folder: Path | None = None
) -> tuple[dict[str, np.ndarray], dict[str, list[Calibration]], dict[str, Any]]:
    """Draws given the observed regions by each way, and what their intervals are worth on simulated truths.

    A fifth of the simulated data sets, where that is enough, are truths that the others are to find.

    Returns:
        Draws (draw, parameter) by way: abc (discriminator and published statistics), network (the same, neural
        posterior), statistics (ABC on the published statistics alone: the simple rival); calibration of each way,
        empty where there are too few data sets; and by way, the share of the error of the ranges' middles that is
        left, with the number of data sets and the share of observed statistics outside all of these.
    """
    config = fitted.config
    number = len(published_names(config))
    place = derive_seed(seed, "pg-gan", "posterior")
    table = simulate_table(
        fitted, number=config.posterior_sets, regions=len(observed[0]), seed=place, rule=rule, folder=folder
    )
    given = summarise_batch(fitted, observed)[None]
    n_truths = len(table.parameters) // 5
    n_truths = n_truths if n_truths >= _FEWEST_TRUTHS else 0
    truths, rest = table.take(np.arange(n_truths)), table.take(np.arange(n_truths, len(table.parameters)))
    asked = np.vstack([given, truths.statistics])
    found = {
        "abc": _abc(fitted, rest, asked, seed=seed),
        "network": neural_posterior(fitted, rest, asked, draws=config.posterior_draws, seed=seed),
        "statistics": _abc(fitted, rest.first(number), asked[:, :number], seed=seed),
    }
    calibrations = {}
    seen, mine = rest.statistics[:, :number], given[0, :number]
    outside = (mine < seen.min(axis=0)) | (mine > seen.max(axis=0))
    left: dict[str, Any] = {"sets": len(table.parameters), "truths": n_truths, "outside": float(outside.mean())}
    if n_truths:
        calibrations = {
            name: calibrate_posteriors(truths.parameters, draws[1:], fitted.names_, level=LEVEL)
            for name, draws in found.items()
        }
        middles = np.array([one.middle for one in examples.inferred(config)])
        untold = np.abs(truths.parameters - middles).mean(axis=0)
        for name, draws in found.items():
            left[name] = np.abs(np.median(draws[1:], axis=1) - truths.parameters).mean(axis=0) / untold
    return {name: draws[0] for name, draws in found.items()}, calibrations, left


def _abc(fitted: PgGan, table: Table, observed: np.ndarray, *, seed: int) -> np.ndarray:
    keep = max(len(fitted.names_) + 3, int(_KEPT * len(table.parameters)))
    draws = fitted.config.posterior_draws
    return guided_abc(fitted, table, observed, keep=min(keep, len(table.parameters)), draws=draws, seed=seed)


def _estimates(fitted: PgGan, truth: Mapping[str, float] | None) -> dict[str, Any]:
    """One row a parameter: its range, where annealing began and ended, and the truth if known."""
    chosen = examples.inferred(fitted.config)
    columns: dict[str, Any] = {
        "parameter": list(fitted.names_),
        "unit": [one.unit for one in chosen],
        "low": [one.low for one in chosen],
        "high": [one.high for one in chosen],
        "start": fitted.start_.tolist(),
        "estimate": fitted.estimate_.tolist(),
    }
    if truth is not None:
        columns["truth"] = [truth[name] for name in fitted.names_]
    return columns


def _trace(fitted: PgGan) -> dict[str, Any]:
    """One row a step of the annealing."""
    steps = fitted.steps_
    columns: dict[str, Any] = {
        "step": list(range(1, len(steps) + 1)),
        "temperature": [step.temperature for step in steps],
        "loss": [step.loss for step in steps],
        "accepted": [step.accepted for step in steps],
    }
    return columns | {name: [float(step.current[i]) for step in steps] for i, name in enumerate(fitted.names_)}


def _draws(fitted: PgGan, posteriors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Draws of all ways, one row a draw."""
    together = np.concatenate(list(posteriors.values()))
    way = np.repeat(list(posteriors), [len(draws) for draws in posteriors.values()])
    return {"way": way.tolist()} | {name: together[:, i].tolist() for i, name in enumerate(fitted.names_)}


def _intervals(
    fitted: PgGan,
    posteriors: Mapping[str, np.ndarray],
    calibrations: Mapping[str, list[Calibration]],
    left: Mapping[str, Any],
) -> dict[str, Any]:
    """One row a parameter and way: median and interval, and what they are worth on simulated truths."""
    rows = []
    for way, draws in posteriors.items():
        low, middle, high = np.quantile(draws, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], axis=0)
        for index, (name, prior) in enumerate(zip(fitted.names_, examples.inferred(fitted.config), strict=True)):
            row: dict[str, Any] = {"parameter": name, "way": way, "median": float(middle[index])}
            row |= {"low": float(low[index]), "high": float(high[index])}
            row |= {"range_low": prior.low, "range_high": prior.high}
            known = calibrations.get(way)
            row["covered"] = known[index].covered if known else float("nan")
            row["covered_low"] = known[index].low if known else float("nan")
            row["covered_high"] = known[index].high if known else float("nan")
            row["error_left"] = float(left[way][index]) if known else float("nan")
            rows.append(row)
    return {key: [row[key] for row in rows] for key in rows[0]}


def _by_way(columns: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows of `_intervals` by way and parameter."""
    found: dict[str, dict[str, Any]] = {}
    for row in _rows(columns):
        found.setdefault(row.pop("way"), {})[row.pop("parameter")] = row
    return found


def _rows(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row)) for row in zip(*columns.values(), strict=True)]


def _rank_table(calibrations: Mapping[str, list[Calibration]]) -> dict[str, Any]:
    rows = [{"way": way, **one.row()} for way, found in calibrations.items() for one in found]
    return {key: [row[key] for row in rows] for key in rows[0]} if rows else {"way": []}


def _words_of_checks(checks: list[Check]) -> str:
    """In standard deviations of a region: with enough regions any difference is many standard errors."""
    known = sorted((check for check in checks if np.isfinite(check.shift)), key=lambda check: -abs(check.shift))
    if not known:
        return "no statistic could be compared"
    named = list_some([f"{check.name} {check.shift:+.2f}" for check in known], most=4)
    return f"means of {len(known)} statistics less the estimate's, in standard deviations of a region: {named}"


def _words_of_rule(counts: Mapping[str, int]) -> str:
    again = counts["drawn again"] / max(1, counts["regions"] + counts["drawn again"])
    left = f"; {counts['too few sites']:,} had too few in the end" if counts["too few sites"] else ""
    return (
        f"{again:.1%} of simulated regions had too few sites and were drawn again, as such windows are left out{left}."
    )


def _words_of_intervals(columns: Mapping[str, Any], kept: Mapping[str, Any]) -> str:
    own = [row for row in _rows(columns) if row["way"] == "abc"]
    said = [f"{row['parameter']} {row['median']:.4g} ({row['low']:.4g} to {row['high']:.4g})" for row in own]
    text = f"{LEVEL:.0%} intervals: {', '.join(said)}."
    blind = [row["parameter"] for row in own if row["error_left"] > _UNINFORMED]
    if kept["sets"] < FEWEST_SETS:
        covered = "" if kept["truths"] else "; what they cover was not measured"
        text = (
            f"Not to be believed, being of {kept['sets']} simulated data sets where {FEWEST_SETS} or more are needed "
            f"(--posterior-sets){covered}: {text}"
        )
    if blind:
        text += f" So many regions say next to nothing of {', '.join(blind)}: see error_left."
    if kept["outside"] > _OUTSIDE:
        text += (
            f" {kept['outside']:.0%} of the observed statistics lie outside those of all simulated data sets: no "
            "history in the ranges makes such regions, and the intervals are extrapolated."
        )
    return text
