"""A division of examples into parts, with a proof of what they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

PARTS = ("train", "valid", "calibration", "test")
"""valid: stopping and tuning; calibration: conformal sets and reliability; test: touched once."""
DROPPED = "dropped"


@dataclass(frozen=True, eq=False)
class Split:
    """Which part each example belongs to.

    Attributes:
        kind: chromosome, homology, group, locus, random or given.
        ids: name of each example (example,).
        part: one of PARTS, or "dropped" (gap around a locus, for instance) (example,).
        parameters: what made it.
        proof: kind, parameters, sizes, a hash of each part's ids, shared ids, overlaps, reverse-complement twins,
            the largest k-mer containment across parts; JSON-ready. Written by `chiasma.split.prove`.
        warnings: what the maker of the split wants said, for instance that it is random.
        blocks: what was never divided (example,): cluster, group, chromosome or run of loci, with their units.
        nearest_share: share of k-mers of each test sequence in the nearest training one, NaN outside the test part
            (example,); for sequences.
    """

    kind: str
    ids: np.ndarray
    part: np.ndarray
    parameters: dict[str, Any] = field(default_factory=dict)
    proof: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    blocks: np.ndarray | None = None
    nearest_share: np.ndarray | None = None

    def where(self, *parts: str) -> np.ndarray:
        """Indices of the examples in any of `parts`, in order."""
        return np.flatnonzero(np.isin(self.part, parts))

    def sizes(self) -> dict[str, int]:
        """Examples in each part that has any."""
        names, counts = np.unique(self.part.astype(str), return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    def problems(self) -> list[str]:
        """All that is wrong: unknown parts, an empty train or test part."""
        sizes = self.sizes()
        found = [f"unknown part {name!r}" for name in sizes if name not in (*PARTS, DROPPED)]
        found += [f"the {name} part is empty" for name in ("train", "test") if not sizes.get(name)]
        return found
