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
