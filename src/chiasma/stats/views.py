"""Several matrices of the same samples as arrays, checked at the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.checks import duplicates
from chiasma.core.errors import InputError, list_some, nearest


class ViewsError(InputError, ValueError):
    """Views that cannot be used; also a ValueError, as scikit-learn expects of an estimator."""


@dataclass(frozen=True, eq=False)
class Arrays:
    """Values (sample, feature) and feature names of each view."""

    values: dict[str, np.ndarray]
    features: dict[str, np.ndarray]

    @property
    def n_samples(self) -> int:
        """Rows."""
        return len(next(iter(self.values.values())))


def to_arrays(views: Any) -> Arrays:
    """Read a mapping of views, each a DataFrame, array or Matrix; or a Views noun.

    Raises:
        ViewsError: no views, views of different length, not two-dimensional, not numbers, infinite, repeated features.
    """
    blocks = getattr(views, "blocks", views)
    if not isinstance(blocks, Mapping) or not blocks:
        raise ViewsError(
            "the input is not several views",
            got=type(views).__name__ if not isinstance(blocks, Mapping) else "an empty mapping",
            expected="a mapping from view name to a DataFrame or array of samples by features",
        )
    values, features = {}, {}
    for name, block in blocks.items():
        values[str(name)], features[str(name)] = _one(str(name), block)
    lengths = {name: len(block) for name, block in values.items()}
    if len(set(lengths.values())) > 1:
        raise ViewsError(
            "views differ in their number of samples",
            got=", ".join(f"{name} {length}" for name, length in lengths.items()),
            expected="the same samples in the same order in every view; rows of NaN for those a view lacks",
        )
    return Arrays(values, features)


def align(new: Arrays, features: Mapping[str, np.ndarray], *, named: Mapping[str, bool]) -> dict[str, np.ndarray]:
    """The views of new samples with the features of the fit, in the order of the fit.

    Args:
        new: what is to be predicted; views may be missing, not all.
        features: names at the fit.
        named: whether a view had real names at the fit; without them only the count is compared.
    """
    known = [name for name in features if name in new.values]
    for name in new.values:
        if name not in features:
            close = nearest(name, features)
            raise ViewsError(
                "unknown view",
                got=name,
                expected=", ".join(features),
                do=f"did you mean {close!r}?" if close else None,
            )
    aligned = {}
    for name in known:
        have, want = new.features[name], np.asarray(features[name], dtype=object)
        if have is None or not named[name]:
            if new.values[name].shape[1] != len(want):
                got = f"{new.values[name].shape[1]} features"
                raise ViewsError("another number of features", where=f"view {name}", got=got, expected=len(want))
            aligned[name] = new.values[name]
            continue
        place = {feature: column for column, feature in enumerate(have)}
        if absent := [feature for feature in want if feature not in place]:
            raise ViewsError(
                f"{len(absent)} features of the fit are missing",
                where=f"view {name}",
                got=list_some(have, most=3),
                expected=list_some(absent),
                do="give every feature; a column of NaN stands for one not measured",
            )
        aligned[name] = np.ascontiguousarray(new.values[name][:, [place[feature] for feature in want]])
    return aligned


def _one(name: str, block: Any) -> tuple[np.ndarray, Any]:
    features: Any = None
    if hasattr(block, "columns"):
        features = np.asarray([str(column) for column in block.columns], dtype=object)
    elif hasattr(block, "features"):
        features = np.asarray(block.features, dtype=object)
        block = block.values
    try:
        values = np.ascontiguousarray(block, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ViewsError("not numbers", where=f"view {name}", got=error) from error
    if values.ndim != 2 or 0 in values.shape:
        expected = "(sample, feature), neither of them 0"
        raise ViewsError("wrong shape", where=f"view {name}", got=values.shape, expected=expected)
    if np.isinf(values).any():
        raise ViewsError("infinite values", where=f"view {name}", do="replace them; NaN stands for missing")
    if features is not None and (repeated := duplicates(features)):
        raise ViewsError("repeated features", where=f"view {name}", got=list_some(repeated))
    return values, features
