"""Sparse generalised canonical correlation analysis, one component at a time.

Tenenhaus et al. 2014 (Biostatistics 15:569, doi 10.1093/biostatistics/kxu001) with the number of kept features in
place of the L1 radius, as in Singh et al. 2019 (doi 10.1093/bioinformatics/bty1054). Blocks are centred and scaled
matrices (sample, feature); the last one may be the dummy-coded class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import eigh

Scheme = Literal["horst", "factorial", "centroid"]
Mode = Literal["regression", "canonical", "invariant", "classic"]


@dataclass(frozen=True, eq=False)
class Block:
    """One residual matrix.

    Attributes:
        values: holes are 0 (sample, feature).
        observed: 1 where a value was measured, else 0 (sample, feature); None if all were.
    """

    values: np.ndarray
    observed: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Rules:
    """How a component is sought.

    Attributes:
        design: how strongly each pair of blocks is tied, symmetric with zero diagonal (block, block).
        scheme: g of the criterion sum c_jk g(cov(t_j, t_k)): the identity, the square or the absolute value.
        tolerance: stop when the largest squared change of a loading vector falls below.
        max_iterations: or after so many sweeps.
    """

    design: np.ndarray
    scheme: Scheme = "horst"
    tolerance: float = 1e-6
    max_iterations: int = 100


@dataclass(frozen=True, eq=False)
class Component:
    """One component of every block: unit loadings (feature,), variates (sample,), and how it was reached."""

    loadings: tuple[np.ndarray, ...]
    variates: tuple[np.ndarray, ...]
    iterations: int
    converged: bool
    criterion: tuple[float, ...]


def keep_largest(values: np.ndarray, keep: int) -> np.ndarray:
    """Soft-threshold so that the `keep` largest magnitudes survive; those tied at the border survive together."""
    drop = len(values) - keep
    if drop <= 0:
        return values
    magnitude = np.abs(values)
    ordered = np.partition(magnitude, (drop - 1, drop))
    border = ordered[drop - 1]
    if ordered[drop] == border:  # a tie across the border: only what lies strictly below is dropped
        below = magnitude[magnitude < border]
        if not len(below):
            return values
        border = below.max()
    return np.sign(values) * np.maximum(magnitude - border, 0.0) + 0.0  # + 0.0: no negative zeros


def leading_direction(values: np.ndarray) -> np.ndarray:
    """First right singular vector (feature,) of (sample, feature), by the smaller of the two Gram matrices."""
    n, p = values.shape
    gram = values @ values.T if n < p else values.T @ values
    size = len(gram)
    vector = eigh(gram, subset_by_index=[size - 1, size - 1], check_finite=False)[1][:, 0]
    return _unit(values.T @ vector if n < p else vector)


def start(blocks: Sequence[Block], init: Literal["svd.single", "svd"]) -> list[np.ndarray]:
    """Loadings to begin with, signs chosen so that every variate rises with the last block's.

    `svd.single` takes the first right singular vector of each block; `svd` that of each block's product with the
    last one, whose own start comes from the first product.
    """
    *others, last = blocks
    if init == "svd.single":
        loadings = [leading_direction(block.values) for block in blocks]
    else:
        cross = [block.values.T @ last.values for block in others]
        right = leading_direction(cross[0])
        loadings = [leading_direction(product.T) for product in cross] + [right]
    anchor = loadings[-1]
    if anchor[np.argmax(np.abs(anchor))] < 0:
        loadings[-1] = -anchor
    reference = variate(last, loadings[-1])
    for index, block in enumerate(others):
        if variate(block, loadings[index]) @ reference < 0:
            loadings[index] = -loadings[index]
    return loadings


def variate(block: Block, loading: np.ndarray) -> np.ndarray:
    """Scores (sample,) of a block; a sample with holes is brought to the scale of a complete one, an empty one is 0."""
    scores = block.values @ loading
    if block.observed is None:
        return scores
    weight = block.observed @ loading**2
    return np.divide(scores, weight, out=np.zeros_like(scores), where=weight > 0)


def find_component(
    blocks: Sequence[Block], loadings: Sequence[np.ndarray], keep: Sequence[int], rules: Rules
) -> Component:
    """Alternate over the blocks until the loadings stand still, from the given start."""
    current = list(loadings)
    variates = np.stack([variate(block, loading) for block, loading in zip(blocks, current)])  # (block, sample)
    transposed = [block.values.T for block in blocks]
    criterion: list[float] = []
    converged = False
    while not converged and len(criterion) < rules.max_iterations:
        change = 0.0
        for index, block in enumerate(blocks):
            inner = pull(variates, index, rules) @ variates
            updated = _unit(keep_largest(transposed[index] @ inner, keep[index]))
            step = updated - current[index]
            change = max(change, float(step @ step))
            current[index] = updated
            variates[index] = variate(block, updated)
        criterion.append(criterion_of(variates, rules))
        converged = change < rules.tolerance
    return Component(tuple(current), tuple(variates), len(criterion), converged, tuple(criterion))


def deflate(blocks: Sequence[Block], component: Component, mode: Mode) -> list[Block]:
    """What the component leaves of each block; the last block is the response.

    `regression` removes the mean over the other blocks of what their variates explain from the response; `classic`
    removes their outer products with the response's loading; `canonical` treats the response as any other block;
    `invariant` removes nothing.
    """
    if mode == "invariant":
        return list(blocks)
    *others, response = blocks
    residuals = [_remove(block, score) for block, score in zip(others, component.variates)]
    if mode == "canonical":
        left = _remove(response, component.variates[-1]).values
    elif mode == "regression":
        parts = [_remove(response, score).values for score in component.variates[:-1]]
        left = np.mean(parts, axis=0)
    else:
        outer = np.outer(np.mean(component.variates[:-1], axis=0), component.loadings[-1])
        left = response.values - outer
    return [*residuals, Block(left, response.observed)]


def pull(variates: np.ndarray, index: int, rules: Rules) -> np.ndarray:
    """How much each variate (block, sample) pulls at one block: the design times the slope of the scheme (block,)."""
    ties = rules.design[index]
    if rules.scheme == "horst":
        return ties
    covariance = _covariance(variates)[index]
    return ties * (covariance if rules.scheme == "factorial" else np.sign(covariance))


def criterion_of(variates: np.ndarray, rules: Rules) -> float:
    """What is maximised: the design times the scheme of the covariances of variates (block, sample)."""
    covariance = _covariance(variates)
    transform = {"horst": covariance, "factorial": covariance**2, "centroid": np.abs(covariance)}[rules.scheme]
    return float((rules.design * transform).sum())


def _covariance(variates: np.ndarray) -> np.ndarray:
    centred = variates - variates.mean(axis=1, keepdims=True)
    return centred @ centred.T / max(variates.shape[1] - 1, 1)


def _unit(vector: np.ndarray) -> np.ndarray:
    length = np.sqrt(vector @ vector)
    return vector / length if length > 0 else vector


def _remove(block: Block, scores: np.ndarray) -> Block:
    product = block.values.T @ scores
    if block.observed is None:
        total = scores @ scores
        loading = product / total if total > 0 else product * 0
        return Block(block.values - np.outer(scores, loading))
    weight = block.observed.T @ scores**2
    loading = np.divide(product, weight, out=np.zeros_like(product), where=weight > 0)
    return Block((block.values - np.outer(scores, loading)) * block.observed, block.observed)
