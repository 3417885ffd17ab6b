"""Single statistics that tell sweeps, each as a rival of a detector: Tajima's D, H12, and iHS."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import numpy as np

from chiasma.core.errors import InputError
from chiasma.data.dataset import Dataset
from chiasma.data.simulated import Simulated
from chiasma.encode.haplotypes import as_haplotypes, segregating
from chiasma.rivals.base import Rival
from chiasma.rivals.haplotypes import statistics_of
from chiasma.stats.popgen.partial import IhsStandard
from chiasma.stats.popgen.scan import EhhRules, ihs
from chiasma.stats.popgen.sites import STATISTICS

OUTLIER = 2.0
"""Absolute standardised iHS above which a site counts (Voight et al. 2006)."""
_RULES = EhhRules(edges=True)
"""Regions are short: integrals that run into their ends are kept."""
_BINS = 20


def sweep_rivals() -> list[Rival]:
    """Rivals for simulated regions that are neutral or selected, unfitted."""
    return [SweepStatistic("tajimas-d", "tajima_d"), SweepStatistic("h12", "h12"), IhsOutliers()]


class _OneFigure(Rival):
    """A logistic model of one figure of a region: its direction and scale are learnt, its ranking is the figure's."""

    @abstractmethod
    def figures(self, data: Dataset) -> np.ndarray:
        """The figure of each region (example,), NaN where it is not defined."""

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Fit."""
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        impute = SimpleImputer(keep_empty_features=True)
        self.model_ = make_pipeline(impute, StandardScaler(), LogisticRegression(random_state=seed))
        self.model_.fit(self.figures(data)[:, None], data.target.values)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Class probabilities (example, 2)."""
        if not hasattr(self, "model_"):
            raise self._not_fitted()
        return self.model_.predict_proba(self.figures(data)[:, None])


class SweepStatistic(_OneFigure):
    """One of the summary statistics."""

    def __init__(self, name: str, statistic: str) -> None:
        self.name, self.statistic = name, statistic
        self.describes = f"{statistic} of the whole region, alone"

    def figures(self, data: Dataset) -> np.ndarray:
        """The statistic, on the scale of `statistics_of`."""
        return statistics_of(data)[:, STATISTICS.index(self.statistic)]


class IhsOutliers(_OneFigure):
    """Share of sites with an absolute iHS above 2, standardised by derived frequency on neutral training regions."""

    def __init__(self) -> None:
        self.name = "ihs"
        self.describes = "the share of sites with |iHS| above 2 (Voight et al. 2006), alone"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Standardise on the neutral regions, then fit."""
        neutral = data.take(np.flatnonzero(data.target.values == 0))
        scores, frequencies = zip(*map(_scores, _examples(neutral)))
        self.standard_ = IhsStandard.fit(np.concatenate(scores), np.concatenate(frequencies), bins=_BINS)
        return super().fit(data, seed=seed)

    def figures(self, data: Dataset) -> np.ndarray:
        """Shares of outliers."""
        found = np.full(len(data), np.nan)
        for place, example in enumerate(_examples(data)):
            scores = self.standard_.apply(*_scores(example))
            known = np.isfinite(scores)
            if known.any():
                found[place] = np.mean(np.abs(scores[known]) > OUTLIER)
        return found


def _examples(data: Dataset) -> Simulated:
    if not isinstance(data.x, Simulated):
        raise InputError("simulated haplotypes are needed", got=type(data.x).__name__)
    return data.x


def _scores(example: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """iHS, not standardised, of the sites that have one, and their derived frequencies (both (site,))."""
    haplotypes = as_haplotypes(example)
    use = segregating(haplotypes.alleles)
    alleles = haplotypes.alleles[:, use]
    if not alleles.shape[1]:
        return np.zeros(0), np.zeros(0)
    scores = ihs(alleles, haplotypes.positions[use], rules=_RULES)
    known = np.isfinite(scores)
    return scores[known], alleles.mean(axis=0)[known]
