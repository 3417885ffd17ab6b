"""Meioses one generation at a time, for stretches in which a lineage may cross over more than once in a generation."""

from __future__ import annotations

import numba
import numpy as np

from chiasma.simulate.sweeps.lineages import (
    ANCESTRAL,
    DERIVED,
    FULL,
    IN_DERIVED,
    Lineages,
    add_lineage,
    mass_at,
    new_segment,
    position_at,
    reach,
    remove_lineage,
)


@numba.njit(cache=True)
def all_meioses(x: Lineages, rng: np.random.Generator, frequency: float, s: float) -> None:
    """Let every lineage pass through the meiosis of its parent.

    Crossovers are Poisson (Haldane), and parts alternate between the parent's two copies. The copy without the
    selected site has the allele by its frequency, given that the parent was chosen by its fitness 1, 1 + s/2, 1 + s.
    """
    derived, ancestral = x.used[IN_DERIVED], x.used[IN_DERIVED + 1]
    slots = np.concatenate((x.members[DERIVED, :derived], x.members[ANCESTRAL, :ancestral]))
    for slot in slots:
        n = rng.poisson(x.weight[slot])
        if n == 0:
            continue
        low, high = reach(x, slot)
        start, end = mass_at(x, low), mass_at(x, high)
        cuts = np.empty(n)
        for i in range(n):
            cuts[i] = position_at(x, start + rng.random() * (end - start))
        cuts.sort()
        carries = x.allele[slot] == DERIVED
        with_derived = frequency * (1.0 + s if carries else 1.0 + 0.5 * s)
        without = (1.0 - frequency) * (1.0 + 0.5 * s if carries else 1.0)
        other = DERIVED if rng.random() * (with_derived + without) < with_derived else ANCESTRAL
        alternate(x, slot, cuts, other)
        if x.used[FULL]:
            return


@numba.njit(cache=True)
def alternate(x: Lineages, slot: int, cuts: np.ndarray, other: int) -> None:
    """Share a lineage out between two copies at sorted cuts; the one with the selected site keeps its class."""
    of_site = np.searchsorted(cuts, x.site, side="right") % 2
    heads, tails = np.full(2, -1), np.full(2, -1)
    segment, cut = x.head[slot], 0
    while segment != -1:
        following = x.following[segment]
        x.following[segment] = -1
        while cut < len(cuts) and cuts[cut] <= x.left[segment]:
            cut += 1
        while cut < len(cuts) and cuts[cut] < x.right[segment]:
            piece = new_segment(x, x.left[segment], cuts[cut], x.node[segment])
            if x.used[FULL]:
                return
            _append(x, heads, tails, cut % 2, piece)
            x.left[segment] = cuts[cut]
            cut += 1
        _append(x, heads, tails, cut % 2, segment)
        segment = following
    allele = x.allele[slot]
    remove_lineage(x, slot)
    for copy in range(2):
        if heads[copy] != -1:
            add_lineage(x, heads[copy], tails[copy], allele if copy == of_site else other)


@numba.njit(cache=True)
def _append(x: Lineages, heads: np.ndarray, tails: np.ndarray, copy: int, segment: int) -> None:
    if heads[copy] == -1:
        heads[copy] = segment
    else:
        x.following[tails[copy]] = segment
    tails[copy] = segment
