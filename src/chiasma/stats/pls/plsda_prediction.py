"""Classes of new samples from a fitted block PLS-DA: one opinion a block, then a vote.

A block that a sample lacks has no vote. Distances are those of mixOmics (max, centroids, Mahalanobis); its
Mahalanobis distance sums the squares of a whole row of the matrix where the diagonal entry was meant, and is offered
as `mahalanobis-mixomics` for comparison with published results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chiasma.stats.pls.block_components import rotation
from chiasma.stats.pls.block_plsda import BlockPlsda, FittedBlock
from chiasma.stats.pls.plsda_config import Distance

Vote = Literal["weighted", "majority", "average", "weighted-average"]
Ties = Literal["probability", "mixomics"]
NO_CLASS = -1
"""A sample on which mixOmics gives no answer: a majority vote that ends in a tie."""


@dataclass(frozen=True, eq=False)
class BlockOpinion:
    """What one block says of new samples.

    Attributes:
        present: whether the sample has any value in the block (sample,).
        variates: scores (sample, component).
        response: predicted dummy classes (sample, class).
        classes: nearest class (sample,).
        probabilities: (sample, class), rows sum to 1.
    """

    present: np.ndarray
    variates: np.ndarray
    response: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True, eq=False)
class Verdict:
    """The blocks' common answer: class (sample,), probabilities (sample, class), and each block's opinion."""

    classes: np.ndarray
    probabilities: np.ndarray
    opinions: dict[str, BlockOpinion]


def give_opinion(
    model: BlockPlsda,
    name: str,
    values: np.ndarray,
    *,
    distance: Distance = "centroids",
    n_components: int | None = None,
) -> BlockOpinion:
    """One block's scores, dummy response, class and probabilities of new samples (sample, feature)."""
    block = model.blocks[name]
    h = model.n_components if n_components is None else n_components
    present = ~np.isnan(values).all(axis=1)
    scaled, _ = block.scaling.apply(values)
    rotated = scaled @ rotation(block.loadings[:, :h], block.cross[:h, :h])
    gain = model.y_scaling.sd
    response = rotated @ block.response[:, :h].T * gain + model.y_scaling.mean
    variates = rotated * (block.variates[:, :h] ** 2).sum(axis=0)
    classes, probabilities = _nearest(model, block, variates, response, distance)
    return BlockOpinion(present, variates, response, classes, probabilities)


def decide(
    model: BlockPlsda,
    values: Mapping[str, np.ndarray],
    *,
    distance: Distance = "centroids",
    vote: Vote = "weighted",
    ties: Ties = "probability",
    n_components: int | None = None,
) -> Verdict:
    """The common answer of all blocks that are given.

    Args:
        model: fitted.
        values: block name to (sample, feature); a whole block may be left out, or be NaN for some samples.
        distance: how a block picks its class.
        vote: `weighted` counts a block by its mean correlation with the class, `majority` by one; `average` and
            `weighted-average` take the largest mean predicted dummy class and use no distance.
        ties: `probability` lets the mean probability decide; `mixomics` gives no class after a majority vote and
            the last class in order after a weighted one, and takes for the weighted average the response of the
            block of most weight, which is what its code comes to.
        n_components: leading components to use, default all.

    Returns:
        Probabilities are the (weighted) mean of the blocks'; where the vote went otherwise, the two leading values
        are exchanged, so that the largest probability is always that of the class given.
    """
    h = model.n_components if n_components is None else n_components
    opinions = {
        name: give_opinion(model, name, block, distance=distance, n_components=h) for name, block in values.items()
    }
    names = list(model.blocks)
    trust = {name: max(float(model.weights[names.index(name), :h].mean()), 1e-12) for name in opinions}
    if vote in ("majority", "average"):
        trust = dict.fromkeys(opinions, 1.0)
    weight = np.stack([trust[name] * opinion.present for name, opinion in opinions.items()])  # (block, sample)
    nobody = weight.sum(axis=0) == 0
    share = weight / np.where(nobody, 1.0, weight.sum(axis=0))
    mean_probability = _mean(share, [opinion.probabilities for opinion in opinions.values()], nobody)
    if vote == "weighted-average" and ties == "mixomics":
        loudest = (weight == weight.max(axis=0)) & (weight.cumsum(axis=0) > 0)
        first = loudest & (loudest.cumsum(axis=0) == 1)  # of equal weights the first
        ballots = _mean(first.astype(float), [opinion.response for opinion in opinions.values()], nobody)
    elif vote in ("average", "weighted-average"):
        ballots = _mean(share, [opinion.response for opinion in opinions.values()], nobody)
    else:
        cast = [np.eye(model.n_classes)[opinion.classes] for opinion in opinions.values()]
        ballots = _mean(weight, cast, nobody)
    classes = _winner(ballots, mean_probability, "majority" if vote == "majority" else vote, ties)
    return Verdict(classes, _agree(mean_probability, classes), opinions)


def _mean(weight: np.ndarray, parts: list[np.ndarray], nobody: np.ndarray) -> np.ndarray:
    total = sum((w[:, None] * part for w, part in zip(weight, parts)), np.zeros_like(parts[0]))
    total[nobody] = 1.0 / total.shape[1]
    return total


def _winner(ballots: np.ndarray, probability: np.ndarray, vote: Vote, ties: Ties) -> np.ndarray:
    best = ballots.max(axis=1, keepdims=True)
    leading = ballots >= best - 1e-12
    tied = leading.sum(axis=1) > 1
    if ties == "mixomics":
        last = ballots.shape[1] - 1 - np.argmax(leading[:, ::-1], axis=1)
        return np.where(tied, NO_CLASS, last) if vote == "majority" else last
    return np.argmax(np.where(leading, probability, -1.0), axis=1)


def _agree(probability: np.ndarray, classes: np.ndarray) -> np.ndarray:
    agreed = probability.copy()
    top = probability.argmax(axis=1)
    rows = np.flatnonzero((top != classes) & (classes != NO_CLASS))
    agreed[rows, classes[rows]] = probability[rows, top[rows]]
    agreed[rows, top[rows]] = probability[rows, classes[rows]]
    return agreed


def _nearest(
    model: BlockPlsda, block: FittedBlock, variates: np.ndarray, response: np.ndarray, distance: Distance
) -> tuple[np.ndarray, np.ndarray]:
    """Class and probabilities: a Gaussian with a common covariance about each centroid, equal priors."""
    if distance == "max":
        clipped = np.maximum(response, 1e-9)
        return response.argmax(axis=1), clipped / clipped.sum(axis=1, keepdims=True)
    h = variates.shape[1]
    offsets = variates[:, None, :] - block.centroids[None, :, :h]  # (sample, class, component)
    freedom = max(model.n_samples - model.n_classes, 1)
    within = block.within[:h, :h]
    if distance == "centroids":
        squared = (offsets**2).sum(axis=2)
        spread = max(float(np.trace(within)) / (freedom * h), np.finfo(float).tiny)
        return squared.argmin(axis=1), _softmax(-squared / (2 * spread))
    precision = np.linalg.pinv(within / model.n_samples, hermitian=True)
    product = offsets @ precision  # (sample, class, component)
    if distance == "mahalanobis":
        squared = (product * offsets).sum(axis=2)
        return squared.argmin(axis=1), _softmax(-squared * (freedom / model.n_samples) / 2)
    whole = product @ offsets.transpose(0, 2, 1)  # (sample, class, class): the diagonal is the squared distance
    summed = (whole**2).sum(axis=2)
    return summed.argmin(axis=1), _softmax(-np.sqrt(summed) / 2)


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
