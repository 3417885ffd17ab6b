"""Fine-tuning: whether the test part was learned from before, by the model that this one begins with."""

from __future__ import annotations

import numpy as np

from chiasma.audit.words import graded, some
from chiasma.data.dataset import Dataset
from chiasma.data.results import Finding
from chiasma.data.sequences import Sequences, concatenate
from chiasma.data.simulated import Simulated
from chiasma.data.split import Split
from chiasma.stats.sharing import canonical_groups, containment

PITFALL = "dependent-examples"
LEARNED = ("train", "valid")
"""Parts that weights depend on: fitted to one, stopped by the other."""
NEAR = 0.5


def inherited(dataset: Dataset, split: Split, parent_split: Split, *, parent: Dataset | None = None) -> Finding:
    """Whether examples kept back here were in the train or valid part of the model that is fine-tuned.

    Args:
        dataset: the examples.
        split: their division.
        parent_split: the division of the run that the weights come from.
        parent: its examples. With sequences in both, sequences are compared, on either strand, and a shared id of
            two different ones is no sign; without, ids are.

    Returns:
        critical where a test example was learned from; a warning where only the calibration or valid part holds such
        examples, or where test sequences share half of their k-mers with one that was learned from.
    """
    by_sequence = parent is not None and isinstance(parent.x, Sequences) and isinstance(dataset.x, Sequences)
    counts, seen = {}, {}
    for part, before in (("test", LEARNED), ("calibration", LEARNED), ("valid", ("train",))):
        known = parent_split.ids[parent_split.where(*before)].astype(str)
        index = split.where(part)
        if by_sequence:
            seen[part] = index[_same(dataset, index, _taken(parent, known))]
        elif isinstance(dataset.x, Simulated) and _run_seed(split) != _run_seed(parent_split):
            seen[part] = index[:0]  # equal addresses of other draws
        else:
            seen[part] = index[np.isin(dataset.ids[index].astype(str), known)]
        counts[part] = len(seen[part])
    by = "sequences, on either strand" if by_sequence else "ids"
    near = 0
    if by_sequence:
        learned = _taken(parent, parent_split.ids[parent_split.where(*LEARNED)].astype(str))
        near = _near(dataset, np.setdiff1d(split.where("test"), seen["test"]), learned)
    return _said(counts, near, dataset.ids[seen["test"]], by, split.sizes())


def _said(counts: dict[str, int], near: int, which: np.ndarray, by: str, sizes: dict[str, int]) -> Finding:
    figures = {"examples": counts, "compared": by, "near": near, "shown": which[:5].astype(str).tolist()}
    n_test, name = sizes.get("test", 0), "inherited-from-parent"
    if counts["test"]:
        message = (
            f"{some(counts['test'], n_test, 'test examples')} were learned from by the model that this one begins with "
            f"(by {by}; for instance {which[0]}): the test figures measure memory. Fine-tune with the same split."
        )
        return Finding(PITFALL, name, "critical", message, figures)
    if near > 0:
        severity = graded(near / max(n_test, 1), note=1e-9, warning=0.01, critical=0.1)
        message = (
            f"{some(near, n_test, 'test sequences')} share half or more of their k-mers with one that the model that "
            "this one begins with was trained on."
        )
        return Finding(PITFALL, name, severity, message, figures)
    if counts["calibration"] or counts["valid"]:
        held = " and ".join(f"{counts[part]:,} {part}" for part in ("calibration", "valid") if counts[part])
        message = (
            f"No test example was learned from by the model that this one begins with (by {by}), but {held} examples "
            "were: stopping and calibration lean on memory."
        )
        return Finding(PITFALL, name, "warning", message, figures)
    message = f"Nothing kept back here was learned from by the model that this one begins with (by {by})."
    return Finding(PITFALL, name, "ok", message, figures)


def _taken(parent: Dataset | None, known: np.ndarray) -> Sequences:
    assert parent is not None and isinstance(parent.x, Sequences)
    return parent.x.take(np.flatnonzero(np.isin(parent.ids.astype(str), known)))


def _same(dataset: Dataset, index: np.ndarray, learned: Sequences) -> np.ndarray:
    """Which of some examples are among the learned sequences, on either strand (example,)."""
    assert isinstance(dataset.x, Sequences)
    group = canonical_groups(concatenate([dataset.x.take(index), learned]))[0]
    return np.isin(group[: len(index)], group[len(index) :])


def _near(dataset: Dataset, index: np.ndarray, learned: Sequences) -> int:
    """How many of some examples share most of their k-mers with a learned sequence."""
    assert isinstance(dataset.x, Sequences)
    if not len(index) or not len(learned):
        return 0
    return int((containment(dataset.x.take(index), learned).share >= NEAR).sum())


def _run_seed(split: Split) -> object:
    return split.parameters.get("run_seed")
