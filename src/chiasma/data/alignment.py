"""Which stretches of two genomes descend from one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from chiasma.data.intervals import Intervals


@dataclass(frozen=True, eq=False)
class Alignment:
    """Aligned stretches of two genomes, in pairs.

    Attributes:
        first: of one genome, on its plus strand.
        second: of the other, on its plus strand's coordinates; strand -1 where it runs the other way (pair,).
        first_lengths: bases of the first genome's contigs, where the file tells.
        second_lengths: of the second's.
    """

    first: Intervals
    second: Intervals
    first_lengths: dict[str, int] = field(default_factory=dict)
    second_lengths: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.first)

    def problems(self) -> list[str]:
        """All that is wrong: intervals without bases, sides of different number."""
        found = [*self.first.problems(), *self.second.problems()]
        if len(self.first) != len(self.second):
            found.append(f"{len(self.first)} stretches of one genome, {len(self.second)} of the other")
        if not (np.abs(self.second.strand) == 1).all():
            found.append("the strand of an aligned stretch is not known")
        return found
