"""Windows of sequence whose targets are tracks along them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from chiasma.data.intervals import Intervals
from chiasma.data.rows import take_rows
from chiasma.data.sequences import UNKNOWN
from chiasma.data.track_table import TrackTable


@dataclass(frozen=True, eq=False)
class Tracks:
    """Windows of one length, their geometry, and what their tracks are.

    The targets themselves are those of the Dataset: float16 (example, bin, track), which may lie on disk (a memory map)
    as the codes may; some windows of those are `Rows`, not read yet.

    Attributes:
        codes: uint8 (example, position): A, C, G, T as 0 to 3, all else 4.
        bin: bases in a bin of the targets.
        crop: bins at each end of a window that have no target.
        table: what each track is.
        intervals: where each window lies, if known.
    """

    codes: np.ndarray
    bin: int
    crop: int
    table: TrackTable
    intervals: Intervals | None = None

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Codes (position,) of one window."""
        return {"codes": np.asarray(self.codes[index])}

    @property
    def length(self) -> int:
        """Bases in a window."""
        return self.codes.shape[1]

    @property
    def bins(self) -> int:
        """Bins with a target in each window."""
        return self.length // self.bin - 2 * self.crop

    def take(self, index: np.ndarray) -> Self:
        """Some windows (integers or a mask)."""
        places = None if self.intervals is None else self.intervals.take(index)
        return replace(self, codes=take_rows(self.codes, index), intervals=places)

    def problems(self) -> list[str]:
        """All that is wrong: lengths that are no whole bins, nothing left after cropping, codes out of range."""
        found = list(self.table.problems())
        if self.codes.ndim != 2 or self.codes.dtype != np.uint8:
            return [*found, f"codes are {self.codes.dtype} {self.codes.shape}, not uint8 (example, position)"]
        if self.length % self.bin:
            found.append(f"windows of {self.length:,} bases are not whole bins of {self.bin}")
        elif self.bins < 1:
            found.append(f"cropping {self.crop} bins at each end leaves nothing of {self.length // self.bin}")
        if len(self) and max(int(row.max(initial=0)) for row in self.codes) > UNKNOWN:
            found.append("codes above 4")
        if self.intervals is not None and len(self.intervals) != len(self):
            found.append(f"{len(self.intervals)} intervals for {len(self)} windows")
        return found
