"""What the parts of a division share: the proof that every Split carries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix, Views
from chiasma.data.sequences import Sequences
from chiasma.data.simulated import Simulated
from chiasma.data.split import PARTS
from chiasma.split.place import coordinates, sequences_of
from chiasma.stats.intervals import count_overlaps, find_overlap
from chiasma.stats.sharing import canonical_groups, containment, default_k

_SHOWN = 3


def prove(
    dataset: Dataset, part: np.ndarray, *, kind: str = "given", parameters: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Measure what parts of a division share.

    Args:
        dataset: the examples.
        part: part of each (example,).
        kind: how the division was made.
        parameters: of its making.

    Returns:
        JSON-ready: kind, parameters, sizes, sha256 of each part's sorted ids, shared_ids, shared_units, and by pair of
        parts ("train-test") interval_overlaps, exact_duplicates, reverse_complement_twins; largest_containment between
        test and train for sequences, largest_correlation for matrices, shared_addresses for simulations. An entry is
        None where it cannot be asked of such data.
    """
    return prove_with_shares(dataset, part, kind=kind, parameters=parameters)[0]


def prove_with_shares(
    dataset: Dataset, part: np.ndarray, *, kind: str = "given", parameters: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], np.ndarray | None]:
    """The proof of `prove`, and what its largest containment was taken from.

    Returns:
        The proof, and how much each test sequence shares with the nearest training sequence (example,): NaN outside
        the test part; None for data that are not sequences or without a training and a test part.
    """
    names = [name for name in PARTS if (part == name).any()]
    inside = {name: np.flatnonzero(part == name) for name in names}
    proof: dict[str, Any] = {
        "kind": kind,
        "parameters": dict(parameters or {}),
        "sizes": {str(name): int(count) for name, count in zip(*np.unique(part.astype(str), return_counts=True))},
        "sha256": {name: hash_ids(dataset.ids[index]) for name, index in inside.items()},
        "shared_ids": _shared(dataset.ids.astype(str), inside),
        "shared_units": _shared(dataset.unit, inside),
        "interval_overlaps": _interval_overlaps(dataset, inside),
    }
    sequences = sequences_of(dataset)
    if sequences is not None:
        largest, share = _largest_containment(dataset, sequences, inside)
        return {**proof, **_sequence_content(dataset, sequences, inside), "largest_containment": largest}, share
    if isinstance(dataset.x, Simulated):
        return {**proof, "shared_addresses": _shared(dataset.x.index, inside)}, None
    assert isinstance(dataset.x, Matrix | Views)
    return proof | _matrix_content(dataset, rows_of(dataset.x), inside), None


def hash_ids(ids: np.ndarray) -> str:
    """SHA-256 of the sorted ids, one a line: the same part has the same hash in any order."""
    return hashlib.sha256("\n".join(sorted(ids.astype(str).tolist())).encode()).hexdigest()


def _shared(values: np.ndarray, inside: Mapping[str, np.ndarray]) -> int:
    """Values that occur in more than one part."""
    seen = [np.unique(values[index]) for index in inside.values()]
    if not seen:
        return 0
    _, counts = np.unique(np.concatenate(seen), return_counts=True)
    return int((counts > 1).sum())


