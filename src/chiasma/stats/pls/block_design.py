"""Settings by view as numbers: ties between views, and how many features each keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chiasma.stats.views import ViewsError


def make_design(design: Any, names: list[str]) -> np.ndarray:
    """Ties of the views to each other (view, view), with zero diagonal.

    Args:
        design: one number for all pairs, "full" (1), "null" (0) or a symmetric matrix in the order of `names`.
        names: of the views.

    Raises:
        ViewsError: the matrix does not fit the views.
    """
    size = len(names)
    if isinstance(design, tuple):
        ties = np.array(design, dtype=np.float64) if len({len(row) for row in design}) == 1 else None
        if ties is None or ties.shape != (size, size) or not np.array_equal(ties, ties.T) or ties.min() < 0:
            raise ViewsError(
                "the design does not fit the views",
                got=design,
                expected=f"a symmetric {size} x {size} matrix of numbers from 0, in the order {', '.join(names)}",
            )
    else:
        value = {"full": 1.0, "null": 0.0}.get(str(design))
        ties = np.full((size, size), float(design) if value is None else value)
    np.fill_diagonal(ties, 0.0)
    return ties


def keep_by_view(keep: Any, n_components: int, widths: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Features kept in each view at each component, never more than it has.

    Args:
        keep: one number, one number a component, either by view, or None for all.
        n_components: components.
        widths: features of each view.

    Raises:
        ViewsError: given by view, and the names are not those of the views.
    """
    if isinstance(keep, dict) and set(keep) != set(widths):
        raise ViewsError(
            "keep_x and the views differ in their names",
            got=", ".join(sorted(keep)),
            expected=", ".join(sorted(widths)),
        )
    kept = {}
    for name, width in widths.items():
        asked = keep[name] if isinstance(keep, dict) else keep
        asked = width if asked is None else asked
        numbers = (asked,) * n_components if isinstance(asked, int) else asked
        kept[name] = tuple(min(number, width) for number in numbers)
    return kept
