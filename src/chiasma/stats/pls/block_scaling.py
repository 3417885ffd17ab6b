"""Centring and scaling of blocks that may have holes, and features that hardly vary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FREQUENCY_RATIO = 95 / 5
PERCENT_UNIQUE = 10.0


@dataclass(frozen=True, eq=False)
class Scaling:
    """What was learned from the train part of one block.

    Attributes:
        mean: mean of observed values (feature,); 0 where nothing was observed.
        sd: standard deviation with n - 1 (feature,); 0 marks a feature that is left out (constant or excluded).
    """

    mean: np.ndarray
    sd: np.ndarray

    def apply(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Scaled values with holes at 0 (sample, feature), and which were observed, or None if all were."""
        gain = np.divide(1.0, self.sd, out=np.zeros_like(self.sd), where=self.sd > 0)
        scaled = (values - self.mean) * gain
        missing = np.isnan(scaled)
        if not missing.any():
            return scaled, None
        scaled[missing] = 0.0
        return scaled, (~missing).astype(np.float64)


def learn_scaling(values: np.ndarray, *, scale: bool = True, drop_near_zero: bool = False) -> Scaling:
    """Mean and standard deviation of each feature of `values` (sample, feature), NaN where missing.

    A feature whose spread is rounding error counts as constant and gets sd 0, as do those named by
    `near_zero_variance` on request. Without `scale`, other features get sd 1.
    """
    observed = ~np.isnan(values)
    complete = bool(observed.all())
    filled = values if complete else np.where(observed, values, 0.0)
    count = observed.sum(axis=0)
    mean = filled.sum(axis=0) / np.maximum(count, 1)
    centred = filled - mean if complete else np.where(observed, filled - mean, 0.0)
    sd = np.sqrt((centred**2).sum(axis=0) / np.maximum(count - 1, 1))
    largest = np.abs(filled).max(axis=0, initial=0.0)
    constant = sd <= 1e-13 * largest
    if drop_near_zero:
        constant |= near_zero_variance(values)
    sd = sd if scale else np.ones_like(sd)
    return Scaling(mean, np.where(constant, 0.0, sd))


@dataclass(frozen=True, eq=False)
class StudyScaling:
    """Scalings of the studies of one block, and a common one to which samples of any study are brought.

    Attributes:
        pooled: mean over all samples, and root mean square of the studies' standard deviations (feature,).
        studies: scaling of each study by its name.
    """

    pooled: Scaling
    studies: dict[str, Scaling]

    def bring(self, values: np.ndarray, study: np.ndarray, *, scale: bool) -> np.ndarray:
        """Values (sample, feature) as they would be in the common scaling, holes kept.

        Samples of a study that was not there at the fit are scaled by that study's own mean and standard deviation,
        as Rohart et al. 2017 (doi 10.1186/s12859-017-1553-8) do.

        Args:
            values: NaN where missing (sample, feature).
            study: name of each sample's study (sample,).
            scale: as at the fit.
        """
        brought = np.empty_like(values)
        for name in np.unique(study):
            mine = study == name
            own = self.studies.get(str(name)) or learn_scaling(values[mine], scale=scale)
            gain = np.divide(self.pooled.sd, own.sd, out=np.zeros_like(own.sd), where=own.sd > 0)
            brought[mine] = (values[mine] - own.mean) * gain + self.pooled.mean
        return brought


def learn_study_scaling(
    values: np.ndarray, study: np.ndarray, *, scale: bool = True, drop_near_zero: bool = False
) -> StudyScaling:
    """Scalings of each study of (sample, feature); a feature is left out where it is constant in all of them."""
    studies = {str(name): learn_scaling(values[study == name], scale=scale) for name in np.unique(study)}
    whole = learn_scaling(values, scale=scale, drop_near_zero=drop_near_zero)
    sd = np.sqrt(np.mean([own.sd**2 for own in studies.values()], axis=0))
    sd = np.where(whole.sd > 0, sd, 0.0)
    return StudyScaling(Scaling(whole.mean, sd if scale else np.sign(sd)), studies)


def near_zero_variance(
    values: np.ndarray, *, frequency_ratio: float = FREQUENCY_RATIO, percent_unique: float = PERCENT_UNIQUE
) -> np.ndarray:
    """Which features (feature,) are constant, or nearly so.

    Nearly: the most common value is more than `frequency_ratio` times as frequent as the second one, and the
    distinct values are at most `percent_unique` per cent of the samples (the rule of the R package caret).
    """
    flagged = np.zeros(values.shape[1], dtype=bool)
    for column in range(values.shape[1]):
        seen = values[:, column]
        _, counts = np.unique(seen[~np.isnan(seen)], return_counts=True)
        if len(counts) < 2:
            flagged[column] = True
            continue
        second, first = np.sort(counts)[-2:]
        unique = 100 * len(counts) / len(seen)
        flagged[column] = first / second > frequency_ratio and unique <= percent_unique
    return flagged
