"""Simulated regions with the sites left out that a mask of the real genome would hide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from chiasma.core.errors import InsufficientDataError
from chiasma.core.rng import generator
from chiasma.data.accessibility import Accessibility
from chiasma.data.simulated import Simulated, Simulator
from chiasma.run.simulations import content_key


@dataclass(frozen=True, eq=False)
class MaskedSource:
    """A simulator, and stretches of a genome whose masks its regions are given in turn of a draw.

    Attributes:
        simulate: of the method.
        config: of the method.
        key: names what these two simulate, and the mask, among what is kept on disk.
        accessible: the mask.
        starts: first bases of the stretches that may be drawn (stretch,).
        contigs: bare name of the contig of each (stretch,).
    """

    simulate: Simulator
    config: Any
    key: str
    accessible: Accessibility
    starts: np.ndarray
    contigs: np.ndarray
    shapes_simulations: ClassVar[tuple[str, ...]] = ("key",)

    def hide(self, example: dict[str, np.ndarray], run_seed: int, index: int) -> dict[str, np.ndarray]:
        """The example without the sites that are hidden in the stretch drawn for this address."""
        draw = generator(run_seed, "mask", index).integers(len(self.starts))
        places = example["positions"] - example["region"][0] + self.starts[draw]
        seen = self.accessible.covers(self.contigs[draw], np.floor(places))
        return {**example, "alleles": example["alleles"][:, seen], "positions": example["positions"][seen]}


def simulate_masked(source: MaskedSource, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One example, masked."""
    return source.hide(source.simulate(source.config, run_seed, index), run_seed, index)


def masked(x: Simulated, accessible: Accessibility, *, length: float, least: float, digest: str) -> Simulated:
    """The same examples, each with the mask of a stretch drawn for its address.

    Stretches tile each contig from its first accessible base to its last.

    Args:
        x: unmasked.
        accessible: the mask.
        length: bases of a region.
        least: share of a stretch that must be accessible for it to be drawn, as of real windows.
        digest: of the mask.

    Raises:
        InsufficientDataError: no stretch is.
    """
    starts, contigs = [], []
    for contig in accessible.contigs:
        first, last = accessible.starts[contig][0], accessible.ends[contig][-1]
        edges = np.arange(first, max(last, first + length) + 1, length)
        good = accessible.bases(contig, edges) >= least * length
        starts += edges[:-1][good].tolist()
        contigs += [contig] * int(good.sum())
    if not starts:
        raise InsufficientDataError(
            "the mask leaves no stretch to draw",
            got=f"{len(accessible.contigs)} contigs",
            expected=f"stretches of {length:,.0f} bases of which {least:.0%} are accessible",
        )
    key = f"{content_key(x)} {digest}"
    source = MaskedSource(x.simulate, x.config, key, accessible, np.array(starts), np.array(contigs, object))
    return replace(x, simulate=simulate_masked, config=source)
