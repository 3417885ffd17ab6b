"""Windows of several genomes in one dataset, each genome with tracks of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from chiasma.data.dataset import Dataset

MARK = ":"
"""Between the name of a genome and that of a window, contig or track."""


@dataclass(frozen=True, eq=False)
class Genomes:
    """Windows of several genomes; codes and targets stay where the genomes' own datasets have them until they are read.

    Attributes:
        members: the windows with tracks of each genome, by its name.
        genome: index among the members of each window's genome (example,).
        row: which of its genome's windows each is (example,).
        kin: label that windows share which alignments between the genomes join, directly or through others (example,).
    """

    members: Mapping[str, Dataset]
    genome: np.ndarray
    row: np.ndarray
    kin: np.ndarray

    def __len__(self) -> int:
        return len(self.genome)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Codes (position,) of one window."""
        found: dict[str, np.ndarray] = list(self.members.values())[self.genome[index]].x[int(self.row[index])]  # type: ignore[index]
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Of the genomes, and of the heads that learn their tracks."""
        return tuple(self.members)

    def where(self, name: str) -> np.ndarray:
        """Indices of the windows of one genome, in order."""
        return np.flatnonzero(self.genome == self.names.index(name))

    def of(self, name: str) -> Dataset:
        """The windows of one genome with their tracks, in order."""
        rows = self.row[self.where(name)]
        whole = self.members[name]
        return whole if np.array_equal(rows, np.arange(len(whole))) else whole.take(rows)

    def codes(self) -> list[np.ndarray]:
        """Codes uint8 (position,) of every window."""
        return [self[index]["codes"] for index in range(len(self))]

    def take(self, index: np.ndarray) -> Self:
        """Some windows (integers or a mask)."""
        return replace(self, genome=self.genome[index], row=self.row[index], kin=self.kin[index])

    def problems(self) -> list[str]:
        """All that is wrong with any genome's windows, its name before it."""
        return [f"{name}: {problem}" for name, member in self.members.items() for problem in member.problems()]


def join_genomes(members: Mapping[str, Dataset], *, kin: np.ndarray | None = None) -> Dataset:
    """One dataset of the windows of several genomes; units stay apart, names are preceded by the genome's.

    Its target names all tracks and holds no values (example, 0): those of each genome are its member's.

    Args:
        members: windows with tracks of each genome, by name.
        kin: see `Genomes`; none by default.
    """
    from chiasma.data.dataset import Dataset, Skip, Target

    sizes = [len(member) for member in members.values()]
    total = sum(sizes)
    first = np.cumsum([0, *(int(member.unit.max(initial=-1)) + 1 for member in members.values())])
    row = np.concatenate([np.arange(size) for size in sizes])
    genome = np.repeat(np.arange(len(members)), sizes)
    x = Genomes(dict(members), genome, row, np.arange(total) if kin is None else kin)
    columns = {"genome": np.repeat(np.array(list(members), dtype=object), sizes)}
    if all({"chrom", "start", "end"} <= set(member.columns) for member in members.values()):
        columns["chrom"] = _named({name: member.columns["chrom"] for name, member in members.items()})
        for column in ("start", "end"):
            columns[column] = np.concatenate([member.columns[column] for member in members.values()])
    skips = [
        Skip(f"{name}: {skip.reason}", skip.count, skip.examples)
        for name, member in members.items()
        for skip in member.skips
    ]
    names = [f"{name}{MARK}{track}" for name, member in members.items() for track in member.target.names]
    units = dict.fromkeys(member.unit_name for member in members.values())
    return Dataset(
        ids=_named({name: member.ids for name, member in members.items()}),
        x=x,
        target=Target("regression", np.zeros((total, 0)), tuple(names), "that of each genome's tracks"),
        unit=np.concatenate([member.unit + base for member, base in zip(members.values(), first)]),
        unit_name=" or ".join(units),
        columns=columns,
        skips=tuple(skips),
        notes={f"{name}: {key}": value for name, member in members.items() for key, value in member.notes.items()},
    )


def _named(values: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.array([f"{name}{MARK}{value}" for name, column in values.items() for value in column], dtype=object)
