"""The simple rivals of networks that give tracks along windows: mean coverage, and a line on base composition."""

from __future__ import annotations

from typing import Self

import numpy as np

from chiasma.core.errors import InputError
from chiasma.data.dataset import Dataset
from chiasma.data.tracks import Tracks
from chiasma.rivals.base import Rival

_AROUND = (1, 5, 25)
"""Bins over which composition is taken, its own in the middle."""
_ROWS = 64
"""Windows whose bins are held at a time."""


def track_rivals() -> list[Rival]:
    """Rivals for windows with tracks, unfitted."""
    return [MeanCoverage(), GCContent()]


def windows_of(data: Dataset) -> Tracks:
    """The windows of a dataset.

    Raises:
        InputError: it has none.
    """
    if not isinstance(data.x, Tracks):
        raise InputError("windows with tracks are needed", got=type(data.x).__name__)
    return data.x


class MeanCoverage(Rival):
    """The training mean of each bin of the window and track: what is known without looking at the sequence."""

    def __init__(self) -> None:
        self.name = "mean-coverage"
        self.describes = "the mean of each bin of the window over the training windows; the sequence is not looked at"

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Take the means (bin, track)."""
        total = np.zeros(data.target.values.shape[1:])
        for row in data.target.values:
            total += row
        self.mean_ = total / len(data)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """The same for every window (example, bin, track)."""
        if not hasattr(self, "mean_"):
            raise self._not_fitted()
        return np.broadcast_to(self.mean_, (len(data), *self.mean_.shape))


class GCContent(Rival):
    """Least squares on the share of G and C and of CpG around each bin, and their squares."""

    def __init__(self) -> None:
        self.name = "gc-content"
        self.describes = (
            "a line on GC content and CpG, their squares and product, in the bin and in 5 and 25 bins around"
        )

    def fit(self, data: Dataset, *, seed: int) -> Self:
        """Solve the normal equations of all tracks, a few windows at a time; a small ridge keeps them solvable."""
        gram: np.ndarray | float = 0.0
        moment: np.ndarray | float = 0.0
        for start in range(0, len(data), _ROWS):
            part = slice(start, start + _ROWS)
            rows = _design(windows_of(data), part)
            y = np.asarray(data.target.values[part], np.float64).reshape(len(rows), -1)
            gram, moment = gram + rows.T @ rows, moment + rows.T @ y
        assert isinstance(gram, np.ndarray)
        self.weights_ = np.linalg.solve(gram + 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram)), moment)
        return self

    def predict(self, data: Dataset) -> np.ndarray:
        """Tracks (example, bin, track)."""
        if not hasattr(self, "weights_"):
            raise self._not_fitted()
        x = windows_of(data)
        return (_design(x, slice(None)) @ self.weights_).reshape(len(x), x.bins, -1)


def _design(x: Tracks, part: slice) -> np.ndarray:
    """One row a bin with targets (window x bin, column): 1, then GC, CpG, squares and product at each width."""
    codes = np.asarray(x.codes[part])
    gc = ((codes == 1) | (codes == 2)).astype(np.float64)
    cpg = np.zeros_like(gc)
    cpg[:, :-1] = (codes[:, :-1] == 1) & (codes[:, 1:] == 2)
    shares = [each.reshape(len(codes), -1, x.bin).mean(axis=2) for each in (gc, cpg)]
    columns = [np.ones(shares[0].shape)]
    for width in _AROUND:
        one, two = (_around(share, width) for share in shares)
        columns += [one, two, one**2, two**2, one * two]
    inner = slice(x.crop, codes.shape[1] // x.bin - x.crop)
    return np.stack([column[:, inner] for column in columns], axis=-1).reshape(-1, len(columns))


def _around(share: np.ndarray, width: int) -> np.ndarray:
    """Mean over `width` bins (window, bin), over fewer at the ends of the window."""
    half = width // 2
    total = np.cumsum(np.pad(share, ((0, 0), (1, 0))), axis=1)
    place = np.arange(share.shape[1])
    low, high = np.maximum(place - half, 0), np.minimum(place + half + 1, share.shape[1])
    return (total[:, high] - total[:, low]) / (high - low)
