"""Tree sequences of a region with a selective sweep: hard, soft, partial, under sizes that change in steps.

Between the present and the end of the sweep, and before the origin of the selected allele, nothing depends on the
allele: msprime (GPL-3, imported when it runs) simulates there. What lies between is the structured coalescent of
`events.py` along a path of `trajectory.py`, which msprime lacks but for hard sweeps at constant size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.checks import require_module, require_valid
from chiasma.core.errors import InputError, RunError
from chiasma.core.rng import derive_seed, generator
from chiasma.simulate.sweeps.events import follow, hand_over
from chiasma.simulate.sweeps.history import SizeHistory, rate_map
from chiasma.simulate.sweeps.lineages import (
    ANCESTRAL,
    BREAKS,
    DERIVED,
    EDGES,
    FULL,
    MUTATIONS,
    NODES,
    SEGMENTS,
    SLOTS,
    Lineages,
    add_lineage,
    allocate,
)
from chiasma.simulate.sweeps.trajectory import backward_path

_MOST_ROOM = 256
"""Doublings of room stop here: far beyond what regions of megabases need."""


@dataclass(frozen=True)
class Sweep:
    """A selected allele and its course.

    Attributes:
        position: bases from the start of the region.
        s: advantage of the homozygote; the heterozygote has s/2. (discoal's alpha = 2 N s counts s/2, so its alpha
            is N s here.)
        end: generations ago at which the allele reached `final_frequency`.
        final_frequency: 1 for fixation; below it the sweep is partial.
        start_frequency: 0 for a new mutation (hard); else selection began on an allele that stood at this frequency
            and had been neutral before (soft).
        recurrence: chance a generation that a copy without the allele mutates to it (soft from recurrent mutation).
    """

    position: float
    s: float
    end: float = 0.0
    final_frequency: float = 1.0
    start_frequency: float = 0.0
    recurrence: float = 0.0

    def problems(self) -> list[str]:
        """All that is wrong with it."""
        found = []
        if not (np.isfinite(self.s) and self.s >= 0):
            found.append(f"s is {self.s}, expected 0 or more")
        if not 0 < self.final_frequency <= 1:
            found.append(f"final_frequency is {self.final_frequency}, expected above 0 and at most 1")
        if not 0 <= self.start_frequency < self.final_frequency:
            found.append(f"start_frequency is {self.start_frequency}, expected below final_frequency")
        if not (np.isfinite(self.end) and self.end >= 0):
            found.append(f"end is {self.end}, expected generations ago")
        if not 0 <= self.recurrence < 1:
            found.append(f"recurrence is {self.recurrence}, expected a probability")
        return found


def simulate_sweep(
    sweep: Sweep, history: SizeHistory, *, haplotypes: int, length: float, recombination: Any, seed: int
) -> Any:
    """Simulate the ancestry of a sample from a population in which an allele was selected.

    Args:
        sweep: the selected allele.
        history: sizes of the population.
        haplotypes: sampled today.
        length: bases of the region.
        recombination: crossovers a base and generation, or an msprime.RateMap (crossovers fall between bases: the
            genome is continuous).
        seed: the same seed gives the same tree sequence.

    Returns:
        A tskit.TreeSequence without neutral mutations. Where the selected allele segregates in the sample, its site
        is there, with a mutation for each origin.

    Raises:
        InputError: a sweep or history that cannot be, with all that is wrong.
    """
    msprime = require_module("msprime", extra="population")
    require_valid(sweep, where="sweep")
    require_valid(history, where="size history")
    if haplotypes < 2:
        raise InputError("too few haplotypes", got=haplotypes, expected="2 or more")
    if not 0 <= sweep.position < length:
        raise InputError("the selected site is outside the region", got=sweep.position, expected=f"0 to {length:g}")
    positions, mass, rates = rate_map(float(length), recombination)
    tables = _recent(history, sweep.end, haplotypes, length, rates, derive_seed(seed, "recent"))
    origin, older = _selected_phase(tables, sweep, history, (positions, mass), seed)
    if older:
        ts = msprime.sim_ancestry(
            initial_state=tables.tree_sequence(),
            demography=history.demography(after=origin),
            recombination_rate=rates,
            discrete_genome=False,
            random_seed=derive_seed(seed, "ancient"),
        )
        tables = ts.dump_tables()
    tables.simplify(filter_sites=False, filter_populations=False)
    return tables.tree_sequence()


def _recent(history: SizeHistory, end: float, haplotypes: int, length: float, rates: Any, seed: int) -> Any:
    """Tables of the sample's ancestry since the sweep, every lineage with a node at that time."""
    msprime = require_module("msprime", extra="population")
    return msprime.sim_ancestry(
        [msprime.SampleSet(haplotypes, ploidy=1)],
        demography=history.demography(),
        sequence_length=length,
        recombination_rate=rates,
        discrete_genome=False,
        end_time=end,
        random_seed=seed,
    ).dump_tables()


