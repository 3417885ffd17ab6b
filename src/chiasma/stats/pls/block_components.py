"""Components of several blocks without a class: what one after the other leaves, and the place of new samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from chiasma.stats.pls.block_scaling import Scaling
from chiasma.stats.pls.sgcca import Block, Component, Mode, Rules, deflate, find_component, start

EXHAUSTED = 1e-22
"""Share of a block's sum of squares below which nothing but rounding error is left."""
_PARTS = ("loadings", "variates", "cross", "decoder", "explained", "correlations")


@dataclass(frozen=True, eq=False)
class FittedView:
    """What one view needs to place new samples and to be told from factors.

    Attributes:
        scaling: learned from the train part.
        loadings: unit columns or, with a ridge, of unit penalised variance (feature, component).
        variates: scores of the train part (sample, component).
        cross: variates' X loadings (component, component); inverts to the rotation of new samples.
        decoder: least-squares slopes of the scaled features on the common factors (component, feature).
        explained: share of the view's variance along each of its variates (component,).
        correlations: of each feature with each variate (feature, component).
    """

    scaling: Scaling
    loadings: np.ndarray
    variates: np.ndarray
    cross: np.ndarray
    decoder: np.ndarray
    explained: np.ndarray
    correlations: np.ndarray

    def place(self, values: np.ndarray) -> np.ndarray:
        """Variates of new samples (sample, component) from values (sample, feature), holes at the train part's mean."""
        scaled, _ = self.scaling.apply(values)
        return (scaled @ rotation(self.loadings, self.cross)) * (self.variates**2).sum(axis=0)

    def tell(self, factors: np.ndarray) -> np.ndarray:
        """Values (sample, feature) in the units of the input that factors (sample, component) say."""
        gain = np.where(self.scaling.sd > 0, self.scaling.sd, 1.0)
        return factors @ self.decoder * gain + self.scaling.mean


@dataclass(frozen=True, eq=False)
class Course:
    """How components were reached: sweeps, whether each stood still, the criterion of each sweep."""

    iterations: tuple[int, ...] = ()
    converged: tuple[bool, ...] = ()
    criterion: tuple[tuple[float, ...], ...] = field(default=())


def left_over(blocks: Sequence[Block], residuals: Sequence[Block], component: Component, mode: Mode) -> list[Block]:
    """Residuals after a component; one of which only rounding error is left of its block becomes zero."""
    left = deflate(residuals, component, mode)
    for index, (block, whole) in enumerate(zip(left, blocks)):
        if (block.values**2).sum() <= EXHAUSTED * (whole.values**2).sum():
            left[index] = Block(np.zeros_like(block.values), block.observed)
    return left


def find_components(
    blocks: Sequence[Block],
    keep: Sequence[Sequence[int]],
    rules: Rules,
    *,
    mode: Mode,
    init: Literal["svd.single", "svd"],
) -> list[Component]:
    """Components one after the other; `keep` is the features kept at each component, one number a block."""
    residuals: list[Block] = list(blocks)
    components: list[Component] = []
    for numbers in keep:
        if components:
            residuals = left_over(blocks, residuals, components[-1], mode)
        components.append(find_component(residuals, start(residuals, init), list(numbers), rules))
    return components


def count_found(variates: Iterable[np.ndarray]) -> int:
    """Leading components (sample, component) of which some view's variate is more than rounding error."""
    lengths = np.array([(scores**2).sum(axis=0) for scores in variates])  # (view, component)
    filled = (lengths > EXHAUSTED * lengths.max(axis=1, keepdims=True, initial=0.0)).any(axis=0)
    return int(np.flatnonzero(filled).max(initial=-1)) + 1


def course(components: Sequence[Component]) -> Course:
    """How these components were reached."""
    return Course(
        tuple(component.iterations for component in components),
        tuple(component.converged for component in components),
        tuple(component.criterion for component in components),
    )


def rotation(loadings: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """Map from scaled features to variates over their squared length (feature, component).

    Args:
        loadings: (feature, component).
        cross: variates' X loadings of the train part (component, component).
    """
    try:
        return loadings @ np.linalg.inv(cross)
    except np.linalg.LinAlgError:  # a component that explains nothing, as with very small classes
        return loadings @ np.linalg.pinv(cross)


def decode(block: Block, factors: np.ndarray) -> np.ndarray:
    """Least-squares slopes of a block's features on factors (component, feature), over what was seen of each."""
    product = factors.T @ block.values
    if block.observed is None:
        return np.linalg.pinv(factors.T @ factors, rcond=1e-12, hermitian=True) @ product
    pairs = np.einsum("nj,nk->njk", factors, factors).reshape(len(factors), -1)
    grams = (block.observed.T @ pairs).reshape(-1, factors.shape[1], factors.shape[1])
    inverse = np.linalg.pinv(grams, rcond=1e-12, hermitian=True)  # (feature, component, component)
    return np.einsum("fjk,kf->jf", inverse, product)


def shares(block: Block, variates: np.ndarray) -> np.ndarray:
    """Share of a scaled block's variance along each of its variates (component,)."""
    total = float((block.values**2).sum())
    length = (variates**2).sum(axis=0)
    along = ((variates.T @ block.values) ** 2).sum(axis=1)
    return np.divide(along, length * total, out=np.zeros_like(along), where=length * total > 0)


def to_arrays(views: Mapping[str, FittedView]) -> dict[str, np.ndarray]:
    """Arrays named view/part."""
    arrays: dict[str, np.ndarray] = {}
    for name, view in views.items():
        arrays |= {f"{name}/mean": view.scaling.mean, f"{name}/sd": view.scaling.sd}
        arrays |= {f"{name}/{part}": np.ascontiguousarray(getattr(view, part)) for part in _PARTS}
    return arrays


def from_arrays(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> dict[str, FittedView]:
    """The inverse of `to_arrays`."""
    return {
        name: FittedView(
            Scaling(arrays[f"{name}/mean"], arrays[f"{name}/sd"]),
            **{part: arrays[f"{name}/{part}"] for part in _PARTS},
        )
        for name in names
    }


def course_facts(found: Course) -> dict[str, Any]:
    """JSON-ready, for `course_from`."""
    return {
        "iterations": list(found.iterations),
        "converged": list(found.converged),
        "criterion": [list(values) for values in found.criterion],
    }


def course_from(facts: Mapping[str, Any]) -> Course:
    """The inverse of `course_facts`."""
    criterion = tuple(tuple(values) for values in facts["criterion"])
    return Course(tuple(facts["iterations"]), tuple(facts["converged"]), criterion)
