"""One stretch of time in which an allele's frequency is given: the ancestry within it, added to tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chiasma.core.errors import RunError
from chiasma.core.rng import generator
from chiasma.simulate.sweeps.events import follow, hand_over, reach_origin
from chiasma.simulate.sweeps.lineages import (
    ANCESTRAL,
    BREAKS,
    DERIVED,
    EDGES,
    FULL,
    IN_DERIVED,
    MUTATIONS,
    NODES,
    SEGMENTS,
    SLOTS,
    Lineages,
    add_lineage,
    allocate,
)

_MOST_ROOM = 256
"""Doublings of room stop here: far beyond what regions of megabases need."""
_APART = 1e-6
"""Generations between an origin and the nodes of what goes on behind it."""
_NEVER = 1 << 40
"""Added to the number of lineages where those that have all met are to be followed further."""


@dataclass(frozen=True, eq=False)
class Course:
    """What is known of the allele.

    Attributes:
        times: generations ago at the beginning of each step, and at the end of the last (step + 1,).
        frequencies: in each step, above 0 and below 1 (step,).
        sizes: diploids in each step (step,).
        position: of the selected site.
        carriers: frequency where the path begins, by which lineages get their allele.
        origin: whether the path ends at the allele's origin, where its carriers meet.
        recurrence: mutations to the allele, a copy and generation.
        advantage: s, where the steps are generations: a lineage then crosses over in meioses, and parents are weighed
            by their fitness. -1 where steps are shorter: crossovers happen at any time, as in the diffusion.
    """

    times: np.ndarray
    frequencies: np.ndarray
    sizes: np.ndarray
    position: float
    carriers: float
    origin: bool
    recurrence: float = 0.0
    advantage: float = -1.0


@dataclass(frozen=True, eq=False)
class Ancestors:
    """Lineages at the end of a stretch: their nodes, whether each carries the allele, their time, whether any is left.

    `left` is False where all of the region has one ancestor.
    """

    nodes: np.ndarray
    derived: np.ndarray
    time: float
    left: bool


def follow_course(tables: Any, course: Course, region: tuple[np.ndarray, np.ndarray], *, seed: int) -> Ancestors:
    """Add the ancestry along a course to tables, each lineage at its end with a node of its own.

    Args:
        tables: a tskit.TableCollection of the time since, every lineage with a node where the course begins.
        course: of the allele.
        region: positions and Morgans of the genetic map.
        seed: of this stretch.

    Raises:
        RunError: more lineages than there is room for.
    """
    segments = lineage_segments(tables, course.times[0])
    if len(segments) == 0:
        return Ancestors(np.zeros(0, np.int64), np.zeros(0, bool), float(course.times[0]), left=False)
    room = 1
    while True:
        rng = generator(seed, "stretch")
        x = start_lineages(segments, tables, course, region, room, rng)
        path = (course.times, course.frequencies, course.sizes)
        time = follow(x, rng, path, (course.recurrence, course.advantage))
        if course.origin and not x.used[FULL]:
            time = reach_origin(x, rng, time, 4.0 * course.sizes[-1] * course.recurrence) + _APART
        if not x.used[FULL]:
            first = int(x.used[NODES])
            hand_over(x, time)
        if not x.used[FULL]:
            break
        room *= 2
        if room > _MOST_ROOM:
            raise RunError("the sweep has too many lineages", got=f"{len(segments)} segments at its end")
    _append(tables, x, course.position)
    nodes = np.arange(first, int(x.used[NODES]))
    left = bool((x.depth[: x.used[BREAKS] - 1] > 0).any())
    return Ancestors(nodes, np.arange(len(nodes)) < x.used[IN_DERIVED], float(time), left)


def lineage_segments(tables: Any, time: float) -> np.ndarray:
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


def start_lineages(
    segments: np.ndarray,
    tables: Any,
    course: Course,
    region: tuple[np.ndarray, np.ndarray],
    room: int,
    rng: np.random.Generator,
) -> Lineages:
    """The lineages where a course begins, each with the allele as its frequency there has it."""
    breaks, place = np.unique(segments[:, :2], return_inverse=True)
    place = place.reshape(-1, 2)
    change = np.bincount(place[:, 0], minlength=len(breaks)) - np.bincount(place[:, 1], minlength=len(breaks))
    firsts = np.flatnonzero(np.r_[True, segments[1:, 2] != segments[:-1, 2]])
    arrays = allocate(len(segments), len(firsts), len(breaks), room)
    x = Lineages._make((*arrays, *region, float(course.position), np.zeros(9, np.int64)))
    n = len(segments)
    x.left[:n], x.right[:n], x.node[:n] = segments.T
    x.following[:n] = np.arange(1, n + 1)
    lasts = np.r_[firsts[1:], n] - 1
    x.following[lasts] = -1
    free = len(x.left) - n
    x.free_segments[:free] = np.arange(n, len(x.left))
    x.used[SEGMENTS], x.used[SLOTS] = free, len(x.free_slots)
    depth = np.cumsum(change) + (0 if course.origin else _NEVER)
    x.breaks[: len(breaks)], x.depth[: len(breaks)] = breaks, depth
    x.used[BREAKS], x.used[NODES] = len(breaks), len(tables.nodes)
    derived = rng.random(len(firsts)) < course.carriers
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
