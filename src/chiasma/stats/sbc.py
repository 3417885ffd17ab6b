"""Are posteriors what they say? Simulation-based calibration and coverage of credible intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """Of one parameter over many simulated truths.

    Attributes:
        name: of the parameter.
        ranks: draws of the posterior below each truth, int64 (truth,).
        draws: of each posterior.
        p_uniform: chance that uniform ranks are so uneven, by chi-square over bins.
        level: of the credible intervals.
        covered: share of truths inside the central interval, with its 95 % Wilson interval.
        low: of that interval.
        high: of that interval.
    """

    name: str
    ranks: np.ndarray
    draws: int
    p_uniform: float
    level: float
    covered: float
    low: float
    high: float

    def row(self) -> dict[str, float | str | int]:
        """For a table."""
        return {
            "parameter": self.name,
            "truths": len(self.ranks),
            "p_uniform": self.p_uniform,
            "level": self.level,
            "covered": self.covered,
            "low": self.low,
            "high": self.high,
        }


def ranks(truths: np.ndarray, posteriors: np.ndarray) -> np.ndarray:
    """How many draws lie below the truth (truth, parameter), of draws (truth, draw, parameter); Talts et al. 2018."""
    return (posteriors < truths[:, None]).sum(axis=1)


def calibrate_posteriors(
    truths: np.ndarray, posteriors: np.ndarray, names: tuple[str, ...], *, level: float = 0.9, bins: int = 10
) -> list[Calibration]:
    """Ranks, their evenness, and coverage, for each parameter.

    Args:
        truths: drawn from the prior (truth, parameter).
        posteriors: draws given data simulated under each (truth, draw, parameter).
        names: of the parameters.
        level: of the central credible interval.
        bins: of the chi-square test; fewer where there are under five truths a bin.

    Raises:
        ValueError: fewer than ten truths, or shapes that do not agree.
    """
    from scipy.stats import binomtest, chi2

    if len(truths) < 10 or posteriors.shape[::2] != truths.shape or len(names) != truths.shape[1]:
        raise ValueError(f"truths {truths.shape} and draws {posteriors.shape} for {len(names)} parameters")
    found, n_draws = ranks(truths, posteriors), posteriors.shape[1]
    bins = min(bins, len(truths) // 5)
    edges = np.quantile(posteriors, [(1 - level) / 2, (1 + level) / 2], axis=1)
    out = []
    for index, name in enumerate(names):
        # a rank is one of draws + 1 numbers: bins of nearly that many each, expected counts in proportion
        bin_of = found[:, index] * bins // (n_draws + 1)
        share = np.bincount(np.arange(n_draws + 1) * bins // (n_draws + 1), minlength=bins) / (n_draws + 1)
        counts = np.bincount(bin_of, minlength=bins)
        statistic = ((counts - len(truths) * share) ** 2 / (len(truths) * share)).sum()
        inside = (truths[:, index] >= edges[0][:, index]) & (truths[:, index] <= edges[1][:, index])
        share_inside = binomtest(int(inside.sum()), len(inside)).proportion_ci(0.95, method="wilson")
        low, high = float(share_inside.low), float(share_inside.high)
        out.append(
            Calibration(
                name,
                found[:, index],
                n_draws,
                float(chi2.sf(statistic, bins - 1)),
                level,
                float(inside.mean()),
                low,
                high,
            )
        )
    return out
