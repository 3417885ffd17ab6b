"""From measurements to the points that neighbours are sought among: normalised, scaled, reduced to components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from chiasma.core.errors import InputError
from chiasma.stats.pls.block_scaling import Scaling, learn_scaling
from chiasma.stats.principal_components import leading_part

Normalise = Literal["none", "log1p", "counts", "clr"]
SIZE_FACTOR = 1e4
"""Counts to which a cell is scaled before the logarithm."""


class NormaliseError(InputError, ValueError):
    """Values that a normalisation cannot take."""


@dataclass(frozen=True, eq=False)
class EmbeddingInput:
    """What was learnt of one view.

    Attributes:
        normalise: none, log1p, counts (to 10,000 a sample, then log1p) or clr (log1p of
            the ratio to the sample's geometric mean, as Seurat has it for antibodies).
        scaling: mean and standard deviation of each feature.
        rotation: leading components (feature, component), or None where features are used as they are.
        cosine: whether points lie on the unit sphere, so that Euclidean neighbours are those by angle.
    """

    normalise: Normalise
    scaling: Scaling
    rotation: np.ndarray | None
    cosine: bool

    @classmethod
    def learn(
        cls, values: np.ndarray, *, normalise: Normalise, scale: bool, components: int | None, cosine: bool = False
    ) -> Self:
        """Learn from the samples of the fit (sample, feature), NaN where missing.

        Args:
            values: as measured.
            normalise: see the class.
            scale: divide features by their standard deviation.
            components: leading components to keep where there are more features and samples; None keeps features.
            cosine: see the class.
        """
        ready = normalised(values, normalise)
        scaling = learn_scaling(ready, scale=scale)
        rotation = None
        if components is not None and components < min(len(ready) - 1, ready.shape[1]):
            rotation, _ = leading_part(scaling.apply(ready)[0], components)
        return cls(normalise, scaling, rotation, cosine)

    def points(self, values: np.ndarray) -> np.ndarray:
        """Points (sample, dimension) of measurements (sample, feature)."""
        scaled, _ = self.scaling.apply(normalised(values, self.normalise))
        made = scaled if self.rotation is None else scaled @ self.rotation
        if not self.cosine:
            return made
        length = np.linalg.norm(made, axis=1, keepdims=True)
        return np.divide(made, length, out=np.zeros_like(made), where=length > 0)

    def arrays(self) -> dict[str, np.ndarray]:
        """As named arrays."""
        found = {"mean": self.scaling.mean, "sd": self.scaling.sd}
        return found if self.rotation is None else {**found, "rotation": np.ascontiguousarray(self.rotation)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], *, normalise: Normalise, cosine: bool) -> Self:
        """From what `arrays` gave."""
        return cls(normalise, Scaling(arrays["mean"], arrays["sd"]), arrays.get("rotation"), cosine)


def normalised(values: np.ndarray, how: Normalise) -> np.ndarray:
    """Measurements (sample, feature) normalised within each sample; NaN stays.

    Raises:
        NormaliseError: negative values where a logarithm is asked for.
    """
    if how == "none":
        return values
    if np.nanmin(values, initial=0.0) < 0:
        raise NormaliseError(
            f"negative values cannot be normalised by {how}",
            got=float(np.nanmin(values)),
            expected="counts or intensities from 0",
            do="choose normalise=none for values that are logarithms already",
        )
    if how == "counts":
        total = np.nansum(values, axis=1, keepdims=True)
        gain = np.divide(SIZE_FACTOR, total, out=np.zeros_like(total), where=total > 0)
        return np.log1p(values * gain)
    logs = np.log1p(values)
    if how == "log1p":
        return logs
    seen = np.maximum((~np.isnan(logs)).sum(axis=1, keepdims=True), 1)
    return np.log1p(values / np.exp(np.nansum(logs, axis=1, keepdims=True) / seen))
