"""Do simulations of the estimate look like the observed regions? Sizes of the difference, and a verdict in words.

Two readers are asked: the discriminator, which was made to be fooled by the estimate, and a plain classifier of the
published statistics, which was not. The verdict is the worse of the two. With enough regions every test rejects every
simulator, so none is made: areas under the ROC curve, differences in standard deviations of a region, and what
populations a tenth larger would do to both areas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.rng import derive_seed, generator
from chiasma.data.results import Estimate
from chiasma.methods.population.pg_gan.model import PgGan
from chiasma.methods.population.pg_gan.posterior import published_names, published_statistics
from chiasma.methods.population.pg_gan.regions import Batch, Rule, simulate_batch
from chiasma.metrics.ranking import Ranking
from chiasma.stats.bootstrap import interval
from chiasma.stats.misspecification import (
    ALIKE,
    APART,
    DIFFERS,
    DOES_NOT_FIT,
    FEWEST_WINDOWS,
    FITS,
    TOO_FEW,
    UNIT,
    WIDEST,
)
from chiasma.stats.telling_apart import Scale, blocks, tell_apart

FACTOR = 1.1
"""Populations of the yardstick over those of the estimate."""
FEWEST_SIMULATED = 200
"""Regions under the estimate that observed ones are compared with, and as many with larger populations."""
_DRAWS = 400
_WORSE = (FITS, DIFFERS, DOES_NOT_FIT)


@dataclass(frozen=True)
class Check:
    """One published statistic of observed and of simulated regions.

    Attributes:
        name: of the statistic.
        observed: mean over the observed regions.
        simulated: mean over regions simulated under the estimate.
        shift: the difference of these means in standard deviations of simulated regions; NaN where there is none.
        shift_larger: the same of simulated regions where populations are FACTOR as large.
        difference: the difference of the means in standard errors, observed ones by runs of neighbouring windows.
    """

    name: str
    observed: float
    simulated: float
    shift: float
    shift_larger: float
    difference: float


@dataclass(frozen=True, eq=False)
class Compared:
    """Observed regions beside simulated ones of the estimate, and what was found.

    Attributes:
        verdict: fits, differs, does not fit, or too few windows to say.
        text: the same in sentences.
        checks: of each published statistic.
        facts: areas, JSON-ready.
    """

    verdict: str
    text: str
    checks: list[Check]
    facts: dict[str, Any]


def compare_regions(fitted: PgGan, observed: Batch, *, seed: int, rule: Rule | None = None) -> Compared:
    """How well observed regions are told from those simulated under the estimate.

    Args:
        fitted: the game.
        observed: encoded regions in the order of the genome, none of them learnt from.
        seed: of simulations, folds and bootstrap.
        rule: what observed windows went through.
    """
    config, number = fitted.config, max(len(observed[0]), FEWEST_SIMULATED)
    made, larger = (
        simulate_batch(
            config,
            fitted.values(),
            number=number,
            seed=derive_seed(seed, "pg-gan", name),
            rule=rule,
            factor=factor,
        )
        for name, factor in (("check", 1.0), ("larger", FACTOR))
    )
    tables = [published_statistics(config, batch) for batch in (observed, made, larger)]
    logits = [fitted.logits(batch) for batch in (observed, made, larger)]
    readers = {
        "discriminator": _areas(logits, _told, seed=seed),
        "statistics": _areas(tables, _classified, seed=seed),
    }
    verdict = _verdict([own["area"] for own in readers.values()], regions=len(observed[0]))
    checks = check_statistics(published_names(config), *tables, seed=seed)
    facts = {name: {key: area.to_dict() for key, area in own.items()} for name, own in readers.items()}
    text = _text(verdict, readers, checks, regions=len(observed[0]))
    return Compared(verdict, text, checks, {"verdict": verdict, "factor": FACTOR, **facts})


def _areas(rows: list[np.ndarray], told: Any, *, seed: int) -> dict[str, Estimate]:
    """Of the observed and of those with larger populations, each against those of the estimate."""
    observed, made, larger = rows
    units = np.arange(len(made))
    return {
        "area": told(made, observed, (units, blocks(len(observed))), seed),
        "larger": told(made, larger, (units, np.arange(len(larger))), seed),
    }


def _told(made: np.ndarray, other: np.ndarray, units: tuple[np.ndarray, np.ndarray], seed: int) -> Estimate:
    """By scores as they are; the interval resamples the units."""
    ranking = Ranking.of(np.repeat([0, 1], [len(made), len(other)]), np.concatenate([made, other]))
    rng = generator(seed, "pg-gan", "auc")
    drawn = []
    for _ in range(_DRAWS):
        counts = [np.bincount(rng.integers(0, u.max() + 1, u.max() + 1), minlength=u.max() + 1)[u] for u in units]
        drawn.append(ranking.auroc(np.concatenate(counts).astype(np.float64)))
    return Estimate(ranking.auroc(), *interval(np.array(drawn)), UNIT)


def _classified(made: np.ndarray, other: np.ndarray, units: tuple[np.ndarray, np.ndarray], seed: int) -> Estimate:
    """By a logistic classifier of the statistics, rows of a unit in one fold."""
    scale = Scale(made)
    return tell_apart(scale.features(made), scale.features(other), units=units, unit_name=UNIT, seed=seed).area


def _verdict(areas: list[Estimate], *, regions: int) -> str:
    """The worst of what the readers say; nothing where regions are few or no interval is narrow enough."""
    if regions < FEWEST_WINDOWS:
        return TOO_FEW
    said = []
    for area in areas:
        if area.value >= APART and area.low > ALIKE:
            said.append(DOES_NOT_FIT)
        elif area.high - area.low <= WIDEST:
            said.append(FITS if area.value <= ALIKE else DIFFERS)
        else:
            return TOO_FEW
    return max(said, key=_WORSE.index)


def check_statistics(
    names: tuple[str, ...], observed: np.ndarray, made: np.ndarray, larger: np.ndarray, *, seed: int
) -> list[Check]:
    """Each statistic of observed regions (region, statistic) beside those of the estimate and of larger populations."""
    rng = generator(seed, "pg-gan", "check")
    member = blocks(len(observed))
    sizes = int(member.max()) + 1
    weight = np.array([np.bincount(rng.integers(0, sizes, sizes), minlength=sizes)[member] for _ in range(_DRAWS)])
    found = []
    for name, *columns in zip(names, observed.T, made.T, larger.T, strict=True):
        known = [np.isfinite(column) for column in columns]
        means = [float(c[k].mean()) if k.any() else float("nan") for c, k in zip(columns, known)]
        simulated = columns[1][known[1]]
        spread = float(simulated.std(ddof=1)) if len(simulated) > 1 else 0.0
        shift, tenth = ((mean - means[1]) / spread if spread > 0 else float("nan") for mean in (means[0], means[2]))
        away = float("nan")
        if known[0].sum() > 1 and len(simulated) > 1:
            total = weight @ known[0]
            drawn = (weight @ np.where(known[0], columns[0], 0.0))[total > 0] / total[total > 0]
            error = float(np.sqrt(drawn.var(ddof=1) + spread**2 / len(simulated)))
            away = (means[0] - means[1]) / error if error > 0 else float("nan")
        found.append(Check(name, means[0], means[1], shift, tenth, away))
    return found


_MEANING = {
    FITS: "Simulations of the estimate fit",
    DIFFERS: "Simulations of the estimate differ from the observed regions",
    DOES_NOT_FIT: "Simulations of the estimate do not fit",
    TOO_FEW: "Too few held-out regions to say whether simulations of the estimate fit",
}


def _text(verdict: str, readers: dict[str, dict[str, Estimate]], checks: list[Check], *, regions: int) -> str:
    net, plain = (readers[name] for name in ("discriminator", "statistics"))
    lines = [
        f"{_MEANING[verdict]}: the discriminator tells {regions} regions from them with an area of "
        f"{_area(net['area'])}, a classifier of the published statistics with {_area(plain['area'])}; .5 is chance.",
        f"Populations {FACTOR - 1:.0%} larger would give {_area(net['larger'])} and {_area(plain['larger'])}.",
    ]
    known = [check for check in checks if np.isfinite(check.shift)]
    if known:
        worst = max(known, key=lambda check: abs(check.shift))
        lines.append(f"Farthest off: {worst.name}, by {worst.shift:+.2f} standard deviations of a region.")
    return " ".join(lines)


def _area(area: Estimate) -> str:
    return f"{area.value:.2f} ({area.low:.2f} to {area.high:.2f})"
