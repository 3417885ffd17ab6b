"""What a random division of the same data would leak: the reason for the one that was made."""

from __future__ import annotations

import numpy as np

from chiasma.audit.words import graded, some
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.results import Finding
from chiasma.split.proof import prove

TEST_SHARE = 0.2


def if_divided_at_random(data: Dataset, *, seed: int) -> Finding | None:
    """How many test examples of a random division by unit would overlap, copy or resemble a training example.

    Args:
        data: the examples.
        seed: of the division.

    Returns:
        The finding; None for data of which nothing of the kind can be asked.
    """
    _, unit = np.unique(data.unit, return_inverse=True)
    drawn = generator(seed, "audit", "random-division").random(int(unit.max(initial=0)) + 1) < TEST_SHARE
    part = np.where(drawn[unit.ravel()], "test", "train").astype(object)
    n_test = int((part == "test").sum())
    if not n_test or n_test == len(data):
        return None
    proof = prove(data, part, kind="random")
    counts = {
        "overlap a training interval": _pairs(proof.get("interval_overlaps")),
        "are copies of a training example": _pairs(proof.get("exact_duplicates")),
        "are the reverse complement of a training example": _pairs(proof.get("reverse_complement_twins")),
    }
    if nearest := proof.get("largest_containment"):
        counts[f"have half or more of their {nearest['k']}-mers in one training example"] = int(
            nearest["test_examples_at_least"]["0.5"]
        )
    worst = max(counts, key=lambda key: counts[key])
    if not counts[worst]:
        return None
    severity = graded(counts[worst] / n_test, note=1e-9, warning=0.05, critical=1.01)
    said = "; ".join(
        f"{some(count, n_test, 'test examples')} would {_would(key)}" for key, count in counts.items() if count
    )
    message = f"Divided at random, these data would leak: {said}."
    return Finding("dependent-examples", "random-split-would-leak", severity, message, {"test": n_test, **counts})


def _pairs(by_parts: dict | None) -> int:
    return 0 if not by_parts or "train-test" not in by_parts else int(by_parts["train-test"]["examples"])


def _would(text: str) -> str:
    return f"be{text.removeprefix('are')}" if text.startswith("are ") else text
