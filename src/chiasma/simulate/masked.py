"""Simulated regions under the mask of a stretch of the real genome: the one place where such a mask is drawn.

A stretch may be drawn if it would be read as a window of real data: as long as a region, with so large a share of each
of its windows accessible. Methods that read whole regions have one window of which half is asked (pg-gan's rule);
the S/HIC family has eleven, a quarter of each (diploS/HIC's). Where statistics are made while a region is simulated,
the simulator takes the mask itself (`MaskedStretches.worn`); else its sites are hidden afterwards (`masked`).
"""

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
class MaskedStretches:
    """Stretches of a genome whose masks simulated regions may wear.

    Attributes:
        accessible: the mask.
        starts: first bases of the stretches (stretch,).
        contigs: bare name of the contig of each (stretch,).
        length: bases of each.
    """

    accessible: Accessibility
    starts: np.ndarray
    contigs: np.ndarray
    length: float

    def drawn(self, rng: np.random.Generator) -> int:
        """Which of them, each as likely."""
        return int(rng.integers(len(self.starts)))

    def seen(self, rng: np.random.Generator, places: np.ndarray) -> np.ndarray:
        """Whether a stretch drawn leaves each place, bases from the start of a region (site,)."""
        draw = self.drawn(rng)
        return self.accessible.covers(self.contigs[draw], np.floor(places + self.starts[draw]))

    def worn(self, rng: np.random.Generator) -> Accessibility:
        """The mask of a stretch drawn, moved to where simulated regions lie: contig 1, from 0."""
        draw = self.drawn(rng)
        start = self.starts[draw]
        inside = self.accessible.within(self.contigs[draw], start, start + self.length)
        return Accessibility({"1": inside[:, 0]}, {"1": inside[:, 1]})


def find_stretches(
    accessible: Accessibility, *, length: float, least: float, windows: int = 1, where: str | None = None
) -> MaskedStretches:
    """Stretches that may be drawn: they begin at each window, from a contig's first accessible base on.

    Args:
        accessible: the mask.
        length: bases of a region.
        least: share of each window that must be accessible, as of real ones.
        windows: of a region; with one, stretches lie end to end.
        where: the file, for errors.

    Raises:
        InsufficientDataError: no stretch may be drawn.
    """
    starts: list[float] = []
    contigs: list[str] = []
    step = length / windows
    for contig in accessible.contigs:
        first, last = accessible.starts[contig][0], accessible.ends[contig][-1]
        edges = np.arange(first, max(last, first + length) + 1, step)
        enough = np.asarray(accessible.bases(contig, edges) >= least * step)
        good = np.lib.stride_tricks.sliding_window_view(enough, windows).min(axis=1)
        starts += edges[: len(good)][good].tolist()
        contigs += [contig] * int(good.sum())
    if not starts:
        shape = f"{length:,.0f} bases" if windows == 1 else f"{windows} windows of {step:,.0f} bases"
        raise InsufficientDataError(
            "the mask leaves no stretch to draw",
            where=where,
            got=f"{len(accessible.contigs)} contigs",
            expected=f"stretches of {shape}, {least:.0%} {'of each ' if windows > 1 else ''}accessible",
            do="simulate shorter regions, or give the mask of whole chromosomes",
        )
    return MaskedStretches(accessible, np.array(starts), np.array(contigs, object), length)


@dataclass(frozen=True, eq=False)
class MaskedSource:
    """A simulator, and stretches of a genome whose masks its regions are given in turn of a draw.

    Attributes:
        simulate: of the method.
        config: of the method.
        key: names what these two simulate, and the mask, among what is kept on disk.
        stretches: of the genome.
    """

    simulate: Simulator
    config: Any
    key: str
    stretches: MaskedStretches
    shapes_simulations: ClassVar[tuple[str, ...]] = ("key",)

    def hide(self, example: dict[str, np.ndarray], run_seed: int, index: int) -> dict[str, np.ndarray]:
        """The example without the sites that are hidden in the stretch drawn for this address."""
        seen = self.stretches.seen(generator(run_seed, "mask", index), example["positions"] - example["region"][0])
        return {**example, "alleles": example["alleles"][:, seen], "positions": example["positions"][seen]}


def simulate_masked(source: MaskedSource, run_seed: int, index: int) -> dict[str, np.ndarray]:
    """One example, masked."""
    return source.hide(source.simulate(source.config, run_seed, index), run_seed, index)


def masked(x: Simulated, stretches: MaskedStretches, *, digest: str) -> Simulated:
    """The same examples, each with the mask of a stretch drawn for its address; `digest` is that of the mask."""
    source = MaskedSource(x.simulate, x.config, f"{content_key(x)} {digest}", stretches)
    return replace(x, simulate=simulate_masked, config=source)
