"""From the raw values of one modality to the low-dimensional space in which its cells are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from chiasma.stats.cells.counts import CLIP, centred_log_ratio, log_normalise, principal_components, tf_idf
from chiasma.stats.cells.variable_genes import select_features

KINDS = ("auto", "none", "scale", "log", "clr", "tfidf")
FEW = 200
"""Features up to which counts are taken for proteins (clr), beyond for transcripts (log)."""


@dataclass(frozen=True, eq=False)
class ViewSpace:
    """What was learnt of one modality, so that new cells find their place in the same space.

    Attributes:
        kind: none, scale, log, clr or tfidf.
        fill: mean of each raw feature, for values that are missing (feature,).
        chosen: places of the features used.
        mean, sd: of those after normalisation; sd 0 where constant (chosen,).
        share: inverse document share, for tfidf (feature,).
        axes: (chosen, component); empty where the values are the space already.
    """

    kind: str
    fill: np.ndarray
    chosen: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    share: np.ndarray
    axes: np.ndarray

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Cells in the space (cell, component); a cell without any value has a row of NaN."""
        missing = np.isnan(values)
        absent = missing.all(axis=1)
        filled = np.where(missing, self.fill, values) if missing.any() else values
        normal = _normalise(self.kind, filled, self.chosen, self.share)
        if self.axes.size:
            normal = _scaled(self.kind, normal, self.mean, self.sd) @ self.axes
        found = np.ascontiguousarray(normal, dtype=np.float64)
        found[absent] = np.nan
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Named arrays."""
        names = ("fill", "chosen", "mean", "sd", "share", "axes")
        return {name: np.ascontiguousarray(getattr(self, name)) for name in names}

    @classmethod
    def from_arrays(cls, kind: str, arrays: Mapping[str, np.ndarray]) -> Self:
        """The space that `arrays` was taken from."""
        return cls(kind, **{name: np.asarray(values) for name, values in arrays.items()})


def learn_view_space(values: np.ndarray, *, kind: str, dims: int, n_features: int) -> ViewSpace:
    """Learn the space of one modality from its training cells.

    Args:
        values: raw (cell, feature); NaN where missing; cells without any value teach nothing.
        kind: one of KINDS. auto is log for counts of many features, clr for counts of few, scale for other numbers.
        dims: principal components (of tfidf, singular vectors without the first, which is depth); 0 takes the
            normalised values themselves.
        n_features: most variable features kept, for log.
    """
    known = ~np.isnan(values)
    seen = known.any(axis=1)
    count = known[seen].sum(axis=0)
    fill = np.where(known[seen], values[seen], 0.0).sum(axis=0) / np.maximum(count, 1)
    learn = np.where(known[seen], values[seen], fill)
    if kind == "auto":
        kind = guess_kind(values[seen])
    chosen = np.arange(values.shape[1])
    if kind == "log" and values.shape[1] > n_features:
        chosen = np.sort(select_features([learn], n_features))
    share = np.zeros(0)
    if kind == "tfidf":
        share = len(learn) / np.maximum(learn.sum(axis=0), 1e-12)
    normal = _normalise(kind, learn, chosen, share)
    mean, sd = normal.mean(axis=0), normal.std(axis=0, ddof=1 if len(normal) > 1 else 0)
    sd = np.where(sd > 1e-13 * np.maximum(np.abs(normal).max(axis=0, initial=0.0), 1e-300), sd, 0.0)
    if dims == 0 or kind == "none":
        return ViewSpace(kind, fill, chosen, mean, sd, share, np.zeros((0, 0)))
    if kind == "tfidf":
        axes = np.linalg.svd(normal, full_matrices=False)[2][1 : dims + 1].T
    else:
        axes = principal_components(_scaled(kind, normal, mean, sd), dims)[1]
    return ViewSpace(kind, fill, chosen, mean, sd, share, np.ascontiguousarray(axes))


def guess_kind(values: np.ndarray) -> str:
    """log for counts of many features, clr for counts of few, scale for other numbers."""
    observed = values[~np.isnan(values)]
    counts = bool(len(observed)) and observed.min() >= 0 and observed.max() > 1 and bool((observed % 1 == 0).all())
    if not counts:
        return "scale"
    return "log" if values.shape[1] > FEW else "clr"


def _normalise(kind: str, values: np.ndarray, chosen: np.ndarray, share: np.ndarray) -> Any:
    if kind == "log":
        return log_normalise(values[:, chosen], total=values.sum(axis=1))
    if kind == "clr":
        return centred_log_ratio(values)
    if kind == "tfidf":
        return tf_idf(values, document_share=share)
    return values


def _scaled(kind: str, normal: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    if kind == "tfidf":
        return normal
    scaled = (normal - mean) * np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 0)
    return np.minimum(scaled, CLIP) if kind in ("log", "clr") else scaled
