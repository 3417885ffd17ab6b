"""Whole blocks to parts: near the fractions asked for, every class in proportion."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.genomes import Genomes
from chiasma.data.split import PARTS
from chiasma.split.place import strata

ATTEMPTS = 20


def blocks(unit: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Join examples that share a unit or a cluster, directly or through others (example,) -> label (example,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, first = np.unique(unit, return_inverse=True)
    _, second = np.unique(cluster, return_inverse=True)
    n_units, n_clusters = int(first.max(initial=-1)) + 1, int(second.max(initial=-1)) + 1
    edges = (np.ones(len(unit), np.int8), (first.ravel(), n_units + second.ravel()))
    graph = coo_matrix(edges, shape=(n_units + n_clusters,) * 2)
    return connected_components(graph, directed=False)[1][first.ravel()]


def assign(
    dataset: Dataset,
    block: np.ndarray,
    *,
    fractions: Mapping[str, float],
    seed: int,
    fixed: Mapping[int, str] | None = None,
) -> np.ndarray:
    """Give every block to one part.

    Blocks go in a random order, those larger than 1 % first, each to the part that lacks most of what it holds.

    Args:
        dataset: gives the classes that each part should hold in proportion.
        block: label of each example's block (example,).
        fractions: share of each part; parts with 0 get nothing.
        seed: of the order.
        fixed: blocks whose part is already decided, by label.

    Returns:
        part of each example (example,).

    Raises:
        InsufficientDataError: a part would stay empty, or train or test would hold a single class.
    """
    stratum = strata(dataset.target, len(dataset))
    if isinstance(dataset.x, Genomes):
        stratum = stratum * len(dataset.x.names) + dataset.x.genome
    labels, code = np.unique(block, return_inverse=True)
    held = np.zeros((len(labels), int(stratum.max(initial=0)) + 1))
    np.add.at(held, (code.ravel(), stratum), 1)
    decided = {int(np.searchsorted(labels, label)): part for label, part in (fixed or {}).items()}
    failure = "nothing to divide"
    for attempt in range(ATTEMPTS):
        chosen = _one_attempt(held, fractions, decided, generator(seed, "split", attempt))
        part = np.array(PARTS, dtype=object)[chosen][code.ravel()]
        failure = _failure(dataset, part, fractions)
        if not failure:
            return part
    spare = [f"--{name}-fraction 0" for name in ("valid", "calibration") if fractions.get(name, 0.0) > 0]
    raise InsufficientDataError(
        f"cannot divide {len(dataset)} examples in {len(labels)} indivisible blocks: {failure}",
        where="split",
        expected="both classes (and every genome) in train and test, every part with examples",
        do=f"ask for other fractions ({' '.join(spare) or '--test-fraction 0.5'}), or another --split",
    )


def _one_attempt(
    held: np.ndarray, fractions: Mapping[str, float], decided: Mapping[int, str], rng: np.random.Generator
) -> np.ndarray:
    """Index into PARTS of each block (block,)."""
    shares = np.array([fractions.get(part, 0.0) for part in PARTS])
    total = held.sum(axis=0)
    chosen = np.full(len(held), -1)
    for index, part in decided.items():
        chosen[index] = PARTS.index(part)
    free = chosen < 0
    # Parts whose blocks were named are complete; the others share what is left in proportion.
    open_parts = (shares > 0) & ~np.isin(np.arange(len(PARTS)), chosen[~free])
    if not open_parts.any():
        open_parts = np.array([part == "train" for part in PARTS])
        shares = open_parts.astype(float)
    parts = np.flatnonzero(open_parts).tolist()
    want = (held[free].sum(axis=0)[None, :] * (shares[parts] / shares[parts].sum())[:, None]).tolist()
    lack = [row.copy() for row in want]
    size = held.sum(axis=1)
    order = np.flatnonzero(free)[rng.permutation(int(free.sum()))]
    large = size[order] > 0.01 * total.sum()
    order = np.concatenate([order[large][np.argsort(-size[order[large]], kind="stable")], order[~large]])
    for index in order:
        kinds = np.flatnonzero(held[index])
        best = _neediest(held[index, kinds].tolist(), kinds.tolist(), lack, want)
        chosen[index] = parts[best]
        for kind in kinds:
            lack[best][kind] -= held[index, kind]
    return chosen


def _neediest(counts: list[float], kinds: list[int], lack: list[list[float]], want: list[list[float]]) -> int:
    """The part that lacks the largest share of what a block holds; if it fits nowhere, the largest lack in examples."""
    size = sum(counts)
    fits, best, score = False, 0, float("-inf")
    for part in range(len(lack)):
        here = sum(count * lack[part][kind] / (want[part][kind] or 1) for count, kind in zip(counts, kinds))
        roomy = size <= 1.25 * max(sum(lack[part]), 0) or size <= 1.25 * sum(lack[part][kind] for kind in kinds)
        value = here if roomy else sum(lack[part])
        if (roomy and not fits) or (roomy == fits and value > score):
            fits, best, score = roomy, part, value
    return best


def _failure(dataset: Dataset, part: np.ndarray, fractions: Mapping[str, float]) -> str:
    """What is wrong with a division, or nothing."""
    for name, share in fractions.items():
        inside = part == name
        if share > 0 and not inside.any():
            return f"the {name} part is empty"
        if share > 0 and isinstance(dataset.x, Genomes):
            held = set(dataset.x.genome[inside].tolist())
            if absent := [genome for code, genome in enumerate(dataset.x.names) if code not in held]:
                return f"the {name} part has no window of {', '.join(absent)}"
        if dataset.target.kind in ("binary", "multiclass") and share > 0 and name in ("train", "test"):
            present = np.unique(dataset.target.values[inside])
            if len(present) < min(2, len(np.unique(dataset.target.values))):
                return f"the {name} part holds one class only ({dataset.target.names[int(present[0])]})"
    return ""
