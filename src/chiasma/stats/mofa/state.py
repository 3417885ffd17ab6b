"""A fitted multi-omics factor analysis as named arrays and facts, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chiasma.stats.mofa.learn import Learnt
from chiasma.stats.mofa.project import ViewModel
from chiasma.stats.mofa.views import Frame

_FRAME = ("kept", "centre", "unit", "alone")
_VIEW = ("mean", "square", "scale", "offset")
_WHOLE = ("prior", "factors", "explained", "squares")


def to_arrays(learnt: Learnt) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Named arrays, and JSON-ready facts."""
    arrays = {name: getattr(learnt, name) for name in _WHOLE}
    arrays["bounds"] = np.asarray(learnt.bounds)
    for name, frame in learnt.frames.items():
        arrays |= {f"{part}/{name}": getattr(frame, part) for part in _FRAME}
        arrays |= {f"{part}/{name}": getattr(learnt.views[name], part) for part in _VIEW}
    facts = {
        "likelihoods": [
            [name, frame.likelihood] for name, frame in learnt.frames.items()
        ],  # in order, unlike an object
        "checked": list(learnt.checked),
        "dropped": list(learnt.dropped),
        "converged": learnt.converged,
    }
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}, facts


def from_arrays(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> Learnt:
    """The model that `to_arrays` was given."""
    frames, views = {}, {}
    for name, likelihood in facts["likelihoods"]:
        frames[name] = Frame(likelihood, *(arrays[f"{part}/{name}"] for part in _FRAME))
        views[name] = ViewModel(likelihood, *(arrays[f"{part}/{name}"] for part in _VIEW))
    return Learnt(
        frames,
        views,
        prior=arrays["prior"],
        factors=arrays["factors"],
        explained=arrays["explained"],
        squares=arrays["squares"],
        bounds=tuple(arrays["bounds"].tolist()),
        checked=tuple(facts["checked"]),
        dropped=tuple(facts["dropped"]),
        converged=bool(facts["converged"]),
    )
