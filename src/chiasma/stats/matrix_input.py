"""Reading one matrix of samples by features for an estimator: new or to learn from, and the names of its features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

VIEW = "x"
"""Name of the one matrix in tables of loadings."""


def read_matrix(estimator: Any, X: Any, *, reset: bool, y: Any = None, least: int = 1) -> Any:
    """Values (sample, feature), float64 with NaN where missing; with `y` also the labels as scikit-learn checks them.

    Args:
        estimator: gets `n_features_in_` and `feature_names_in_` with `reset`, else must have them.
        X: DataFrame, array or Matrix.
        reset: whether this is what the estimator learns from.
        y: labels (sample,), or None where there are none.
        least: samples needed.

    Raises:
        ValueError: not numbers, not two-dimensional, infinite, too few samples, other features than at the fit.
    """
    settings: dict[str, Any] = {"dtype": np.float64, "order": "C", "ensure_all_finite": "allow-nan", "reset": reset}
    if y is not None:
        values, labels = validate_data(estimator, plain(X), y, ensure_min_samples=least, **settings)
    else:
        values, labels = validate_data(estimator, plain(X), ensure_min_samples=least, **settings), None
    if np.isinf(values).any():
        raise ValueError("Input X contains infinity")
    return values if labels is None else (values, labels)


def constant_columns(values: np.ndarray) -> np.ndarray:
    """Columns of (sample, feature) that do not vary, among them those never measured."""
    lowest, highest = np.fmin.reduce(values), np.fmax.reduce(values)
    return np.flatnonzero(~(highest > lowest))


def feature_names(estimator: Any) -> list[str]:
    """Names of the features in the order of the fit; x0, x1, ... where it saw none."""
    unnamed = [f"x{column}" for column in range(estimator.n_features_in_)]
    return [str(name) for name in getattr(estimator, "feature_names_in_", unnamed)]


def input_facts(estimator: Any) -> dict[str, Any]:
    """JSON-ready facts of what was seen in the fit, for `restore_input`."""
    return {
        "features": feature_names(estimator),
        "named": hasattr(estimator, "feature_names_in_"),
        "constant": estimator.constant_features_.tolist(),
    }


def restore_input(estimator: Any, facts: Mapping[str, Any]) -> None:
    """Give an estimator back what `input_facts` took."""
    estimator.n_features_in_ = len(facts["features"])
    if facts["named"]:
        estimator.feature_names_in_ = np.asarray(facts["features"], dtype=object)
    estimator.constant_features_ = np.asarray(facts["constant"], dtype=np.int64)


def plain(X: Any) -> Any:
    """A Matrix as a DataFrame, so that feature names are seen; all else unchanged."""
    if not hasattr(X, "features") or hasattr(X, "columns"):
        return X
    import pandas as pd

    return pd.DataFrame(X.values, index=X.samples, columns=[str(feature) for feature in X.features])
