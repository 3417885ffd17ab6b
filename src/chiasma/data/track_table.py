"""What each track is and how its coverage was made into targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, Self

import numpy as np

from chiasma.core.checks import duplicates
from chiasma.core.errors import list_some

Scale = Literal["old", "new"]
"""Order of the squashing: old as in Borzoi's manuscript (power, soft clip, scale), new as in today's baskerville
(scale, power, soft clip). Taking one for the other gives plausible, wrong numbers."""

SUM_STATS = ("sum", "mean", "sum_sqrt", "mean_sqrt", "sum_exp75", "median", "max", "peak")
"""How coverage of a bin is summarised."""


@dataclass(frozen=True, eq=False)
class TrackTable:
    """One row a track; all columns are (track,).

    Attributes:
        identifier: unique name.
        file: where the coverage came from.
        clip: value beyond which targets were cut; NaN: nowhere.
        clip_soft: value beyond which only the root of the excess was added; NaN: nowhere.
        scale: factor.
        sum_stat: one of SUM_STATS.
        exponent: power of the bin's summary, 1 where there is none.
        strand_pair: row of the same assay on the other strand; its own row where it has no strand.
        description: in words, for instance "DNASE:K562".
        squash: order in which these were applied.
    """

    identifier: np.ndarray
    file: np.ndarray
    clip: np.ndarray
    clip_soft: np.ndarray
    scale: np.ndarray
    sum_stat: np.ndarray
    exponent: np.ndarray
    strand_pair: np.ndarray
    description: np.ndarray
    squash: Scale

    def __len__(self) -> int:
        return len(self.identifier)

    @property
    def assay(self) -> np.ndarray:
        """What stands before the colon of the description (track,)."""
        return np.array([str(text).split(":")[0] for text in self.description], dtype=object)

    def take(self, index: np.ndarray) -> Self:
        """Some tracks; a strand whose other strand is left out becomes its own."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index
        row = {int(old): new for new, old in enumerate(index)}
        pair = [row.get(int(self.strand_pair[old]), new) for new, old in enumerate(index)]
        kept = {column.name: getattr(self, column.name)[index] for column in fields(self) if column.name != "squash"}
        return replace(self, **{**kept, "strand_pair": np.array(pair, np.int64)})

    def problems(self) -> list[str]:
        """All that is wrong: repeated names, unknown statistics, scales that are not positive, loose strand pairs."""
        found = []
        if repeated := duplicates(self.identifier):
            found.append(f"{len(repeated)} repeated identifiers ({list_some(repeated, most=3)})")
        if unknown := sorted(set(self.sum_stat) - set(SUM_STATS)):
            found.append(f"unknown sum_stat ({list_some(unknown)}); known: {', '.join(SUM_STATS)}")
        for name in ("clip", "clip_soft", "scale", "exponent"):
            values = getattr(self, name)
            wrong = ~(values > 0) & ~(np.isnan(values) & name.startswith("clip"))
            if wrong.any():
                found.append(f"{name} is not positive for {list_some(self.identifier[wrong], most=3)}")
        pair, own = self.strand_pair, np.arange(len(self))
        inside = (pair >= 0) & (pair < len(self))
        loose = ~inside | (pair[np.where(inside, pair, 0)] != own)
        if loose.any():
            found.append(f"strand_pair is not mutual for {list_some(self.identifier[loose], most=3)}")
        return found


def plain_table(names: Sequence[str], files: Sequence[str] | None = None) -> TrackTable:
    """Tracks of means of coverage as they are: not clipped, scaled or squashed, and without strands.

    Args:
        names: of the tracks.
        files: where each comes from, if known.
    """
    count = len(names)
    none, empty = np.full(count, np.nan), np.array([""] * count, dtype=object)
    return TrackTable(
        identifier=np.array(names, dtype=object),
        file=empty if files is None else np.array(files, dtype=object),
        clip=none,
        clip_soft=none,
        scale=np.ones(count),
        sum_stat=np.array(["mean"] * count, dtype=object),
        exponent=np.ones(count),
        strand_pair=np.arange(count),
        description=empty,
        squash="new",
    )
