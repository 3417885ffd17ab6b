"""Views as the network sees them: likelihoods checked, inputs scaled, targets with NaN where missing. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from chiasma.core.errors import UsageError, list_some
from chiasma.methods.omics.autoencoder.config import Config, Likelihood
from chiasma.stats.pls.block_scaling import Scaling, learn_scaling
from chiasma.stats.views import ViewsError

COUNTS = ("nb", "zinb")


@dataclass(frozen=True, eq=False)
class ViewInput:
    """What was learnt of one view.

    Attributes:
        likelihood: how its values are distributed.
        log1p: whether a Gaussian view is taken as log(1 + value).
        scaling: of the encoder's input, and of the target if Gaussian.
        size: median total of a sample, for counts; 1 otherwise.
    """

    likelihood: Likelihood
    log1p: bool
    scaling: Scaling
    size: float

    @classmethod
    def learn(cls, values: np.ndarray, *, likelihood: Likelihood, log1p: bool, scale: bool) -> Self:
        """Learn from the values of the fit (sample, feature), NaN where missing."""
        log1p = log1p and likelihood == "gaussian"
        totals = np.nansum(values, axis=1)
        totals = totals[(~np.isnan(values)).any(axis=1) & (totals > 0)]
        size = float(np.median(totals)) if likelihood in COUNTS and len(totals) else 1.0
        blank = Scaling(np.zeros(values.shape[1]), np.ones(values.shape[1]))
        plain = cls(likelihood, log1p, blank, size)
        if likelihood == "gaussian" and not scale:
            return plain
        scaling = learn_scaling(plain._shown(values), scale=likelihood != "bernoulli")
        return cls(likelihood, log1p, scaling, size)

    def encoded(self, values: np.ndarray) -> np.ndarray:
        """The encoder's input (sample, feature), 0 where missing."""
        return self.scaling.apply(self._shown(values))[0]

    def target(self, values: np.ndarray) -> np.ndarray:
        """What the likelihood is of (sample, feature), NaN where missing."""
        if self.likelihood != "gaussian":
            return values
        missing = np.isnan(values)
        return np.where(missing, np.nan, self.encoded(values))

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """Total count of each sample (sample,), the median where there is none; ones but for counts."""
        if self.likelihood not in COUNTS:
            return np.ones(len(values))
        totals = np.nansum(values, axis=1)
        return np.where(totals > 0, totals, self.size)

    def start(self, values: np.ndarray) -> np.ndarray | None:
        """What is decoded before anything is learnt (feature,), for counts and bits: their mean; None for others."""
        if self.likelihood == "gaussian":
            return None
        known = ~np.isnan(values)
        mean = (np.where(known, values, 0.0).sum(axis=0) + 0.5) / (known.sum(axis=0) + 1.0)
        return np.log(mean / (1 - mean)) if self.likelihood == "bernoulli" else np.log(mean)

    def restored(self, decoded: np.ndarray) -> np.ndarray:
        """Expected values (sample, feature), or logits of a Bernoulli view, in the units of the input."""
        if self.likelihood == "bernoulli":
            return 1 / (1 + np.exp(-decoded))
        if self.likelihood in COUNTS:
            return decoded
        values = decoded * self.scaling.sd + self.scaling.mean
        return np.maximum(np.expm1(values), 0.0) if self.log1p else values

    def compared(self, values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Values in the units of the input on the scale that a share of variance is taken on; 0 is the train mean."""
        if self.likelihood in COUNTS:
            shown = np.log1p(values / sizes[:, None] * self.size)
        else:
            shown = np.log1p(values) if self.log1p else values
        scaled = self.scaling.apply(shown)[0]
        return np.where(np.isnan(shown), np.nan, scaled)

    def _shown(self, values: np.ndarray) -> np.ndarray:
        if self.likelihood in COUNTS:
            return np.log1p(values / self.sizes(values)[:, None] * self.size)
        return np.log1p(values) if self.log1p else values


def choose_likelihoods(config: Config, values: Mapping[str, np.ndarray], features: Mapping[str, Any]) -> dict[str, Any]:
    """The likelihood of each view, as asked for or read off its values, checked against them.

    Raises:
        UsageError: a view is named that is not there. ViewsError: values that the likelihood cannot have.
    """
    if strangers := set(config.per_view) - set(values):
        raise UsageError(
            "per_view names a view that is not there", got=list_some(sorted(strangers)), expected=list_some(values)
        )
    found: dict[str, Any] = {}
    for name, block in values.items():
        one = config.of_view(name, "likelihood")
        found[name] = _guess(block) if one == "auto" else one
        check_values(found[name], block, name, features[name], log1p=config.log1p)
    return found


def check_values(likelihood: str, values: np.ndarray, view: str, features: Any, *, log1p: bool) -> None:
    """Raise where a view (sample, feature) has values that its likelihood cannot have, naming the first feature."""
    known = np.nan_to_num(values)
    if likelihood == "bernoulli":
        wrong, expected = (known != 0) & (known != 1), "0 and 1 only"
    elif likelihood in COUNTS:
        wrong, expected = (known < 0) | (known != np.floor(known)), "counts: whole numbers from 0"
    elif log1p:
        wrong, expected = known < 0, "numbers from 0, whose logarithm is asked for"
    else:
        return
    if not wrong.any():
        return
    row, column = np.argwhere(wrong)[0]
    feature = column if features is None else features[column]
    raise ViewsError(
        f"{int(wrong.any(axis=0).sum())} features cannot be {likelihood}",
        where=f"view {view}, feature {feature}, row {row}",
        got=float(known[row, column]),
        expected=expected,
        do=f"choose another likelihood: --set per_view.{view}.likelihood=gaussian, or change the values yourself",
    )


def _guess(values: np.ndarray) -> Likelihood:
    known = values[~np.isnan(values)]
    if np.isin(known, (0.0, 1.0)).all():
        return "bernoulli"
    counts = (known >= 0).all() and (known == np.floor(known)).all()
    return "nb" if counts else "gaussian"
