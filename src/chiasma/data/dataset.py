"""What every method is fitted to: examples, their target, the unit that may be resampled, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np

from chiasma.core.checks import duplicates
from chiasma.core.errors import list_some
from chiasma.data.genomes import Genomes
from chiasma.data.matrix import Matrix, Views
from chiasma.data.rows import take_rows
from chiasma.data.sequences import Sequences
from chiasma.data.simulated import Simulated
from chiasma.data.tracks import Tracks

TargetKind = Literal["binary", "multiclass", "multilabel", "regression", "none"]
_HELD = 1 << 24
"""Values looked at together."""

Examples = Sequences | Simulated | Matrix | Views | Tracks | Genomes


@dataclass(frozen=True, eq=False)
class Target:
    """What is to be predicted.

    Attributes:
        kind: binary and multiclass hold class codes int64 (example,); multilabel 0/1 float (example, label);
            regression float (example, track); none holds nothing (unsupervised).
        values: as above.
        names: class, label or track names; for binary (negative, positive).
        unit: unit of a regression target, for instance "log rho".
    """

    kind: TargetKind
    values: np.ndarray
    names: tuple[str, ...]
    unit: str = ""

    @property
    def n_outputs(self) -> int:
        """Columns of a prediction: classes, labels or tracks."""
        return len(self.names)

    def take(self, index: np.ndarray) -> Self:
        """The target of some examples."""
        return type(self)(self.kind, take_rows(self.values, index), self.names, self.unit)


@dataclass(frozen=True)
class Skip:
    """Records left out, never in silence: why, how many, the first few names."""

    reason: str
    count: int
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = f" ({', '.join(self.examples)}{', ...' if self.count > len(self.examples) else ''})"
        return f"{self.count} skipped: {self.reason}{shown if self.examples else ''}"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples with their target.

    Attributes:
        ids: unique name of each example (example,).
        x: the examples themselves.
        target: what is to be predicted.
        unit: the resampling unit of each example (example,), integers: a peak and its shuffled twin, a patient's
            samples. A unit never straddles a split and the bootstrap draws units.
        unit_name: what a unit is, in the singular ("peak with its twin").
        columns: further per-example columns used by splits, slices and the audit (chrom, start, end, group, ...).
        skips: what was left out on the way here.
        notes: facts for the report, for instance {"negatives": "dinucleotide-preserving shuffles, seed 1"}.
    """

    ids: np.ndarray
    x: Examples
    target: Target
    unit: np.ndarray
    unit_name: str = "example"
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    skips: tuple[Skip, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, index: np.ndarray) -> Self:
        """Some examples (integers or a mask); skips and notes are kept."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index
        columns = {key: value[index] for key, value in self.columns.items()}
        target = self.target if self.target.kind == "none" else self.target.take(index)
        return type(self)(
            self.ids[index],
            self.x.take(index),
            target,
            self.unit[index],
            self.unit_name,
            columns,
            self.skips,
            self.notes,
        )

    def problems(self) -> list[str]:
        """All that is wrong: lengths, repeated ids, non-finite targets, a single class."""
        found = list(self.x.problems())
        n = len(self.ids)
        lengths = {"x": len(self.x), "unit": len(self.unit), **{k: len(v) for k, v in self.columns.items()}}
        if self.target.kind != "none":
            lengths["target"] = len(self.target.values)
        found += [f"{name} has {size} entries, expected {n}" for name, size in lengths.items() if size != n]
        if repeated := duplicates(self.ids):
            found.append(f"{len(repeated)} repeated ids ({list_some(repeated, most=3)})")
        values = self.target.values
        if self.target.kind in ("binary", "multiclass"):
            present = np.unique(values)
            if len(present) < 2:
                only = self.target.names[int(present[0])] if len(present) else "nothing"
                found.append(f"only one class is present ({only}); a classifier needs two or more")
        elif self.target.kind in ("regression", "multilabel") and (bad := _not_finite(values)):
            found.append(f"{bad} examples have a target that is not a number")
        return found


def _not_finite(values: np.ndarray) -> int:
    """Rows with a value that is no number, a few at a time: they may lie on disk."""
    step = max(1, _HELD // max(int(np.prod(values.shape[1:])), 1))
    rows = (np.isfinite(values[start : start + step]) for start in range(0, len(values), step))
    return sum(int((~block.reshape(len(block), -1).all(axis=1)).sum()) for block in rows)