def _selected_phase(
    tables: Any, sweep: Sweep, history: SizeHistory, region: tuple[np.ndarray, np.ndarray], seed: int
) -> tuple[float, bool]:
    """Add the ancestry from the end of the sweep to the allele's origin; returns its time, and whether any is left."""
    segments = _segments(tables, sweep.end)
    if len(segments) == 0:
        return sweep.end, False
    room = 1
    while True:
        rng = generator(seed, "sweep")
        x = _start(segments, tables, sweep, region, room, rng)
        path = backward_path(
            rng,
            (sweep.s, sweep.end, sweep.final_frequency, sweep.start_frequency or -1.0),
            np.asarray(history.starts, float),
            np.asarray(history.sizes, float),
        )
        time = follow(x, rng, path, sweep.recurrence)
        if not x.used[FULL]:
            time += 1e-6
            hand_over(x, time)
        if not x.used[FULL]:
            break
        room *= 2
        if room > _MOST_ROOM:
            raise RunError("the sweep has too many lineages", got=f"{len(segments)} segments at its end")
    _append(tables, x, sweep.position)
    return time, bool((x.depth[: x.used[BREAKS] - 1] > 0).any())


def _segments(tables: Any, time: float) -> np.ndarray:
    """Left, right, node of the ancestry of every lineage at a time, by lineage (segment, 3)."""
    node_time = tables.nodes.time
    if not len(tables.edges):  # the present: samples are the lineages
        nodes = np.arange(len(node_time))
        return np.column_stack([np.zeros(len(nodes)), np.full(len(nodes), tables.sequence_length), nodes])
    use = node_time[tables.edges.parent] == time
    rows = np.column_stack([tables.edges.left[use], tables.edges.right[use], tables.edges.parent[use]])
    rows = rows[np.lexsort((rows[:, 0], rows[:, 2]))]
    if len(rows) == 0:
        return rows
    begins = np.r_[True, (rows[1:, 2] != rows[:-1, 2]) | (rows[1:, 0] != rows[:-1, 1])]
    ends = np.r_[begins[1:], True]
    return np.column_stack([rows[begins, 0], rows[ends, 1], rows[begins, 2]])


def _start(
    segments: np.ndarray,
    tables: Any,
    sweep: Sweep,
    region: tuple[np.ndarray, np.ndarray],
    room: int,
    rng: np.random.Generator,
) -> Lineages:
    """The lineages at the end of the sweep, each with the allele as its frequency then has it."""
    breaks, place = np.unique(segments[:, :2], return_inverse=True)
    place = place.reshape(-1, 2)
    change = np.bincount(place[:, 0], minlength=len(breaks)) - np.bincount(place[:, 1], minlength=len(breaks))
    firsts = np.flatnonzero(np.r_[True, segments[1:, 2] != segments[:-1, 2]])
    arrays = allocate(len(segments), len(firsts), len(breaks), room)
    x = Lineages._make((*arrays, *region, float(sweep.position), np.zeros(9, np.int64)))
    n = len(segments)
    x.left[:n], x.right[:n], x.node[:n] = segments.T
    x.following[:n] = np.arange(1, n + 1)
    lasts = np.r_[firsts[1:], n] - 1
    x.following[lasts] = -1
    free = len(x.left) - n
    x.free_segments[:free] = np.arange(n, len(x.left))
    x.used[SEGMENTS], x.used[SLOTS] = free, len(x.free_slots)
    x.breaks[: len(breaks)], x.depth[: len(breaks)] = breaks, np.cumsum(change)
    x.used[BREAKS], x.used[NODES] = len(breaks), len(tables.nodes)
    derived = rng.random(len(firsts)) < sweep.final_frequency
    for head, tail, allele in zip(firsts.tolist(), lasts.tolist(), derived.tolist()):
        add_lineage(x, head, tail, DERIVED if allele else ANCESTRAL)
    return x


def _append(tables: Any, x: Lineages, position: float) -> None:
    first = len(tables.nodes)
    times = x.node_time[first : x.used[NODES]]
    none = np.full(len(times), -1, np.int32)
    tables.nodes.append_columns(
        flags=np.zeros(len(times), np.uint32),
        time=times,
        population=np.zeros(len(times), np.int32),
        individual=none,
    )
    left, right, parent, child = x.edges[: x.used[EDGES]].T
    tables.edges.append_columns(left=left, right=right, parent=parent.astype(np.int32), child=child.astype(np.int32))
    n = x.used[MUTATIONS]
    if n:
        site = tables.sites.add_row(position=position, ancestral_state="0")
        for node, time in x.mutations[np.argsort(-x.mutations[:n, 1])]:
            tables.mutations.add_row(site=site, node=int(node), time=time, derived_state="1")
    tables.sort()
