"""Imputed values held against measured ones, feature by feature, beside simpler guesses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def imputation_table(
    truth: np.ndarray, features: np.ndarray, guesses: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Correlation and error of each guess at each feature, over the cells where it was measured.

    Args:
        truth: measured values (cell, feature), NaN where not measured.
        features: names (feature,).
        guesses: name to values (cell, feature), in the same units.

    Returns:
        Columns: feature, cells (number with a measured value), and for each guess `correlation NAME` (NaN where either
        side is constant) and `rmse NAME`.
    """
    columns: dict[str, np.ndarray] = {"feature": features, "cells": (~np.isnan(truth)).sum(axis=0)}
    for name, values in guesses.items():
        known = ~np.isnan(truth) & ~np.isnan(values)
        pairs = [(truth[rows, column], values[rows, column]) for column, rows in enumerate(known.T)]
        columns[f"correlation {name}"] = np.array([_correlation(*pair) for pair in pairs])
        columns[f"rmse {name}"] = np.array([_rmse(*pair) for pair in pairs])
    return columns


def imputation_summary(table: Mapping[str, np.ndarray], name: str, others: tuple[str, ...]) -> dict[str, Any]:
    """Medians over features, and the share of features at which the guess `name` errs less than each of the others."""

    def median(column: str) -> float:
        values = table[column]
        return float(np.nanmedian(values)) if not np.isnan(values).all() else float("nan")

    guesses = (name, *others)
    found: dict[str, Any] = {"features": len(table["feature"])}
    found["median correlation"] = {one: median(f"correlation {one}") for one in guesses}
    found["median rmse"] = {one: median(f"rmse {one}") for one in guesses}
    judged = ~np.isnan(table[f"rmse {name}"])
    found["share of features with less error than"] = {
        other: float((table[f"rmse {name}"] < table[f"rmse {other}"])[judged].mean()) if judged.any() else float("nan")
        for other in others
    }
    return found


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _rmse(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.sqrt(((first - second) ** 2).mean())) if len(first) else float("nan")
