"""Stratified folds whose units stay whole."""

from __future__ import annotations

import numpy as np


def stratified_folds(
    codes: np.ndarray, n_folds: int, *, random: np.random.Generator, unit: np.ndarray | None = None
) -> np.ndarray:
    """Fold of each sample (sample,), 0 .. n_folds - 1: classes spread evenly, units never divided.

    Units of one class (that of the unit's first sample) are shuffled and dealt out in turn, each class going on where
    the last one stopped, so that folds differ by one unit at most, over all and within each class.
    """
    unit = np.arange(len(codes)) if unit is None else np.asarray(unit)
    _, first, member = np.unique(unit, return_index=True, return_inverse=True)
    class_of_unit = codes[first]
    fold_of_unit = np.zeros(len(first), dtype=np.int64)
    dealt = 0
    for value in np.unique(class_of_unit):
        units = random.permutation(np.flatnonzero(class_of_unit == value))
        fold_of_unit[units] = (dealt + np.arange(len(units))) % n_folds
        dealt += len(units)
    return fold_of_unit[member]


def balanced_error_rate(codes: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over the classes present of the share of their samples called something else; no call is an error."""
    wrong = predicted != codes
    return float(np.mean([wrong[codes == value].mean() for value in np.unique(codes)]))