def _interval_overlaps(dataset: Dataset, inside: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    places = coordinates(dataset)
    if places is None:
        return None
    found = {}
    for one, other in combinations(inside, 2):
        left, right = places.take(inside[one]), places.take(inside[other])
        counts = count_overlaps(right, left)
        hit = np.flatnonzero(counts)[:_SHOWN]
        first = find_overlap(right.take(hit), left)
        pairs = [[str(dataset.ids[inside[one][a]]), str(dataset.ids[inside[other][b]])] for a, b in zip(first, hit)]
        found[f"{one}-{other}"] = {"pairs": int(counts.sum()), "examples": int((counts > 0).sum()), "shown": pairs}
    return found


def _sequence_content(dataset: Dataset, sequences: Sequences, inside: Mapping[str, np.ndarray]) -> dict[str, Any]:
    same, twins = {}, {}
    group, flipped = canonical_groups(sequences)
    for one, other in combinations(inside, 2):
        left, right = inside[one], inside[other]
        common = np.intersect1d(group[left], group[right])
        witness: dict[int, dict[bool, int]] = {}
        for index in left[np.isin(group[left], common)].tolist():
            witness.setdefault(int(group[index]), {})[bool(flipped[index])] = index
        equal: list[list[str]] = []
        turned: list[list[str]] = []
        for index in right[np.isin(group[right], common)].tolist():
            known = witness[int(group[index])]
            copy = known.get(bool(flipped[index]))
            found, of = (turned, next(iter(known.values()))) if copy is None else (equal, copy)
            found.append([str(dataset.ids[of]), str(dataset.ids[index])])
        same[f"{one}-{other}"] = {"examples": len(equal), "shown": equal[:_SHOWN]}
        twins[f"{one}-{other}"] = {"examples": len(turned), "shown": turned[:_SHOWN]}
    return {"exact_duplicates": same, "reverse_complement_twins": twins}


def _largest_containment(
    dataset: Dataset, sequences: Sequences, inside: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any] | None, np.ndarray | None]:
    """The test example most like a single training example, how many are how alike, and how alike each is."""
    if "train" not in inside or "test" not in inside:
        return None, None
    k = default_k(sequences)
    found = containment(sequences.take(inside["test"]), sequences.take(inside["train"]), k=k)
    best = int(np.argmax(found.share))
    nearest = int(found.nearest[best])
    share = np.full(len(dataset), np.nan)
    share[inside["test"]] = found.share
    largest = {
        "k": k,
        "share": float(found.share[best]),
        "test": str(dataset.ids[inside["test"][best]]),
        "train": str(dataset.ids[inside["train"][nearest]]) if nearest >= 0 else None,
        "mean": float(found.share.mean()),
        "test_examples_at_least": {f"{level:g}": int((found.share >= level).sum()) for level in (0.1, 0.5, 0.8)},
    }
    return largest, share


def rows_of(x: Matrix | Views) -> np.ndarray:
    """All measurements of each sample side by side, float64 (sample, feature)."""
    blocks = [x] if isinstance(x, Matrix) else list(x.blocks.values())
    return np.hstack([np.asarray(block.values, float) for block in blocks])


def _matrix_content(dataset: Dataset, rows: np.ndarray, inside: Mapping[str, np.ndarray]) -> dict[str, Any]:
    if not rows.shape[1]:
        return {}
    key = np.array([row.tobytes() for row in np.nan_to_num(rows, nan=np.inf) + 0.0], dtype=object)
    same = {}
    for one, other in combinations(inside, 2):
        known = {key[index]: index for index in inside[one]}
        pairs = [[str(dataset.ids[known[key[i]]]), str(dataset.ids[i])] for i in inside[other] if key[i] in known]
        same[f"{one}-{other}"] = {"examples": len(pairs), "shown": pairs[:_SHOWN]}
    return {"exact_duplicates": same, "largest_correlation": _largest_correlation(dataset, rows, inside)}


def _largest_correlation(
    dataset: Dataset, rows: np.ndarray, inside: Mapping[str, np.ndarray], *, most: int = 2000
) -> dict[str, Any] | None:
    """The test sample most like a training sample: Pearson over features standardised on the training part."""
    if "train" not in inside or "test" not in inside or rows.shape[1] < 3:
        return None
    train, test = inside["train"], inside["test"]
    counts = np.maximum((~np.isnan(rows[train])).sum(axis=0), 1)
    mean = np.nansum(rows[train], axis=0) / counts
    deviation = np.sqrt(np.nansum((rows[train] - mean) ** 2, axis=0) / counts)
    used = np.argsort(-deviation, kind="stable")[: min(most, int((deviation > 0).sum()))]
    if len(used) < 3:
        return None
    scaled = np.nan_to_num((rows[:, used] - mean[used]) / deviation[used])
    scaled -= scaled.mean(axis=1, keepdims=True)
    scaled /= np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-300)
    best, pair, near = -np.inf, (int(test[0]), int(train[0])), 0
    for first in range(0, len(test), 1024):
        block = test[first : first + 1024]
        likeness = scaled[block] @ scaled[train].T
        near += int((likeness.max(axis=1) > 0.999).sum())
        row, column = np.unravel_index(int(np.argmax(likeness)), likeness.shape)
        if likeness[row, column] > best:
            best, pair = float(likeness[row, column]), (int(block[row]), int(train[column]))
    names = {"test": str(dataset.ids[pair[0]]), "train": str(dataset.ids[pair[1]])}
    return {"correlation": best, **names, "test_examples_above_0.999": near, "features": len(used)}
